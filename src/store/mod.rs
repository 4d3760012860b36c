//! Stores: where listings live for good, with a log of what changed.
//!
//! [`Store`] is small and batch-shaped; one battery of tests (`tests/store/`) holds every
//! implementation to it. Must not merge by other laws than `listing`'s, and must not be called by
//! a check.

mod embedded;
mod error;

use async_trait::async_trait;

use crate::index::Position;
use crate::listing::{Listing, Subject, UnixTime};
use crate::number::Number;

pub use embedded::{Embedded, EmbeddedOptions};
pub use error::StoreError;

/// One change to the listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Merge this into what is known about the subject.
    Merge(Subject, Listing),
    /// Forget all that is known about the subject.
    Delete(Subject),
}

impl Change {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Merge(subject, _) | Self::Delete(subject) => *subject,
        }
    }
}

/// What applying changes did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// What became of a checked number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The person proved to hold it and behaved.
    Verified,
    /// The account was used for abuse.
    AbuseConfirmed,
    /// A real subscriber was challenged or blocked.
    FalsePositive,
}

/// One reported outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The number.
    pub number: Number,
    /// What became of it.
    pub kind: OutcomeKind,
    /// The check or the platform's own id that it belongs to.
    pub check_id: String,
    /// The platform's own id of the registration.
    pub correlation_id: String,
    /// When it was found out.
    pub occurred_at: UnixTime,
}

/// A store of listings.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// A word for `stats`: which implementation this is.
    fn kind(&self) -> &'static str;

    /// Applies all changes, in order, or none. Once it returns, they survive a crash.
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError>;

    /// The listings of some subjects, in the order asked.
    async fn get(&self, subjects: Vec<Subject>) -> Result<Vec<Option<Listing>>, StoreError>;

    /// Up to `limit` listings in order of subject, beginning after `after`.
    async fn scan(&self, after: Option<Subject>, limit: usize)
    -> Result<Vec<(Subject, Listing)>, StoreError>;

    /// What changed after `position`, up to about `limit` subjects; empty if nothing did.
    async fn changes(&self, position: Position, limit: usize) -> Result<Changes, StoreError>;

    /// Returns when there is something after `position`, at once if there is already.
    async fn changed(&self, position: Position) -> Result<(), StoreError>;

    /// Stores all outcomes or none.
    async fn report(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError>;

    /// How much there is.
    async fn stats(&self) -> Result<StoreStats, StoreError>;
}
