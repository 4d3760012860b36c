//! What can be seen of others: the store, its clock, and the service, if one answers.

use std::time::Duration;

use crate::clock::now;
use crate::config::Config;
use crate::core::listing::UnixTime;
use crate::rpc::pb;
use crate::store::{Redis, Store};

use super::{CLOCKS_DIFFER, Finding, bad, good, note};
use crate::cli::connection::{Client, ServerArg};
use crate::cli::feed::status::{has_never_stored, remedy, why};
use crate::cli::output::{self, grouped, visible};

/// What the findings on feeds are about.
const RUNS_OF_FEEDS: &str = "runs of feeds";

/// How long Redis may take to be found.
const REDIS_PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn of_redis(config: &Config) -> Vec<Finding> {
    let options = match config.redis() {
        Ok(Some(options)) => options,
        Ok(None) => return vec![good("store", "embedded, for one process")],
        Err(error) => return vec![bad("store", error.to_string(), "mend [redis]")],
    };
    let (place, store) = (options.address.to_string(), Redis::open(options));
    let asked = tokio::time::timeout(REDIS_PATIENCE, async {
        // The connection is made in the background.
        loop {
            match store.stats().await {
                Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(200)).await,
                stats => return stats,
            }
        }
    });
    let stats = match asked.await {
        Ok(Ok(stats)) => stats,
        failed => {
            let why = match failed {
                Ok(Err(error)) => error.to_string(),
                _ => match store.stats().await {
                    Err(error) => error.to_string(),
                    Ok(_) => "it answers very late".to_owned(),
                },
            };
            let to_do =
                "is it running, are address, user, password and rights as they should be? Checks go on";
            return vec![bad("store", format!("Redis at {place}: {why}"), to_do)];
        }
    };
    let found = format!("Redis at {place}: {} numbers", grouped(stats.numbers));
    let clock = match store.clock().await {
        Ok(Some(clock)) => clocks("clock of Redis", clock),
        _ => note("clock of Redis", "it does not tell", "see that both machines keep time (NTP)"),
    };
    let mut findings = vec![good("store", found), clock];
    let warnings = store.warnings().await.unwrap_or_default();
    findings.extend(
        warnings
            .into_iter()
            .map(|warning| bad("settings of Redis", warning, "see the README: Shared store on Redis")),
    );
    findings
}

fn clocks(what: &'static str, other: UnixTime) -> Finding {
    let apart = other.0.abs_diff(now().0);
    if apart > CLOCKS_DIFFER {
        return bad(
            what,
            format!("{apart} s from this machine's"),
            "set the clocks (NTP): decisions are ordered by them",
        );
    }
    good(what, format!("within {CLOCKS_DIFFER} s of this machine's"))
}

pub(crate) async fn of_service(server: &ServerArg) -> Vec<Finding> {
    let what = "service";
    let client = match Client::connect(server).await {
        Ok(client) => client,
        // Whoever names a service, or shows a key, expects one.
        Err(error) if server.is_named() => return vec![bad(what, format!("{error:#}"), "as it says")],
        Err(error) => return vec![note(what, format!("{error:#}"), "nothing, if none is to run")],
    };
    let stats = match client.stats().await {
        Ok(stats) => stats,
        Err(error) => {
            return vec![bad(
                what,
                format!("{error:#}"),
                "use a key with the scope read or admin: --api-key-file",
            )];
        }
    };
    let serving = client.serving(String::new()).await.unwrap_or(false);
    let mut findings = vec![match serving {
        true if stats.version == env!("CARGO_PKG_VERSION") => good(what, format!("{} serves", stats.version)),
        true => note(what, format!("{} serves", stats.version), "this command is of another version"),
        false => bad(what, "does not serve", "it has no index yet: see its log and the store"),
    }];
    findings.push(of_freshness(&stats));
    let time = stats.now.and_then(|time| UnixTime::from_seconds(time.seconds).ok());
    findings.extend(time.map(|time| clocks("clock of the service", time)));
    match client.feed_status().await {
        Ok(status) => findings.extend(of_feeds(&status, now())),
        Err(error) => findings.push(bad(RUNS_OF_FEEDS, format!("{error:#}"), "numguard feed status")),
    }
    findings
}

