//! Stores: where listings live for good, with a log of what changed; and the notes and outcomes next to
//! them.
//!
//! One trait per subject, so that a caller names what it uses and a test's stub is short:
//! [`ListingStore`], [`NoteStore`], [`OutcomeStore`]; [`Store`] is all three. One battery of tests
//! (`tests/store/`) checks every implementation. Must not merge by other laws than `listing`'s, and
//! must not be called by a check.

mod allocations;
mod embedded;
mod error;
mod listings;
pub mod metrics;
pub mod notes;
mod outcomes;
mod redis;

use async_trait::async_trait;

use crate::core::index::Position;
use crate::core::listing::UnixTime;

use self::redis::metrics as redis_metrics;
pub use self::redis::{Password, Redis, RedisAddress, RedisAddressError, RedisOptions, RedisTls};
pub use allocations::{AllocationHead, allocation, allocation_head, delete_allocation, put_allocation};
pub use embedded::{Embedded, EmbeddedOptions};
pub use error::StoreError;
use listings::SHRINK_ACCEPTED_FOR;
pub use listings::{Applied, Change, Changes, ListingCounts, ListingStore, ShardDigest};
pub use notes::{LEASE, Lease, Note, NoteStore};
pub use outcomes::{Counted, Outcome, OutcomeId, OutcomeKind, OutcomeStore};

/// How much a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Listed numbers.
    pub numbers: u64,
    /// Listed ranges.
    pub ranges: u64,
    /// Reported outcomes.
    pub outcomes: u64,
    /// The end of the log.
    pub position: Position,
}

/// A whole store: all three subjects, and what is true of the store itself.
#[async_trait]
pub trait Store: ListingStore + NoteStore + OutcomeStore {
    /// A word for `stats`: which implementation this is.
    fn kind(&self) -> &'static str;

    /// The time by the store's own clock; nothing if it has no clock.
    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        Ok(None)
    }

    /// How much there is.
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        let ListingCounts { numbers, ranges, position } = self.counts().await?;
        Ok(StoreStats { numbers, ranges, outcomes: self.outcome_count().await?, position })
    }
}
