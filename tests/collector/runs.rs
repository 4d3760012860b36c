//! One run after another: what is stored, and what keeps the old rows.

use numguard::collect::{CollectError, Collector, CollectorOptions, FeedState, RunOutcome};
use numguard::core::listing::{Action, Confirmation, Decision, Listing, SightingState, UnixTime};
use numguard::store::Change;

use crate::site::answer;
use crate::world::{FEED, HOUR, World, clock, definition, gb, list, pass, status, told};

#[tokio::test]
async fn a_run_stores_and_the_next_tells_new_gone_and_again() {
    let world = World::new();
    let collector = world.collector("a");
    assert_eq!(status(&collector, FEED).await.state, FeedState::NeverRun);
    world.lists((0..10).map(gb));
    let dry = collector.run(FEED, true).await.unwrap();
    assert_eq!((told(&dry), dry.samples_new.len()), (("dry run", 10, 10, 0, 0), 10));
    assert_eq!((world.all().await.len(), status(&collector, FEED).await.last_run), (0, None));
    assert_eq!(told(&collector.run(FEED, false).await.unwrap()), ("stored", 10, 10, 0, 0));
    pass(HOUR);
    world.lists((2..12).map(gb));
    let second = collector.run(FEED, false).await.unwrap();
    assert_eq!((told(&second), second.summary.run), (("stored", 10, 2, 2, 8), 2));
    let (first, last, count) = world.said(gb(5), FEED).await.unwrap();
    assert!((HOUR..HOUR + 30).contains(&(last.0 - first.0)) && count == 2, "{first:?} {last:?}");
    assert_eq!(world.said(gb(0), FEED).await.unwrap().2, 1, "gone, and stays");
    let after = status(&collector, FEED).await;
    assert_eq!((after.state, after.last_run.unwrap().outcome), (FeedState::Idle, RunOutcome::Stored));
    assert!(after.next_due.unwrap().0 > clock().0 + HOUR - 30);
}

#[tokio::test]
async fn a_sighting_tells_the_run_that_last_saw_it_and_what_the_site_said() {
    let (file, mut text) = definition(FEED, "");
    text += "state = \"status\"\nstates = { live = \"online\", old = \"archived\", dead = \"offline\" }\n";
    let world = World::with(&[(file, text)]);
    let collector = world.collector("a");
    let page = |states: &[(u64, &str)]| {
        let rows =
            states.iter().map(|(n, state)| format!("{{\"number\":\"{}\",\"status\":\"{state}\"}}", gb(*n)));
        world.says("200 OK", "", format!("{{\"numbers\":[{}]}}", rows.collect::<Vec<_>>().join(",")));
    };
    let told = async |number| {
        let listing = world.listing(gb(number)).await?;
        Some((listing.sightings()[0].run, listing.sightings()[0].state))
    };
    page(&[(1, "live"), (2, "old"), (3, "dead"), (4, "live")]);
    collector.run(FEED, false).await.unwrap();
    assert_eq!(told(1).await, Some((1, SightingState::Online)));
    assert_eq!(told(2).await, Some((1, SightingState::Archived)));
    assert_eq!(told(3).await, None, "what is offline is not listed");
    pass(HOUR);
    page(&[(1, "old"), (2, "old"), (4, "dead")]);
    collector.run(FEED, false).await.unwrap();
    assert_eq!(told(1).await, Some((2, SightingState::Archived)));
    assert_eq!(told(4).await, Some((1, SightingState::Online)), "what went offline fades and stays");
    collector.rollback(FEED, 1).await.unwrap();
    assert_eq!(told(1).await, Some((1, SightingState::Online)));
}

#[tokio::test]
async fn more_new_numbers_than_the_definition_allows_are_held_back_whole() {
    let world = World::with(&[definition(FEED, "most_new = 3")]);
    let collector = world.collector("a");
    world.lists((0..10).map(gb));
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Stored, "the first");
    let before = world.digests().await;
    world.lists((4..14).map(gb));
    let report = collector.run(FEED, false).await.unwrap();
    assert_eq!(report.summary.outcome, RunOutcome::Quarantined);
    assert_eq!(report.summary.note, "4 new numbers: at most 3 may come at once");
    assert_eq!(world.digests().await, before);
    world.lists((3..13).map(gb));
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Stored);
}

