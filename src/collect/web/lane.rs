//! One lane per host: who may ask it now, and when the next may.
//!
//! The pace is GCRA with no burst: all that it keeps is when the last request ended, and the next
//! begins no earlier than a pace after that. So a site's own log never shows two of our requests
//! closer than the pace, however slow it is. Jitter only ever adds. Must not make requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until};

use crate::core::listing::UnixTime;
use crate::random;

use super::robots::Kept;
use super::{FetchError, WallClock};

/// Jitter adds up to this many thousandths of the pace.
const JITTER: u32 = 100;

/// A host is remembered at least this long; a longer pace or refusal keeps it longer.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// No pace is longer, so that sums of times stay far from their end.
const SLOWEST: Duration = Duration::from_secs(30 * 86_400);

/// The lanes of all hosts.
pub(crate) struct Lanes {
    by_host: Mutex<HashMap<String, Arc<Lane>>>,
    limit: usize,
    clock: WallClock,
}

/// One host.
pub(crate) struct Lane {
    turn: Arc<tokio::sync::Mutex<()>>,
    times: Mutex<Times>,
    clock: WallClock,
    /// What is known of its robots.txt files.
    pub(crate) robots: Kept,
}

#[derive(Default)]
struct Times {
    /// When the last request ended, or began if it still goes on.
    last: Option<Instant>,
    last_asked: Option<UnixTime>,
    last_pace: Duration,
    /// Thousandths by which the next gap is longer than the pace.
    jitter: u32,
    not_before: Option<Instant>,
}

/// The right to make one request to a host. The pace counts from when it is dropped.
pub(crate) struct Turn {
    lane: Arc<Lane>,
    _held: OwnedMutexGuard<()>,
}

impl Lanes {
    pub(crate) fn new(limit: usize, clock: WallClock) -> Self {
        Self { by_host: Mutex::default(), limit, clock }
    }

    /// The lane of a host. Once there are too many, those that are no more needed make room.
    pub(crate) fn of(&self, host: &str) -> Result<Arc<Lane>, FetchError> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut lanes = locked(&self.by_host);
        if let Some(lane) = lanes.get(&host) {
            return Ok(Arc::clone(lane));
        }
        if lanes.len() >= self.limit {
            let now = Instant::now();
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || locked(&lane.times).matter(now));
        }
        if lanes.len() >= self.limit {
            return Err(FetchError::TooManyHosts { limit: self.limit });
        }
        let lane = Arc::new(Lane {
            turn: Arc::default(),
            times: Mutex::new(Times { jitter: draw(), ..Times::default() }),
            clock: self.clock,
            robots: Kept::default(),
        });
        lanes.insert(host, Arc::clone(&lane));
        Ok(lane)
    }

    /// When a known host was last asked.
    pub(crate) fn last_asked(&self, host: &str) -> Option<UnixTime> {
        self.known(host).and_then(|lane| locked(&lane.times).last_asked)
    }

    /// Until when a known host is left alone because it said so.
    pub(crate) fn not_before(&self, host: &str) -> Option<UnixTime> {
        let left = self.known(host).and_then(|lane| locked(&lane.times).refusal(Instant::now()))?;
        // Rounded up: a second too late is polite.
        let seconds = u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX);
        Some(UnixTime((self.clock)().0.saturating_add(seconds)))
    }

    fn known(&self, host: &str) -> Option<Arc<Lane>> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        locked(&self.by_host).get(&host).map(Arc::clone)
    }
}

impl Lane {
    /// Waits until nobody asks the host and `pace` has gone by; `Err` is how long the host wants to
    /// be left alone.
    pub(crate) async fn turn(self: &Arc<Self>, pace: Duration) -> Result<Turn, Duration> {
        let held = Arc::clone(&self.turn).lock_owned().await;
        loop {
            let now = Instant::now();
            let next = {
                let mut times = locked(&self.times);
                if let Some(left) = times.refusal(now) {
                    return Err(left);
                }
                match times.next(pace) {
                    Some(next) if next > now => next,
                    _ => {
                        times.started(now, (self.clock)(), pace);
                        break;
                    }
                }
            };
            sleep_until(next).await;
        }
        Ok(Turn { lane: Arc::clone(self), _held: held })
    }

    /// Takes over when an earlier process asked.
    pub(crate) fn remember(&self, last_asked: UnixTime) {
        let mut times = locked(&self.times);
        if times.last_asked.is_some_and(|known| known >= last_asked) {
            return;
        }
        // Both times were cut to seconds: it may have been up to a second less. A time to come is
        // a clock's mistake, and counts as now.
        let ago = (self.clock)().0.saturating_sub(last_asked.0).saturating_sub(1);
        let now = Instant::now();
        // If the machine's clock does not reach back that far, it counts as just asked.
        let last = now.checked_sub(Duration::from_secs(ago.into())).unwrap_or(now);
        times.last = times.last.max(Some(last));
        times.last_asked = Some(last_asked);
    }

