//! `numguard feed status`: how the feeds of a service are, and what to do about those that are not well.

use anyhow::Result;
use serde_json::{Value, json};

use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::rpc::pb;

use super::super::exit::Exit;
use super::super::output::{self, Columns, Output, grouped, json_line, say, tell, visible};
use super::super::query::QueryArgs;

pub(crate) async fn run(query: QueryArgs) -> Result<Exit> {
    let pb::ListFeedsResponse { feeds, scheduled } = query.client().await?.feed_status().await?;
    let form = query.form();
    form.list(&feeds, columns(scheduled, now()), |feed| json_line(&line(feed)))?;
    // What is to be done has a table to itself: it is long, and most feeds have nothing.
    let unwell: Vec<&pb::Feed> = feeds.iter().filter(|feed| !to_do(feed).is_empty()).collect();
    if form == Output::Table && !unwell.is_empty() {
        say("")?;
        Columns::new()
            .with("FEED", |feed: &pb::Feed| visible(&feed.name))
            .with("TO DO", to_do)
            .print(unwell)?;
    }
    if feeds.is_empty() {
        tell!("the service has no feeds");
    } else if !scheduled {
        tell!(
            "this service runs no feed by itself, though another on its store may: set collect.contact_url and \
             collect.enabled"
        );
    }
    Ok(Exit::Ok)
}

fn columns<'a>(scheduled: bool, now: UnixTime) -> Columns<'a, pb::Feed> {
    let last = |feed: &pb::Feed| feed.last_run.clone();
    let count = move |feed: &pb::Feed, count: fn(pb::FeedRun) -> u64| {
        last(feed).map(|run| grouped(count(run))).unwrap_or_default()
    };
    Columns::new()
        .with("FEED", |feed: &pb::Feed| visible(&feed.name))
        .with("STATE", state)
        .with("LAST RUN", move |feed| output::age(last(feed).and_then(|run| run.at).as_ref(), now))
        .with("OUTCOME", move |feed| last(feed).map(|run| outcome(run.outcome())).unwrap_or_default())
        .with("ROWS", move |feed| count(feed, |run| run.rows))
        .with("NEW", move |feed| count(feed, |run| run.new))
        .with("GONE", move |feed| count(feed, |run| run.gone))
        .with("NEXT", move |feed| next(feed, scheduled, now))
}

/// When a feed runs next; `by hand` where the service that was asked runs none and it is due.
pub(crate) fn next(feed: &pb::Feed, scheduled: bool, now: UnixTime) -> String {
    let due = feed.next_due.as_ref().is_some_and(|due| due.seconds <= i64::from(now.0));
    match feed.enabled {
        false => String::new(),
        true if due && !scheduled => "by hand".to_owned(),
        true => output::until(feed.next_due.as_ref(), now),
    }
}

/// LAYOUT_CHANGED -> `layout changed`.
pub(crate) fn outcome(outcome: pb::RunOutcome) -> String {
    outcome.as_str_name().trim_start_matches("RUN_OUTCOME_").replace('_', " ").to_lowercase()
}

/// NEVER_RUN -> `never run`.
pub(crate) fn state(feed: &pb::Feed) -> String {
    if !feed.enabled {
        return "off".to_owned();
    }
    feed.state().as_str_name().trim_start_matches("FEED_STATE_").replace('_', " ").to_lowercase()
}