fn of_freshness(stats: &pb::GetStatsResponse) -> Finding {
    let (what, age) = ("index", stats.freshness.unwrap_or_default());
    let index = stats.index.unwrap_or_default();
    if stats.held.is_some() {
        let found = "a load is held back, because too much is missing";
        return bad(what, found, "numguard stats tells what to do");
    }
    if age.degraded {
        let why = visible(&stats.store_error);
        let found =
            format!("has not followed the store for {} s: {why}", grouped(age.staleness_seconds.into()));
        return bad(what, found, "mend the store; checks go on with what is known");
    }
    good(what, format!("follows the store; {} numbers", grouped(index.numbers)))
}

/// One finding for each feed of which nothing is stored, and one for all others.
fn of_feeds(status: &pb::ListFeedsResponse, now: UnixTime) -> Vec<Finding> {
    let never = status.feeds.iter().filter(|feed| has_never_stored(feed));
    let mut findings: Vec<Finding> = never.map(|feed| never_stored(feed, now)).collect();
    findings.push(of_other_feeds(status, now));
    findings
}

fn never_stored(feed: &pb::Feed, now: UnixTime) -> Finding {
    let (name, since) = (visible(&feed.name), feed.failing_since.as_ref());
    let (time, ago) = (output::time(since), output::age(since, now));
    let found =
        format!("{name}: nothing is stored, and no run since {time} ({ago}) has succeeded: {}", why(feed));
    // A run that was rejected, or one that is going on, has no remedy.
    let to_do = match remedy(feed) {
        none if none.is_empty() => format!("numguard feed run {name} --dry-run"),
        to_do => to_do,
    };
    bad(RUNS_OF_FEEDS, found, to_do)
}

/// How the feeds are that have stored something, are paused, or have not been run.
fn of_other_feeds(status: &pb::ListFeedsResponse, now: UnixTime) -> Finding {
    let what = RUNS_OF_FEEDS;
    let unwell = |feed: &&pb::Feed| {
        use pb::FeedState as S;
        feed.enabled
            && !has_never_stored(feed)
            && matches!(feed.state(), S::Failing | S::Blocked | S::Quarantined)
    };
    let unwell: Vec<String> = status.feeds.iter().filter(unwell).map(|feed| visible(&feed.name)).collect();
    if !unwell.is_empty() {
        return note(what, format!("not well: {}", unwell.join(" ")), "numguard feed status");
    }
    let stale: Vec<String> =
        status.feeds.iter().filter(|feed| is_stale(feed, now)).map(|feed| visible(&feed.name)).collect();
    if !stale.is_empty() {
        let found = format!("nothing came of these for three of their intervals: {}", stale.join(" "));
        return note(what, found, "is a collector running? numguard feed status");
    }
    let on = status.feeds.iter().filter(|feed| feed.enabled).count();
    if !status.scheduled && last_run(status).is_none() {
        return note(
            what,
            format!("{on} are on, none has ever been run"),
            "set collect.enabled, or numguard feed run FEED",
        );
    }
    let last = last_run(status);
    let last = last.map(|at| format!(", the last {}", output::age(Some(&at), now))).unwrap_or_default();
    good(what, format!("{on} are on{last}"))
}

fn last_run(status: &pb::ListFeedsResponse) -> Option<prost_types::Timestamp> {
    status.feeds.iter().filter_map(|feed| feed.last_run.as_ref()?.at).max_by_key(|at| at.seconds)
}

