//! What the Redis store tells Prometheus: its connections, calls and failures.

use std::sync::LazyLock;

use crate::metric::{Counter, Counters, Gauge, counter, counters, gauge};

static WANTED: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_redis_connections_wanted", "Connections to Redis that are kept."));
static UP: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_redis_connections", "Connections to Redis that are up."));
pub(super) static CONNECTS: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_redis_connects_total", "Connections made to Redis."));
pub(super) static CONNECT_FAILURES: LazyLock<Counter> = LazyLock::new(|| {
    counter("numguard_redis_connect_failures_total", "Attempts to connect to Redis that failed.")
});
pub(super) static CALLS: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_redis_calls_total", "Calls to Redis."));
static ERRORS: LazyLock<Counters> = LazyLock::new(|| {
    counters("numguard_redis_errors_total", "Calls to Redis that failed, by how.", &["kind"])
});
pub(super) static ERRORS_UNREACHABLE: LazyLock<Counter> =
    LazyLock::new(|| ERRORS.with_label_values(&["unreachable"]));
pub(super) static ERRORS_TIMEOUT: LazyLock<Counter> =
    LazyLock::new(|| ERRORS.with_label_values(&["timeout"]));
static ERRORS_REFUSED: LazyLock<Counter> = LazyLock::new(|| ERRORS.with_label_values(&["refused"]));
static ERRORS_BROKEN: LazyLock<Counter> = LazyLock::new(|| ERRORS.with_label_values(&["broken"]));

/// A call failed: Redis said no, or the connection broke.
pub(super) fn failed(refused: bool) {
    if refused { ERRORS_REFUSED.inc() } else { ERRORS_BROKEN.inc() }
}

/// Counts as a connection that is up until it is dropped, however its keeper ends.
pub(super) struct Up;

impl Up {
    pub(super) fn new() -> Self {
        UP.inc();
        Self
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        UP.dec();
    }
}

/// Counts as a connection that is kept until it is dropped.
pub(super) struct Wanted;

impl Wanted {
    pub(super) fn new() -> Self {
        WANTED.inc();
        Self
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        WANTED.dec();
    }
}

/// Makes all of them.
pub(crate) fn begin() {
    for gauge in [&WANTED, &UP] {
        LazyLock::force(gauge);
    }
    let errors = [&ERRORS_UNREACHABLE, &ERRORS_TIMEOUT, &ERRORS_REFUSED, &ERRORS_BROKEN];
    for counter in [&CONNECTS, &CONNECT_FAILURES, &CALLS].into_iter().chain(errors) {
        LazyLock::force(counter);
    }
}
