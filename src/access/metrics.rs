//! What access tells Prometheus: calls that were not let in, what each client uses, and until when our
//! certificate counts.

use std::sync::LazyLock;

use crate::listing::UnixTime;
use crate::metric::{Counter, Counters, Gauge, counter, counters, gauge};

use super::denied::Denied;

pub(super) static NUMBERS: LazyLock<Counters> = LazyLock::new(|| {
    let help = "Numbers checked, outcomes reported and other calls, by the owner of the API key.";
    counters("numguard_client_numbers_total", help, &["client"])
});
pub(super) static LIMITED: LazyLock<Counters> = LazyLock::new(|| {
    counters("numguard_client_limited_total", "Calls over the limit of their client.", &["client"])
});
static DENIED: LazyLock<Counters> = LazyLock::new(|| {
    counters("numguard_calls_denied_total", "Calls that no API key let in, by what was wrong.", &["why"])
});
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

/// Counts a call that was not let in.
pub(super) fn denied(denied: &Denied) {
    DENIED.with_label_values(&[denied.word()]).inc();
}

/// A certificate is in use, and ends then.
pub(super) fn in_use(until: UnixTime) {
    UNTIL.set(until.0.into());
}

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    for word in Denied::WORDS {
        DENIED.with_label_values(&[word]);
    }
    LIMITED.with_label_values(&[super::ANONYMOUS]);
    NUMBERS.with_label_values(&[super::ANONYMOUS]);
    LazyLock::force(&UNTIL);
    LazyLock::force(&RELOAD_FAILURES);
}
