//! Large writes, all or nothing: first written down, then decided in one step, then carried out.
//!
//! Before it is decided nothing has happened, and what was written down expires. Afterwards it
//! will be carried out whoever dies: every process looks for decided writes that nobody works on.
//! Each shard remembers the last part that it took, and for an hour longer: so no part is carried
//! out twice, not even by a worker that was taken for dead and wakes up after others did its work.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{cmd, pipe};

use crate::store::{Lease, StoreError};

use super::commit::{BulkPart, Done, commit, random};
use super::part::Part;
use super::{Inner, Redis, scripts};

/// How long what was written down, and not decided, stays.
const UNDECIDED: Duration = Duration::from_secs(3_600);

/// A worker says this often that it is alive, and is taken for dead after three times as long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// How long the shards remember a write that is finished.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Parts written down, or read, with one command: some hundred kilobytes.
const PARTS: usize = 8;

/// Carries out a large write.
pub(super) async fn apply(
    store: &Redis,
    parts: Vec<Arc<Part>>,
    lease: Option<Lease>,
) -> Result<Done, StoreError> {
    let id = format!("{:016x}", random());
    let (keys, link) = (store.keys(), &store.route(0).writes);
    for some in parts.chunks(PARTS) {
        // Together, so that no kill between the two leaves a list that never expires.
        let mut both = pipe();
        let push = both.cmd("RPUSH").arg(keys.bulk(&id));
        for part in some {
            push.arg(part.to_bytes());
        }
        both.cmd("EXPIRE").arg(keys.bulk(&id)).arg(UNDECIDED.as_secs());
        let _: (u64, u64) = link.run_all(&both).await?;
    }
    claim(store, &id).await?;
    let mut decide = scripts::DECIDE_BULK.prepare_invoke();
    let held = lease.as_ref();
    decide.key(keys.bulk(&id)).key(keys.bulks()).key(keys.lease(held.map_or("", |lease| &lease.name)));
    decide.arg(&id).arg(parts.len()).arg(held.map_or(0, |lease| lease.token));
    match link.run_script::<i64>(&decide).await? {
        1 => {}
        -1 => return Err(StoreError::LeaseLost(lease.map_or_else(String::new, |lease| lease.name))),
        _ => return Err(StoreError::Unavailable("a large write expired before it was decided".to_owned())),
    }
    carry_out(store, &id, parts).await.map_err(|error| {
        StoreError::Unconfirmed(format!("a large write is decided and will be finished later: {error}"))
    })
}

/// In the background: decided writes whose worker has died.
pub(super) fn finish_what_others_left(store: &Redis) {
    let store = Arc::downgrade(&store.0);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            match finish_all(&store).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "cannot look for unfinished large writes"),
            }
        }
    });
}

/// Answers false when the store is closed.
async fn finish_all(store: &Weak<Inner>) -> Result<bool, StoreError> {
    let Some(inner) = store.upgrade() else { return Ok(false) };
    let store = Redis(inner);
    let list = cmd("HGETALL").arg(store.keys().bulks()).to_owned();
    let decided: Vec<(String, usize)> = store.route(0).writes.run(&list).await?;
    for (id, count) in decided {
        // One that cannot be finished must not stand in the way of the others.
        if let Err(error) = finish(&store, &id, count).await {
            tracing::warn!(%error, id, "cannot finish a large write that was left unfinished");
        }
    }
    Ok(true)
}

/// Carries out a decided write that nobody works on.
async fn finish(store: &Redis, id: &str, count: usize) -> Result<(), StoreError> {
    if !claim(store, id).await? {
        return Ok(());
    }
    let mut parts = Vec::new();
    for first in (0..count).step_by(PARTS) {
        let some = cmd("LRANGE").arg(store.keys().bulk(id)).arg(first).arg(first + PARTS - 1).to_owned();
        let some: Vec<Vec<u8>> = store.route(0).writes.run(&some).await?;
        for part in some {
            parts.push(Arc::new(Part::read(&part)?));
        }
    }
    if parts.len() != count {
        return Err(StoreError::Unavailable(format!("{} of {count} parts are there", parts.len())));
    }
    tracing::info!(id, parts = count, "finishing a large write that was left unfinished");
    carry_out(store, id, parts).await.map(drop)
}

/// Takes the write for this process, if no other works on it.
async fn claim(store: &Redis, id: &str) -> Result<bool, StoreError> {
    let mut set = cmd("SET");
    set.arg(store.keys().bulk_worker(id)).arg(1).arg("NX").arg("PX").arg(3 * SIGN_OF_LIFE.as_millis() as u64);
    let answer: Option<String> = store.route(0).writes.run(&set).await?;
    Ok(answer.is_some())
}

/// Commits every part, the shards side by side, and clears up.
async fn carry_out(store: &Redis, id: &str, parts: Vec<Arc<Part>>) -> Result<Done, StoreError> {
    let mut shards: Vec<Vec<(usize, Arc<Part>)>> = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        match shards.last_mut() {
            Some(last) if last[0].1.shard == part.shard => last.push((at, part)),
            _ => shards.push(vec![(at, part)]),
        }
    }
    let touched: Vec<usize> = shards.iter().map(|parts| parts[0].1.shard).collect();
    let committing = shards.into_iter().map(|parts| {
        let (store, id) = (store.clone(), id.to_owned());
        // A task each: merging is work for all cores.
        tokio::spawn(async move {
            let mut done = Done::default();
            for (at, part) in parts {
                // Parts count from 1: a shard that has taken none remembers 0.
                let more = commit(&store, &part, Some(BulkPart { id: &id, part: at + 1 })).await?;
                (done.added, done.deleted) = (done.added + more.added, done.deleted + more.deleted);
            }
            Ok::<_, StoreError>(done)
        })
    });
    let ended = |error| StoreError::Unavailable(format!("a store task ended early: {error}"));
    let all =
        async { try_join_all(committing).await.map_err(ended)?.into_iter().collect::<Result<Vec<_>, _>>() };
    let done = tokio::select! {
        done = all => done?,
        error = show_life(store, id) => return Err(error),
    };
    clear_up(store, id, &touched).await?;
    let sum =
        |sum: Done, more: &Done| Done { added: sum.added + more.added, deleted: sum.deleted + more.deleted };
    Ok(done.iter().fold(Done::default(), sum))
}

/// Renews the claim until it cannot.
async fn show_life(store: &Redis, id: &str) -> StoreError {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        let mut renew = cmd("PEXPIRE");
        renew.arg(store.keys().bulk_worker(id)).arg(3 * SIGN_OF_LIFE.as_millis() as u64);
        if let Err(error) = store.route(0).writes.run::<u64>(&renew).await {
            return error;
        }
    }
}

/// Forgets the write first: with the shards' notes gone it could be carried out again.
async fn clear_up(store: &Redis, id: &str, shards: &[usize]) -> Result<(), StoreError> {
    let (keys, link) = (store.keys(), &store.route(0).writes);
    let _: u64 = link.run(cmd("HDEL").arg(keys.bulks()).arg(id)).await?;
    let _: u64 = link.run(cmd("DEL").arg(keys.bulk(id)).arg(keys.bulk_worker(id))).await?;
    for &shard in shards {
        let forget = cmd("EXPIRE").arg(keys.bulk_done(shard, id)).arg(REMEMBERED.as_secs()).to_owned();
        let _: u64 = store.route(shard).writes.run(&forget).await?;
    }
    Ok(())
}
