//! A digest of what an index keeps of a listing, to compare an index with its store.
//!
//! Digests of many listings are combined by XOR, so order does not matter and a change costs two.
//! Finds mistakes, not forgers.

use super::{Day, Decision, Subject, UnixTime, codec};

/// The digest of one listing: its subject, first and last day, and the decision.
pub fn digest(subject: Subject, days: Option<(Day, Day)>, decision: Option<&Decision>) -> u64 {
    let mut bytes = codec::subject_key(subject);
    if let Some((first, last)) = days {
        bytes.extend(first.0.to_be_bytes());
        bytes.extend(last.0.to_be_bytes());
    }
    if let Some(decision) = decision {
        let end = decision.expires_at.map_or(0, |UnixTime(end)| u64::from(end) + 1);
        bytes.extend(decision.decided_at.0.to_be_bytes());
        bytes.extend(end.to_be_bytes());
        bytes.push(decision.action as u8);
    }
    let hash = blake3::hash(&bytes);
    hash.as_bytes().iter().take(8).fold(0, |digest, &byte| digest << 8 | u64::from(byte))
}
