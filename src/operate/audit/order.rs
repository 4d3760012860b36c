//! Operators' orders that change no listing directly: a feed's runs, regulators' files, a load that is held back,
//! clients' outcomes and reviews.

/// What an operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Verb {
    RunFeed,
    PauseFeed,
    ResumeFeed,
    ReleaseRun,
    RejectRun,
    RollbackFeed,
    AcceptShrink,
    ImportAllocation,
    DeleteAllocation,
    UndoOutcomes,
    AcceptReview,
    DismissReview,
}

/// What an operator asked for, and how things were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What was asked for.
    pub verb: Verb,
    /// Of which feed; empty where it is about none.
    pub feed: String,
    /// Of which run, if it is about one: the run to judge, or the last that is to stay.
    pub run: Option<u64>,
    /// How things were before, for people.
    pub before: String,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 12] = [
        Self::RunFeed,
        Self::PauseFeed,
        Self::ResumeFeed,
        Self::ReleaseRun,
        Self::RejectRun,
        Self::RollbackFeed,
        Self::AcceptShrink,
        Self::ImportAllocation,
        Self::DeleteAllocation,
        Self::UndoOutcomes,
        Self::AcceptReview,
        Self::DismissReview,
    ];

    /// The name in the record and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunFeed => "run feed",
            Self::PauseFeed => "pause feed",
            Self::ResumeFeed => "resume feed",
            Self::ReleaseRun => "release run",
            Self::RejectRun => "reject run",
            Self::RollbackFeed => "roll back feed",
            Self::AcceptShrink => "accept shrink",
            Self::ImportAllocation => "import allocation",
            Self::DeleteAllocation => "delete allocation",
            Self::UndoOutcomes => "undo outcomes",
            Self::AcceptReview => "accept review",
            Self::DismissReview => "dismiss review",
        }
    }
}
