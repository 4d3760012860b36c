//! What takes a change back: which request it was, and what each of its subjects goes back to.
//!
//! Pure: the record is read and the store asked elsewhere. Must not undo what somebody has changed since, also on
//! another server: the record does not say what they wanted.

use std::collections::BTreeMap;

use crate::core::listing::{Decision, Listing, Subject};

use super::AuditError;
use super::record::{Act, Answer, Asked, Entry, Intent, Record};

/// Most subjects of a request that can be taken back: as many as one delete may name.
const MOST: usize = 10_000;

/// Which request is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Which {
    /// The one that this line is part of; 0: the last.
    pub line: u64,
    /// What it did to this subject alone.
    pub subject: Option<Subject>,
}

/// What one request changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its first line.
    pub line: u64,
    /// Who asked.
    pub asked: Asked,
    /// What for.
    pub intents: Vec<Intent>,
    /// Lines that it has, also those that were not kept in `intents`.
    lines: u64,
}

/// What one subject goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// This decision.
    Put(Decision),
    /// What feeds saw, with no decision.
    Withdraw,
    /// This listing.
    Restore(Listing),
    /// No listing.
    Delete,
    /// It is so already.
    Nothing,
}

impl Request {
    /// Whether it has more subjects than can be taken back.
    pub fn is_too_large(&self) -> bool {
        self.lines > MOST as u64
    }

    fn holds(&self, line: u64) -> bool {
        (self.line..self.line + self.lines).contains(&line)
    }
}

/// Finds the request among the records, oldest first; one that the store refused is passed over.
pub fn find(
    records: impl Iterator<Item = Result<Record, AuditError>>,
    which: Which,
) -> Result<Option<Request>, AuditError> {
    let mut open: BTreeMap<u64, Request> = BTreeMap::new();
    let mut found: Option<Request> = None;
    for record in records {
        let record = record?;
        match record.entry {
            Entry::Intent(intent) => {
                let (part, parts) = record.part;
                let line = (record.seq + 1).saturating_sub(part.into());
                let fresh =
                    || Request { line, asked: record.asked, intents: Vec::new(), lines: parts.into() };
                let request = open.entry(line).or_insert_with(fresh);
                if request.intents.len() < MOST
                    && which.subject.is_none_or(|subject| subject == intent.subject)
                {
                    request.intents.push(intent);
                }
            }
            // What was done to feeds has verbs of its own that take it back, and a key is made anew.
            Entry::Order(_) | Entry::Key(_) => {}
            Entry::Answer { of, answer, .. } => {
                let Some((&line, request)) = open.range(..=of).next_back() else { continue };
                if !request.holds(of) {
                    continue;
                }
                let Some(request) = open.remove(&line) else { continue };
                if answer != Answer::Failed {
                    found = newer(found, request, which);
                }
            }
        }
    }
    // Without an answer it may have been stored: the listing will tell.
    Ok(open.into_values().fold(found, |found, request| newer(found, request, which)))
}

fn newer(found: Option<Request>, request: Request, which: Which) -> Option<Request> {
    let meant = (which.line == 0 || request.holds(which.line)) && !request.intents.is_empty();
    let later = found.as_ref().is_none_or(|found| found.line < request.line);
    if meant && later { Some(request) } else { found }
}

/// What the subject of `intent` goes back to, given its listing now; `None` if its decision is no longer as the change
/// left it.
pub fn back(intent: &Intent, now: Option<&Listing>) -> Option<Back> {
    let decision = now.and_then(Listing::decision);
    let left = match &intent.act {
        Act::Put(decision) => Some(decision),
        Act::Restore(listing) => listing.decision(),
        Act::Delete(_) | Act::Withdraw => None,
    };
    if decision != left {
        return None;
    }
    let before = intent.before.clone();
    Some(match (&intent.act, before) {
        (Act::Put(_) | Act::Withdraw, Some(before)) => Back::Put(before),
        (Act::Put(_), None) => Back::Withdraw,
        (Act::Withdraw, None) => Back::Nothing,
        (Act::Delete(seen), None) if seen.is_empty() => Back::Nothing,
        (Act::Delete(seen), before) => {
            let mut listing = before.map(Listing::decided).unwrap_or_default();
            seen.iter().for_each(|seen| listing.merge(&Listing::seen(seen.clone())));
            Back::Restore(listing)
        }
        (Act::Restore(_), _) => Back::Delete,
    })
}

