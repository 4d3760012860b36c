//! Why an audit record cannot be written or read.
//!
//! Must not quote a line: it holds numbers in full.

use std::io;
use std::path::Path;

/// Why an audit record cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Another process writes it.
    #[error("{path} is in use by another process: stop it, or give this one a --data-dir of its own")]
    InUse {
        /// Which file.
        path: String,
    },
    /// It cannot be opened, read or written.
    #[error("cannot {verb} {path}: {error}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// Which file.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// It was closed at the start.
    #[error(
        "this numguard takes no changes by operators (takes_changes = false), because its record of them would not \
         last: ask the one that does"
    )]
    Closed,
    /// Writing was broken off.
    #[error("writing ended early: {0}")]
    Ended(String),
    /// The chain does not hold here.
    #[error("{path}:{line}: {reason}")]
    Broken {
        /// Which file.
        path: String,
        /// Line in it, from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl AuditError {
    pub(super) fn file(verb: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::File { verb, path: path.display().to_string(), error }
    }
}
