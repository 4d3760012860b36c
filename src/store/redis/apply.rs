//! Applying changes: cut into parts by shard, then one part at once, or many as a large write; and for an
//! operator's decision, the replicas' word that they have it.
//!
//! Must not merge: `commit` does.

use std::sync::Arc;

use futures_util::future::try_join_all;
use redis::pipe;

use crate::store::{Applied, Change, Lease, StoreError};

use super::commit::{Done, commit, off_thread};
use super::part::{Part, parts};
use super::{Redis, bulk, read};

/// Applies all changes or none.
pub(super) async fn apply(
    store: &Redis,
    changes: Vec<Change>,
    lease: Option<Lease>,
) -> Result<Applied, StoreError> {
    let by_operator = changes.iter().any(|change| match change {
        Change::Merge(_, listing) => listing.decision().is_some(),
        Change::Delete(_) | Change::Withdraw(_) => true,
        Change::Restate(..) => false,
    });
    let parts = off_thread(move || parts(changes)).await?;
    let mut shards: Vec<usize> = parts.iter().map(|part| part.shard).collect();
    shards.dedup();
    let through = if by_operator { connections(store, &shards).await? } else { Vec::new() };
    let mut parts: Vec<Arc<Part>> = parts.into_iter().map(Arc::new).collect();
    let done = match parts.len() {
        0 => Done::default(),
        1 if lease.is_none() => commit(store, &parts.remove(0), None).await?,
        // A lease is compared where a large write is decided.
        _ => bulk::apply(store, parts, lease).await?,
    };
    if by_operator {
        confirm(store, &shards, &through).await.map_err(unconfirmed)?;
    }
    let position = read::position(store).await.map_err(unconfirmed)?;
    Ok(Applied { position, added: done.added, deleted: done.deleted })
}

/// What fails after the write was done.
fn unconfirmed(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(reason) => StoreError::Unconfirmed(format!("stored, but then: {reason}")),
        error => error,
    }
}

/// The connections through which `shards` are written now.
async fn connections(store: &Redis, shards: &[usize]) -> Result<Vec<u64>, StoreError> {
    try_join_all(shards.iter().map(|&shard| store.route(shard).writes.generation())).await
}

/// Returns once enough replicas have what was written `through` some connections, or fails.
async fn confirm(store: &Redis, shards: &[usize], through: &[u64]) -> Result<(), StoreError> {
    let options = &store.0.options;
    let wanted = options.wait_replicas;
    if wanted == 0 {
        return Ok(());
    }
    for &shard in shards.iter().take(if store.0.routes.len() == 1 { 1 } else { shards.len() }) {
        let patience = options.timeout / 2;
        // WAIT speaks of its own connection's writes only, and a decision that is stored again
        // writes nothing: so there is one write, which comes after all before it.
        let mut wait = pipe();
        wait.cmd("HSET").arg(store.keys().meta(shard)).arg("confirmed").arg(1).ignore();
        wait.cmd("WAIT").arg(wanted).arg(patience.as_millis() as u64);
        let (have,): (u32,) = store.route(shard).writes.run_all(&wait).await?;
        if have < wanted {
            return Err(StoreError::Unconfirmed(format!(
                "stored by the Redis master, but only {have} of {wanted} replicas have it: it is lost if the \
                 master fails now; try again, or replay the audit record"
            )));
        }
    }
    if connections(store, shards).await? != through {
        return Err(StoreError::Unconfirmed(
            "the connection to Redis was made anew meanwhile, perhaps to another master: look whether it is \
             stored, or try again"
                .to_owned(),
        ));
    }
    Ok(())
}