/// Whether a feed that has been run before has not been run for long, and nobody paused it.
fn is_stale(feed: &pb::Feed, now: UnixTime) -> bool {
    let Some(at) = feed.last_run.as_ref().and_then(|run| run.at) else { return false };
    let silent = i64::from(now.0) - at.seconds;
    feed.enabled
        && !has_never_stored(feed)
        && feed.state() != pb::FeedState::Paused
        && silent > 3 * 60 * i64::from(feed.interval_minutes)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_feed_that_has_run_and_stored_nothing_is_bad() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let run = pb::FeedRun {
            run: 2,
            at: at(999_000),
            outcome: pb::RunOutcome::Refused.into(),
            note: "the site answers 404".to_owned(),
            ..Default::default()
        };
        let failing = pb::Feed {
            name: "mine".to_owned(),
            enabled: true,
            state: pb::FeedState::Failing.into(),
            last_run: Some(run),
            failing_since: at(992_800),
            interval_minutes: 60,
            ..Default::default()
        };
        let findings = |feed: &pb::Feed| {
            let feeds = vec![feed.clone(), pb::Feed { name: "other".to_owned(), ..Default::default() }];
            of_feeds(&pb::ListFeedsResponse { feeds, scheduled: true }, UnixTime(1_000_000))
        };
        let found = findings(&failing);
        assert_eq!((found.len(), found[0].state), (2, State::Bad));
        let expected = "mine: nothing is stored, and no run since 1970-01-12T11:46:40Z (2 h ago) has succeeded: \
                        the site answers 404";
        assert_eq!(found[0].found, expected);
        assert!(found[0].to_do.contains("numguard feed show mine"), "{}", found[0].to_do);
        assert!(found[1].found.starts_with("1 are on"), "{}", found[1].found);
        for (state, remedy) in [
            (pb::FeedState::Blocked, "the site is asked once a day"),
            (pb::FeedState::Quarantined, "numguard feed quarantine show mine 2"),
            // A run that is going on, and one that an operator has rejected.
            (pb::FeedState::Running, "numguard feed run mine --dry-run"),
            (pb::FeedState::Idle, "numguard feed run mine --dry-run"),
        ] {
            let found = findings(&pb::Feed { state: state.into(), ..failing.clone() });
            assert_eq!(found[0].state, State::Bad, "{}", state.as_str_name());
            assert!(found[0].to_do.contains(remedy), "{}", found[0].to_do);
        }
        for fine in [
            pb::Feed { enabled: false, ..failing.clone() },
            pb::Feed { state: pb::FeedState::Paused.into(), ..failing.clone() },
            pb::Feed {
                state: pb::FeedState::NeverRun.into(),
                last_run: None,
                failing_since: None,
                ..failing.clone()
            },
            // It has stored numbers before: worth a note.
            pb::Feed { last_stored: at(900_000), ..failing.clone() },
        ] {
            assert!(
                findings(&fine).iter().all(|finding| finding.state != State::Bad),
                "{} {}",
                fine.state().as_str_name(),
                fine.enabled
            );
        }
    }

    #[test]
    fn a_feed_is_stale_after_three_of_its_intervals() {
        let feed = |minutes_ago: i64, enabled, state: pb::FeedState| pb::Feed {
            enabled,
            state: state.into(),
            interval_minutes: 60,
            last_run: Some(pb::FeedRun {
                at: Some(prost_types::Timestamp { seconds: 1_000_000 - minutes_ago * 60, nanos: 0 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        for (minutes_ago, enabled, state, stale) in [
            (181, true, pb::FeedState::Idle, true),
            (180, true, pb::FeedState::Idle, false),
            (9_999, false, pb::FeedState::Idle, false),
            (9_999, true, pb::FeedState::Paused, false),
        ] {
            assert_eq!(
                is_stale(&feed(minutes_ago, enabled, state), UnixTime(1_000_000)),
                stale,
                "{minutes_ago}"
            );
        }
        assert!(!is_stale(
            &pb::Feed { last_run: None, ..feed(0, true, pb::FeedState::NeverRun) },
            UnixTime(1_000_000)
        ));
    }
}
