//! The audit record: what operators did survives kill -9 and a store that has lost it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::served::{Ran, Served, command, file, run};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

fn good(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

/// Failed, with all of `words` on stderr.
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{ran:?} does not say {word:?}");
    }
}

fn record(folder: &Path) -> String {
    folder.join("audit.jsonl").display().to_string()
}

/// Operators' decisions that a server holds, by subject.
fn decisions(served: &Served) -> Vec<Value> {
    let mut exported = lines(&good(served.run(&["export"])));
    exported.retain(|listing| !listing["decision"].is_null());
    for listing in &mut exported {
        listing.as_object_mut().unwrap().remove("sightings");
    }
    exported
}

fn replay(served: &Served, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["admin", "replay-audit", "--yes", "-o", "json"], arguments].concat();
    lines(&good(served.run(&arguments)))
}

/// What a replay said of one subject: what it did, and why not.
fn told(replayed: &[Value], subject: &str) -> (String, String) {
    let found = replayed.iter().find(|line| line["subject"] == subject);
    let found = found.unwrap_or_else(|| panic!("{subject} is not in {replayed:?}"));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("replay"), text("why"))
}

#[test]
fn an_empty_store_gets_exactly_the_operators_decisions_back() {
    let folder = tempfile::tempdir().unwrap();
    let old = Served::empty(&folder.path().join("old"));
    let feed = file(&folder, "feed.txt", b"+447400123456\n+12025550123\n");
    good(old.run(&["import", feed.to_str().unwrap()]));
    let path = record(&folder.path().join("old"));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "what feeds report is not recorded");
    good(old.run(&[
        "listing",
        "put",
        "+447400123456",
        "--reason",
        "ring \"7\" \u{2713}",
        "--expires",
        "30d",
    ]));
    good(old.run(&["range", "put", "+4474001*", "--allow", "--author", "ann"]));
    good(old.run(&["listing", "put", "+447400123457", "+447400123458"]));
    good(old.run(&["listing", "delete", "--yes", "+447400123457", "+12025550123"]));
    good(old.run(&["listing", "put", "+447400123457", "--allow", "--reason", "undone"]));
    good(old.run(&["listing", "delete", "+447400123458"]));
    let before = decisions(&old);
    assert_eq!(before.len(), 3, "{before:?}");
    old.kill();

    let verified = good(run(&["audit", "verify", &path]));
    assert!(verified.contains("16 lines, the chain is whole") && verified.contains("hash "), "{verified}");
    let listed = lines(&good(run(&["audit", "list", "-o", "json", &path])));
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|line| line["result"] == "stored"), "{listed:?}");
    assert_eq!((&listed[1]["author"], &listed[1]["decision"]["action"]), (&"ann".into(), &"ALLOW".into()));
    assert_eq!((&listed[4]["action"], &listed[4]["before"]["action"]), (&"delete".into(), &"BLOCK".into()));
    let old_folder = folder.path().join("old").display().to_string();
    let table = good(run(&["audit", "list", "--data-dir", &old_folder]));
    assert!(table.contains("BLOCK by tester until") && table.lines().count() == 9, "{table}");

    let new = Served::empty(&folder.path().join("new"));
    let dry = good(new.run(&["admin", "replay-audit", "--dry-run", &path]));
    assert!(dry.contains("would replay 3 puts and 0 deletes, skip 2; nothing was changed"), "{dry}");
    assert_eq!(new.stats()["store"]["numbers"], 0, "a dry run writes nothing");
    assert_eq!(std::fs::metadata(record(&folder.path().join("new"))).unwrap().len(), 0);
    refused(&new.run(&["admin", "replay-audit", &path]), &["Replay 3 puts and 0 deletes", "--yes"]);

    let first = replay(&new, &[&path]);
    assert_eq!(first.len(), 5);
    assert_eq!(told(&first, "+447400123458"), ("skipped".into(), "it is not listed".into()));
    assert_eq!(decisions(&new), before, "with reasons, authors, times and expiries");
    let written = std::fs::read(record(&folder.path().join("new"))).unwrap();
    let again = replay(&new, &[&path]);
    assert!(again.iter().all(|line| line["replay"] == "skipped"), "{again:?}");
    let since = replay(&new, &["--since", "2100-01-01", &path]);
    assert!(since.is_empty(), "{since:?}");
    assert_eq!(
        std::fs::read(record(&folder.path().join("new"))).unwrap(),
        written,
        "nothing the second time"
    );

    // The replay is on record itself, so that it can be replayed.
    let third = Served::empty(&folder.path().join("third"));
    replay(&third, &[&record(&folder.path().join("new")), &path]);
    assert_eq!(decisions(&third), before);
}

