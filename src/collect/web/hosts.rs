//! All hosts that were asked lately: a queue and the robots.txt files of each, up to a limit.
//!
//! A host whose pace or refusal still counts is never forgotten. Must not make requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::core::listing::UnixTime;

use super::host_queue::HostQueue;
use super::robots_cache::RobotsCache;
use super::{FetchError, WallClock};

/// The hosts of a process.
pub(crate) struct Hosts {
    by_name: Mutex<HashMap<String, Arc<Host>>>,
    limit: usize,
    clock: WallClock,
}

/// One host.
pub(crate) struct Host {
    pub(crate) queue: HostQueue,
    pub(crate) robots: RobotsCache,
}

impl Hosts {
    pub(crate) fn new(limit: usize, clock: WallClock) -> Self {
        Self { by_name: Mutex::default(), limit, clock }
    }

    /// A host, known or new. Once there are too many, those that no longer matter make room.
    pub(crate) fn get_or_add(&self, name: &str) -> Result<Arc<Host>, FetchError> {
        let name = normalized(name);
        let mut hosts = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&name) {
            return Ok(Arc::clone(host));
        }
        if hosts.len() >= self.limit {
            let now = Instant::now();
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.queue.matters(now));
        }
        if hosts.len() >= self.limit {
            return Err(FetchError::TooManyHosts { limit: self.limit });
        }
        let host = Arc::new(Host { queue: HostQueue::new(self.clock), robots: RobotsCache::default() });
        hosts.insert(name, Arc::clone(&host));
        Ok(host)
    }

    /// When a known host was last asked.
    pub(crate) fn last_asked(&self, name: &str) -> Option<UnixTime> {
        self.known(name)?.queue.last_asked()
    }

    /// Until when a known host is left alone because it said so.
    pub(crate) fn not_before(&self, name: &str) -> Option<UnixTime> {
        self.known(name)?.queue.not_before()
    }

    fn known(&self, name: &str) -> Option<Arc<Host>> {
        let hosts = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&normalized(name)).map(Arc::clone)
    }
}

/// The same for all spellings of a host.
fn normalized(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::host_queue::REMEMBERED;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hosts_are_capped_and_only_those_that_no_longer_matter_make_room() -> Result<(), FetchError> {
        // The clock of the machine may have begun after our oldest memory.
        tokio::time::advance(REMEMBERED * 3).await;
        let hosts = Hosts::new(3, || UnixTime(1_790_000_000));
        let refused = hosts.get_or_add("refused.example")?;
        refused.queue.leave_alone(REMEMBERED * 3);
        let _in_use = hosts.get_or_add("used.example")?;
        let pace = std::time::Duration::from_secs(1);
        assert!(hosts.get_or_add("asked.example")?.queue.turn(pace).await.is_ok());
        drop(refused);
        assert_eq!(hosts.get_or_add("new.example").err(), Some(FetchError::TooManyHosts { limit: 3 }));
        tokio::time::advance(REMEMBERED * 2).await;
        hosts.get_or_add("new.example")?;
        assert_eq!(hosts.last_asked("asked.example"), None);
        assert!(hosts.not_before("Refused.example.").is_some());
        let known = hosts.by_name.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert!(hosts.get_or_add("newer.example").is_err() || known <= 3);
        Ok(())
    }
}
