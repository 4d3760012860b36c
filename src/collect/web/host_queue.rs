//! One host: who may ask it now, and when the next may.
//!
//! governor decides, without bursts. The pace counts from the end of the last request, so a site's own log never shows
//! two of our requests closer than the pace, however slow the site is. Jitter only ever adds. Must not make requests.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep_until};

use crate::core::listing::UnixTime;
use crate::random;

use super::WallClock;

/// Jitter adds up to this many thousandths of the pace.
const JITTER: u32 = 100;

/// A host is remembered at least this long; a longer pace or refusal keeps it longer.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(86_400);

/// No pace is longer, so that sums of times cannot overflow.
const SLOWEST: Duration = Duration::from_secs(30 * 86_400);

/// No pace is shorter, as governor knows none of zero.
const FASTEST: Duration = Duration::from_nanos(1);

/// The queue before one host.
pub(crate) struct HostQueue {
    turn: tokio::sync::Mutex<()>,
    times: Mutex<Times>,
    clock: WallClock,
}

#[derive(Default)]
struct Times {
    /// When the next request may begin, if its pace is not longer than `pace`.
    next: Option<Instant>,
    /// The pace of the last request.
    pace: Duration,
    last_asked: Option<UnixTime>,
    not_before: Option<Instant>,
}

/// The right to make one request to a host. The pace counts from when it is dropped.
pub(crate) struct Turn<'a> {
    queue: &'a HostQueue,
    _guard: tokio::sync::MutexGuard<'a, ()>,
}

impl HostQueue {
    pub(crate) fn new(clock: WallClock) -> Self {
        Self { turn: tokio::sync::Mutex::default(), times: Mutex::default(), clock }
    }

    /// Waits until nobody asks the host and `pace` has gone by; `Err` is how long the host wants to
    /// be left alone.
    pub(crate) async fn turn(&self, pace: Duration) -> Result<Turn<'_>, Duration> {
        let pace = pace.clamp(FASTEST, SLOWEST);
        let guard = self.turn.lock().await;
        loop {
            let now = Instant::now();
            let wait = {
                let mut times = self.times();
                if let Some(left) = times.refusal(now) {
                    return Err(left);
                }
                match times.begin(now, pace) {
                    Ok(()) => {
                        times.last_asked = Some((self.clock)());
                        return Ok(Turn { queue: self, _guard: guard });
                    }
                    Err(wait) => wait,
                }
            };
            sleep_until(now + wait + jitter(pace)).await;
        }
    }

    /// Restores the time at which an earlier process last asked.
    pub(crate) fn remember(&self, last_asked: UnixTime) {
        let mut times = self.times();
        if times.last_asked.is_some_and(|known| known >= last_asked) {
            return;
        }
        // Both times were cut to seconds: it may have been up to a second less. A time in the
        // future is a clock's mistake, and counts as now.
        let ago = (self.clock)().0.saturating_sub(last_asked.0).saturating_sub(1);
        let now = Instant::now();
        // If the machine's clock does not reach back that far, it counts as just asked.
        let last = now.checked_sub(Duration::from_secs(ago.into())).unwrap_or(now);
        times.next = times.next.max(Some(last + times.pace));
        times.last_asked = Some(last_asked);
    }

    /// Nobody asks the host for this long.
    pub(crate) fn leave_alone(&self, wait: Duration) {
        let mut times = self.times();
        times.not_before = times.not_before.max(Instant::now().checked_add(wait));
    }

    /// When the host was last asked.
    pub(crate) fn last_asked(&self) -> Option<UnixTime> {
        self.times().last_asked
    }

    /// Until when the host is left alone because it said so.
    pub(crate) fn not_before(&self) -> Option<UnixTime> {
        let left = self.times().refusal(Instant::now())?;
        // Rounded up: a second too late is polite.
        let seconds = u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX);
        Some(UnixTime((self.clock)().0.saturating_add(seconds)))
    }

    /// Whether forgetting the host could make us impolite.
    pub(crate) fn matters(&self, now: Instant) -> bool {
        let times = self.times();
        let recent = |next: Instant| now < next + times.pace.max(REMEMBERED);
        times.refusal(now).is_some() || times.next.is_some_and(recent)
    }

    /// No code that can panic runs under this lock, so a poisoned one is as good as new.
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut times = self.queue.times();
        times.next = Some(Instant::now() + times.pace);
        times.last_asked = Some((self.queue.clock)());
    }
}