    /// Nobody asks the host for this long.
    pub(crate) fn leave_alone(&self, wait: Duration) {
        let mut times = locked(&self.times);
        times.not_before = times.not_before.max(Instant::now().checked_add(wait));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut times = locked(&self.lane.times);
        times.last = Some(Instant::now());
        times.last_asked = Some((self.lane.clock)());
    }
}

impl Times {
    fn refusal(&self, now: Instant) -> Option<Duration> {
        self.not_before.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// When the next request may begin: a task with a shorter pace does not undo a longer one.
    fn next(&self, pace: Duration) -> Option<Instant> {
        let pace = pace.max(self.last_pace).min(SLOWEST);
        self.last?.checked_add(pace + pace * self.jitter / 1_000)
    }

    fn started(&mut self, now: Instant, wall: UnixTime, pace: Duration) {
        *self = Self {
            last: Some(now),
            last_asked: Some(wall),
            last_pace: pace,
            jitter: draw(),
            not_before: self.not_before,
        };
    }

    /// Whether forgetting the host could make us impolite.
    fn matter(&self, now: Instant) -> bool {
        let recent = |last: Instant| {
            now.saturating_duration_since(last) < self.last_pace.saturating_mul(2).max(REMEMBERED)
        };
        self.refusal(now).is_some() || self.last.is_some_and(recent)
    }
}

fn draw() -> u32 {
    // Below JITTER, so it fits.
    u32::try_from(random::number() % u64::from(JITTER)).unwrap_or(0)
}

/// No code that can panic runs under these locks, so a poisoned one is as good as new.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_790_000_000;

    fn lanes(limit: usize) -> Lanes {
        Lanes::new(limit, || UnixTime(NOW))
    }

    /// Seconds that a turn is waited for.
    async fn waited(lane: &Arc<Lane>, pace: u64) -> Result<f64, Duration> {
        let start = Instant::now();
        let turn = lane.turn(Duration::from_secs(pace)).await?;
        drop(turn);
        Ok(start.elapsed().as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn the_longer_of_two_paces_counts_and_jitter_only_adds() -> Result<(), Box<dyn std::error::Error>> {
        let lane = lanes(9).of("a.example")?;
        let wait = async |pace| waited(&lane, pace).await.map_err(|left| format!("refused for {left:?}"));
        assert!(wait(100).await? < 1.0);
        for pace in [1, 100, 100] {
            let waited = wait(pace).await?;
            assert!((100.0..=110.1).contains(&waited) || pace == 1 && waited < 110.1, "{pace}: {waited}");
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_request_counts() -> Result<(), FetchError> {
        let lane = lanes(9).of("a.example")?;
        let asking = async {
            let _turn = lane.turn(Duration::from_secs(10)).await;
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), asking).await;
        assert!(waited(&lane, 10).await.is_ok_and(|waited| waited >= 10.0));
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn remembered_times_are_kept_to_and_a_time_to_come_counts_as_now() -> Result<(), FetchError> {
        for (ago, waits) in [(0, 60.0..=66.1), (20, 41.0..=47.1), (3_600, 0.0..=0.1), (-999, 60.0..=66.1)] {
            let lane = lanes(9).of("a.example")?;
            lane.remember(UnixTime(NOW.saturating_add_signed(-ago)));
            let waited = waited(&lane, 60).await.unwrap_or(-1.0);
            assert!(waits.contains(&waited), "{ago} seconds ago: {waited}");
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_are_capped_and_only_those_that_matter_no_more_make_room() -> Result<(), FetchError> {
        // The clock of the machine may have begun after our oldest memory.
        tokio::time::advance(REMEMBERED * 3).await;
        let lanes = lanes(3);
        let refused = lanes.of("refused.example")?;
        refused.leave_alone(REMEMBERED * 3);
        let _in_use = lanes.of("used.example")?;
        assert!(waited(&lanes.of("asked.example")?, 1).await.is_ok());
        drop(refused);
        assert_eq!(lanes.of("new.example").err(), Some(FetchError::TooManyHosts { limit: 3 }));
        tokio::time::advance(REMEMBERED * 2).await;
        lanes.of("new.example")?;
        assert_eq!(lanes.last_asked("asked.example"), None);
        assert!(lanes.not_before("Refused.example.").is_some());
        assert!(lanes.of("newer.example").is_err() || locked(&lanes.by_host).len() <= 3);
        Ok(())
    }
}
