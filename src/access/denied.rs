//! Why a call is not let in. Tells what to do, and never what a key holds.

use super::key::{KeyId, NoKey};
use super::scope::Scope;

/// Why a call is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It shows no key.
    #[error(
        "this numguard wants an API key: send the metadata `authorization: Bearer ng_...` (the command line: \
         --api-key-file FILE)"
    )]
    Missing,
    /// What it shows is no key.
    #[error("the API key does not read: {0}")]
    Unreadable(NoKey),
    /// Nobody has such a key.
    #[error("the API key {0} is not known here: is it of another numguard, or copied wrongly?")]
    Unknown(KeyId),
    /// It does not count any more.
    #[error("the API key {key} of {client} {what}: ask whoever runs this numguard for a new one")]
    Ended {
        /// Which.
        key: KeyId,
        /// Whose.
        client: String,
        /// `was revoked at ...` or `expired at ...`.
        what: String,
    },
    /// It is good for other things.
    #[error(
        "the API key {key} of {client} is for {has}, and this call needs {needs}: use a key with that scope"
    )]
    Scope {
        /// Which.
        key: KeyId,
        /// Whose.
        client: String,
        /// Its scopes.
        has: String,
        /// The scope that it lacks.
        needs: Scope,
    },
    /// No keys are known yet.
    #[error("API keys are not loaded yet: the store has not answered since the start")]
    NotLoaded,
}

impl Denied {
    /// All that [`Denied::word`] may say.
    pub(super) const WORDS: [&str; 6] = ["missing", "unreadable", "unknown", "ended", "scope", "not_loaded"];

    /// What was wrong, in a word, for metrics and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::Unknown(_) => "unknown",
            Self::Ended { .. } => "ended",
            Self::Scope { .. } => "scope",
            Self::NotLoaded => "not_loaded",
        }
    }
}
