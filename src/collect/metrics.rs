//! What the collector tells Prometheus. The label `feed` is the name of a definition in force.
//!
//! Counters tell what this process did; gauges what the store knows, and so the same in every
//! process on it: queries take the `max` of them.

use std::sync::LazyLock;

use crate::metric::{Counters, Gauge, Gauges, counters, gauge, gauges};

use super::{CollectError, FeedState, FeedStatus, RunOutcome, RunReport};

const FEED: &[&str] = &["feed"];

static RUNS: LazyLock<Counters> = LazyLock::new(|| {
    counters(
        "numguard_feed_runs_total",
        "Runs of feeds by this process, by how they ended.",
        &["feed", "outcome"],
    )
});
static PAGES: LazyLock<Counters> =
    LazyLock::new(|| counters("numguard_feed_pages_total", "Pages that runs of this process fetched.", FEED));
static RUN_ROWS: LazyLock<Counters> = LazyLock::new(|| {
    counters(
        "numguard_feed_run_rows_total",
        "Rows that runs of this process found, by what they were.",
        &["feed", "kind"],
    )
});
static STATE: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("numguard_feed_state", "1 for the state that a feed is in, 0 for the others.", &["feed", "state"])
});
static SCHEDULED: LazyLock<Gauges> =
    LazyLock::new(|| gauges("numguard_feed_scheduled", "1 if a feed is enabled and not paused.", FEED));
static INTERVAL: LazyLock<Gauges> =
    LazyLock::new(|| gauges("numguard_feed_interval_seconds", "Seconds between two runs of a feed.", FEED));
static LAST_RUN: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("numguard_feed_last_run_timestamp_seconds", "When a feed was last run, however it ended.", FEED)
});
static LAST_STORED: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "numguard_feed_last_stored_timestamp_seconds",
        "When a feed's numbers were last stored or seen again.",
        FEED,
    )
});
static FAILING_SINCE: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "numguard_feed_failing_since_timestamp_seconds",
        "End of the first failed run since the last stored one; 0 if the last run was stored or there was none.",
        FEED,
    )
});
static ROWS: LazyLock<Gauges> =
    LazyLock::new(|| gauges("numguard_feed_rows", "Numbers of a feed's last stored run.", FEED));
static NEW_ROWS: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("numguard_feed_new_rows", "Numbers of a feed's last run that it never had before.", FEED)
});
static BAND_MIN: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("numguard_feed_expected_rows_min", "The fewest numbers that a feed's definition expects.", FEED)
});
static BAND_MAX: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("numguard_feed_expected_rows_max", "The most numbers that a feed's definition expects.", FEED)
});
static LEASES: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_feed_leases_held", "Leases on feeds and their hosts that this process holds.")
});

static SCHEDULE_ON: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("numguard_feed_schedule_on", "1 if this process runs feeds on their schedule (collect.enabled).")
});

/// Makes those that are told before anything happens; `on` if this process follows the schedule.
pub fn begin(on: bool) {
    SCHEDULE_ON.set(on.into());
    for vector in [&RUNS, &PAGES, &RUN_ROWS] {
        LazyLock::force(vector);
    }
    for vector in [
        &STATE,
        &SCHEDULED,
        &INTERVAL,
        &LAST_RUN,
        &LAST_STORED,
        &FAILING_SINCE,
        &ROWS,
        &NEW_ROWS,
        &BAND_MIN,
        &BAND_MAX,
    ] {
        LazyLock::force(vector);
    }
    LazyLock::force(&LEASES);
}

/// Counts a run that this process did; `feed` must be the name of a definition.
pub(super) fn ran(feed: &str, ended: &Result<Option<RunReport>, CollectError>) {
    let summary = match ended {
        Ok(Some(report)) => &report.summary,
        Ok(None) | Err(CollectError::Held(_)) => return,
        Err(_) => return RUNS.with_label_values(&[feed, "error"]).inc(),
    };
    RUNS.with_label_values(&[feed, label(summary.outcome.as_str()).as_str()]).inc();
    PAGES.with_label_values(&[feed]).inc_by(summary.pages.into());
    if summary.outcome != RunOutcome::DryRun {
        let kinds = [
            ("new", summary.new),
            ("again", summary.again),
            ("gone", summary.gone),
            ("dropped", summary.dropped),
        ];
        for (kind, rows) in kinds {
            RUN_ROWS.with_label_values(&[feed, kind]).inc_by(rows);
        }
    }
}

/// Where every feed stands.
pub fn read(feeds: &[FeedStatus]) {
    for feed in feeds {
        let name = &[feed.name.as_str()];
        for state in FeedState::ALL {
            let is = i64::from(state == feed.state);
            STATE.with_label_values(&[feed.name.as_str(), label(state.as_str()).as_str()]).set(is);
        }
        SCHEDULED.with_label_values(name).set(feed.next_due.is_some().into());
        if feed.enabled {
            // A count that begins with 1 would hide its first event from `increase`.
            for outcome in RunOutcome::ENDS {
                RUNS.with_label_values(&[feed.name.as_str(), label(outcome.as_str()).as_str()]);
            }
        }
        INTERVAL.with_label_values(name).set(i64::from(feed.interval_minutes) * 60);
        let last = feed.last_run.as_ref();
        LAST_RUN.with_label_values(name).set(last.map_or(0, |run| run.at.0.into()));
        NEW_ROWS.with_label_values(name).set(last.map_or(0, |run| whole(run.new)));
        LAST_STORED.with_label_values(name).set(feed.last_stored.map_or(0, |(at, _)| at.0.into()));
        FAILING_SINCE.with_label_values(name).set(feed.failing_since.map_or(0, |at| at.0.into()));
        ROWS.with_label_values(name).set(feed.last_stored.map_or(0, |(_, rows)| whole(rows)));
        BAND_MIN.with_label_values(name).set(whole(feed.band.0));
        BAND_MAX.with_label_values(name).set(whole(feed.band.1));
    }
}

/// A word of tables as a label's value.
fn label(word: &str) -> String {
    word.replace(' ', "_")
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Leases that are held until this is dropped.
pub(super) struct Leases(i64);

impl Leases {
    pub(super) fn held(count: usize) -> Self {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        LEASES.add(count);
        Self(count)
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        LEASES.sub(self.0);
    }
}
