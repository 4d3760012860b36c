//! Building large tables anew, in the background, while changes go on being taken in.
//!
//! On a thread of the lowest priority: with few cores it must hold up neither checks nor changes.

use tokio::sync::oneshot;

use crate::core::index::{Index, Position};
use crate::core::listing::{Listing, Subject};

use super::Sync;

/// The niceness of a rebuild: others first.
const NICE: i32 = 19;

impl Sync {
    /// Publishes what was rebuilt in the background.
    pub(super) fn take_rebuilt(&mut self) {
        let Some(rebuild) = self.rebuild.take() else { return };
        let position = self.published.load().position().clone();
        match rebuild.finish(position) {
            Some(rebuilt) => {
                super::metrics::REBUILDS.inc();
                // What came meanwhile may be much, and nothing may come after it.
                if rebuilt.wants_rebuild(self.patience) {
                    self.rebuild = Some(Rebuild::begin(rebuilt.clone()));
                }
                self.publish(rebuilt);
            }
            None => {
                tracing::warn!("rebuilding the index ended early; it goes on with a long list of changes")
            }
        }
    }
}

/// A rebuild that is going on.
pub(super) struct Rebuild {
    rebuilt: oneshot::Receiver<Index>,
    done: Option<Index>,
    /// What was taken in since it began, oldest first.
    since: Vec<(Subject, Option<Listing>)>,
}

impl Rebuild {
    /// Begins with what `index` holds now.
    pub(super) fn begin(index: Index) -> Self {
        let (sender, rebuilt) = oneshot::channel();
        std::thread::spawn(move || {
            // Where that is not allowed it runs as any other thread.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            // Nobody listens any more if everything was loaded anew meanwhile.
            let _ = sender.send(index.compacted());
        });
        Self { rebuilt, done: None, since: Vec::new() }
    }

    /// Notes what the published index has taken in meanwhile.
    pub(super) fn note(&mut self, changes: &[(Subject, Option<Listing>)]) {
        self.since.extend_from_slice(changes);
    }

    /// Whether [`Rebuild::finish`] will answer, or never will.
    pub(super) fn is_done(&mut self) -> bool {
        if self.done.is_none() {
            match self.rebuilt.try_recv() {
                Ok(index) => self.done = Some(index),
                Err(oneshot::error::TryRecvError::Empty) => return false,
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        true
    }

    /// Returns when it is done; may be dropped and asked again.
    pub(super) async fn done(&mut self) {
        if self.done.is_none() {
            self.done = (&mut self.rebuilt).await.ok();
        }
    }

    /// The rebuilt index, complete up to `position`; nothing if the work ended early.
    pub(super) fn finish(self, position: Position) -> Option<Index> {
        Some(self.done?.with_changes(&self.since, position))
    }
}