#[tokio::test]
async fn a_broken_page_keeps_the_old_rows_and_is_asked_less_and_less_often() {
    let world = World::new();
    let collector = world.collector("a");
    world.lists((0..10).map(gb));
    collector.run(FEED, false).await.unwrap();
    let before = world.digests().await;
    let mut hours = Vec::new();
    for (status_line, body, outcome) in [
        ("200 OK", "<html><body><div id=app></div></body></html>", RunOutcome::LayoutChanged),
        ("200 OK", "{\"items\":[]}", RunOutcome::LayoutChanged),
        ("500 Oh", "", RunOutcome::Refused),
        ("404 Gone", "", RunOutcome::Refused),
        ("500 Oh", "", RunOutcome::Refused),
    ] {
        world.says(status_line, "", body);
        let report = collector.run(FEED, false).await.unwrap();
        assert_eq!(report.summary.outcome, outcome, "{body}: {}", report.summary.note);
        let now = status(&collector, FEED).await;
        assert_eq!(now.state, FeedState::Failing);
        hours.push((now.next_due.unwrap().0 - clock().0 + 60) / HOUR);
    }
    assert_eq!((hours, world.digests().await), (vec![2, 4, 8, 16, 24], before));
}

#[tokio::test]
async fn a_challenge_blocks_for_a_day_and_retry_after_is_obeyed() {
    let world = World::new();
    let collector = world.collector("a");
    world.lists((0..10).map(gb));
    collector.run(FEED, false).await.unwrap();
    let before = world.digests().await;
    let due_in = async || status(&collector, FEED).await.next_due.unwrap().0 - clock().0;
    for (line, body) in [("403 Forbidden", ""), ("200 OK", "<title>Just a moment...</title>")] {
        world.says(line, "content-type: text/html\r\n", body);
        let report = collector.run(FEED, false).await.unwrap();
        assert_eq!(report.summary.outcome, RunOutcome::Blocked, "{line}: {}", report.summary.note);
        assert_eq!(status(&collector, FEED).await.state, FeedState::Blocked);
        assert!(due_in().await > 24 * HOUR - 60);
    }
    world.says("429 Slow", "retry-after: 200000\r\n", "");
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Refused);
    assert!(due_in().await > 199_000);
    let asked = world.site.log().len();
    let restarted = world.collector("b");
    assert_eq!(restarted.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Refused);
    assert_eq!((world.site.log().len(), world.digests().await), (asked, before), "not even asked");
}

#[tokio::test]
async fn an_unchanged_page_was_seen_again_and_no_failed_save_is_followed_by_one() {
    let world = World::new();
    let collector = world.collector("a");
    world.says("200 OK", "etag: \"1\"\r\n", list((0..10).map(gb)));
    collector.run(FEED, false).await.unwrap();
    pass(HOUR);
    let report = collector.run(FEED, false).await.unwrap();
    assert_eq!(told(&report), ("not modified", 10, 0, 0, 10));
    let (first, last, count) = world.said(gb(3), FEED).await.unwrap();
    assert!(last.0 - first.0 >= HOUR && count == 2);
    pass(HOUR);
    collector.run(FEED, false).await.unwrap();
    assert_eq!(world.said(gb(3), FEED).await.unwrap().2, 3);
    // What is held back was not saved: it has to come whole the next time.
    collector.rollback(FEED, 0).await.unwrap();
    world.says("200 OK", "etag: \"2\"\r\n", list([gb(0)]));
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Quarantined);
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Quarantined);
}

#[tokio::test]
async fn what_a_page_says_about_the_past_confirms_nothing() {
    let world = World::with(&[definition(FEED, "")]);
    let collector = world.collector("a");
    let dated = |ago: u32| {
        let at = clock().0 - ago;
        format!("{{\"numbers\":[{{\"number\":\"{}\",\"active\":{at}}},{{\"number\":\"{}\"}}]}}", gb(1), gb(2))
    };
    world.says("200 OK", "", dated(1_000_000));
    collector.run(FEED, false).await.unwrap();
    world.says("200 OK", "", dated(0));
    collector.run(FEED, false).await.unwrap();
    for number in [gb(1), gb(2)] {
        let listing = world.listing(number).await.unwrap();
        assert_eq!((listing.confirmation(), listing.sightings()[0].count), (Confirmation::None, 2));
    }
    pass(HOUR);
    world.says("200 OK", "", dated(0));
    collector.run(FEED, false).await.unwrap();
    assert_eq!(world.listing(gb(1)).await.unwrap().confirmation(), Confirmation::Independent);
}

