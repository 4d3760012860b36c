//! `numguard top`: a live view of one service: checks per second, verdicts, feeds, staleness.
//!
//! Plain text, so that any terminal shows it: the screen is cleared between two views, no more.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::clock::now;
use crate::rpc::pb;

use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::feed::status;
use super::super::output::{self, Columns, grouped, visible};

/// Lines of a view that are no feeds, and the least number of feeds that is shown.
const LINES: (usize, usize) = (8, 3);

/// Arguments of `top`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds between two views
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// One view, measured over that time, and no more
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    server: ServerArg,
}

/// What was seen at one time.
struct Look {
    at: Instant,
    stats: pb::GetStatsResponse,
    feeds: Vec<pb::Feed>,
    /// Whether the service runs them by itself.
    scheduled: bool,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let live = stdout().is_terminal() && !args.once;
    let mut before = look(&client).await?;
    loop {
        tokio::time::sleep(Duration::from_secs(args.every)).await;
        let looked = look(&client).await;
        let view = match &looked {
            Ok(after) => view(&before, after, height()),
            // A restart is what one watches for.
            Err(error) if live => format!("{}  no answer, asked again: {error:#}\n", now()),
            Err(_) => String::new(),
        };
        let mut out = stdout().lock();
        let clear = if live { "\x1b[H\x1b[2J" } else { "" };
        write!(out, "{clear}{view}")?;
        out.flush()?;
        match looked {
            Ok(after) => before = after,
            Err(error) if !live => return Err(error),
            Err(_) => {}
        }
        if args.once {
            return Ok(Exit::Ok);
        }
    }
}

async fn look(client: &Client) -> Result<Look> {
    let (stats, status) = tokio::try_join!(client.stats(), client.feed_status())?;
    Ok(Look { at: Instant::now(), stats, feeds: status.feeds, scheduled: status.scheduled })
}

/// Lines of the terminal.
fn height() -> usize {
    let lines = std::env::var("LINES").ok().and_then(|lines| lines.parse().ok());
    terminal_size::terminal_size().map(|(_, height)| height.0.into()).or(lines).unwrap_or(24)
}

fn view(before: &Look, after: &Look, height: usize) -> String {
    let stats = &after.stats;
    let (index, store) = (stats.index.unwrap_or_default(), stats.store.clone().unwrap_or_default());
    let mut view = String::new();
    let mut line = |text: String| {
        let _ = writeln!(view, "{text}");
    };
    line(format!("numguard {}  {}  policy {}", stats.version, now(), visible(&stats.policy_version)));
    line(checks(before, after));
    line(format!(
        "index   {} numbers, {} ranges, {:.1} MB; revision {}",
        grouped(index.numbers),
        grouped(index.ranges),
        index.bytes as f64 / 1e6,
        grouped(index.revision)
    ));
    line(format!("        {}", freshness(stats)));
    line(match stats.store_error.as_str() {
        "" => format!(
            "store   {}: {} numbers, {} ranges",
            store.kind,
            grouped(store.numbers),
            grouped(store.ranges)
        ),
        error => format!("store   {}: OUT OF REACH: {}", store.kind, visible(error)),
    });
    line(String::new());
    let mut on: Vec<&pb::Feed> = after.feeds.iter().filter(|feed| feed.enabled).collect();
    on.sort_by_key(|feed| {
        std::cmp::Reverse(feed.last_run.as_ref().and_then(|run| run.at).map(|at| at.seconds))
    });
    let room = height.saturating_sub(LINES.0).max(LINES.1);
    let last = |feed: &pb::Feed| feed.last_run.clone();
    let columns = Columns::new()
        .with("FEED", |feed: &pb::Feed| visible(&feed.name))
        .with("STATE", status::state)
        .with("LAST RUN", |feed| output::age(last(feed).and_then(|run| run.at).as_ref(), now()))
        .with("OUTCOME", |feed| last(feed).map(|run| status::outcome(run.outcome())).unwrap_or_default())
        .with("ROWS", |feed| last(feed).map(|run| grouped(run.rows)).unwrap_or_default())
        .with("NEXT", |feed| status::next(feed, after.scheduled, now()));
    columns.table(on.iter().copied().take(room)).lines().for_each(|row| line(row.trim_end().to_owned()));
    if on.len() > room {
        line(format!(" and {} more: numguard feed status", on.len() - room));
    }
    view
}

fn checks(before: &Look, after: &Look) -> String {
    let (then, now) = (before.stats.checks.unwrap_or_default(), after.stats.checks.unwrap_or_default());
    let seconds = after.at.duration_since(before.at).as_secs_f64().max(0.001);
    // A service that was restarted meanwhile counts from 0.
    let parts = [
        ("ALLOW", now.allowed, then.allowed),
        ("CHALLENGE", now.challenged, then.challenged),
        ("BLOCK", now.blocked, then.blocked),
    ]
    .map(|(verdict, now, then)| (verdict, now.checked_sub(then).unwrap_or(now)));
    let all: u64 = parts.iter().map(|(_, count)| count).sum();
    let total = grouped(now.allowed + now.challenged + now.blocked);
    let mut text = format!("checks  {} per second", grouped((all as f64 / seconds).round() as u64));
    if all > 0 {
        for (verdict, count) in parts {
            let _ = write!(text, "  {verdict} {:.1} %", count as f64 / all as f64 * 100.0);
        }
    }
    text + &format!("  ({total} since its start)")
}

fn freshness(stats: &pb::GetStatsResponse) -> String {
    let age = stats.freshness.unwrap_or_default();
    match (age.degraded, &stats.held) {
        (false, _) => "follows the store".to_owned(),
        (true, None) => {
            format!("DEGRADED: has not followed the store for {} s", grouped(age.staleness_seconds.into()))
        }
        (true, Some(_)) => "DEGRADED: a load is held back: numguard stats tells why".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, counts: [u64; 3], feeds: usize) -> Look {
        let [allowed, challenged, blocked] = counts;
        let stats = pb::GetStatsResponse {
            checks: Some(pb::CheckStats { allowed, challenged, blocked }),
            ..Default::default()
        };
        let feed = |at: usize| pb::Feed { name: format!("feed{at}"), enabled: true, ..Default::default() };
        Look { at, stats, feeds: (0..feeds).map(feed).collect(), scheduled: true }
    }

    #[test]
    fn rates_are_those_of_the_time_between_and_a_restart_counts_from_zero() {
        let begun = Instant::now();
        let later = begun + Duration::from_secs(2);
        for (before, after, expected) in [
            (
                [100, 10, 0],
                [280, 20, 10],
                "100 per second  ALLOW 90.0 %  CHALLENGE 5.0 %  BLOCK 5.0 %  (310 since",
            ),
            ([5, 5, 5], [5, 5, 5], "0 per second  (15 since"),
            ([100, 10, 5], [4, 0, 0], "2 per second  ALLOW 100.0 %  CHALLENGE 0.0 %"),
        ] {
            let text = checks(&look(begun, before, 0), &look(later, after, 0));
            // The last case: 10 and 5 are gone, so that 0 of them count.
            assert!(text.contains(expected), "{text:?} does not say {expected:?}");
        }
    }

    #[test]
    fn a_view_fits_the_terminal() {
        let begun = Instant::now();
        let feeds = look(begun, [0; 3], 100);
        for height in [10, 24, 60] {
            let view = view(&feeds, &feeds, height);
            assert!(view.lines().count() <= height.max(LINES.0 + LINES.1), "{height}: {view}");
            assert!(view.contains("more: numguard feed status"), "{view}");
        }
    }
}
