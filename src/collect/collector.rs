//! The collector as `rpc` and `cli` see it, without an engine behind it: it knows no feeds yet.
//!
//! Must not be built upon: the engine takes the place of this file.

use crate::listing::UnixTime;
use crate::number::Number;
use crate::store::StoreError;

/// Runs feeds. This one has none.
#[derive(Debug, Clone, Default)]
pub struct Collector;

/// How a feed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedState {
    /// Waits for its next run.
    Idle,
    /// A run is under way.
    Running,
    /// An operator paused it.
    Paused,
    /// The site keeps readers out.
    Blocked,
    /// A run waits for an operator.
    Quarantined,
    /// The last run went wrong.
    Failing,
    /// There was no run yet.
    NeverRun,
}

/// A feed, its last run and its next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedStatus {
    /// Name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Feeds of one group confirm each other like one.
    pub group: String,
    /// Whether it is collected.
    pub enabled: bool,
    /// Why not.
    pub why_not: String,
    /// How it is.
    pub state: FeedState,
    /// The last run.
    pub last_run: Option<RunSummary>,
    /// When the next run is due.
    pub next_due: Option<UnixTime>,
    /// Minutes between runs.
    pub interval_minutes: u32,
    /// Fewest and most rows of a run when all is well.
    pub band: (u64, u64),
}

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Number of the run.
    pub run: u64,
    /// When it ended.
    pub at: UnixTime,
    /// Pages fetched.
    pub pages: u32,
    /// Rows that may be listed.
    pub rows: u64,
    /// Subjects not said before.
    pub new: u64,
    /// Subjects not said any more.
    pub gone: u64,
    /// Subjects said again.
    pub again: u64,
    /// Rows left out.
    pub dropped: u64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why.
    pub note: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// Its rows are stored.
    Stored,
    /// Nothing has changed.
    NotModified,
    /// It waits for an operator.
    Quarantined,
    /// The site keeps readers out.
    Blocked,
    /// Pages are not as the definition says.
    LayoutChanged,
    /// robots.txt or the site says no.
    Refused,
    /// Something else went wrong.
    Failed,
    /// A trial.
    DryRun,
    /// An operator threw it away.
    Rejected,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// Name of the feed.
    pub feed: String,
    /// What it brought.
    pub summary: RunSummary,
    /// Some of the new numbers.
    pub samples_new: Vec<Number>,
}

/// A run that was not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRun {
    /// Name of the feed.
    pub feed: String,
    /// Number of the run.
    pub run: u64,
    /// When it ended.
    pub at: UnixTime,
    /// Rows that it brought.
    pub rows: u64,
    /// Subjects not said before.
    pub new: u64,
    /// Why it was not believed.
    pub reasons: Vec<String>,
    /// Some of its numbers.
    pub samples: Vec<Number>,
}

/// What a rollback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollbackReport {
    /// Subjects that changed.
    pub subjects: u64,
}

/// Why a feed was not run or changed.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// There is no such feed.
    #[error("there is no such feed: {0}")]
    Unknown(String),
    /// The feed is off.
    #[error("the feed is off: {0}")]
    Disabled(String),
    /// Sites could not tell who asks.
    #[error("no contact URL is configured: nothing is fetched without one")]
    NoContact,
    /// Another process has the lease.
    #[error("another process runs the feed: {0}")]
    Held(String),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The site could not be asked.
    #[error("{0}")]
    Fetch(String),
    /// What is kept about the feed cannot be read.
    #[error("{0}")]
    Broken(String),
}

impl RunOutcome {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NotModified => "not modified",
            Self::Quarantined => "quarantined",
            Self::Blocked => "blocked",
            Self::LayoutChanged => "layout changed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::DryRun => "dry run",
            Self::Rejected => "rejected",
        }
    }
}

impl Collector {
    /// All feeds.
    pub async fn status(&self) -> Result<Vec<FeedStatus>, CollectError> {
        Ok(Vec::new())
    }

    /// Runs a feed now.
    pub async fn run(&self, feed: &str, _dry_run: bool) -> Result<RunReport, CollectError> {
        Err(CollectError::Unknown(feed.to_owned()))
    }

    /// No runs until it is resumed.
    pub async fn pause(&self, feed: &str, _by: &str) -> Result<(), CollectError> {
        Err(CollectError::Unknown(feed.to_owned()))
    }

    /// Ends a pause.
    pub async fn resume(&self, feed: &str) -> Result<(), CollectError> {
        Err(CollectError::Unknown(feed.to_owned()))
    }

    /// Runs that wait for an operator.
    pub async fn quarantined(&self) -> Result<Vec<QuarantinedRun>, CollectError> {
        Ok(Vec::new())
    }

    /// Stores a run after all.
    pub async fn release(&self, feed: &str, _run: u64) -> Result<RunReport, CollectError> {
        Err(CollectError::Unknown(feed.to_owned()))
    }

    /// Throws a run away.
    pub async fn reject(&self, feed: &str, _run: u64) -> Result<(), CollectError> {
        Err(CollectError::Unknown(feed.to_owned()))
    }

    /// Takes back what a feed said after a run.
    pub async fn rollback(&self, feed: &str, _to_run: u64) -> Result<RollbackReport, CollectError> {
        Err(CollectError::Unknown(feed.to_owned()))
    }
}
