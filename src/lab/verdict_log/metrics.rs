//! What the verdict log tells Prometheus.

use std::sync::LazyLock;

use crate::metric::{Counter, counter};

pub(super) static WRITTEN: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_decisions_written_total", "Decisions written to the decision log."));
pub(super) static DROPPED: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "numguard_decisions_dropped_total",
        "Decisions that were not logged, because the queue was full or the file could not be written.",
    )
});

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    LazyLock::force(&WRITTEN);
    LazyLock::force(&DROPPED);
}
