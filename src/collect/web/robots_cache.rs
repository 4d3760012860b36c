//! What is known of a host's robots.txt files: one for each scheme and port. Must not fetch them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::robots_rules::RobotsRules;

/// Scheme and port: a host has a robots.txt for each.
type Place = (String, u16);

/// What one robots.txt was found to say; nothing if it was not read yet. The lock is kept while it is
/// fetched.
pub(crate) type KnownRobots = Arc<tokio::sync::Mutex<Option<Known>>>;

/// The robots.txt files of a host.
#[derive(Default)]
pub(crate) struct RobotsCache(Mutex<HashMap<Place, KnownRobots>>);

pub(crate) struct Known {
    pub(crate) until: Instant,
    pub(crate) reading: Reading,
}

#[derive(Clone)]
pub(crate) enum Reading {
    Rules(Arc<RobotsRules>),
    Unread { status: Option<u16> },
}

impl RobotsCache {
    /// What is known of the robots.txt of this scheme and port.
    pub(crate) fn known(&self, scheme: &str, port: u16) -> KnownRobots {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry((scheme.to_owned(), port)).or_default())
    }
}
