//! What happens often is told seldom, with how often it happened meanwhile: a store that is away fails
//! every call, and one line says as much as a thousand.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says a thing at most so often.
pub(super) struct Seldom {
    every: Duration,
    state: Mutex<State>,
}

struct State {
    told: Option<Instant>,
    untold: u64,
}

impl Seldom {
    pub(super) const fn new(every: Duration) -> Self {
        Self { every, state: Mutex::new(State { told: None, untold: 0 }) }
    }

    /// It has happened: `say` is called if it is time, with how often nothing was said since the last time.
    pub(super) fn tell(&self, say: impl FnOnce(u64)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.told.is_some_and(|last| last.elapsed() < self.every) {
            state.untold += 1;
            return;
        }
        let untold = std::mem::take(&mut state.untold);
        state.told = Some(Instant::now());
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
        let seldom = Seldom::new(Duration::from_secs(3_600));
        for _ in 0..1_000 {
            seldom.tell(|untold| told.push(untold));
        }
        assert_eq!(told, [0]);
        let always = Seldom { every: Duration::ZERO, ..seldom };
        always.tell(|untold| told.push(untold));
        always.tell(|untold| told.push(untold));
        assert_eq!(told, [0, 999, 0]);
    }
}
