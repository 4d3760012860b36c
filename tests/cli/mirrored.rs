//! The whole way: a mirror of every site, `numguard serve` with the collector on and nothing in its
//! store, and what its users are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::mirror::{self, Mirror};
use crate::served::{Ran, Served, run};

/// Requests of all sites together, each with its own pace of a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was printed; a number that is not allowed is no failure.
fn good(ran: Ran) -> String {
    assert!(ran.code == Some(0) || ran.code == Some(3), "{ran:?}");
    ran.stdout
}

/// The status of every feed by name.
fn status(served: &Served) -> BTreeMap<String, Value> {
    let lines = good(served.run(&["feed", "status", "--output", "json"]));
    let feeds = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    feeds.map(|feed| (feed["feed"].as_str().unwrap().to_owned(), feed)).collect()
}

#[test]
fn an_empty_store_fills_from_every_site_and_a_check_says_who_saw_the_number_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::start(folder.path());
    let (config, names) = mirror::folder::write(folder.path(), &mirror);
    assert!(names.len() >= 17, "{names:?}");
    for open_list in ["castle", "ip1sms"] {
        assert!(names.iter().any(|name| name == open_list), "{open_list}: no such address at its host");
    }
    let served = Served::start(&folder.path().join("data"), &["--config", config.to_str().unwrap()]);
    let began = Instant::now();
    let mut feeds = status(&served);
    while names.iter().any(|name| feeds[name]["last_run"].is_null()) {
        assert!(began.elapsed() < PATIENCE, "not all were run: {feeds:?}");
        std::thread::sleep(Duration::from_millis(200));
        feeds = status(&served);
    }
    for name in &names {
        let run = &feeds[name]["last_run"];
        assert_eq!(run["outcome"], "STORED", "{name}: {run}");
        assert!(run["rows"].as_u64() >= Some(5), "{name}: {run}");
    }

    // Each site that shows the number, and the day on which it did or says that it did.
    let number = format!("+{}", mirror::us(1));
    let told = good(served.run(&["check", "--sightings", "--output", "json", &number])).replace("__", " ");
    let told: Value = serde_json::from_str(&told).unwrap();
    let saw: BTreeSet<&str> =
        told["sightings"].as_array().unwrap().iter().map(|s| s["feed"].as_str().unwrap()).collect();
    let expected = BTreeSet::from(["ip1sms", "quackr.io", "receivesms-co receivesms.co", "sms24.me"]);
    assert_eq!(saw, expected, "{told}");
    let listed = good(served.run(&["check", "--sightings", &number]));
    assert!(
        listed.contains("BLOCK")
            && listed.contains("PUBLIC_INBOX: seen by ip1sms, quackr.io, receivesms.co, sms24.me"),
        "{listed}"
    );
    assert!(listed.contains("seen by   ip1sms on 2026-01-02, once"), "{listed}");

    // Tables a person can act on; of three lists of one site, one has no number today.
    let table = good(served.run(&["feed", "status"]));
    for name in &names {
        let row = table.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))).unwrap();
        assert!(row.contains("stored") && row.contains(" in "), "{row}");
    }
    let to_do = table.split_once("TO DO\n").unwrap().1;
    let told: Vec<&str> =
        to_do.lines().filter(|line| line.contains("/countries/netherlands: no row")).collect();
    assert!(told.len() == 1 && told[0].trim_start().starts_with("temp-number.com "), "{to_do}");
    let overlap = good(served.run(&["feed", "overlap"]));
    assert!(overlap.contains("nothing of their own: ") && overlap.contains("ip1sms"), "{overlap}");

    // What the sites saw: an honest client, robots.txt first, and never an inbox.
    let log = mirror.log();
    for asked in &log {
        let digits = asked.target.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        let inbox = digits >= 7 || asked.target.contains("inbox") || asked.target.contains("/sms/");
        assert!(!inbox && asked.agent.contains("+https://contact.example/"), "{asked:?}");
    }
    operators_are_on_record(&served, &mirror, &folder.path().join("data"));

    let hosts: BTreeSet<&str> = log.iter().map(|asked| asked.host.as_str()).collect();
    assert_eq!(hosts.len(), names.len() - 1, "two lists are on one host: {hosts:?}");
    for host in hosts {
        let asked: Vec<_> = log.iter().filter(|asked| asked.host == host).collect();
        assert_eq!(asked[0].target, "/robots.txt", "{host}");
        assert!(asked.windows(2).all(|two| two[1].at_ms - two[0].at_ms >= 1_000), "{asked:?}");
        assert_eq!(asked.iter().filter(|asked| asked.target == "/robots.txt").count(), 1, "{host}");
    }
    assert_eq!(served.terminate(), Some(0));
}

