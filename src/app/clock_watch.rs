//! Names a clock that was set back, once each time. Must not correct it: that is the machine's to do.
//!
//! What must not depend on it does not: leases run by the store's own time, the index and the limits by
//! time that only goes forward, and the audit record and ended API keys by the latest time seen.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::core::listing::UnixTime;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Seconds that are no news: clocks are read in whole ones, and corrected by little.
const SLACK: u32 = 2;

/// Compares the start with when something was last put on record.
pub(super) fn at_start(now: UnixTime, last: UnixTime) {
    let by = last.0.saturating_sub(now.0);
    if by > SLACK {
        tell(by, "the last line of the audit record is of a time that is to come");
    }
}

/// Watches the clock until `stopped`.
pub(super) async fn watch(clock: fn() -> UnixTime, mut stopped: watch::Receiver<bool>) {
    let mut before = (clock(), Instant::now());
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let now = (clock(), Instant::now());
        let by = set_back(before.0, now.0, now.1 - before.1);
        if by > 0 {
            tell(by, "while this server ran");
        }
        before = now;
    }
}

/// Seconds by which a clock went back while `passed` went by; 0 if it did not.
fn set_back(before: UnixTime, now: UnixTime, passed: Duration) -> u32 {
    let passed = u32::try_from(passed.as_secs()).unwrap_or(u32::MAX);
    let by = before.0.saturating_add(passed).saturating_sub(now.0);
    if by > SLACK { by } else { 0 }
}

fn tell(seconds: u32, how: &str) {
    tracing::warn!(
        seconds,
        how,
        "the clock was set back: set it right (NTP); until then decisions that ended in that time count \
         again, and feeds wait longer"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_was_set_back_is_told() {
        for (before, now, passed, by) in [
            (100_000, 100_001, 1, 0),
            (100_000, 99_999, 1, 0),
            (100_000, 96_401, 1, 3_600),
            (100_000, 100_000, 60, 60),
            (100_000, 200_000, 1, 0),
            (0, 0, 0, 0),
        ] {
            let found = set_back(UnixTime(before), UnixTime(now), Duration::from_secs(passed));
            assert_eq!(found, by, "{before} {now} {passed}");
        }
    }
}
