//! Records <-> lines of JSON, each ending with the hash of all text before it in the line.
//!
//! Readers skip unknown fields; the hash covers the text, so it still holds.

use serde::{Deserialize, Serialize};

use crate::core::listing::{Action, Decision, Listing, Sighting, UnixTime};
use crate::feed::ExportedSighting;

use super::order::{Order, Verb};
use super::record::{Act, Answer, Asked, Entry, Intent, KeyChange, KeyIntent, Record};

/// Before the hash; 64 hexadecimal digits and [`END`] follow.
const MARK: &str = ",\"hash\":\"";
const END: &str = "\"}";
const DIGITS: usize = 64;

#[derive(Serialize, Deserialize)]
struct Line {
    seq: u64,
    at: u32,
    author: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    request_id: String,
    #[serde(default, skip_serializing_if = "is_none")]
    undoes: u64,
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Decided>,
    /// Outer `None`: an answer, which has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Option<Decided>>,
    /// What a delete forgot, or a restore put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sightings: Vec<ExportedSighting>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    /// How things were before an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    /// How things are after an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    previous: String,
}

#[derive(Serialize, Deserialize)]
struct Decided {
    action: String,
    decided_at: u32,
    expires_at: Option<u32>,
    reason: String,
    author: String,
}

#[derive(Serialize, Deserialize)]
struct Key {
    id: String,
    client: String,
    scopes: Vec<String>,
    expires_at: Option<u32>,
}

/// What a line is, with its hash and that of the line before it.
pub(super) struct Linked {
    pub(super) record: Record,
    pub(super) previous: String,
    pub(super) hash: String,
}

/// Why a line is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is something else.
    Foreign,
    /// It was one; its text does not have its hash.
    Altered,
}

/// The line of a record, without the line end, and its hash.
pub(super) fn write(record: &Record, previous: &str) -> serde_json::Result<(String, String)> {
    let mut text = serde_json::to_string(&Line::of(record, previous))?;
    text.pop();
    let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
    text.push_str(MARK);
    text.push_str(&hash);
    text.push_str(END);
    Ok((text, hash))
}

/// Reads a line back, if its text has its hash.
pub(super) fn read(text: &str) -> Result<Linked, Unreadable> {
    let begin = text.strip_suffix(END).ok_or(Unreadable::Foreign)?;
    let cut = begin.len().checked_sub(DIGITS).filter(|&cut| begin.is_char_boundary(cut));
    let (begin, hash) = begin.split_at(cut.ok_or(Unreadable::Foreign)?);
    let begin = begin.strip_suffix(MARK).ok_or(Unreadable::Foreign)?;
    if blake3::hash(begin.as_bytes()).to_hex().as_str() != hash {
        return Err(Unreadable::Altered);
    }
    let line: Line = serde_json::from_str(&format!("{begin}}}")).map_err(|_| Unreadable::Foreign)?;
    let previous = line.previous.clone();
    let record = line.record().ok_or(Unreadable::Foreign)?;
    Ok(Linked { record, previous, hash: hash.to_owned() })
}

impl Line {
    fn of(record: &Record, previous: &str) -> Self {
        let mut line = Self {
            seq: record.seq,
            at: record.at.0,
            author: record.asked.author.clone(),
            client: record.asked.client.clone(),
            request_id: record.asked.request_id.clone(),
            undoes: record.asked.undoes,
            action: "result".to_owned(),
            key: None,
            subject: None,
            decision: None,
            before: None,
            sightings: Vec::new(),
            part: Some(record.part).filter(|(_, parts)| *parts > 1),
            of: None,
            result: None,
            feed: None,
            run: None,
            was: None,
            after: None,
            previous: previous.to_owned(),
        };
        match &record.entry {
            Entry::Answer { of, answer, after } => {
                line.of = Some(*of);
                line.result = Some(answer.as_str().to_owned());
                line.after = Some(after.clone()).filter(|after| !after.is_empty());
            }
            Entry::Order(order) => {
                line.action = order.verb.as_str().to_owned();
                line.feed = Some(order.feed.clone()).filter(|feed| !feed.is_empty());
                line.run = order.run;
                line.was = Some(order.before.clone());
            }
            Entry::Key(KeyIntent { change, key, of, scopes, expires_at }) => {
                line.action = change.as_str().to_owned();
                line.key = Some(Key {
                    id: key.clone(),
                    client: of.clone(),
                    scopes: scopes.clone(),
                    expires_at: expires_at.map(|end| end.0),
                });
            }
            Entry::Intent(Intent { subject, act, before }) => {
                line.subject = Some(subject.as_e164());
                line.before = Some(before.as_ref().map(Decided::of));
                let (action, decision, seen) = match act {
                    Act::Put(decision) => ("put", Some(decision), &[][..]),
                    Act::Delete(seen) => ("delete", None, seen.as_slice()),
                    Act::Withdraw => ("withdraw", None, &[][..]),
                    Act::Restore(listing) => ("restore", listing.decision(), listing.sightings()),
                };
                line.action = action.to_owned();
                line.decision = decision.map(Decided::of);
                line.sightings = seen.iter().map(ExportedSighting::of).collect();
            }
        }
        line
    }

