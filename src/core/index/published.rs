//! The index in force: swapped in whole, read without a lock.
//!
//! The last holder of an old index frees it, and that must never be a check: old ones are kept
//! here until no reader is left, and freed by whoever publishes.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::Index;

/// A borrowed index; hold it for one check.
pub type Guard = arc_swap::Guard<Arc<Index>>;

/// Where checks find the present index and `sync` puts the next one.
#[derive(Debug, Default)]
pub struct Published {
    current: ArcSwap<Index>,
    retired: Mutex<Vec<Arc<Index>>>,
}

impl Published {
    /// The present index.
    pub fn load(&self) -> Guard {
        self.current.load()
    }

    /// Makes `index` the present one, with the next revision. Only one task may publish.
    pub fn publish(&self, mut index: Index) {
        index.revision = self.load().revision + 1;
        let old = self.current.swap(Arc::new(index));
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(old);
        retired.retain(|index| Arc::strong_count(index) > 1);
    }
}
