//! Waiting for what a running service does within seconds; never asserts how fast.

use std::time::{Duration, Instant};

pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: did not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}