    fn record(self) -> Option<Record> {
        let intent = |act| {
            let before = self.before.as_ref().and_then(Option::as_ref);
            let before = before.map(Decided::decision);
            let before = if let Some(before) = before { Some(before?) } else { None };
            Some(Entry::Intent(Intent { subject: self.subject.as_ref()?.parse().ok()?, act, before }))
        };
        let entry = match self.action.as_str() {
            "put" => intent(Act::Put(self.decided()??))?,
            "delete" => intent(Act::Delete(self.seen()?))?,
            "withdraw" => intent(Act::Withdraw)?,
            "restore" => {
                let decision = if let Some(decision) = self.decided() { Some(decision?) } else { None };
                let mut listing = decision.map(Listing::decided).unwrap_or_default();
                self.seen()?.into_iter().for_each(|seen| listing.merge(&Listing::seen(seen)));
                intent(Act::Restore(listing))?
            }
            "result" => {
                let answer = answer(self.result.as_deref()?)?;
                Entry::Answer { of: self.of?, answer, after: self.after.clone().unwrap_or_default() }
            }
            other => match KeyChange::ALL.into_iter().find(|change| change.as_str() == other) {
                Some(change) => {
                    let Key { id: key, client: of, scopes, expires_at } = self.key?;
                    Entry::Key(KeyIntent { change, key, of, scopes, expires_at: expires_at.map(UnixTime) })
                }
                None => Entry::Order(Order {
                    verb: Verb::ALL.into_iter().find(|verb| verb.as_str() == other)?,
                    feed: self.feed.clone().unwrap_or_default(),
                    run: self.run,
                    before: self.was.clone().unwrap_or_default(),
                }),
            },
        };
        let part = self.part.unwrap_or((1, 1));
        let asked = Asked {
            author: self.author,
            client: self.client,
            request_id: self.request_id,
            undoes: self.undoes,
        };
        Some(Record { seq: self.seq, at: UnixTime(self.at), asked, part, entry })
    }

    /// The decision, if the line has one; `Some(None)`: it does not read.
    fn decided(&self) -> Option<Option<Decision>> {
        self.decision.as_ref().map(Decided::decision)
    }

    fn seen(&self) -> Option<Vec<Sighting>> {
        self.sightings.iter().map(|sighting| sighting.sighting().ok()).collect()
    }
}

fn is_none(line: &u64) -> bool {
    *line == 0
}

fn answer(text: &str) -> Option<Answer> {
    [Answer::Stored, Answer::Unconfirmed, Answer::Failed, Answer::Done]
        .into_iter()
        .find(|answer| answer.as_str() == text)
}

impl Decided {
    fn of(decision: &Decision) -> Self {
        Self {
            action: decision.action.as_str().to_owned(),
            decided_at: decision.decided_at.0,
            expires_at: decision.expires_at.map(|end| end.0),
            reason: decision.reason.clone(),
            author: decision.author.clone(),
        }
    }

    fn decision(&self) -> Option<Decision> {
        let actions = [Action::Block, Action::Allow];
        Some(Decision {
            decided_at: UnixTime(self.decided_at),
            action: actions.into_iter().find(|action| action.as_str() == self.action)?,
            expires_at: self.expires_at.map(UnixTime),
            reason: self.reason.clone(),
            author: self.author.clone(),
        })
    }
}