#[test]
fn a_lost_delete_is_replayed_but_not_over_what_is_newer() {
    let folder = tempfile::tempdir().unwrap();
    let old = Served::empty(&folder.path().join("old"));
    let stale = file(
        &folder,
        "stale.csv",
        b"e164,last_seen\n+447400123456,2026-01-01\n+447400123457,2026-01-01\n+447400123458,2026-01-01\n",
    );
    good(old.run(&["import", "--feed", "stale", stale.to_str().unwrap()]));
    good(old.run(&["listing", "put", "+447400123456", "+447400123457"]));
    // A new server that holds what the old one held before the deletes.
    let export = good(old.run(&["export"]));
    let subjects = ["+447400123456", "+447400123457", "+447400123458"];
    good(old.run(&[&["listing", "delete", "--yes"], &subjects[..]].concat()));
    let path = record(&folder.path().join("old"));
    old.kill();

    let new = Served::empty(&folder.path().join("new"));
    good(new.run_with(&["import", "-"], export.as_bytes()));
    // A feed sees one of them after the delete; an operator decides about another.
    std::thread::sleep(Duration::from_millis(1_100));
    let later = format!("e164,last_seen\n{},{}\n", subjects[1], now_text());
    good(new.run_with(&["import", "--feed", "fresh", "-"], later.as_bytes()));
    good(new.run(&["listing", "put", subjects[2], "--allow"]));

    let replayed = replay(&new, &[&path]);
    assert_eq!(told(&replayed, subjects[0]).0, "replayed");
    let (done, why) = told(&replayed, subjects[1]);
    assert!(done == "skipped" && why.starts_with("fresh saw it later, on "), "{done}: {why}");
    assert_eq!(told(&replayed, subjects[2]), ("skipped".into(), "the server has a newer decision".into()));
    assert_eq!(new.run(&["listing", "get", subjects[0]]).code, Some(1), "deleted");
    assert!(good(new.run(&["listing", "get", subjects[1]])).contains("fresh"));
    let again = replay(&new, &[&path]);
    assert!(again.iter().all(|line| line["replay"] == "skipped"), "{again:?}");
}

/// The time, as lists write it.
fn now_text() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    numguard::core::listing::UnixTime(now.as_secs() as u32).to_string()
}

#[test]
fn what_was_acknowledged_before_a_kill_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = record(&data);
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let served = Served::empty(&data);
        let length = || std::fs::metadata(&path).unwrap().len();
        let begun = length();
        // Four writers put one number after the other until the server is gone.
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let numbers = (0..200).map(|i| format!("+4474{round}{writer}{i:06}"));
                let numbers: Vec<String> = numbers.collect();
                let mut put = command(&["listing", "put"]);
                put.args(&numbers).env("NUMGUARD_SERVER", &served.url);
                put.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        while length() == begun {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(50 + 150 * round));
        served.kill();
        for writer in writers {
            let output = writer.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            acknowledged.extend(text.lines().map(|line| line.split(':').next().unwrap().to_owned()));
        }
        good(run(&["audit", "verify", &path]));
    }
    assert!(!acknowledged.is_empty(), "nothing was put before the kills");
    let listed = lines(&good(run(&["audit", "list", "-o", "json", &path])));
    let stored =
        |number: &str| listed.iter().any(|line| line["subject"] == number && line["result"] == "stored");
    assert!(acknowledged.iter().all(|number| stored(number)), "an acknowledged put is not on record");

    // After the replay into both, the store that lived on and an empty one hold the same.
    let (same, empty) = (Served::empty(&data), Served::empty(&folder.path().join("empty")));
    let known = decisions(&same);
    replay(&empty, &[&path]);
    replay(&same, &[&path]);
    let restored = decisions(&empty);
    assert_eq!(decisions(&same), restored);
    assert!(known.iter().all(|listing| restored.contains(listing)), "a decision was lost");
}

#[test]
fn a_cut_line_is_kept_aside_and_a_broken_chain_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = record(&data);
    let served = Served::empty(&data);
    good(served.run(&["listing", "put", "+447400123456"]));
    served.kill();
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{{\"seq\":3,\"at\":17")).unwrap();
    let cut = run(&["audit", "verify", &path]);
    assert!(cut.code == Some(0) && cut.stderr.contains("audit.jsonl:3: is cut"), "{cut:?}");
    let served = Served::empty(&data);
    good(served.run(&["listing", "put", "+447400123457"]));
    assert!(good(run(&["audit", "verify", &path])).contains("4 lines, the chain is whole"));
    assert_eq!(std::fs::read_to_string(format!("{path}.cut")).unwrap(), "{\"seq\":3,\"at\":17\n");
    let beside = run(&["audit", "verify", "--data-dir", data.to_str().unwrap()]);
    assert!(beside.stderr.contains("audit.jsonl.cut"), "{beside:?}");

    let text = std::fs::read_to_string(&path).unwrap();
    let altered = file(&folder, "altered.jsonl", text.replacen("BLOCK", "ALLOW", 1).as_bytes());
    let altered = altered.to_str().unwrap();
    refused(&run(&["audit", "verify", altered]), &["altered.jsonl:1: was altered"]);
    refused(&run(&["audit", "list", altered]), &["altered.jsonl:1: was altered"]);
    refused(
        &served.run(&["admin", "replay-audit", "--yes", altered]),
        &["altered.jsonl:1: was altered", "nothing was replayed", "--force"],
    );
    let other = Served::empty(&folder.path().join("other"));
    let forced = replay(&other, &["--force", altered]);
    assert_eq!(forced.len(), 1, "the altered line is left out: {forced:?}");
    assert_eq!(told(&forced, "+447400123457").0, "replayed");
    let csv = file(&folder, "list.csv", b"e164\n+447400123456\n");
    refused(
        &served.run(&["admin", "replay-audit", &path, csv.to_str().unwrap()]),
        &["list.csv:1: is no line of an audit record"],
    );
    refused(&served.run(&["admin", "replay-audit", "/no/such"]), &["cannot open /no/such"]);
    refused(&run(&["audit", "list", "--data-dir", "/no/such"]), &["cannot read /no/such"]);
    assert_eq!(run(&["admin", "replay-audit"]).code, Some(2));
}

