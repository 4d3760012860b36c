//! Stores: where listings live for good, with a log of what changed.
//!
//! [`Store`] is small and batch-shaped; one battery of tests (`tests/store/`) holds every
//! implementation to it. Must not merge by other laws than `listing`'s, and must not be called by
//! a check.

mod allocations;
mod embedded;
mod error;
pub mod metrics;
mod note;
mod outcome;
mod redis;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::core::index::{Mark, Position};
use crate::core::listing::{FeedName, Listing, Sighting, Subject, UnixTime};
use crate::random;

use self::redis::metrics as redis_metrics;
pub use self::redis::{Password, Redis, RedisAddress, RedisAddressError, RedisOptions, RedisTls};
pub use allocations::{AllocationHead, allocation, allocation_head, delete_allocation, put_allocation};
pub use embedded::{Embedded, EmbeddedOptions};
pub use error::StoreError;
pub use note::{LEASE, Lease, Note};
pub use outcome::{Counted, Outcome, OutcomeId, OutcomeKind};

/// How long an operator's word about lost listings holds.
const ACCEPTED_FOR: Duration = Duration::from_secs(600);

/// One change to the listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Merge this into what is known about the subject.
    Merge(Subject, Listing),
    /// Forget all that is known about the subject.
    Delete(Subject),
    /// Put this in place of what the feed said about the subject; `None`: it says nothing any more.
    /// A listing that nobody says anything in is deleted.
    Restate(Subject, FeedName, Option<Sighting>),
    /// Take the operator's decision away; what feeds saw stays. A listing that nobody says anything
    /// in is deleted.
    Withdraw(Subject),
}

impl Change {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Merge(subject, _)
            | Self::Delete(subject)
            | Self::Restate(subject, ..)
            | Self::Withdraw(subject) => *subject,
        }
    }
}

/// What applying changes did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The place in the log from which on all of it is included.
    pub position: Position,
    /// Subjects that were not listed before.
    pub added: u64,
    /// Subjects that were listed and are not any more.
    pub deleted: u64,
}

/// A part of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// The changed subjects as they stand now (`None`: not listed), complete up to the position.
    Next(Vec<(Subject, Option<Listing>)>, Position),
    /// The log does not reach back so far, or belongs to another epoch: load everything.
    Gone,
}

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

/// What one shard of a store holds, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardDigest {
    /// The end of the shard's log.
    pub mark: Mark,
    /// Listed subjects.
    pub listings: u64,
    /// Their digests (see [`crate::core::listing::digest`]), combined.
    pub digest: u64,
}

/// A number that no other is likely to be, for what is kept by time.
fn distinct() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    static PROCESS: LazyLock<u64> = LazyLock::new(random::number);
    // Outcomes of one report stay in their order.
    (*PROCESS & !0xffff_ffff) ^ LAST.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff
}

/// A store of listings.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// A word for `stats`: which implementation this is.
    fn kind(&self) -> &'static str;

    /// Applies all changes, in order, or none. Once it returns, they survive a crash.
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError>;

    /// As [`Store::apply`], and only while `lease` holds; else [`StoreError::LeaseLost`].
    async fn apply_leased(&self, changes: Vec<Change>, lease: &Lease) -> Result<Applied, StoreError>;

    /// Takes or renews the lease on `name` for `holder`; nothing if another holds it.
    async fn lease(&self, name: &str, holder: &str) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back.
    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Notes whose names begin with `prefix`, in order of name.
    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError>;

    /// Writes a note, or deletes it, if it still has the revision (0: if there is none) and the
    /// lease, if given, holds. Answers whether it did.
    async fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
        lease: Option<&Lease>,
    ) -> Result<bool, StoreError>;

    /// Leaves on a board what `seat` has to say, in place of what it said there before, and answers
    /// what others said. All of it goes `keep` after the last of them. A store of one process has no
    /// others.
    async fn exchange(
        &self,
        board: &str,
        seat: &str,
        said: Vec<u8>,
        keep: Duration,
    ) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The listings of some subjects, in the order asked.
    async fn get(&self, subjects: Vec<Subject>) -> Result<Vec<Option<Listing>>, StoreError>;

    /// Up to `limit` listings in order of subject, beginning after `after`.
    async fn scan(&self, after: Option<Subject>, limit: usize)
    -> Result<Vec<(Subject, Listing)>, StoreError>;

    /// What changed after `position`, up to about `limit` subjects; empty if nothing did.
    async fn changes(&self, position: &Position, limit: usize) -> Result<Changes, StoreError>;

    /// Returns when there is something after `position`, at once if there is already. May return
    /// without news after some seconds, so that a store that has gone quiet shows that it is there.
    async fn changed(&self, position: &Position) -> Result<(), StoreError>;

    /// Stores all outcomes or none.
    async fn report(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError>;

    /// Up to `limit` outcomes in order of report, beginning after `after`.
    async fn outcomes(
        &self,
        after: Option<OutcomeId>,
        limit: usize,
    ) -> Result<Vec<(OutcomeId, Outcome)>, StoreError>;

    /// Forgets outcomes; those that are not there do not matter.
    async fn forget_outcomes(&self, ids: Vec<OutcomeId>) -> Result<(), StoreError>;

    /// How much there is.
    async fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Count and digest of each shard; none if the store keeps no digests.
    async fn digests(&self) -> Result<Vec<ShardDigest>, StoreError>;

    /// The shard that holds a subject, as an index into [`Store::digests`].
    fn shard_of(&self, subject: Subject) -> usize;

    /// From now on and for ten minutes, every process may take in a full load that has lost much.
    async fn accept_shrink(&self) -> Result<(), StoreError>;

    /// What the store's own clock says; nothing if it has none of its own.
    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        Ok(None)
    }

    /// Whether that holds now.
    async fn shrink_accepted(&self) -> Result<bool, StoreError>;
}
