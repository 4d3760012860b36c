//! Replicas on one Redis that collect from the mirror, each a process of its own: what sites see of
//! them over kills and restarts, and who may write. All is read from the mirror's own log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::mirror::{self, Answer, Mirror};
use crate::served::Served;
use crate::servers::{APPEND_ONLY, Flavor, Server};

/// What the mirror's definitions say.
const PACE_MS: u64 = 1_000;
/// Far longer than a lease: who has not taken over by then never will.
const PATIENCE: Duration = Duration::from_secs(90);

fn replica(folder: &Path, name: usize, config: &Path, redis: &str) -> Served {
    let data = folder.join(format!("replica-{name}"));
    Served::start(&data, &["--config", config.to_str().unwrap(), "--redis", redis])
}

fn status(served: &Served) -> BTreeMap<String, Value> {
    let ran = served.run(&["feed", "status", "--output", "json"]);
    let feeds = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    feeds.map(|feed| (feed["feed"].as_str().unwrap().to_owned(), feed)).collect()
}

#[track_caller]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn no_host_sees_more_than_its_pace_with_five_replicas_over_kills_and_restarts() {
    let Some(redis) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let turn = AtomicUsize::new(0);
    let mirror = Mirror::of(folder.path(), move |host, target| {
        // Slow and quick by turns: a slow answer must not let the next two come close.
        let wait = [0, 400, 30][turn.fetch_add(1, Ordering::Relaxed) % 3];
        (Duration::from_millis(wait), mirror::answer(host, target))
    });
    let (config, names) = mirror::folder::write(folder.path(), &mirror);
    let start = |name: usize| replica(folder.path(), name, &config, &redis.url());
    let mut replicas: Vec<Served> = (0..5).map(start).collect();
    // Two are killed while they run feeds, and begin anew with nothing in memory.
    for name in [1, 3] {
        let asked = mirror.log().len();
        wait_for("requests go on", || mirror.log().len() > asked + 3);
        replicas.remove(name).kill();
        replicas.insert(name, start(name));
    }
    wait_for("every feed was run", || {
        let feeds = status(&replicas[0]);
        names.iter().all(|name| !feeds[name]["last_run"].is_null())
    });
    // By hand, by all replicas at once, over and over: one runs it, the others are told so.
    let runs: u64 = std::thread::scope(|scope| {
        let by_hand = |served: &Served| {
            let feeds = ["castle", "ip1sms", "receive-smss.com", "smstome.com"];
            let ran = |feed: &&str| u64::from(served.run(&["feed", "run", feed]).code == Some(0));
            feeds.iter().chain(&feeds).map(ran).sum::<u64>()
        };
        let hands: Vec<_> = replicas.iter().map(|served| scope.spawn(move || by_hand(served))).collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).sum()
    });
    assert!(runs >= 8, "{runs}");

    let mut by_host: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for asked in mirror.log() {
        by_host.entry(asked.host).or_default().push(asked.at_ms);
    }
    assert_eq!(by_host.len(), names.len() - 1, "two lists are on one host");
    let (mut requests, mut least) = (0, u64::MAX);
    for (host, times) in &mut by_host {
        times.sort_unstable();
        requests += times.len();
        // So no window holds more requests than paces, and one.
        for two in times.windows(2) {
            least = least.min(two[1] - two[0]);
            assert!(two[1] - two[0] >= PACE_MS, "{host}: {} ms apart: {times:?}", two[1] - two[0]);
        }
    }
    eprintln!("{requests} requests to {} hosts, never less than {least} ms apart", by_host.len());
}

/// The first run gets its page late, with other numbers than the second.
fn late_once(folder: &Path) -> Mirror {
    let asked = AtomicUsize::new(0);
    Mirror::of(folder, move |host, target| {
        if (host, target) != ("quackr.io", "/numbers.json") {
            return (Duration::ZERO, mirror::answer(host, target));
        }
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        let from = if first { 600 } else { 700 };
        let rows: Vec<String> = (from..from + 20)
            .map(|at| format!("{{\"number\":\"{}\",\"status\":\"Online\"}}", mirror::us(at)))
            .collect();
        let headers = vec![("content-type", "application/json".to_owned())];
        let body = format!("[{}]", rows.join(",")).into_bytes();
        (Duration::from_secs(if first { 10 } else { 0 }), Answer { status: 200, headers, body })
    })
}

/// When the list was asked for.
fn asked(mirror: &Mirror) -> Vec<u64> {
    let log = mirror.log().into_iter();
    log.filter(|asked| asked.target == "/numbers.json").map(|asked| asked.at_ms).collect()
}

/// Who of the two runs' numbers is in the store.
fn said(served: &Served) -> BTreeSet<&'static str> {
    let exported = served.run(&["export"]).stdout;
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let from_it = line["sightings"].as_array().unwrap().iter().any(|s| s["feed"] == "quackr.io");
        let first = (600..620).any(|at| line["subject"] == format!("+{}", mirror::us(at)));
        from_it.then_some(if first { "the first run" } else { "the second run" })
    };
    exported.lines().filter_map(of).collect()
}

#[test]
fn another_process_takes_over_from_one_that_is_killed_in_the_middle_of_a_run() {
    let Some(redis) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mirror = late_once(folder.path());
    let (config, _) = mirror::folder::write(folder.path(), &mirror);
    let first = replica(folder.path(), 0, &config, &redis.url());
    wait_for("the first run asks", || asked(&mirror).len() == 1);
    let second = replica(folder.path(), 1, &config, &redis.url());
    first.kill();
    let killed = Instant::now();
    wait_for("another runs it", || status(&second)["quackr.io"]["last_run"]["outcome"] == "STORED");
    eprintln!("taken over {:?} after the kill, of which the lease is 15 s at most", killed.elapsed());
    assert_eq!(asked(&mirror).len(), 2, "each run asks once");
    assert_eq!(said(&second), BTreeSet::from(["the second run"]));
    assert_eq!(status(&second)["quackr.io"]["last_run"]["run"], 1, "the killed one left nothing");
}

#[test]
fn a_process_that_comes_back_after_its_lease_writes_nothing() {
    let Some(redis) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mirror = late_once(folder.path());
    let (config, _) = mirror::folder::write(folder.path(), &mirror);
    let first = replica(folder.path(), 0, &config, &redis.url());
    wait_for("the first run asks", || asked(&mirror).len() == 1);
    // As a machine that is out of breath: its page waits for it all the while.
    first.signal("STOP");
    let second = replica(folder.path(), 1, &config, &redis.url());
    wait_for("another runs it", || status(&second)["quackr.io"]["last_run"]["outcome"] == "STORED");
    let stored = second.run(&["export"]).stdout;
    first.signal("CONT");
    wait_for("it is told", || !first.run(&["feed", "status"]).stdout.is_empty());
    // Long enough for the page that is there, were it taken.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(said(&second), BTreeSet::from(["the second run"]));
    let numbers = |text: &str| text.lines().filter(|line| line.contains("quackr.io")).count();
    assert_eq!(numbers(&second.run(&["export"]).stdout), numbers(&stored));
    assert_eq!(status(&first)["quackr.io"]["last_run"]["run"], 1);
    assert_eq!(asked(&mirror).len(), 2, "each run asked once");
}
