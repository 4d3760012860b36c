//! Reported outcomes, in the slot of shard 0: members of one sorted set, whose bytes begin with the id,
//! so that they lie in order of report.

use redis::cmd;

use crate::store::{Outcome, OutcomeId, StoreError};

use super::Redis;

/// Members that one command takes.
const BATCH: usize = 1_000;

pub(super) async fn report(store: &Redis, outcomes: &[Outcome]) -> Result<(), StoreError> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let mut add = cmd("ZADD");
    add.arg(store.keys().outcomes());
    for outcome in outcomes {
        let id = OutcomeId::new(outcome.reported_at);
        add.arg(0).arg([id.0.as_slice(), &outcome.to_bytes()].concat());
    }
    store.route(0).writes.run(&add).await
}

pub(super) async fn page(
    store: &Redis,
    after: Option<OutcomeId>,
    limit: usize,
) -> Result<Vec<(OutcomeId, Outcome)>, StoreError> {
    // Every member goes on after its id, so what comes after the id followed by the greatest byte
    // comes after the member.
    let from = after.map_or(b"-".to_vec(), |after| [b"(", after.0.as_slice(), &[0xff]].concat());
    let mut range = cmd("ZRANGE");
    range.arg(store.keys().outcomes()).arg(from).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(limit);
    let members: Vec<Vec<u8>> = store.route(0).writes.run(&range).await?;
    let read = |member: Vec<u8>| {
        let (id, outcome) =
            member.split_first_chunk().ok_or_else(|| StoreError::Damaged("an outcome".to_owned()))?;
        Ok((OutcomeId(*id), Outcome::from_bytes(outcome)?))
    };
    members.into_iter().map(read).collect()
}

pub(super) async fn forget(store: &Redis, ids: &[OutcomeId]) -> Result<(), StoreError> {
    for ids in ids.chunks(BATCH) {
        let mut found = redis::pipe();
        for id in ids {
            let last = [b"[", id.0.as_slice(), &[0xff]].concat();
            found.cmd("ZRANGE").arg(store.keys().outcomes()).arg([b"[", id.0.as_slice()].concat()).arg(last);
            found.arg("BYLEX");
        }
        let members: Vec<Vec<Vec<u8>>> = store.route(0).writes.run_all(&found).await?;
        let members: Vec<Vec<u8>> = members.into_iter().flatten().collect();
        if !members.is_empty() {
            let remove = cmd("ZREM").arg(store.keys().outcomes()).arg(members).to_owned();
            store.route(0).writes.run::<u64>(&remove).await?;
        }
    }
    Ok(())
}

pub(super) async fn count(store: &Redis) -> Result<u64, StoreError> {
    store.route(0).reads.run(cmd("ZCARD").arg(store.keys().outcomes())).await
}
