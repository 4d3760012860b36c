//! The last step of a change: its answer waits until checks see it.

use std::sync::Arc;

use crate::core::index::{Position, Published};
use crate::sync::Progress;

/// Knows when checks see what is stored. Clones are the same one.
#[derive(Clone)]
pub struct Seen {
    published: Arc<Published>,
    progress: Progress,
}

impl Seen {
    /// `progress` knows when `published` has a change.
    pub fn new(published: Arc<Published>, progress: Progress) -> Self {
        Self { published, progress }
    }

    /// The revision from which on checks see what is stored up to `position`; without a position: the current
    /// revision.
    pub async fn revision(&self, position: Option<&Position>) -> u64 {
        if let Some(position) = position {
            self.progress.clone().reached(position).await;
        }
        self.published.load().revision()
    }
}
