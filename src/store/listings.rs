//! Listings in a store: changed as a batch, read by subject or in order, and followed through a log.
//!
//! Must not know how an implementation keeps them.

use std::time::Duration;

use async_trait::async_trait;

use crate::core::index::{Mark, Position};
use crate::core::listing::{FeedName, Listing, Sighting, Subject};

use super::{Lease, StoreError};

/// How long an operator's word about lost listings holds.
pub(super) const SHRINK_ACCEPTED_FOR: Duration = Duration::from_secs(600);

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
    /// The changed subjects as they are now (`None`: not listed), complete up to the position.
    Next(Vec<(Subject, Option<Listing>)>, Position),
    /// The log does not reach back so far, or belongs to another epoch: load everything.
    Gone,
}

/// How many listings there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListingCounts {
    /// Listed numbers.
    pub numbers: u64,
    /// Listed ranges.
    pub ranges: u64,
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

/// A store of listings.
#[async_trait]
pub trait ListingStore: Send + Sync + 'static {
    /// Applies all changes, in order, or none. Once it returns, they survive a crash.
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError>;

    /// As [`ListingStore::apply`], and only while `lease` is in force; else [`StoreError::LeaseLost`].
    async fn apply_leased(&self, changes: Vec<Change>, lease: &Lease) -> Result<Applied, StoreError>;

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

    /// How many listings there are.
    async fn counts(&self) -> Result<ListingCounts, StoreError>;

    /// Count and digest of each shard; none if the store keeps no digests.
    async fn digests(&self) -> Result<Vec<ShardDigest>, StoreError>;

    /// The shard that a subject is in, as an index into [`ListingStore::digests`].
    fn shard_of(&self, subject: Subject) -> usize;

    /// From now on and for ten minutes, every process may take in a full load that has lost much.
    async fn accept_shrink(&self) -> Result<(), StoreError>;

    /// Whether such a load may be taken in now.
    async fn shrink_accepted(&self) -> Result<bool, StoreError>;
}