/// Why a feed is not well and what an operator does about it, or empty.
fn to_do(feed: &pb::Feed) -> String {
    if feed.state() == pb::FeedState::Running && feed.enabled {
        return String::new();
    }
    let texts = [why(feed), remedy(feed)];
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Whether the feed has been run and nothing is stored of it. A paused feed does not count: an operator has paused it on purpose.
pub(crate) fn has_never_stored(feed: &pb::Feed) -> bool {
    let paused = feed.state() == pb::FeedState::Paused;
    feed.enabled && !paused && feed.last_stored.is_none() && feed.failing_since.is_some()
}

/// Why a feed is off, is paused, or gave nothing; or what was odd about its last run.
pub(crate) fn why(feed: &pb::Feed) -> String {
    let text = match &feed.last_run {
        Some(run) if feed.enabled && feed.why_not.is_empty() => &run.note,
        _ => &feed.why_not,
    };
    visible(text)
}

/// What an operator does about a feed that is not well, or empty.
pub(crate) fn remedy(feed: &pb::Feed) -> String {
    let name = visible(&feed.name);
    let last = feed.last_run.as_ref();
    match feed.state() {
        _ if !feed.enabled => String::new(),
        pb::FeedState::Unspecified | pb::FeedState::Running | pb::FeedState::Idle => String::new(),
        pb::FeedState::Paused => format!("numguard feed resume {name}"),
        pb::FeedState::Blocked => {
            "old rows stay; the site is asked once a day; turn it off if that lasts".to_owned()
        }
        pb::FeedState::Quarantined => {
            let run = last.map(|run| run.run.to_string()).unwrap_or_default();
            format!("numguard feed quarantine show {name} {run}").trim_end().to_owned()
        }
        pb::FeedState::Failing => match last.map(pb::FeedRun::outcome) {
            Some(pb::RunOutcome::LayoutChanged) => {
                format!("save a page, then: numguard feed test {name} --page FILE")
            }
            Some(pb::RunOutcome::Refused) => {
                format!(
                    "check its address: numguard feed show {name}; if the address is valid, turn the feed off or ask the site's owner"
                )
            }
            _ => format!("numguard feed run {name} --dry-run"),
        },
        pb::FeedState::NeverRun if feed.next_due.is_some() => String::new(),
        pb::FeedState::NeverRun => format!("numguard feed run {name} --dry-run"),
    }
}

fn line(feed: &pb::Feed) -> Value {
    json!({
        "feed": feed.name, "title": feed.title, "group": feed.group, "enabled": feed.enabled,
        "why_not": feed.why_not, "state": feed.state().as_str_name().trim_start_matches("FEED_STATE_"),
        "last_run": feed.last_run.as_ref().map(run_line),
        "next_due": feed.next_due.as_ref().map(|due| output::time(Some(due))),
        "last_stored": feed.last_stored.as_ref().map(|at| output::time(Some(at))),
        "failing_since": feed.failing_since.as_ref().map(|at| output::time(Some(at))),
        "interval_minutes": feed.interval_minutes, "expected_rows": [feed.least_rows, feed.most_rows],
        "to_do": to_do(feed),
    })
}

/// A run as JSON.
pub(crate) fn run_line(run: &pb::FeedRun) -> Value {
    json!({
        "run": run.run, "at": output::time(run.at.as_ref()), "pages": run.pages, "rows": run.rows,
        "new": run.new, "gone": run.gone, "again": run.again, "dropped": run.dropped,
        "outcome": run.outcome().as_str_name().trim_start_matches("RUN_OUTCOME_"), "note": run.note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(state: pb::FeedState, outcome: Option<pb::RunOutcome>, note: &str) -> pb::Feed {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let last_run = outcome.map(|outcome| pb::FeedRun {
            run: 7,
            at: at(990_000),
            rows: 1_200,
            new: 12,
            gone: 3,
            outcome: outcome.into(),
            note: note.to_owned(),
            ..Default::default()
        });
        pb::Feed {
            name: "a.example".to_owned(),
            enabled: true,
            state: state.into(),
            last_run,
            next_due: at(1_003_600),
            ..Default::default()
        }
    }

    #[test]
    fn each_state_says_what_to_do() {
        use pb::{FeedState as S, RunOutcome as O};
        for (state, outcome, note, expected) in [
            (S::Idle, Some(O::Stored), "", ""),
            (S::Running, None, "", ""),
            (S::NeverRun, None, "", ""),
            (S::Paused, None, "", "numguard feed resume a.example"),
            (S::Paused, Some(O::Stored), "by ann", "by ann; numguard feed resume a.example"),
            (S::Quarantined, Some(O::Quarantined), "", "numguard feed quarantine show a.example 7"),
            (
                S::Blocked,
                Some(O::Blocked),
                "captcha",
                "captcha; old rows stay; the site is asked once a day; turn it off if that lasts",
            ),
            (
                S::Failing,
                Some(O::LayoutChanged),
                "no row",
                "no row; save a page, then: numguard feed test a.example --page FILE",
            ),
            (
                S::Failing,
                Some(O::Refused),
                "robots.txt",
                "robots.txt; check its address: numguard feed show a.example; if the address is valid, turn the feed off \
                 or ask the site's owner",
            ),
            (
                S::Failing,
                Some(O::Failed),
                "timed\x1bout",
                "timed\u{fffd}out; numguard feed run a.example --dry-run",
            ),
        ] {
            assert_eq!(to_do(&feed(state, outcome, note)), expected, "{} {note}", state.as_str_name());
        }
        let off = pb::Feed { enabled: false, why_not: "its terms".to_owned(), ..feed(S::NeverRun, None, "") };
        assert_eq!((state(&off).as_str(), to_do(&off).as_str()), ("off", "its terms"));
        let why_not = "timed out three times".to_owned();
        let failing = pb::Feed { why_not, ..feed(S::Failing, Some(O::Failed), "timed out") };
        assert_eq!(to_do(&failing), "timed out three times; numguard feed run a.example --dry-run");
        let unplanned = pb::Feed { next_due: None, ..feed(S::NeverRun, None, "") };
        assert_eq!(to_do(&unplanned), "numguard feed run a.example --dry-run");
    }

    #[test]
    fn a_row_tells_the_last_run_and_the_next() {
        let feeds = [feed(pb::FeedState::Idle, Some(pb::RunOutcome::NotModified), "")];
        let text = columns(true, UnixTime(1_000_000)).table(&feeds).to_string();
        let last = text.lines().last().unwrap_or_default();
        let cells: Vec<&str> = last.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            ["a.example", "idle", "2 h ago", "not modified", "1,200", "12", "3", "in 60 min"],
            "{text}"
        );
        let due = pb::Feed {
            next_due: Some(prost_types::Timestamp { seconds: 999_999, nanos: 0 }),
            ..feeds[0].clone()
        };
        let told = [true, false].map(|scheduled| next(&due, scheduled, UnixTime(1_000_000)));
        assert_eq!(told, ["now", "by hand"], "a service without a schedule runs none by itself");
    }
}
