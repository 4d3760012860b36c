//! What the collector tells: the state of a feed, what a run did, and why something is refused.
//!
//! Must not hold digits of a number in a text: samples are numbers, and print masked.

use serde::{Deserialize, Serialize};

use crate::core::listing::UnixTime;
use crate::core::number::Number;
use crate::store::StoreError;

use super::web::FetchError;

/// Where a feed stands.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedStatus {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Which feeds it confirms nothing for.
    pub group: String,
    /// Whether its definition is on.
    pub enabled: bool,
    /// Why it is not on, or is paused, or failed.
    pub why_not: String,
    /// In a word.
    pub state: FeedState,
    /// The last run, however it ended.
    pub last_run: Option<RunSummary>,
    /// When its numbers were last stored or seen again, and how many they were.
    pub last_stored: Option<(UnixTime, u64)>,
    /// End of the first failed run since the last stored one. A quarantined run counts as failed. Nothing if the
    /// last run was stored, or there was none.
    pub failing_since: Option<UnixTime>,
    /// When the schedule runs it next; nothing if it is off or paused.
    pub next_due: Option<UnixTime>,
    /// Minutes between two runs.
    pub interval_minutes: u32,
    /// How many rows a run brings when all is well: at least, at most.
    pub band: (u64, u64),
}

/// The state of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedState {
    /// The last run was fine.
    Idle,
    /// A process is at it.
    Running,
    /// An operator stopped its schedule.
    Paused,
    /// The site keeps collectors out: asked once a day, rows stay.
    Blocked,
    /// The last run is held back and waits for an operator; rows stay.
    Quarantined,
    /// The last run failed or was refused: asked less and less often, rows stay.
    Failing,
    /// Not run yet.
    NeverRun,
}

impl FeedState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Running,
        Self::Paused,
        Self::Blocked,
        Self::Quarantined,
        Self::Failing,
        Self::NeverRun,
    ];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Blocked => "blocked",
            Self::Quarantined => "quarantined",
            Self::Failing => "failing",
            Self::NeverRun => "never run",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its number, from 1, of its feed.
    pub run: u64,
    /// When its pages were there.
    #[serde(with = "seconds")]
    pub at: UnixTime,
    /// Pages fetched.
    pub pages: u32,
    /// Numbers on them that count.
    pub rows: u64,
    /// Of these, numbers that the feed never had before.
    pub new: u64,
    /// Numbers of the stored run before that are not there any more; they fade and stay.
    pub gone: u64,
    /// Numbers that the feed had before.
    pub again: u64,
    /// Rows that were left out, those under an allow listing included.
    pub dropped: u64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, if it did not end well.
    pub note: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// Its rows are stored.
    Stored,
    /// The page is as it was: its numbers were seen again.
    NotModified,
    /// Held back as a whole.
    Quarantined,
    /// A challenge or log-in came in place of the list.
    Blocked,
    /// The page is not built as the definition says.
    LayoutChanged,
    /// The site does not want the request, or not now.
    Refused,
    /// No usable answer.
    Failed,
    /// Only looked: nothing is stored.
    DryRun,
    /// Held back, and refused by an operator.
    Rejected,
}

impl RunOutcome {
    /// How a run of the schedule may end.
    pub(super) const ENDS: [Self; 7] = [
        Self::Stored,
        Self::NotModified,
        Self::Quarantined,
        Self::Blocked,
        Self::LayoutChanged,
        Self::Refused,
        Self::Failed,
    ];

    /// The word in tables.
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

/// A run, with some of its new numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// Which feed.
    pub feed: String,
    /// What it did.
    pub summary: RunSummary,
    /// Up to ten of the new numbers.
    pub samples_new: Vec<Number>,
}

/// A run that is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRun {
    /// Which feed.
    pub feed: String,
    /// Which run.
    pub run: u64,
    /// When its pages were there.
    pub at: UnixTime,
    /// Its numbers.
    pub rows: u64,
    /// Those that the feed never had before.
    pub new: u64,
    /// Why it is held back.
    pub reasons: Vec<String>,
    /// Some of its numbers.
    pub samples: Vec<Number>,
}

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackReport {
    /// Subjects whose listing is as it was before.
    pub subjects: u64,
}

/// Why the collector does not do it.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// No such feed.
    #[error("no feed is named {name:?}; known are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// Its definition is off.
    #[error("{feed} is off: {why}")]
    Disabled {
        /// Which feed.
        feed: String,
        /// Why.
        why: String,
    },
    /// Sites must be able to reach whoever asks them.
    #[error(
        "no page is fetched before sites can reach you: set collect.contact_url to a page that says who runs this, \
         such as https://example.com/numguard, or to mailto:abuse@example.com"
    )]
    NoContact,
    /// Another run is at it.
    #[error("another run is at {0}, here or in another process: try again when it is done")]
    Held(String),
    /// Its definition is not of a regulator's file.
    #[error(
        "{0} is no file of ranges and holders: `numguard feed list` names those that are, by the form `holders`"
    )]
    NoHolders(String),
    /// A regulator's file that cannot be read.
    #[error("{file}: {why}: nothing was stored")]
    BadFile {
        /// Which file.
        file: String,
        /// Why.
        why: String,
    },
    /// No such run to release, reject or go back to.
    #[error("{feed}: {why}")]
    NoRun {
        /// Which feed.
        feed: String,
        /// What there is.
        why: String,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fetching engine cannot be used.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What is kept of a feed cannot be read.
    #[error("what is kept in {note} cannot be read: {why}")]
    Broken {
        /// Which note.
        note: String,
        /// Why.
        why: String,
    },
}

/// Times as seconds, in notes.
pub(super) mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::core::listing::UnixTime;

    pub(crate) fn serialize<S: Serializer>(time: &UnixTime, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u32(time.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<UnixTime, D::Error> {
        u32::deserialize(input).map(UnixTime)
    }
}
