//! Regulators' files as notes: one note per load, and a head that names the load of each feed.
//!
//! A load is written before the head names it, so that whoever reads finds all of it or the one before.
//! A feed that the head does not name is not told about: only a word says that a file is gone, a store
//! that has lost its notes does not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::allocation::Allocation;
use crate::core::listing::FeedName;

use super::StoreError;
use super::notes::{self, Lease, NoteEdit, NoteStore};

/// The note of the head; no other's name begins like it.
const HEAD: &str = "allocations";

/// Tries to write the head while others write it too.
const TRIES: usize = 20;

/// Which load of which feed counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllocationHead(BTreeMap<String, LoadName>);

/// A load, or that there is none any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct LoadName {
    /// Its id in hex; empty: deleted.
    load: String,
}

impl AllocationHead {
    /// Feeds, and the id of their load; `None`: it was deleted.
    pub fn loads(&self) -> impl Iterator<Item = (FeedName, Option<u64>)> + '_ {
        self.0.iter().filter_map(|(feed, name)| {
            let load = u64::from_str_radix(&name.load, 16).ok();
            Some((feed.parse().ok()?, load)).filter(|_| load.is_some() != name.load.is_empty())
        })
    }

    /// The load of a feed.
    pub fn of(&self, feed: &FeedName) -> Option<u64> {
        self.loads().find(|(other, _)| other == feed).and_then(|(_, load)| load)
    }
}

/// The head that a note says; without a note there are no loads.
fn read_head(note: Option<&[u8]>) -> Result<AllocationHead, StoreError> {
    let head = note.map(serde_json::from_slice).transpose();
    let head = head.map_err(|error| StoreError::Damaged(format!("the note {HEAD}: {error}")))?;
    Ok(head.unwrap_or_default())
}

/// Which loads count now.
pub async fn allocation_head(store: &dyn NoteStore) -> Result<AllocationHead, StoreError> {
    let note = notes::read(store, HEAD).await?;
    read_head(note.as_ref().map(|note| note.bytes.as_slice()))
}

/// One load; nothing if it has given way to another.
pub async fn allocation(
    store: &dyn NoteStore,
    feed: &FeedName,
    load: u64,
) -> Result<Option<Allocation>, StoreError> {
    let name = note_name(feed, load);
    let note = notes::read(store, &name).await?;
    let read = note.map(|note| Allocation::from_bytes(&note.bytes)).transpose();
    read.map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Puts a load in place of what its feed said before.
pub async fn put_allocation(
    store: &dyn NoteStore,
    allocation: &Allocation,
    lease: &Lease,
) -> Result<(), StoreError> {
    let (feed, load) = (allocation.source(), allocation.id());
    // The name holds the digest: if it is there, it is this one.
    store.put_note(&note_name(feed, load), 0, Some(allocation.to_bytes()), Some(lease)).await?;
    let before = turn_head(store, feed, Some(load), lease).await?;
    forget(store, feed, before.filter(|before| *before != load), lease).await
}

/// Takes away what a feed said; whether it said anything.
pub async fn delete_allocation(
    store: &dyn NoteStore,
    feed: &FeedName,
    lease: &Lease,
) -> Result<bool, StoreError> {
    let before = turn_head(store, feed, None, lease).await?;
    forget(store, feed, before, lease).await?;
    Ok(before.is_some())
}

/// Makes the head name `load`; what it named before.
async fn turn_head(
    store: &dyn NoteStore,
    feed: &FeedName,
    load: Option<u64>,
    lease: &Lease,
) -> Result<Option<u64>, StoreError> {
    let turned = notes::update(store, HEAD, Some(lease), TRIES, |known| {
        let mut head = read_head(known)?;
        let before = head.of(feed);
        let load = load.map_or_else(String::new, |load| format!("{load:016x}"));
        head.0.insert(feed.to_string(), LoadName { load });
        let bytes = serde_json::to_vec(&head).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok::<_, StoreError>(NoteEdit::Write(bytes, before))
    });
    let busy = || StoreError::Unavailable(format!("others keep writing the note {HEAD}"));
    turned.await.map_err(|error| error.or_conflict(busy))
}

async fn forget(
    store: &dyn NoteStore,
    feed: &FeedName,
    load: Option<u64>,
    lease: &Lease,
) -> Result<(), StoreError> {
    let Some(name) = load.map(|load| note_name(feed, load)) else { return Ok(()) };
    if let Some(note) = notes::read(store, &name).await? {
        store.put_note(&name, note.revision, None, Some(lease)).await?;
    }
    Ok(())
}

fn note_name(feed: &FeedName, load: u64) -> String {
    format!("allocation:{feed}:{load:016x}")
}
