//! One client's keys, as one note of the store: so that two servers cannot both make its third key.
//!
//! Pure: time and keys are arguments.

use serde::{Deserialize, Serialize};

use crate::core::listing::UnixTime;

use super::key::{KeptKey, KeyId};
use super::scope::Scope;

/// The name of callers without a key.
pub const ANONYMOUS: &str = "anonymous";

/// Keys of a client that may count at a time: an old one and the one that takes its place.
pub(super) const LIVE: usize = 2;

/// Keys that no longer count are remembered, so that whoever shows one is told what became of it.
const DEAD: usize = 8;

/// Longest name of a client, in bytes.
pub(super) const LONGEST_CLIENT: usize = 48;

/// What is kept of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its name.
    pub id: KeyId,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[serde(with = "seconds")]
    pub created_at: UnixTime,
    /// When it stops to count.
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixTime>,
    /// When an operator ended it.
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<UnixTime>,
    /// What is kept of its secret.
    pub secret: KeptKey,
}

/// A client's keys, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientRecord {
    /// Version of this form.
    version: u8,
    /// Its keys.
    pub keys: Vec<KeyRecord>,
    /// Keys that were made up to this time and are not here have ended and were forgotten: a server that
    /// knows one as it was long ago must not put it back.
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    forgotten_to: Option<UnixTime>,
}

/// The one version that this numguard writes and reads.
const VERSION: u8 = 1;

impl KeyRecord {
    /// Whether it counts at a time.
    pub fn is_live(&self, now: UnixTime) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// `was revoked at ...` or `expired at ...`, if it does not count.
    pub fn ended(&self, now: UnixTime) -> Option<String> {
        match (self.revoked_at, self.expires_at) {
            (Some(at), _) => Some(format!("was revoked at {at}")),
            (None, Some(end)) if end <= now => Some(format!("expired at {end}")),
            _ => None,
        }
    }
}

impl ClientRecord {
    /// Reads a note.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match record.version {
            VERSION => Ok(record),
            other => Err(format!("is of version {other}, and this numguard reads {VERSION}")),
        }
    }

    /// The note.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Self { version: VERSION, ..self.clone() }).unwrap_or_default()
    }

    /// The keys that count.
    pub fn live(&self, now: UnixTime) -> impl Iterator<Item = &KeyRecord> {
        self.keys.iter().filter(move |key| key.is_live(now))
    }

    /// What the store's record lacks of what is known: a live key, or a key's end. Keys are only ever
    /// added and ended, so this undoes no change; it makes good what a failover lost.
    pub(super) fn mended(&self, known: &Self, now: UnixTime) -> Self {
        let mut mended = self.clone();
        mended.forgotten_to = mended.forgotten_to.max(known.forgotten_to);
        for key in &known.keys {
            match mended.keys.iter_mut().find(|other| other.id == key.id) {
                Some(other) => {
                    other.revoked_at = earlier(other.revoked_at, key.revoked_at);
                    other.expires_at = earlier(other.expires_at, key.expires_at);
                }
                None if Some(key.created_at) <= self.forgotten_to => {}
                None if key.is_live(now) => mended.keys.push(key.clone()),
                None => {}
            }
        }
        mended
    }

    /// Adds a key; forgets the oldest of those that do not count any more.
    pub(super) fn add(&mut self, key: KeyRecord, now: UnixTime) {
        self.keys.push(key);
        let mut surplus = self.keys.iter().filter(|key| !key.is_live(now)).count().saturating_sub(DEAD);
        self.keys.retain(|key| {
            let forgotten = surplus > 0 && !key.is_live(now);
            surplus -= usize::from(forgotten);
            if forgotten {
                self.forgotten_to = self.forgotten_to.max(Some(key.created_at));
            }
            !forgotten
        });
    }
}

fn earlier(one: Option<UnixTime>, other: Option<UnixTime>) -> Option<UnixTime> {
    one.into_iter().chain(other).min()
}

/// As many digits in a row may be a phone number.
const DIGITS: usize = 7;

/// Whether a text can name a client: it stands in logs, records and metrics, where no number may.
pub(super) fn is_client(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    let number = name.as_bytes().windows(DIGITS).any(|run| run.iter().all(u8::is_ascii_digit));
    first && rest && !number && name.len() <= LONGEST_CLIENT && name != ANONYMOUS
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::core::listing::UnixTime;

    pub(super) fn serialize<S: Serializer>(time: &UnixTime, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u32(time.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
        u32::deserialize(from).map(UnixTime)
    }
}

mod maybe_seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::core::listing::UnixTime;

    pub(super) fn serialize<S: Serializer>(time: &Option<UnixTime>, out: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.0).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixTime>, D::Error> {
        Ok(Option::<u32>::deserialize(from)?.map(UnixTime))
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::ApiKey;
    use super::*;

    fn key(at: u32) -> KeyRecord {
        let (key, _) = ApiKey::make().unwrap_or_else(|| panic!("no randomness"));
        let secret = key.keep().unwrap_or_else(|| panic!("no randomness"));
        let (created_at, scopes) = (UnixTime(at), vec![Scope::Check]);
        KeyRecord { id: key.id, scopes, created_at, expires_at: None, revoked_at: None, secret }
    }

    #[test]
    fn a_key_that_has_ended_and_was_forgotten_is_not_put_back() {
        let mut record = ClientRecord::default();
        record.add(key(1), UnixTime(1));
        // A server that has been away since.
        let long_ago = record.clone();
        for at in 2..20 {
            record.keys.iter_mut().for_each(|key| key.revoked_at = Some(UnixTime(at)));
            record.add(key(at), UnixTime(at));
        }
        let stored = ClientRecord::read(&record.to_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((&stored.keys, stored.forgotten_to), (&record.keys, record.forgotten_to));
        assert!(stored.keys.iter().all(|key| key.created_at > UnixTime(1)), "it is forgotten");
        let now = UnixTime(30);
        assert_eq!(stored.mended(&long_ago, now).keys, stored.keys);
        // What a store has lost that came back as it was long ago is put back, and stays forgotten.
        let mended = long_ago.mended(&record, now);
        assert_eq!(mended.live(now).count(), 2, "the lost one, and one of which nobody here knows the end");
        let empty = ClientRecord::default().mended(&record, now);
        assert_eq!(empty.mended(&long_ago, now).live(now).count(), 1);
    }
}