#[tokio::test]
async fn allow_listed_numbers_are_left_out() {
    let world = World::new();
    let collector = world.collector("a");
    let allow = |subject: &str, expires: Option<UnixTime>| {
        let decision = Decision {
            decided_at: clock(),
            action: Action::Allow,
            expires_at: expires,
            reason: "ours".to_owned(),
            author: "op".to_owned(),
        };
        Change::Merge(subject.parse().unwrap(), Listing::decided(decision))
    };
    let expired = Some(UnixTime(clock().0 - 1));
    let changes =
        vec![allow("+447400000001", None), allow("+4474000001*", None), allow("+447400000003", expired)];
    world.store.apply(changes).await.unwrap();
    world.lists([1, 2, 3, 100, 199, 200].map(gb));
    let report = collector.run(FEED, false).await.unwrap();
    assert_eq!((told(&report), report.summary.dropped), (("stored", 3, 3, 0, 0), 3));
    assert_eq!(world.said(gb(1), FEED).await, None);
}

#[tokio::test]
async fn feeds_of_one_group_count_as_one() {
    let group = "group = \"example\"";
    let world =
        World::with(&[definition(FEED, group), definition("other.org", group), definition("third.org", "")]);
    let collector = world.collector("a");
    world.lists((0..10).map(gb));
    collector.run(FEED, false).await.unwrap();
    collector.run("other.org", false).await.unwrap();
    let listing = world.listing(gb(1)).await.unwrap();
    let names: Vec<&str> = listing.sightings().iter().map(|sighting| sighting.feed.as_str()).collect();
    assert_eq!((names, listing.confirmation()), (vec![FEED, "example__other.org"], Confirmation::None));
    collector.run("third.org", false).await.unwrap();
    assert_eq!(world.listing(gb(1)).await.unwrap().confirmation(), Confirmation::Independent);
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let off = "enabled = false\ndisabled_because = \"not now\"";
    let world = World::with(&[definition(FEED, ""), definition("off.org", off)]);
    let collector = world.collector("a");
    let why = async |feed: &str| collector.run(feed, false).await.unwrap_err().to_string();
    assert!(why("nobody").await.contains("castle, "), "the known ones are named");
    assert_eq!(why("off.org").await, "off.org is off: not now");
    let options = CollectorOptions::new("b");
    let silent = Collector::new(world.catalogue.clone(), world.store.clone(), None, options, clock);
    assert!(matches!(silent.run(FEED, false).await, Err(CollectError::NoContact)));
    collector.pause(FEED, "op").await.unwrap();
    let paused = status(&collector, FEED).await;
    assert_eq!(
        (paused.state, paused.why_not.as_str(), paused.next_due),
        (FeedState::Paused, "paused by op", None)
    );
    collector.resume(FEED).await.unwrap();
    assert!(status(&collector, FEED).await.next_due.is_some());
}

#[tokio::test]
async fn a_restart_keeps_the_pace_also_after_a_kill() {
    let slow = definition(FEED, "").1.replace("pace_seconds = 1\n", "pace_seconds = 3\n");
    let world = World::served(&[(FEED.to_owned(), slow)], |asked| {
        assert_eq!(asked.path, "/list");
        answer("200 OK", "", list((0..10).map(gb)))
    });
    world.collector("a").run(FEED, false).await.unwrap();
    world.collector("b").run(FEED, false).await.unwrap();
    let killed = world.collector("c");
    let task = tokio::spawn(async move { killed.run(FEED, false).await });
    while world.site.log().len() < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    task.abort();
    let after = world.collector("c");
    let _ = task.await;
    after.run(FEED, false).await.unwrap();
    let log = world.site.log();
    let gaps: Vec<f64> = log.windows(2).map(|two| (two[1].at - two[0].at).as_secs_f64()).collect();
    assert!(gaps.iter().all(|gap| *gap >= 2.99), "{gaps:?}");
}

/// `cargo test --release --test collector figures -- --ignored --nocapture`
#[tokio::test]
#[ignore = "figures, never asserted"]
async fn figures_of_a_feed_of_90_000_numbers() {
    let big = definition(FEED, "").1.replace("max = 20000", "max = 200000");
    let world = World::with(&[(FEED.to_owned(), big)]);
    let collector = world.collector("a");
    for run in 0..3u64 {
        world.lists((run * 50..90_000 + run * 50).map(|at| gb(at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 38)));
        let began = std::time::Instant::now();
        let report = collector.run(FEED, false).await.unwrap();
        eprintln!(
            "{:?} after {:?}, 1 s of it the pace: {}",
            told(&report),
            began.elapsed(),
            report.summary.note
        );
        pass(HOUR);
    }
    for (name, note) in world.store.notes("").await.unwrap() {
        eprintln!("{name}: {} bytes", note.bytes.len());
    }
}
