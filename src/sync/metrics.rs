//! What the index and its following of the store tell Prometheus.

use std::sync::LazyLock;

use crate::core::index::Published;
use crate::core::listing::UnixTime;
use crate::metric::{Counter, Counters, Gauge, Gauges, counter, counters, gauge, gauges};

use super::Freshness;

static LISTINGS: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("numguard_index_listings", "Listings in the index, by kind of subject.", &["kind"])
});
static DECISIONS: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_index_decisions", "Operators' decisions in the index."));
static BYTES: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_index_bytes", "Memory of the index's tables in bytes."));
static OVERLAY: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_index_overlay_changes", "Changes that wait for the next rebuild of the index.")
});
static REVISION: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_index_revision", "Indexes published since the start."));
static LOADED: LazyLock<Gauge> =
    LazyLock::new(|| gauge("numguard_index_loaded", "1 if there is an index to check with."));
static DEGRADED: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_index_degraded", "1 while the store cannot be followed, or a load of it is held back.")
});
static STALENESS: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_index_staleness_seconds", "Seconds since the index was last known to be complete.")
});
static HELD: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_index_load_held", "1 while a load is held back because too much is missing.")
});

/// Saving the index to disk.
pub(super) static SAVED_AT: LazyLock<Gauge> = LazyLock::new(|| {
    gauge(
        "numguard_index_saved_timestamp_seconds",
        "When the index was last saved or found as saved; 0: never.",
    )
});
pub(super) static SAVE_FAILURES: LazyLock<Counter> = LazyLock::new(|| {
    counter("numguard_index_save_failures_total", "Times that the index could not be saved.")
});
/// Full loads, by why.
pub(super) static FULL_LOADS: LazyLock<Counters> = LazyLock::new(|| {
    counters("numguard_sync_full_loads_total", "Loads of every listing from the store, by why.", &["reason"])
});
pub(super) static HELD_LOADS: LazyLock<Counter> = LazyLock::new(|| {
    counter("numguard_sync_held_loads_total", "Full loads that were held back because too much was missing.")
});
pub(super) static CHANGES: LazyLock<Counter> = LazyLock::new(|| {
    counter("numguard_sync_changes_total", "Changed subjects taken in from the store's log.")
});
pub(super) static FAILURES: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_sync_failures_total", "Attempts to follow the store that failed."));
pub(super) static REBUILDS: LazyLock<Counter> =
    LazyLock::new(|| counter("numguard_index_rebuilds_total", "Indexes rebuilt in the background."));

/// Why every listing is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoadReason {
    /// There is no index yet.
    Start,
    /// The log does not lead on from the index.
    LogGap,
    /// Digests differ.
    Differs,
    /// A load that was held back is tried again.
    Released,
}

impl LoadReason {
    const ALL: [Self; 4] = [Self::Start, Self::LogGap, Self::Differs, Self::Released];

    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::LogGap => "log_gap",
            Self::Differs => "differs",
            Self::Released => "released",
        }
    }

    pub(super) fn count(self) {
        FULL_LOADS.with_label_values(&[self.as_str()]).inc();
    }
}

/// Makes all of them, so that each is told from the start.
pub fn begin() {
    for reason in LoadReason::ALL {
        FULL_LOADS.with_label_values(&[reason.as_str()]);
    }
    for counter in [&SAVE_FAILURES, &HELD_LOADS, &CHANGES, &FAILURES, &REBUILDS] {
        LazyLock::force(counter);
    }
    LazyLock::force(&SAVED_AT);
}

/// Reads the state of the index at `now`.
pub fn read(published: &Published, freshness: &Freshness, now: UnixTime) {
    let index = published.load();
    let (stats, age) = (index.stats(), freshness.of(&index, now));
    LISTINGS.with_label_values(&["number"]).set(whole(stats.numbers));
    LISTINGS.with_label_values(&["range"]).set(whole(stats.ranges));
    DECISIONS.set(whole(index.decisions()));
    BYTES.set(whole(stats.bytes));
    OVERLAY.set(whole(stats.overlay));
    REVISION.set(whole(age.revision));
    LOADED.set(freshness.is_loaded().into());
    DEGRADED.set(age.degraded.into());
    STALENESS.set(age.staleness_seconds.into());
    HELD.set(freshness.held().is_some().into());
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
