//! What operators last wanted of each subject, by the records of all servers, and what is to be
//! done so that a store holds it.
//!
//! The order of lines counts within one file; between files, their times and what each delete saw.
//! Pure: files and store are read elsewhere.

use std::collections::BTreeMap;

use crate::core::listing::{Decision, Listing, Subject, UnixTime};

use super::record::{Act, Answer, Entry, Record};

/// What operators last wanted of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Of which.
    pub subject: Subject,
    /// When that was asked for.
    pub at: UnixTime,
    /// What.
    pub wanted: Wanted,
    /// What the store answered; nothing if the server was killed before it did.
    pub answer: Option<Answer>,
}

/// What operators last wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This decision.
    Decision(Decision),
    /// No listing; decisions up to this time were deleted with it.
    Nothing(UnixTime),
    /// No decision; those up to this time were taken away.
    Undecided(UnixTime),
}

/// What is to be done about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Put the decision.
    Put,
    /// Delete the listing.
    Delete,
    /// Take the decision away.
    Withdraw,
    /// Nothing, and why.
    Skip(String),
}

/// An intent that was not refused, and where it stands.
struct Done<'a> {
    file: usize,
    record: &'a Record,
    act: &'a Act,
    before: Option<&'a Decision>,
    answer: Option<Answer>,
}

/// What operators last wanted of each subject that they have dealt with since then.
pub fn truths(files: &[Vec<Record>], since: UnixTime) -> BTreeMap<Subject, Truth> {
    let mut by_subject: BTreeMap<Subject, Vec<Done<'_>>> = BTreeMap::new();
    for (file, records) in files.iter().enumerate() {
        let mut answers = BTreeMap::new();
        for record in records {
            if let Entry::Answer { of, answer, .. } = record.entry {
                answers.insert(of, answer);
            }
        }
        for record in records.iter().filter(|record| record.at >= since) {
            let Entry::Intent(intent) = &record.entry else { continue };
            let answer = answers.get(&record.seq).copied();
            if answer != Some(Answer::Failed) {
                let (act, before) = (&intent.act, intent.before.as_ref());
                let done = Done { file, record, act, before, answer };
                by_subject.entry(intent.subject).or_default().push(done);
            }
        }
    }
    by_subject.into_iter().filter_map(|(subject, done)| Some((subject, truth(subject, &done)?))).collect()
}

/// The newest decision that no later delete or withdrawal ended; if none, the last delete or withdrawal, unless a
/// restore came after it.
fn truth(subject: Subject, all: &[Done<'_>]) -> Option<Truth> {
    let ends: Vec<&Done<'_>> = all.iter().filter(|done| done.ends_decisions()).collect();
    let standing = all.iter().filter_map(|done| {
        let decision = done.decision()?;
        let ended = ends.iter().any(|end| end.came_after(done, decision));
        (!ended).then_some((decision, done))
    });
    let newest = standing.max_by_key(|(decision, done)| (*decision, done.answer.is_some()));
    if let Some((decision, done)) = newest {
        let wanted = Wanted::Decision(decision.clone());
        return Some(Truth { subject, at: done.record.at, wanted, answer: done.answer });
    }
    let last =
        all.iter().filter(|done| !matches!(done.act, Act::Put(_))).max_by_key(|done| done.record.at)?;
    // A decision may be dated a second after the delete that removed it: it had to be newer than
    // one of its own second.
    let until = ends.iter().filter_map(|end| end.before).map(|before| before.decided_at).max();
    let until = until.map_or(last.record.at, |until| until.max(last.record.at));
    let wanted = match last.act {
        Act::Delete(_) => Wanted::Nothing(until),
        Act::Withdraw => Wanted::Undecided(until),
        // What feeds had seen was put back, and feeds report again.
        Act::Put(_) | Act::Restore(_) => return None,
    };
    Some(Truth { subject, at: last.record.at, wanted, answer: last.answer })
}

impl Done<'_> {
    fn ends_decisions(&self) -> bool {
        matches!(self.act, Act::Delete(_) | Act::Withdraw)
    }

    fn decision(&self) -> Option<&Decision> {
        match self.act {
            Act::Put(decision) => Some(decision),
            Act::Restore(listing) => listing.decision(),
            Act::Delete(_) | Act::Withdraw => None,
        }
    }

    fn came_after(&self, put: &Self, decision: &Decision) -> bool {
        if self.file == put.file {
            return self.record.seq > put.record.seq;
        }
        // Within one second of two servers' clocks, only what the delete saw can tell.
        self.record.at > put.record.at || self.before.is_some_and(|before| before >= decision)
    }
}

