//! `numguard feed` against a served instance: how feeds are, what they share, and names that are wrong.

use serde_json::Value;

use crate::served::{Served, file};

#[test]
fn nothing_is_fetched_before_sites_can_reach_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let status = served.run(&["feed", "status"]);
    assert!(status.code == Some(0) && status.stderr.contains("runs no feed by itself"), "{status:?}");
    let line = |name: &str| status.stdout.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    assert!(line("castle").contains("never run"), "{status:?}");
    assert!(line("castle").trim_end().ends_with("by hand"), "{status:?}");
    let why = status.stdout.lines().rfind(|line| line.trim_start().starts_with("smstome.com")).unwrap();
    assert!(line("smstome.com").contains("off") && why.contains("free account"), "{status:?}");
    let json = served.run(&["feed", "status", "--output", "json"]).stdout;
    let feeds: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(feeds.len() >= 20 && feeds.iter().all(|feed| feed["last_run"].is_null()), "{json}");
    let ran = served.run(&["feed", "run", "castle", "--dry-run"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("FailedPrecondition") && ran.stderr.contains("collect.contact_url"),
        "{ran:?}"
    );
    let ran = served.run(&["feed", "run", "smstome.com"]);
    assert!(ran.stderr.contains("FailedPrecondition") && ran.stderr.contains("is off"), "{ran:?}");
    for verb in [&["feed", "pause", "castle"][..], &["feed", "resume", "castle"]] {
        assert_eq!(served.run(verb).code, Some(0), "{verb:?}");
        let status = served.run(&["feed", "status"]).stdout;
        let paused = status.contains("paused") && status.contains("numguard feed resume castle");
        assert_eq!(paused, verb[1] == "pause", "{status}");
    }
    let held = served.run(&["feed", "quarantine", "list"]);
    assert_eq!((held.code, held.stderr.as_str()), (Some(0), "no run waits\n"));
}

#[test]
fn a_wrong_name_is_told_by_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    for verb in [
        &["feed", "run", "nothing"][..],
        &["feed", "run", "nothing", "--dry-run"],
        &["feed", "pause", "nothing"],
        &["feed", "resume", "nothing"],
        &["feed", "quarantine", "release", "nothing", "1"],
        &["feed", "quarantine", "reject", "nothing", "1", "--yes"],
        &["feed", "rollback", "nothing", "--to", "1", "--yes"],
    ] {
        let ran = served.run(verb);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{verb:?}");
        assert!(
            ran.stderr.contains("NotFound: no feed has that name; there are 7sim.net, "),
            "{verb:?}: {ran:?}"
        );
    }
    let ran = served.run(&["feed", "run", "+447400123456"]);
    assert!(
        ran.code == Some(1) && ran.stderr.contains("InvalidArgument: feed: expected a feed name"),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains("447400123456"), "{ran:?}");
    let ran = served.run(&["feed", "quarantine", "show", "nothing", "1"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("run 1 of nothing does not wait"), "{ran:?}");
}

#[test]
fn what_cannot_be_undone_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    for verb in
        [&["feed", "quarantine", "reject", "nothing", "1"][..], &["feed", "rollback", "nothing", "--to", "1"]]
    {
        let ran = served.run(verb);
        assert!(ran.code == Some(1) && ran.stderr.contains("Add --yes"), "{verb:?}: {ran:?}");
    }
}

#[test]
fn overlap_tells_what_feeds_share_and_who_is_first() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path().join("data").as_path());
    for (name, rows) in [
        ("early.csv", "2026-11-01,+447400123456\n2026-11-01,+447400123457\n"),
        ("late.csv", "2026-11-04,+447400123456\n2026-11-05,+447400123499\n"),
    ] {
        let list = file(&folder, name, format!("seen_on,e164\n{rows}").as_bytes());
        assert_eq!(served.run(&["import", list.to_str().unwrap()]).code, Some(0));
    }
    let ran = served.run(&["feed", "overlap", "--output", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let expected = serde_json::json!({
        "feeds": [
            {"feed": "early", "listings": 2, "unique": 1},
            {"feed": "late", "listings": 2, "unique": 1},
        ],
        "pairs": [{"feed": "early", "other": "late", "shared": 1, "lead_days": 3.0}],
    });
    assert_eq!(told, expected);
    let table = served.run(&["feed", "overlap"]).stdout;
    assert!(table.contains("UNIQUE %") && table.contains("DAYS EARLIER") && table.contains("3.0"), "{table}");
}

#[test]
fn a_check_tells_what_each_feed_said_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path().join("data").as_path());
    for (name, rows) in [
        ("early.csv", "2026-11-01,+447400123456\n2026-11-03,+447400123456\n"),
        ("late.csv", "2026-11-04,+447400123456\n"),
    ] {
        let list = file(&folder, name, format!("seen_on,e164\n{rows}").as_bytes());
        assert_eq!(served.run(&["import", list.to_str().unwrap()]).code, Some(0));
    }
    let numbers = ["+447400123456", "+33612345678"];
    let plain = served.run(&["check", numbers[0], numbers[1]]);
    let told = served.run(&["check", "--sightings", numbers[0], numbers[1]]);
    let expected = "+447400123456\n  seen by   early from 2026-11-01 to 2026-11-03, 2 times\n  \
        seen by   late on 2026-11-04, once\n";
    assert_eq!(told.stdout, format!("{}{expected}", plain.stdout));
    let json = served.run(&["check", "--sightings", "--output", "json", numbers[0], numbers[1]]).stdout;
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["sightings"][0]["count"], 2, "{json}");
    assert_eq!(lines[1]["sightings"], serde_json::json!([]), "{json}");
    let plain = served.run(&["check", "--output", "json", numbers[0]]).stdout;
    assert!(!plain.contains("sightings"), "{plain}");
}
