//! What access counts: calls that were not let in, and what each client uses.

use std::sync::LazyLock;

use crate::metric::{Counters, counters};

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

/// Counts a call that was not let in.
pub(super) fn denied(denied: &Denied) {
    DENIED.with_label_values(&[denied.word()]).inc();
}

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    for word in Denied::WORDS {
        DENIED.with_label_values(&[word]);
    }
    LIMITED.with_label_values(&[super::ANONYMOUS]);
    NUMBERS.with_label_values(&[super::ANONYMOUS]);
}
