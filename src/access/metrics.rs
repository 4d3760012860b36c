//! What access tells Prometheus: calls that were not let in, what each client uses, and until when our
//! certificate counts.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::core::listing::UnixTime;
use crate::metric::{Counter, Counters, Gauge, counter, counters, gauge};

use super::denied::Denied;
use super::record::ANONYMOUS;

/// Clients with series of their own; those beyond share one.
const MOST_CLIENTS: usize = 1_000;
/// The name of that one.
const OTHER: &str = "other";

static NUMBERS: LazyLock<Counters> = LazyLock::new(|| {
    let help = "Numbers checked, outcomes reported and other calls, by the owner of the API key.";
    counters("numguard_client_numbers_total", help, &["client"])
});
static LIMITED: LazyLock<Counters> = LazyLock::new(|| {
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

static NAMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What one client uses.
pub(super) struct Uses {
    /// The value of the label `client`.
    pub(super) label: String,
    /// Numbers and other calls that were let through.
    pub(super) numbers: Counter,
    /// Calls over the limit.
    pub(super) limited: Counter,
}

/// The counts of a client; both series exist from now on.
pub(super) fn of_client(name: &str) -> Arc<Uses> {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    let own = named.contains(name) || named.len() < MOST_CLIENTS && named.insert(name.to_owned());
    let name = if own { name } else { OTHER };
    Arc::new(Uses {
        label: name.to_owned(),
        numbers: NUMBERS.with_label_values(&[name]),
        limited: LIMITED.with_label_values(&[name]),
    })
}

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
    of_client(ANONYMOUS);
    LazyLock::force(&UNTIL);
    LazyLock::force(&RELOAD_FAILURES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_clients_make_a_thousand_series() {
        let before = of_client("the-first");
        for n in 0..10_000 {
            of_client(&format!("client-{n}")).numbers.inc();
        }
        assert_eq!(NAMED.lock().unwrap_or_else(PoisonError::into_inner).len(), MOST_CLIENTS);
        assert!(NUMBERS.with_label_values(&[OTHER]).get() >= 9_000);
        before.numbers.inc();
        assert_eq!(of_client("the-first").numbers.get(), 1, "who has a series keeps it");
    }
}
