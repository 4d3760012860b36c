//! What happens often is told seldom, with how often it happened meanwhile: a store that is away fails
//! every call, and one line says as much as a thousand.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says a thing at most so often.
pub(crate) struct Seldom {
    most: u32,
    every: Duration,
    state: Mutex<State>,
}

struct State {
    since: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Seldom {
    /// Once in `every`.
    pub(crate) const fn once(every: Duration) -> Self {
        Self::few(1, every)
    }

    /// At most `most` times in `every`: where each may be of another kind.
    pub(crate) const fn few(most: u32, every: Duration) -> Self {
        Self { most, every, state: Mutex::new(State { since: None, told: 0, untold: 0 }) }
    }

    /// It has happened: `say` is called if it is time, with how often nothing was said since the last time.
    pub(crate) fn tell(&self, say: impl FnOnce(u64)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.since.is_none_or(|since| since.elapsed() >= self.every) {
            (state.since, state.told) = (Some(Instant::now()), 0);
        }
        if state.told >= self.most {
            state.untold += 1;
            return;
        }
        state.told += 1;
        let untold = std::mem::take(&mut state.untold);
        drop(state);
        say(untold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_told_is_counted() {
        let mut told = Vec::new();
        let seldom = Seldom::few(2, Duration::from_secs(3_600));
        for _ in 0..1_000 {
            seldom.tell(|untold| told.push(untold));
        }
        assert_eq!(told, [0, 0]);
        let always = Seldom { every: Duration::ZERO, ..seldom };
        always.tell(|untold| told.push(untold));
        always.tell(|untold| told.push(untold));
        assert_eq!(told, [0, 0, 998, 0]);
    }
}
