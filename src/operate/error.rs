//! Why a request is not done, in words for its caller.
//!
//! The text is the whole message that a caller reads, so it must not hold a number's digits. What the
//! caller (gRPC service, command line) adds to it, such as a status code, is not decided here.

use crate::access::KeyError;
use crate::collect::CollectError;
use crate::store::StoreError;

use super::audit::AuditError;

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// A field of the request is out of form, or over a limit.
    #[error("{field}: {expected}")]
    Invalid {
        /// Which field, as the request names it.
        field: String,
        /// What was expected there.
        expected: String,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// An undo would overwrite what somebody decided after the change.
    #[error(
        "subject {subject} of {subjects} was changed after line {line}, here or on another server: nothing is taken \
         back; undo the later change first, or name single subjects"
    )]
    ChangedSince {
        /// Which subject of the change, from 1.
        subject: usize,
        /// How many the change has.
        subjects: usize,
        /// First line of the change in the audit record.
        line: u64,
    },
    /// The id of the request belongs to a request of other content.
    #[error("request_id: {}", REUSED)]
    Reused,
    /// The first request with this id has not ended.
    #[error("the first request with this id is still being done: try again")]
    InWork,
    /// The note that remembers requests is written by others all the time.
    #[error("other requests with an id are being written all the time: try again")]
    Crowded,
    /// What was answered to the first request with this id cannot be read.
    #[error("the first answer does not read: {0}")]
    Unreadable(String),
    /// The task that did the work panicked, or the process ends.
    #[error("{what} ended early: {why}")]
    EndedEarly {
        /// What was being done.
        what: &'static str,
        /// How it ended.
        why: String,
    },
    /// What cannot be put on record is not done.
    #[error("{}", not_recorded(.0))]
    Audit(#[from] AuditError),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be made or ended.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The collector does not do it.
    #[error("{}", not_collected(.0))]
    Collect(#[from] CollectError),
}

/// What is said of a request whose id was given to another.
pub(crate) const REUSED: &str = "was given to another request: give each its own";

impl OperateError {
    /// A field that is out of form, or over a limit.
    pub fn invalid(field: impl Into<String>, expected: impl ToString) -> Self {
        Self::Invalid { field: field.into(), expected: expected.to_string() }
    }

    /// There is no such thing; `what` must not hold a number's digits.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound(what.into())
    }
}

fn not_recorded(error: &AuditError) -> String {
    match error {
        AuditError::Closed => error.to_string(),
        error => format!("nothing was changed, because it cannot be put on record: {error}"),
    }
}

/// The collector's words, with the field of the request where one is wrong, and without the name that was typed,
/// which may be a number.
fn not_collected(error: &CollectError) -> String {
    match error {
        CollectError::Unknown { known, .. } => format!("no feed has that name; there are {known}"),
        CollectError::NoHolders(_) => format!("feed: {error}"),
        CollectError::BadFile { .. } => format!("file: {error}"),
        error => error.to_string(),
    }
}
