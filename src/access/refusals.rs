//! Refusals in the log: each kind of each key or address once an hour, however often it is tried.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::denied::Denied;

/// The same refusal is told again after this long.
const TOLD_AGAIN: Duration = Duration::from_secs(3_600);

/// Refusals that are remembered as told; what comes on top is counted by the metrics alone.
const TOLD: usize = 1_000;

/// What was told, and when.
#[derive(Default)]
pub(super) struct Refusals {
    told: Mutex<HashMap<String, Instant>>,
}

impl Refusals {
    /// Tells the log of a refusal, unless that was told within the hour.
    pub(super) fn tell(&self, denied: &Denied, peer: IpAddr, method: &str) {
        let who = match denied {
            Denied::Missing | Denied::Unreadable(_) | Denied::NotLoaded | Denied::Unknown(_) => {
                format!("{peer} {:?}", std::mem::discriminant(denied))
            }
            Denied::Ended { key, .. } => format!("{key} ended"),
            Denied::Scope { key, needs, .. } => format!("{key} {needs}"),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD {
            told.retain(|_, at| at.elapsed() < TOLD_AGAIN);
        }
        let known = told.get(&who).is_some_and(|at| at.elapsed() < TOLD_AGAIN);
        if !known && told.len() < TOLD {
            told.insert(who, Instant::now());
            drop(told);
            tracing::warn!(%peer, method, "a call was refused: {denied}");
        }
    }
}
