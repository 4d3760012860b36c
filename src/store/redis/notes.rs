//! Notes, leases and boards, all in the slot of shard 0.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::cmd;

use crate::store::{LEASE, Lease, Note, StoreError};

use super::{Redis, scripts};

/// Takes or renews a lease.
pub(super) async fn lease(store: &Redis, name: &str, holder: &str) -> Result<Option<Lease>, StoreError> {
    let mut take = scripts::TAKE_LEASE.prepare_invoke();
    take.key(store.keys().lease(name)).key(store.keys().tokens());
    take.arg(name).arg(holder).arg(LEASE.as_millis() as u64);
    let token: u64 = store.route(0).writes.run_script(&take).await?;
    Ok((token > 0).then(|| Lease { name: name.to_owned(), token }))
}

/// Gives a lease back.
pub(super) async fn give_back(store: &Redis, lease: &Lease) -> Result<(), StoreError> {
    let mut give = scripts::GIVE_BACK.prepare_invoke();
    give.key(store.keys().lease(&lease.name)).arg(lease.token);
    store.route(0).writes.run_script::<u64>(&give).await.map(drop)
}

/// Notes whose names begin with `prefix`.
pub(super) async fn notes(store: &Redis, prefix: &str) -> Result<Vec<(String, Note)>, StoreError> {
    let link = &store.route(0).reads;
    let names: Vec<String> = link.run(cmd("HKEYS").arg(store.keys().notes())).await?;
    let mut names: Vec<String> = names.into_iter().filter(|name| name.starts_with(prefix)).collect();
    names.sort_unstable();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut both = redis::pipe();
    both.atomic();
    both.cmd("HMGET").arg(store.keys().notes()).arg(&names);
    both.cmd("HMGET").arg(store.keys().note_revisions()).arg(&names);
    let (texts, revisions): (Vec<Option<Vec<u8>>>, Vec<Option<u64>>) = link.run_all(&both).await?;
    let found = names.into_iter().zip(texts.into_iter().zip(revisions));
    let note = |(name, (bytes, revision)): (String, (Option<Vec<u8>>, Option<u64>))| {
        Some((name, Note { revision: revision?, bytes: bytes? }))
    };
    Ok(found.filter_map(note).collect())
}

/// Writes or deletes a note.
pub(super) async fn put(
    store: &Redis,
    name: &str,
    revision: u64,
    bytes: Option<Vec<u8>>,
    lease: Option<&Lease>,
) -> Result<bool, StoreError> {
    let keys = store.keys();
    let mut put = scripts::PUT_NOTE.prepare_invoke();
    put.key(keys.notes()).key(keys.note_revisions()).key(keys.lease(lease.map_or("", |lease| &lease.name)));
    put.arg(name).arg(revision).arg(lease.map_or(0, |lease| lease.token));
    put.arg(u8::from(bytes.is_some())).arg(bytes.unwrap_or_default());
    match store.route(0).writes.run_script::<i64>(&put).await? {
        -1 => Err(StoreError::LeaseLost(lease.map_or_else(String::new, |lease| lease.name.clone()))),
        done => Ok(done == 1),
    }
}

/// Leaves what a seat has to say on a board, and reads what the others said.
pub(super) async fn exchange(
    store: &Redis,
    board: &str,
    seat: &str,
    said: Vec<u8>,
    keep: Duration,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let key = store.keys().board(board);
    let mut all = redis::pipe();
    if !said.is_empty() {
        all.cmd("HSET").arg(&key).arg(seat).arg(said).ignore();
        all.cmd("EXPIRE").arg(&key).arg(keep.as_secs()).ignore();
    }
    all.cmd("HGETALL").arg(&key);
    let (mut found,): (BTreeMap<String, Vec<u8>>,) = store.route(0).writes.run_all(&all).await?;
    found.remove(seat);
    Ok(found.into_values().collect())
}
