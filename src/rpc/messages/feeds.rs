//! Feeds, runs and overlaps as messages. No rules.

use crate::collect::{FeedState, FeedStatus, QuarantinedRun, RunOutcome, RunReport, RunSummary};
use crate::core::number::Number;
use crate::feed::OverlapReport;

use super::super::pb;
use super::listings::timestamp;

fn state(state: FeedState) -> pb::FeedState {
    match state {
        FeedState::Idle => pb::FeedState::Idle,
        FeedState::Running => pb::FeedState::Running,
        FeedState::Paused => pb::FeedState::Paused,
        FeedState::Blocked => pb::FeedState::Blocked,
        FeedState::Quarantined => pb::FeedState::Quarantined,
        FeedState::Failing => pb::FeedState::Failing,
        FeedState::NeverRun => pb::FeedState::NeverRun,
    }
}

fn outcome(outcome: RunOutcome) -> pb::RunOutcome {
    match outcome {
        RunOutcome::Stored => pb::RunOutcome::Stored,
        RunOutcome::NotModified => pb::RunOutcome::NotModified,
        RunOutcome::Quarantined => pb::RunOutcome::Quarantined,
        RunOutcome::Blocked => pb::RunOutcome::Blocked,
        RunOutcome::LayoutChanged => pb::RunOutcome::LayoutChanged,
        RunOutcome::Refused => pb::RunOutcome::Refused,
        RunOutcome::Failed => pb::RunOutcome::Failed,
        RunOutcome::DryRun => pb::RunOutcome::DryRun,
        RunOutcome::Rejected => pb::RunOutcome::Rejected,
    }
}

fn run(run: &RunSummary) -> pb::FeedRun {
    pb::FeedRun {
        run: run.run,
        at: Some(timestamp(run.at)),
        pages: run.pages,
        rows: run.rows,
        new: run.new,
        gone: run.gone,
        again: run.again,
        dropped: run.dropped,
        outcome: outcome(run.outcome).into(),
        note: run.note.clone(),
    }
}

/// Operators see numbers in full: they have to judge them.
fn samples(numbers: &[Number]) -> Vec<String> {
    numbers.iter().map(|number| number.as_e164()).collect()
}

pub(crate) fn feed(feed: FeedStatus) -> pb::Feed {
    pb::Feed {
        state: state(feed.state).into(),
        last_run: feed.last_run.as_ref().map(run),
        next_due: feed.next_due.map(timestamp),
        last_stored: feed.last_stored.map(|(at, _)| timestamp(at)),
        failing_since: feed.failing_since.map(timestamp),
        name: feed.name,
        title: feed.title,
        group: feed.group,
        enabled: feed.enabled,
        why_not: feed.why_not,
        interval_minutes: feed.interval_minutes,
        least_rows: feed.band.0,
        most_rows: feed.band.1,
    }
}

/// The run, and some of its new numbers.
pub(crate) fn report(report: &RunReport) -> (Option<pb::FeedRun>, Vec<String>) {
    (Some(run(&report.summary)), samples(&report.samples_new))
}

pub(crate) fn quarantined(held: QuarantinedRun) -> pb::QuarantinedRun {
    pb::QuarantinedRun {
        run: held.run,
        at: Some(timestamp(held.at)),
        rows: held.rows,
        new: held.new,
        samples: samples(&held.samples),
        reasons: held.reasons,
        feed: held.feed,
    }
}

pub(crate) fn overlap(report: OverlapReport) -> pb::GetOverlapResponse {
    pb::GetOverlapResponse {
        feeds: report
            .feeds
            .into_iter()
            .map(|own| pb::FeedShare {
                feed: own.feed.to_string(),
                listings: own.listings,
                unique: own.unique,
            })
            .collect(),
        pairs: report
            .pairs
            .into_iter()
            .map(|pair| pb::FeedPair {
                feed: pair.feed.to_string(),
                other: pair.other.to_string(),
                shared: pair.shared,
                lead_days: pair.lead_days,
            })
            .collect(),
    }
}
