//! Now and then: does the index hold what the store holds?
//!
//! Counts and digests per shard, at a moment when both stand at the same place of the log. A
//! difference means a bug or a store that was written past its log; the index is loaded anew.

use std::sync::Arc;
use std::time::Instant;

use crate::store::{ShardDigest, StoreError};

use super::metrics::LoadReason;
use super::{Sync, off_thread};

impl Sync {
    pub(super) async fn reconcile(&mut self) -> Result<(), StoreError> {
        let stored = self.listings.digests().await?;
        let same_place = stored.iter().map(|shard| shard.mark).eq(self.at.marks.iter().copied());
        if stored.is_empty() || !same_place {
            // No digests kept, or a write just came between: next time.
            return Ok(());
        }
        self.reconciled = Instant::now();
        let (index, store) = (Arc::clone(&self.published.load()), Arc::clone(&self.listings));
        let shards = stored.len();
        let held = off_thread(move || index.digests(shards, |subject| store.shard_of(subject))).await?;
        let differing: Vec<usize> =
            (0..shards).filter(|&shard| !agree(&stored[shard], held[shard])).collect();
        if differing.is_empty() {
            tracing::debug!(shards, "index and store agree");
            return Ok(());
        }
        tracing::error!(?differing, "index and store differ in these shards: loading everything");
        self.load_all(LoadReason::Differs).await
    }
}

fn agree(stored: &ShardDigest, (listings, digest): (u64, u64)) -> bool {
    (stored.listings, stored.digest) == (listings, digest)
}
