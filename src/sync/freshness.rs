//! What answers and operators may know about the index: whether it is there, follows, or is held.
//!
//! Read by every check: atomics only, but for the rare details of a held load.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::core::allocation::{Allocation, Allocations};
use crate::core::index::{Index, Position};
use crate::core::listing::{FeedName, UnixTime};

/// How long a write waits for the index. Longer means that sync is in trouble; the write is stored
/// all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the index follows the store.
#[derive(Debug, Default)]
pub struct Freshness {
    /// Since when the store cannot be followed; 0 while it can.
    behind_since: AtomicU32,
    loaded: AtomicBool,
    loading: Notify,
    is_held: AtomicBool,
    held: Mutex<Option<Held>>,
}

/// A full load that was held back because too much was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Listings of the index.
    pub had: u64,
    /// Listings of the store.
    pub has: u64,
    /// When that was seen.
    pub since: UnixTime,
}

/// What an answer says about the index behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexAge {
    /// Number of the index.
    pub revision: u64,
    /// Seconds since the index was last known to be complete.
    pub staleness_seconds: u32,
    /// The store is out of reach, or its content is held back.
    pub degraded: bool,
}

impl Freshness {
    /// The age of `index` at `now`.
    pub fn of(&self, index: &Index, now: UnixTime) -> IndexAge {
        let behind_since = self.behind_since.load(Ordering::Relaxed);
        let degraded = behind_since > 0;
        let staleness_seconds = if degraded { now.0.saturating_sub(behind_since) } else { 0 };
        IndexAge { revision: index.revision(), staleness_seconds, degraded }
    }

    /// Whether there is an index at all.
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// The load that is held back.
    pub fn held(&self) -> Option<Held> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    /// Returns once there is an index.
    pub async fn until_loaded(&self) {
        while !self.is_loaded() {
            let told = self.loading.notified();
            if !self.is_loaded() {
                told.await;
            }
        }
    }

    pub(super) fn loaded(&self) {
        self.loaded.store(true, Ordering::Release);
        self.loading.notify_waiters();
    }

    /// The index is complete; unless a load is held back, which keeps it behind.
    pub(super) fn follows(&self) {
        if !self.is_held() && self.behind_since.swap(0, Ordering::Relaxed) > 0 {
            tracing::info!("the index follows the store again");
        }
    }

    /// Answers whether this is new.
    pub(super) fn fell_behind(&self, now: UnixTime) -> bool {
        let since = now.0.max(1);
        self.behind_since.compare_exchange(0, since, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn hold(&self, held: Option<Held>) {
        self.is_held.store(held.is_some(), Ordering::Relaxed);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        if let Some(held) = held {
            self.fell_behind(held.since);
        }
    }
}

/// Lets others wait until the index includes a change.
#[derive(Debug, Clone)]
pub struct Progress {
    reached: watch::Receiver<Position>,
    allocations: watch::Receiver<Arc<Allocations>>,
    look: Arc<Notify>,
}

impl Progress {
    pub(super) fn new(
        reached: watch::Receiver<Position>,
        allocations: watch::Receiver<Arc<Allocations>>,
        look: Arc<Notify>,
    ) -> Self {
        Self { reached, allocations, look }
    }

    /// The regulators' files that checks go by.
    pub fn allocations(&self) -> Arc<Allocations> {
        Arc::clone(&self.allocations.borrow())
    }

    /// Returns once checks see this load of a regulator's file (`None`: that there is none), or after two
    /// seconds. Answers which.
    pub async fn allocated(&mut self, feed: &FeedName, load: Option<u64>) -> bool {
        self.look.notify_one();
        let seen = self.allocations.wait_for(|all| all.get(feed).map(Allocation::id) == load);
        matches!(tokio::time::timeout(PATIENCE, seen).await, Ok(Ok(_)))
    }

    /// Returns once checks see everything up to `position`, or after two seconds. Answers which.
    pub async fn reached(&mut self, position: &Position) -> bool {
        let includes = self.reached.wait_for(|reached| reached.includes(position));
        matches!(tokio::time::timeout(PATIENCE, includes).await, Ok(Ok(_)))
    }
}