impl Truth {
    /// What is to be done, given the store's listing of the subject at `now`.
    pub fn step(&self, listing: Option<&Listing>, now: UnixTime) -> Step {
        let skip = |why: &str| Step::Skip(why.to_owned());
        let decision = listing.and_then(Listing::decision);
        match &self.wanted {
            Wanted::Decision(wanted) if decision == Some(wanted) => skip("the server has it"),
            Wanted::Decision(wanted) if decision > Some(wanted) => skip("the server has a newer decision"),
            Wanted::Decision(wanted) => match wanted.check(now) {
                Ok(()) => Step::Put,
                Err(why) => skip(why),
            },
            Wanted::Undecided(until) => match decision {
                None => skip("nothing is decided about it"),
                Some(decision) if decision.decided_at > *until => skip("the server has a newer decision"),
                Some(_) => Step::Withdraw,
            },
            Wanted::Nothing(until) => {
                let Some(listing) = listing else { return skip("it is not listed") };
                if decision.is_some_and(|decision| decision.decided_at > *until) {
                    return skip("the server has a newer decision");
                }
                match listing.sightings().iter().find(|sighting| sighting.last_seen > self.at) {
                    Some(newer) => {
                        Step::Skip(format!("{} saw it later, on {}", newer.feed, newer.last_seen.day()))
                    }
                    None => Step::Delete,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::append::tests::{decision, delete, put};
    use super::super::record::{Asked, Intent};
    use super::*;
    use crate::core::listing::Sighting;

    const SUBJECT: &str = "+447400123456";

    /// A file of these intents, each stored or as told.
    fn file(intents: &[(u32, Intent, Option<Answer>)]) -> Vec<Record> {
        let mut records = Vec::new();
        for (at, intent, answer) in intents {
            let seq = records.len() as u64 + 1;
            let (at, part) = (UnixTime(*at), (1, 1));
            let entry = Entry::Intent(intent.clone());
            records.push(Record { seq, at, asked: Asked::default(), part, entry });
            if let Some(answer) = *answer {
                let entry = Entry::Answer { of: seq, answer, after: String::new() };
                records.push(Record { seq: seq + 1, at, asked: Asked::default(), part, entry });
            }
        }
        records
    }

    fn stored(at: u32, intent: Intent) -> (u32, Intent, Option<Answer>) {
        (at, intent, Some(Answer::Stored))
    }

    /// What is wanted of the subject, whichever order the files are named in.
    fn wanted(files: &[Vec<Record>]) -> Option<Wanted> {
        let of = |files: &[Vec<Record>]| truths(files, UnixTime(0)).into_values().next();
        let reversed: Vec<_> = files.iter().rev().cloned().collect();
        assert_eq!(of(files), of(&reversed), "the order of files");
        of(files).map(|truth| truth.wanted)
    }

    #[test]
    fn the_last_word_on_a_subject_counts() {
        let intent = put;
        let put = |at| stored(at, intent(SUBJECT, at));
        let delete = |at, saw: Option<u32>| stored(at, delete(SUBJECT, saw.map(decision)));
        let decided = |at| Some(Wanted::Decision(decision(at)));
        let nothing = |at| Some(Wanted::Nothing(UnixTime(at)));
        let act = |at, act: Act, saw: Option<u32>| {
            let subject = SUBJECT.parse().unwrap_or_else(|e| panic!("{e}"));
            stored(at, Intent { subject, act, before: saw.map(decision) })
        };
        let withdraw = |at, saw| act(at, Act::Withdraw, Some(saw));
        let restore = |at, back: Option<u32>| {
            let listing = back.map(|at| Listing::decided(decision(at))).unwrap_or_default();
            act(at, Act::Restore(listing), None)
        };
        let undecided = |at| Some(Wanted::Undecided(UnixTime(at)));
        for (name, files, expected) in [
            ("nothing", vec![file(&[])], None),
            ("put, delete", vec![file(&[put(1), delete(2, Some(1))])], nothing(2)),
            ("put, delete, put", vec![file(&[put(1), delete(2, Some(1)), put(3)])], decided(3)),
            ("all in one second", vec![file(&[put(1), delete(1, Some(1)), put(1)])], decided(1)),
            (
                "a decision a second ahead",
                vec![file(&[put(1), (1, intent(SUBJECT, 2), None), delete(1, Some(2))])],
                nothing(2),
            ),
            (
                "an old decision imported later",
                vec![file(&[put(5), stored(9, intent(SUBJECT, 1))])],
                decided(5),
            ),
            ("withdrawn", vec![file(&[put(1), withdraw(2, 1)])], undecided(2)),
            ("withdrawn and put", vec![file(&[put(1), withdraw(2, 1), put(3)])], decided(3)),
            (
                "a delete that was undone",
                vec![file(&[put(1), delete(2, Some(1)), restore(3, Some(3))])],
                decided(3),
            ),
            ("undone, without a decision", vec![file(&[delete(2, None), restore(3, None)])], None),
            (
                "undone and deleted",
                vec![file(&[delete(2, None), restore(3, None), delete(4, None)])],
                nothing(4),
            ),
            ("withdrawn on another server", vec![file(&[put(1)]), file(&[withdraw(2, 1)])], undecided(2)),
            ("two servers", vec![file(&[put(1)]), file(&[delete(2, Some(1))])], nothing(2)),
            ("two servers, put last", vec![file(&[put(3)]), file(&[delete(2, None)])], decided(3)),
            ("one second, seen", vec![file(&[put(2)]), file(&[delete(2, Some(2))])], nothing(2)),
            ("one second, not seen", vec![file(&[put(2)]), file(&[delete(2, Some(1))])], decided(2)),
        ] {
            assert_eq!(wanted(&files), expected, "{name}");
        }
    }

    #[test]
    fn what_was_refused_does_not_count_and_what_was_not_answered_does() {
        for (answer, counts) in [
            (Some(Answer::Stored), true),
            (Some(Answer::Unconfirmed), true),
            (None, true),
            (Some(Answer::Failed), false),
        ] {
            let files = [file(&[stored(1, put(SUBJECT, 1)), (2, delete(SUBJECT, None), answer)])];
            assert_eq!(wanted(&files) == Some(Wanted::Nothing(UnixTime(2))), counts, "{answer:?}");
        }
        let since = truths(&[file(&[stored(1, put(SUBJECT, 1))])], UnixTime(2));
        assert!(since.is_empty(), "before --since");
    }

    #[test]
    fn only_what_is_missing_is_done() {
        let seen = |last: u32| {
            let feed = "a".parse().unwrap_or_else(|e| panic!("{e}"));
            Listing::seen(Sighting::new(feed, UnixTime(0), UnixTime(last), 1))
        };
        let decided = |at| Listing::decided(decision(at));
        let truth = |wanted| Truth {
            subject: SUBJECT.parse().unwrap_or_else(|e| panic!("{e}")),
            at: UnixTime(5),
            wanted,
            answer: None,
        };
        let (put, delete) = (truth(Wanted::Decision(decision(5))), truth(Wanted::Nothing(UnixTime(6))));
        let withdraw = truth(Wanted::Undecided(UnixTime(6)));
        assert_eq!(withdraw.step(Some(&decided(6)), UnixTime(9)), Step::Withdraw);
        for (listing, expected) in
            [(Some(seen(9)), "nothing is decided"), (Some(decided(7)), "newer decision")]
        {
            let step = withdraw.step(listing.as_ref(), UnixTime(9));
            assert!(matches!(&step, Step::Skip(why) if why.contains(expected)), "{step:?}");
        }
        for (truth, listing, expected) in [
            (&put, None, None),
            (&put, Some(seen(9)), None),
            (&put, Some(decided(4)), None),
            (&put, Some(decided(5)), Some("has it")),
            (&put, Some(decided(6)), Some("newer decision")),
            (&delete, None, Some("not listed")),
            (&delete, Some(seen(5)), None),
            (&delete, Some(decided(6)), None),
            (&delete, Some(seen(6)), Some("a saw it later, on 1970-01-01")),
            (&delete, Some(decided(7)), Some("newer decision")),
        ] {
            match (truth.step(listing.as_ref(), UnixTime(9)), expected) {
                (Step::Skip(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
                (Step::Skip(why), None) => panic!("{why}"),
                (step, None) => assert_eq!(step == Step::Put, truth == &put),
                (step, Some(expected)) => panic!("{step:?}, expected: {expected}"),
            }
        }
        let far = truth(Wanted::Decision(decision(200_000)));
        assert!(matches!(far.step(None, UnixTime(9)), Step::Skip(why) if why.contains("future")));
    }
}
