//! Calls for which there was no permit: counted by client and weight, and logged once a minute for each.
//!
//! A client has the name that it has in metrics: of those there is a bounded number, and none is a secret.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tonic::Status;

use crate::access::{ANONYMOUS, Caller, Weight};
use crate::metric::{Counter, Counters, counters};

use super::super::status::too_busy;
use crate::log_limiter::LogLimiter;

/// The log has one line for each client and weight in this time.
const EVERY: Duration = Duration::from_secs(60);

static COUNTERS: LazyLock<Counters> = LazyLock::new(|| {
    let help =
        "Calls refused because their client or the server had as many of their weight as there may be.";
    counters("numguard_calls_shed_total", help, &["client", "weight"])
});

/// The refused calls of one client and weight.
struct Shed {
    count: Counter,
    log: LogLimiter,
}

static SHEDS: LazyLock<Mutex<HashMap<String, Arc<[Shed]>>>> = LazyLock::new(Mutex::default);

/// Counts a call that was refused, and says how the caller is answered.
pub(crate) fn shed(weight: Weight, caller: &Caller) -> Box<Status> {
    let client = caller.label();
    // The lock is not kept while a line is written: a log that nobody reads must not stop workers.
    if let Some(shed) = by_weight(client).get(weight as usize) {
        shed.count.inc();
        shed.log.log(|before| {
            tracing::warn!(
                client,
                weight = weight.as_str(),
                refused = before + 1,
                "calls were refused: as many are open as there may be, in all or of this client"
            );
        });
    }
    Box::new(too_busy(weight))
}

/// The refused calls of one client.
fn by_weight(client: &str) -> Arc<[Shed]> {
    let mut sheds = SHEDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = sheds.get(client) {
        return Arc::clone(known);
    }
    let new = |weight: Weight| Shed {
        count: COUNTERS.with_label_values(&[client, weight.as_str()]),
        log: LogLimiter::once(EVERY),
    };
    let new: Arc<[Shed]> = Weight::ALL.map(new).into();
    sheds.insert(client.to_owned(), Arc::clone(&new));
    new
}

/// Makes the series of callers without a key, so that the metric exists from the start.
pub(crate) fn begin() {
    for weight in Weight::ALL.into_iter().filter(|weight| *weight != Weight::Refused) {
        COUNTERS.with_label_values(&[ANONYMOUS, weight.as_str()]);
    }
}