#[cfg(test)]
mod tests {
    use super::super::append::tests::{decision, delete, put};
    use super::super::{Audit, read};
    use super::*;
    use crate::core::listing::{Sighting, UnixTime};

    const A: &str = "+447400123456";
    const B: &str = "+447400123457";

    fn subject(text: &str) -> Subject {
        text.parse().unwrap_or_else(|e| panic!("{e}"))
    }

    /// First line and subjects of what is found.
    fn found(audit: &Audit, which: Which) -> Option<(u64, Vec<Subject>)> {
        let records = read(audit.path()).unwrap_or_else(|e| panic!("{e}"));
        let request = find(records, which).unwrap_or_else(|e| panic!("{e}"))?;
        Some((request.line, request.intents.iter().map(|intent| intent.subject).collect()))
    }

    #[test]
    fn the_last_request_that_was_stored_is_found_or_the_one_that_is_named() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let audit = Audit::open(folder.path()).unwrap_or_else(|e| panic!("{e}"));
        let record = |intents: &[Intent], answer: Option<Answer>| {
            let lines = audit.intend(UnixTime(1), &Asked::default(), intents);
            let lines = lines.unwrap_or_else(|e| panic!("{e}"));
            if let Some(answer) = answer {
                audit.answer(UnixTime(1), lines, answer).unwrap_or_else(|e| panic!("{e}"));
            }
        };
        assert_eq!(found(&audit, Which::default()), None, "an empty record");
        record(&[put(A, 1)], Some(Answer::Stored)); // lines 1, 2
        record(&[delete(A, None), delete(B, None)], Some(Answer::Stored)); // lines 3 to 6
        record(&[put(B, 2)], Some(Answer::Failed)); // lines 7, 8
        let both = Some((3, vec![subject(A), subject(B)]));
        assert_eq!(found(&audit, Which::default()), both, "what was refused is passed over");
        for line in [3, 4] {
            assert_eq!(found(&audit, Which { line, subject: None }), both, "any line names the request");
        }
        assert_eq!(found(&audit, Which { line: 1, subject: None }), Some((1, vec![subject(A)])));
        for line in [2, 7, 99] {
            assert_eq!(
                found(&audit, Which { line, subject: None }),
                None,
                "{line}: an answer, a failure, none"
            );
        }
        let of_b = Which { line: 0, subject: Some(subject(B)) };
        assert_eq!(found(&audit, of_b), Some((3, vec![subject(B)])), "nothing of the other");
        record(&[put(A, 3)], None);
        assert_eq!(found(&audit, Which::default()), Some((9, vec![subject(A)])), "it may have been stored");
    }

    #[test]
    fn a_subject_goes_back_to_what_it_was_unless_somebody_changed_it_since() {
        let feed = "a".parse().unwrap_or_else(|e| panic!("{e}"));
        let seen = Sighting::new(feed, UnixTime(1), UnixTime(2), 1);
        let listed = Listing::seen(seen.clone());
        let decided = |at| Listing::decided(decision(at));
        let mut both = decided(1);
        both.merge(&listed);
        let intent =
            |act, before: Option<u32>| Intent { subject: subject(A), act, before: before.map(decision) };
        let put = |at| Act::Put(decision(at));
        for (name, intent, now, expected) in [
            ("put", intent(put(2), None), Some(decided(2)), Some(Back::Withdraw)),
            ("put over another", intent(put(2), Some(1)), Some(decided(2)), Some(Back::Put(decision(1)))),
            ("put, then another", intent(put(2), None), Some(decided(3)), None),
            ("put, then deleted", intent(put(2), None), None, None),
            (
                "delete",
                intent(Act::Delete(vec![seen.clone()]), Some(1)),
                None,
                Some(Back::Restore(both.clone())),
            ),
            (
                "delete, seen since",
                intent(Act::Delete(vec![]), Some(1)),
                Some(listed.clone()),
                Some(Back::Restore(decided(1))),
            ),
            ("delete, decided since", intent(Act::Delete(vec![]), Some(1)), Some(decided(3)), None),
            ("delete of nothing", intent(Act::Delete(vec![]), None), None, Some(Back::Nothing)),
            ("withdraw", intent(Act::Withdraw, Some(1)), Some(listed), Some(Back::Put(decision(1)))),
            ("restore", intent(Act::Restore(both.clone()), None), Some(both), Some(Back::Delete)),
        ] {
            assert_eq!(back(&intent, now.as_ref()), expected, "{name}");
        }
    }
}
