//! What the audit record tells Prometheus.

use std::sync::LazyLock;

use crate::metric::{Counter, counter};

pub(super) static LINES: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_audit_lines_total", "Lines written to the audit record."));
pub(super) static FAILURES: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "numguard_audit_failures_total",
        "Writes to the audit record that failed; what they were about was refused.",
    )
});

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    for counter in [&LINES, &FAILURES] {
        LazyLock::force(counter);
    }
}
