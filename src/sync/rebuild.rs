//! Building large tables anew, in the background, while changes go on being taken in.

use tokio::task::JoinHandle;

use crate::index::{Index, Position};
use crate::listing::{Listing, Subject};

/// A rebuild that is going on.
pub(super) struct Rebuild {
    task: JoinHandle<Index>,
    /// What was taken in since it began, oldest first.
    since: Vec<(Subject, Option<Listing>)>,
}

impl Rebuild {
    /// Begins with what `index` holds now.
    pub(super) fn begin(index: Index) -> Self {
        Self { task: tokio::task::spawn_blocking(move || index.compacted()), since: Vec::new() }
    }

    /// Notes what the published index has taken in meanwhile.
    pub(super) fn note(&mut self, changes: &[(Subject, Option<Listing>)]) {
        self.since.extend_from_slice(changes);
    }

    /// Whether [`Rebuild::finish`] will answer at once.
    pub(super) fn is_done(&self) -> bool {
        self.task.is_finished()
    }

    /// Returns when it is done; may be dropped and asked again.
    pub(super) async fn done(&mut self) {
        while !self.task.is_finished() {
            // Waiting by reference keeps the result for `finish`.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The rebuilt index, complete up to `position`; nothing if the work ended early.
    pub(super) async fn finish(self, position: Position) -> Option<Index> {
        let rebuilt = self.task.await.ok()?;
        Some(rebuilt.with_changes(&self.since, position))
    }
}
