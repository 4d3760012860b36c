//! The policies that checks go by: swapped in whole, read without a lock.
//!
//! Must not read files; whoever has read one hands it over.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::Policies;

/// Borrowed policies; hold them for one check.
pub type Guard = arc_swap::Guard<Arc<Policies>>;

/// The policies in force. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct InForce(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    now: ArcSwap<Policies>,
    /// Freed by whoever puts new ones in force, and never by the check that held them last.
    retired: Mutex<Vec<Arc<Policies>>>,
}

impl From<Arc<Policies>> for InForce {
    fn from(policies: Arc<Policies>) -> Self {
        Self(Arc::new(Inner { now: ArcSwap::new(policies), retired: Mutex::default() }))
    }
}

impl InForce {
    /// The present policies.
    pub fn load(&self) -> Guard {
        self.0.now.load()
    }

    /// Judges by other policies from the next check on.
    pub fn replace(&self, policies: Policies) {
        let old = self.0.now.swap(Arc::new(policies));
        let mut retired = self.0.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(old);
        retired.retain(|policies| Arc::strong_count(policies) > 1);
    }
}