impl Times {
    fn refusal(&self, now: Instant) -> Option<Duration> {
        self.not_before.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Lets a request begin now, or says how long it has to wait. The longer of two paces counts
    /// between two requests, so a task with a shorter pace does not undo a longer one.
    fn begin(&mut self, now: Instant, pace: Duration) -> Result<(), Duration> {
        let Some(quota) = Quota::with_period(pace) else { return Ok(()) };
        let longer = pace.saturating_sub(self.pace);
        let state = NextRequest { at: Cell::new(self.next.map(|next| next + longer)), now };
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(quota, state, Now);
        limiter.check().map_err(|early| early.wait_time_from(Now.now()))?;
        *self = Self { next: limiter.into_state_store().at.get(), pace, ..*self };
        Ok(())
    }
}

/// When the next request may begin, which is all that governor keeps. governor's own state cannot be set; this one is
/// set at the end of a request, from an earlier process's time, and for a changed pace.
struct NextRequest {
    at: Cell<Option<Instant>>,
    now: Instant,
}

impl StateStore for NextRequest {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let wait = self.at.get().map(|at| at.saturating_duration_since(self.now).into());
        let (outcome, next) = decide(wait)?;
        self.at.set(Some(self.now + next.into()));
        Ok(outcome)
    }
}

/// governor's clock, for one decision: its times count from now.
struct Now;

impl Clock for Now {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::default()
    }
}

fn jitter(pace: Duration) -> Duration {
    // Below JITTER, so it fits.
    let thousandths = u32::try_from(random::number() % u64::from(JITTER)).unwrap_or(0);
    pace * thousandths / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_790_000_000;

    fn queue() -> HostQueue {
        HostQueue::new(|| UnixTime(NOW))
    }

    /// Seconds that a turn is waited for.
    async fn waited(queue: &HostQueue, pace: u64) -> Result<f64, Duration> {
        let start = Instant::now();
        let turn = queue.turn(Duration::from_secs(pace)).await?;
        drop(turn);
        Ok(start.elapsed().as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn the_longer_of_two_paces_counts_and_jitter_only_adds() -> Result<(), String> {
        let queue = queue();
        let wait = async |pace| waited(&queue, pace).await.map_err(|left| format!("refused for {left:?}"));
        assert!(wait(100).await? < 1.0);
        for pace in [1, 100, 100] {
            let waited = wait(pace).await?;
            assert!((100.0..=110.1).contains(&waited) || pace == 1 && waited < 110.1, "{pace}: {waited}");
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_many_tasks_waits_its_pace_after_the_end_of_the_one_before() {
        let queue = queue();
        let asking = (0..20).map(|_| async {
            let turn = queue.turn(Duration::from_secs(10)).await;
            let begun = Instant::now();
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(turn);
            begun
        });
        let mut begun = futures_util::future::join_all(asking).await;
        begun.sort_unstable();
        for pair in begun.windows(2) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!((13.0..=14.1).contains(&gap), "{gap}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_request_counts() {
        let queue = queue();
        let asking = async {
            let _turn = queue.turn(Duration::from_secs(10)).await;
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), asking).await;
        assert!(waited(&queue, 10).await.is_ok_and(|waited| waited >= 10.0));
    }

    #[tokio::test(start_paused = true)]
    async fn remembered_times_are_kept_to_and_a_time_to_come_counts_as_now() {
        for (ago, waits) in [(0, 60.0..=66.1), (20, 41.0..=47.1), (3_600, 0.0..=0.1), (-999, 60.0..=66.1)] {
            let queue = queue();
            queue.remember(UnixTime(NOW.saturating_add_signed(-ago)));
            let waited = waited(&queue, 60).await.unwrap_or(-1.0);
            assert!(waits.contains(&waited), "{ago} seconds ago: {waited}");
        }
    }
}
