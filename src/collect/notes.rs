//! What is kept of a feed between runs, as notes of the store.
//!
//! | note | what it holds |
//! |---|---|
//! | `feed:NAME` | how the last run ended, the last stored one, the next number, back-off, validators |
//! | `present:NAME` | numbers of the last stored run |
//! | `run:NAME:RUN` | what the feed said before the run about each number that the run changed |
//! | `held:NAME:RUN` | a run that is held back: why, and its rows |
//! | `host:HOST` | when a host was last asked, until when it is left alone, and by which run it is asked now |
//!
//! Must not decide anything.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::core::listing::UnixTime;
use crate::store::notes::{self, NoteEdit};
use crate::store::{Lease, Note, NoteStore, StoreError};

pub(super) use crate::store::notes::read as get;

use super::report::seconds;
use super::{CollectError, RunSummary};

/// Tries to write a note that others write too.
const TRIES: usize = 20;

/// `feed:NAME`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FeedNote {
    /// Runs so far.
    pub(super) runs: u64,
    pub(super) last: Option<RunSummary>,
    pub(super) stored: Option<StoredRun>,
    pub(super) paused_by: Option<String>,
    /// Runs in a row that failed.
    pub(super) failures: u32,
    /// Seconds: the end of the first failed run since the last stored one. A quarantined run counts as failed.
    pub(super) failing_since: Option<u32>,
    /// Seconds; 0: at once.
    pub(super) due: u32,
    pub(super) validators: Option<KeptValidators>,
    /// Runs whose records are kept, oldest first, and the bytes of each.
    pub(super) records: Vec<(u64, u64)>,
    /// The newest run whose record is not kept any more.
    pub(super) forgotten: u64,
}

/// The last run whose rows are stored, or that found the page as it was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredRun {
    pub(super) run: u64,
    #[serde(with = "seconds")]
    pub(super) at: UnixTime,
    pub(super) rows: u64,
}

/// What came with the one page of the last stored run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptValidators {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Digest of the definition that read the page: another one has to read it anew.
    pub(super) definition: String,
}

/// `host:HOST`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HostNote {
    /// Seconds.
    pub(super) asked: Option<u32>,
    /// Seconds.
    pub(super) not_before: Option<u32>,
    /// Feed and beginning of a run that has not told its end.
    pub(super) busy: Option<(String, u32)>,
}

/// `held:NAME:RUN`: a line of JSON, then the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeldHead {
    pub(super) summary: RunSummary,
    pub(super) reasons: Vec<String>,
}

/// `run:NAME:0000000007`.
pub(super) fn numbered(kind: &str, feed: &str, run: u64) -> String {
    format!("{kind}:{feed}:{run:010}")
}

/// Writes or deletes a note, whatever it said.
pub(super) async fn put(
    store: &dyn NoteStore,
    name: &str,
    bytes: Option<Vec<u8>>,
    lease: &Lease,
) -> Result<(), CollectError> {
    let put = notes::update(store, name, Some(lease), TRIES, |_| {
        Ok::<_, CollectError>(match &bytes {
            Some(bytes) => NoteEdit::Write(bytes.clone(), ()),
            None => NoteEdit::Delete(()),
        })
    });
    put.await.map_err(|error| error.or_conflict(|| CollectError::Held(name.to_owned())))
}

/// Reads a note of JSON; a default if there is none.
pub(super) async fn read<T: DeserializeOwned + Default>(
    store: &dyn NoteStore,
    name: &str,
) -> Result<T, CollectError> {
    match notes::read(store, name).await? {
        Some(note) => parse(name, &note.bytes),
        None => Ok(T::default()),
    }
}

/// Reads a note's JSON.
pub(super) fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, CollectError> {
    serde_json::from_slice(bytes).map_err(|error| broken(name, &error))
}

/// The notes of all feeds; one that cannot be read is an error of its own.
pub(super) async fn of_feeds(
    store: &dyn NoteStore,
) -> Result<BTreeMap<String, Result<FeedNote, CollectError>>, StoreError> {
    let notes = store.notes("feed:").await?;
    let read = |(name, note): (String, Note)| {
        let feed = name.strip_prefix("feed:").unwrap_or(&name).to_owned();
        (feed, parse(&name, &note.bytes))
    };
    Ok(notes.into_iter().map(read).collect())
}

/// Changes a note of JSON: what others wrote meanwhile stays.
pub(super) async fn change<T: DeserializeOwned + Default + Serialize>(
    store: &dyn NoteStore,
    name: &str,
    lease: Option<&Lease>,
    mut change: impl FnMut(&mut T),
) -> Result<(), CollectError> {
    let changed = notes::update(store, name, lease, TRIES, |known| {
        let mut value: T = known.map_or(Ok(T::default()), |bytes| parse(name, bytes))?;
        change(&mut value);
        let bytes = serde_json::to_vec(&value).map_err(|error| broken(name, &error))?;
        Ok(NoteEdit::Write(bytes, ()))
    });
    changed.await.map_err(|error| error.or_conflict(|| CollectError::Held(name.to_owned())))
}

/// A held run: its head and rows.
pub(super) fn join(head: &HeldHead, rows: &[u8]) -> Result<Vec<u8>, CollectError> {
    let mut bytes = serde_json::to_vec(head).map_err(|error| broken("a held run", &error))?;
    bytes.push(b'\n');
    bytes.extend_from_slice(rows);
    Ok(bytes)
}

/// Takes apart what [`join`] made.
pub(super) fn split<'a>(name: &str, bytes: &'a [u8]) -> Result<(HeldHead, &'a [u8]), CollectError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (head, rows) = bytes.split_at(end);
    Ok((parse(name, head)?, rows.get(1..).unwrap_or_default()))
}

/// A note that does not read.
pub(super) fn broken(name: &str, why: &impl ToString) -> CollectError {
    CollectError::Broken { note: name.to_owned(), why: why.to_string() }
}
