//! API keys in the store: made, listed, rotated, revoked. Each client is one note, swapped in by its
//! revision, so that servers on one store agree.
//!
//! Must not be asked by a call on its way to a service: `directory` answers those from memory.

use std::sync::Arc;
use std::time::Duration;

use crate::core::listing::UnixTime;
use crate::store::notes::{self, NoteEdit};
use crate::store::{NoteStore, StoreError};

use super::key::{ApiKey, KeyId};
use super::record::{self, ClientRecord, KeyRecord, LIVE, LONGEST_CLIENT};
use super::scope::Scope;

/// What the names of the notes begin with.
const NOTES: &str = "access/client/";

/// How often a note is read again because another server wrote it in between.
const TRIES: usize = 8;

/// Most clients of a store.
const CLIENTS: usize = 10_000;

/// Keys as they are kept.
#[derive(Clone)]
pub struct Keys {
    store: Arc<dyn NoteStore>,
}

/// A key that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose it is.
    pub client: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it stops to count.
    pub expires_at: Option<UnixTime>,
}

/// A key that was made. Its text is shown once and kept nowhere.
pub struct Made {
    /// What is kept of it.
    pub record: KeyRecord,
    /// The key itself.
    pub text: String,
}

/// Why a key cannot be made or ended.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A request is wrong.
    #[error("{field}: {expected}")]
    Wrong {
        /// Which part.
        field: &'static str,
        /// What was expected.
        expected: String,
    },
    /// The client has as many keys as it may.
    #[error("{client} has two live keys already, {keys}: revoke the one that is not in use")]
    Enough {
        /// Whose.
        client: String,
        /// Their names.
        keys: String,
    },
    /// No client has such a key.
    #[error("no client has the key {0}: `numguard key list` shows those that there are")]
    Unknown(KeyId),
    /// The key does not count any more.
    #[error("{key} of {client} {what}: make a new one with `numguard key create`")]
    Dead {
        /// Which.
        key: KeyId,
        /// Whose.
        client: String,
        /// `was revoked at ...` or `expired at ...`.
        what: String,
    },
    /// A note does not read.
    #[error("the keys of {client} cannot be read: {why}")]
    Broken {
        /// Whose.
        client: String,
        /// Why.
        why: String,
    },
    /// Others write the same note all the time.
    #[error("other servers change the keys of {0} at the same time: try again")]
    Busy(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keys {
    /// Keys in `store`.
    pub fn new(store: Arc<dyn NoteStore>) -> Self {
        Self { store }
    }

    /// All clients and their keys, in order of name. A note that does not read is told and left out.
    pub async fn all(&self) -> Result<Vec<(String, ClientRecord)>, StoreError> {
        let notes = self.store.notes(NOTES).await?;
        let read = notes.into_iter().filter_map(|(name, note)| {
            let client = name.strip_prefix(NOTES)?.to_owned();
            match ClientRecord::read(&note.bytes) {
                Ok(record) => Some((client, record)),
                Err(why) => {
                    tracing::debug!(client, why, "keys cannot be read");
                    None
                }
            }
        });
        Ok(read.collect())
    }

    /// Makes a key.
    pub async fn create(&self, wanted: Wanted, now: UnixTime) -> Result<Made, KeyError> {
        let wrong = |field, expected: String| Err(KeyError::Wrong { field, expected });
        if !record::is_client(&wanted.client) {
            let form = format!("expected 1 to {LONGEST_CLIENT} of a-z 0-9 . _ -, first a letter or digit");
            return wrong(
                "client",
                format!("{form}, no seven digits in a row, and not {}", super::ANONYMOUS),
            );
        }
        if wanted.scopes.is_empty() {
            return wrong("scopes", "expected at least one of check, report, read, admin".to_owned());
        }
        if wanted.expires_at.is_some_and(|end| end <= now) {
            return wrong("expires_at", "expected a time to come".to_owned());
        }
        let made = self
            .change(&wanted.client, |record| {
                let made = made(&wanted.scopes, wanted.expires_at, now)?;
                enough(&wanted.client, record, now)?;
                record.add(made.record.clone(), now);
                Ok(made)
            })
            .await?;
        Ok(made)
    }

    /// Makes a key that takes the place of another: the same client and scopes, and as long a life
    /// unless told; the old one counts for `overlap` more. Answers the new and the old one.
    pub async fn rotate(
        &self,
        key: KeyId,
        overlap: Duration,
        expires_at: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(String, Made, KeyRecord), KeyError> {
        let client = self.owner(key).await?;
        let until = UnixTime(now.0.saturating_add(u32::try_from(overlap.as_secs()).unwrap_or(u32::MAX)));
        let (made, old) = self
            .change(&client, |record| {
                let old = live(&client, record, key, now)?.clone();
                let life = old.expires_at.map(|end| end.0.saturating_sub(old.created_at.0));
                let expires_at = expires_at.or(life.map(|life| UnixTime(now.0.saturating_add(life))));
                let made = made(&old.scopes, expires_at, now)?;
                enough(&client, record, now)?;
                let old = record.keys.iter_mut().find(|other| other.id == key);
                let old = old.ok_or(KeyError::Unknown(key))?;
                old.expires_at = Some(old.expires_at.map_or(until, |end| end.min(until)));
                let old = old.clone();
                record.add(made.record.clone(), now);
                Ok((made, old))
            })
            .await?;
        Ok((client, made, old))
    }

    /// Ends a key, for good and at once.
    pub async fn revoke(&self, key: KeyId, now: UnixTime) -> Result<(String, KeyRecord), KeyError> {
        let client = self.owner(key).await?;
        let ended = self
            .change(&client, |record| {
                live(&client, record, key, now)?;
                let found = record.keys.iter_mut().find(|other| other.id == key);
                let found = found.ok_or(KeyError::Unknown(key))?;
                found.revoked_at = Some(now);
                Ok(found.clone())
            })
            .await?;
        Ok((client, ended))
    }

    /// Puts back what the store has lost of what is known.
    pub(super) async fn mend(
        &self,
        client: &str,
        known: &ClientRecord,
        now: UnixTime,
    ) -> Result<(), KeyError> {
        let mend = |record: &mut ClientRecord| {
            *record = record.mended(known, now);
            Ok(())
        };
        self.change(client, mend).await
    }

    async fn owner(&self, key: KeyId) -> Result<String, KeyError> {
        let all = self.all().await?;
        let owner = all.into_iter().find(|(_, record)| record.keys.iter().any(|known| known.id == key));
        owner.map(|(client, _)| client).ok_or(KeyError::Unknown(key))
    }

    /// Reads a client's note, changes it and writes it back, if nobody else did in between.
    async fn change<T>(
        &self,
        client: &str,
        mut change: impl FnMut(&mut ClientRecord) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let name = format!("{NOTES}{client}");
        let clients = self.store.notes(NOTES).await?.len();
        let changed = notes::update(self.store.as_ref(), &name, None, TRIES, |known| {
            if known.is_none() && clients >= CLIENTS {
                let expected = format!("there are {CLIENTS} clients already, and no more may be");
                return Err(KeyError::Wrong { field: "client", expected });
            }
            let broken = |why| KeyError::Broken { client: client.to_owned(), why };
            let mut record = match known {
                Some(bytes) => ClientRecord::read(bytes).map_err(broken)?,
                None => ClientRecord::default(),
            };
            let done = change(&mut record)?;
            Ok(NoteEdit::Write(record.to_bytes(), done))
        });
        changed.await.map_err(|error| error.or_conflict(|| KeyError::Busy(client.to_owned())))
    }
}

fn made(scopes: &[Scope], expires_at: Option<UnixTime>, now: UnixTime) -> Result<Made, KeyError> {
    let (key, text) = ApiKey::make().ok_or(KeyError::NoRandomness)?;
    let secret = key.keep().ok_or(KeyError::NoRandomness)?;
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let record = KeyRecord { id: key.id, scopes, created_at: now, expires_at, revoked_at: None, secret };
    Ok(Made { record, text })
}

fn enough(client: &str, record: &ClientRecord, now: UnixTime) -> Result<(), KeyError> {
    let live: Vec<String> = record.live(now).map(|key| key.id.to_string()).collect();
    if live.len() < LIVE {
        return Ok(());
    }
    Err(KeyError::Enough { client: client.to_owned(), keys: live.join(" and ") })
}

/// The key, if it counts.
fn live<'a>(
    client: &str,
    record: &'a ClientRecord,
    key: KeyId,
    now: UnixTime,
) -> Result<&'a KeyRecord, KeyError> {
    let found = record.keys.iter().find(|other| other.id == key).ok_or(KeyError::Unknown(key))?;
    match found.ended(now) {
        None => Ok(found),
        Some(what) => Err(KeyError::Dead { key, client: client.to_owned(), what }),
    }
}
