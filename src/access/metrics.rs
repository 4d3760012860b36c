//! What access tells Prometheus: until when our certificate counts.

use std::sync::LazyLock;

use crate::listing::UnixTime;
use crate::metric::{Counter, Gauge, counter, gauge};

static UNTIL: LazyLock<Gauge> = LazyLock::new(|| {
    gauge(
        "numguard_tls_certificate_expires_timestamp_seconds",
        "When the certificate in use ends; 0: no TLS.",
    )
});
pub(super) static RELOAD_FAILURES: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "numguard_tls_reload_failures_total",
        "Changed certificates that could not be used: the old one stays.",
    )
});

/// A certificate is in use, and ends then.
pub(super) fn in_use(until: UnixTime) {
    UNTIL.set(until.0.into());
}

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    LazyLock::force(&UNTIL);
    LazyLock::force(&RELOAD_FAILURES);
}
