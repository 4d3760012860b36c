//! Rate-limited logging: repeats are counted and reported with the next line. A store that is away fails every call, and
//! one line says as much as a thousand.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writes a log line at most so often.
pub(crate) struct LogLimiter {
    most: u32,
    every: Duration,
    state: Mutex<State>,
}

struct State {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl LogLimiter {
    /// Once in `every`.
    pub(crate) const fn once(every: Duration) -> Self {
        Self::few(1, every)
    }

    /// At most `most` times in `every`: where each may be of another kind.
    pub(crate) const fn few(most: u32, every: Duration) -> Self {
        Self { most, every, state: Mutex::new(State { since: None, written: 0, left_out: 0 }) }
    }

    /// It has happened: `write` is called if it is time, with how many lines were left out since the last one.
    pub(crate) fn log(&self, write: impl FnOnce(u64)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.since.is_none_or(|since| since.elapsed() >= self.every) {
            (state.since, state.written) = (Some(Instant::now()), 0);
        }
        if state.written >= self.most {
            state.left_out += 1;
            return;
        }
        state.written += 1;
        let left_out = std::mem::take(&mut state.left_out);
        drop(state);
        write(left_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_left_out_are_counted() {
        let mut written = Vec::new();
        let limiter = LogLimiter::few(2, Duration::from_secs(3_600));
        for _ in 0..1_000 {
            limiter.log(|left_out| written.push(left_out));
        }
        assert_eq!(written, [0, 0]);
        let always = LogLimiter { every: Duration::ZERO, ..limiter };
        always.log(|left_out| written.push(left_out));
        always.log(|left_out| written.push(left_out));
        assert_eq!(written, [0, 0, 998, 0]);
    }
}
