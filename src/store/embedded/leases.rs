//! Leases among the tasks of the one process that has an embedded store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::store::{LEASE, Lease, StoreError};

#[derive(Debug)]
struct Held {
    holder: String,
    token: u64,
    until: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Mutex<(u64, HashMap<String, Held>)>,
}

impl Leases {
    pub(super) fn take(&self, name: &str, holder: &str) -> Option<Lease> {
        let now = Instant::now();
        let mut guard = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, held) = &mut *guard;
        let token = match held.get(name).filter(|held| held.until > now) {
            Some(held) if held.holder != holder => return None,
            Some(held) => held.token,
            None => {
                *last += 1;
                *last
            }
        };
        held.insert(name.to_owned(), Held { holder: holder.to_owned(), token, until: now + LEASE });
        Some(Lease { name: name.to_owned(), token })
    }

    /// As in Redis, a lease that has run out and that nobody took is gone.
    pub(super) fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        let guard = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match guard.1.get(&lease.name) {
            Some(held) if held.token == lease.token && held.until > Instant::now() => Ok(()),
            _ => Err(StoreError::LeaseLost(lease.name.clone())),
        }
    }

    pub(super) fn give_back(&self, lease: &Lease) {
        let mut guard = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        guard.1.retain(|name, held| *name != lease.name || held.token != lease.token);
    }
}
