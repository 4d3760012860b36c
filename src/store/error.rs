//! The stores' one error: the driver's error becomes ours at the door.

use crate::core::listing::codec::CodecError;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("{place} is in use by another process: stop it, or give this one a --data-dir of its own")]
    InUse {
        /// File or address.
        place: String,
    },
    /// It cannot be opened or created.
    #[error("cannot open {place}: {reason}")]
    Open {
        /// File or address.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// It did not do it; the same call may pass later.
    #[error("store is unavailable: {0}")]
    Unavailable(String),
    /// The lease under which this was to be written has passed to another process.
    #[error("another process has taken over {0}: nothing was written")]
    LeaseLost(String),
    /// It is done, but a failure now may undo it.
    #[error("{0}")]
    Unconfirmed(String),
    /// What is stored cannot be read.
    #[error("store holds what this numguard cannot read: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the same call may pass later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unconfirmed(_))
    }
}

impl From<CodecError> for StoreError {
    fn from(error: CodecError) -> Self {
        Self::Damaged(error.to_string())
    }
}