#[test]
fn what_cannot_be_put_on_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    // A disk that is always full.
    std::os::unix::fs::symlink("/dev/full", record(&data)).unwrap();
    let served = Served::empty(&data);
    let put = served.run(&["listing", "put", "+447400123456"]);
    refused(&put, &["Unavailable", "nothing was changed", "cannot write", "audit.jsonl", "No space left"]);
    refused(&served.run(&["listing", "delete", "+447400123456"]), &["nothing was changed"]);
    assert_eq!(served.stats()["store"]["numbers"], 0);
    good(served.run_with(&["import", "-"], b"+447400123456\n"));
    assert_eq!(served.stats()["store"]["numbers"], 1, "feeds need no record");
}

#[test]
fn a_server_whose_record_would_not_last_takes_no_changes() {
    let folder = tempfile::tempdir().unwrap();
    let settings = file(&folder, "numguard.toml", b"takes_changes = false\n");
    let served = Served::start(folder.path(), &["--no-starter-data", "--config", settings.to_str().unwrap()]);
    let put = served.run(&["listing", "put", "+447400123456"]);
    refused(&put, &["FailedPrecondition", "takes_changes = false", "ask the one that does"]);
    let decided = br#"{"subject":"+4474*","sightings":[],"decision":{"action":"BLOCK","reason":"why","author":"ann","decided_at":"2026-05-03T00:00:00Z"}}"#;
    refused(&served.run_with(&["import", "-"], decided), &["takes_changes = false"]);
    let stats = served.stats();
    assert_eq!((&stats["store"]["numbers"], &stats["store"]["ranges"]), (&0.into(), &0.into()));
    good(served.run_with(&["import", "-"], b"+447400123456\n"));
    assert_eq!(served.stats()["store"]["numbers"], 1, "what feeds say is theirs to say again");
}

#[test]
fn two_servers_need_two_folders() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let redis = ["--redis", "redis://127.0.0.1:9"];
    let first = Served::start(folder.path(), &redis);
    let arguments = ["serve", "--data-dir", data, "--listen", "127.0.0.1:0"];
    let second = run(&[&arguments[..], &redis].concat());
    refused(&second, &["audit.jsonl is in use by another process", "--data-dir"]);
    let stats = good(first.run(&["stats"]));
    assert!(stats.contains("OUT OF REACH: ") && stats.contains("DEGRADED"), "{stats}");
    assert!(!first.stats()["store_error"].as_str().unwrap().is_empty());
}

#[test]
fn a_held_load_is_told_and_released_when_an_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let fresh = good(served.run(&["stats"]));
    assert!(fresh.contains("the index follows the store"), "{fresh}");
    assert!(served.stats()["held"].is_null(), "nothing is held");
    let nothing = good(served.run(&["admin", "accept-shrink", "--yes"]));
    assert!(nothing.contains("nothing is held back on this server"), "{nothing}");
    let list: String = (0..100).map(|i| format!("+4474001234{i:02}\n")).collect();
    good(served.run_with(&["import", "-"], list.as_bytes()));
    assert_eq!(served.terminate(), Some(0));
    // The store is emptied while the saved index stays.
    std::fs::remove_file(folder.path().join("numguard.redb")).unwrap();

    let served = Served::empty(folder.path());
    let held = good(served.run(&["stats"]));
    for words in ["DEGRADED", "the index has 100 listings, the store 0", "replay-audit", "accept-shrink"] {
        assert!(held.contains(words), "{held}");
    }
    let stats = served.stats();
    assert_eq!(
        (&stats["held"]["index_listings"], &stats["freshness"]["degraded"]),
        (&100.into(), &true.into())
    );
    assert_eq!(served.run(&["check", "+447400123456"]).code, Some(3), "checks go on");
    let unasked = served.run(&["admin", "accept-shrink"]);
    refused(&unasked, &["the index has 100 listings", "--yes"]);
    assert_eq!(served.stats()["held"]["store_listings"], 0, "still held");
    let accepted = good(served.run(&["admin", "accept-shrink", "--yes"]));
    assert!(
        accepted.contains("the index has 100 listings") && accepted.contains("ten minutes"),
        "{accepted}"
    );
    for _ in 0..100 {
        if served.stats()["held"].is_null() {
            assert_eq!(served.stats()["index"]["numbers"], 0);
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the load is still held: {}", served.stats());
}