/// What an hourly run costs the host of the open lists when nothing has changed.
fn the_unchanged_list_cost_one_small_request(mirror: &Mirror) {
    let log = mirror.log().into_iter().filter(|asked| asked.host == "raw.githubusercontent.com");
    let asked: Vec<(u16, bool)> =
        log.map(|asked| (asked.status, asked.target.starts_with("/castle/"))).collect();
    // The trial asks for the whole list, the run after it only whether the list has changed.
    assert_eq!(asked[asked.len() - 2..], [(200, true), (304, true)], "{asked:?}");
    let lists = asked.iter().filter(|(_, castle)| *castle).count();
    assert_eq!((asked.len(), lists), (5, 3), "robots.txt once, ip1sms once: {asked:?}");
}

/// Who did what to a feed, how it was before and what came of it.
fn operators_are_on_record(served: &Served, mirror: &Mirror, data: &Path) {
    let path = data.join("audit.jsonl").display().to_string();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "what the schedule does is not recorded");
    good(served.run(&["feed", "run", "castle", "--dry-run"]));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "a trial changes nothing");
    good(served.run(&["feed", "pause", "castle", "--author", "ann"]));
    good(served.run(&["feed", "resume", "castle"]));
    good(served.run(&["feed", "run", "castle"]));
    the_unchanged_list_cost_one_small_request(mirror);
    good(served.run(&["feed", "rollback", "castle", "--to", "0", "--yes"]));
    assert_eq!(served.run(&["feed", "quarantine", "release", "castle", "7"]).code, Some(1));
    assert_eq!(served.run(&["feed", "quarantine", "reject", "castle", "7", "--yes"]).code, Some(1));
    assert_eq!(served.run(&["feed", "pause", "nothing"]).code, Some(1), "leaves no record: there is none");
    good(served.run(&["admin", "accept-shrink", "--yes"]));
    let listed = good(run(&["audit", "list", "--output", "json", &path]));
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let rows: Vec<[String; 5]> = listed
        .iter()
        .map(|line| ["author", "action", "before", "after", "result"].map(|key| told(line, key)))
        .collect();
    let rows: Vec<[&str; 5]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
    let missing = "castle: run 7 is not held back";
    let undone = "90 subjects changed; idle, run 2 not modified";
    assert_eq!(
        rows,
        [
            ["ann", "pause_feed", "idle, run 1 stored", "paused, run 1 stored (paused by ann)", "done"],
            ["tester", "resume_feed", "paused, run 1 stored (paused by ann)", "idle, run 1 stored", "done"],
            [
                "tester",
                "run_feed",
                "idle, run 1 stored",
                "run 2 not modified, 90 rows, 0 new, 0 gone",
                "done"
            ],
            ["tester", "roll_back_feed", "idle, run 2 not modified", undone, "done"],
            ["tester", "release_run", "idle, run 2 not modified", missing, "failed"],
            ["tester", "reject_run", "idle, run 2 not modified", missing, "failed"],
            ["tester", "accept_shrink", "nothing is held back here", "accepted for ten minutes", "done"],
        ]
    );
    assert_eq!((&listed[3]["feed"], &listed[3]["run"]), (&"castle".into(), &0.into()));
    let table = good(run(&["audit", "list", &path]));
    assert!(
        table.contains("castle") && table.contains("release run 7") && table.contains("failed: "),
        "{table}"
    );
    good(run(&["audit", "verify", &path]));
    let replayed = good(served.run(&["admin", "replay-audit", "--yes", &path]));
    assert!(replayed.contains("replayed 0 puts and 0 deletes, skipped 0"), "{replayed}");
}
