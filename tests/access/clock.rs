//! A clock that is set back an hour: what must not depend on it does not, and it is named once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::connections::log;
use crate::keys::{first_key, name, refused, with};
use crate::served::{Served, command};
use crate::waiting::until;

/// The library behind `faketime`, for programs of several threads; nothing where it is missing.
fn library() -> Option<PathBuf> {
    let shown = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let path = shown.ok().map(|shown| String::from_utf8_lossy(&shown.stdout).trim().to_owned());
    // It may hold `$LIB`, which the loader knows.
    let path = path.map(|path| PathBuf::from(path.replace("libfaketime.so", "libfaketimeMT.so")));
    let path = path.filter(|path| path.ends_with("libfaketimeMT.so.1"));
    if path.is_none() {
        assert!(std::env::var_os("TESTED_FAKETIME_REQUIRED").is_none(), "faketime is missing");
        skipped();
    }
    path
}

/// Not by println!, which is kept from view when the test passes.
pub(crate) fn skipped() {
    let _ = writeln!(std::io::stderr(), "SKIPPED: faketime is not installed (apt-get install faketime)");
}

/// Sets the clock in one step: who looks meanwhile finds the old time or the new one.
fn set(clock: &Path, offset: &str) {
    let next = clock.with_extension("next");
    fs::write(&next, format!("{offset}\n")).unwrap();
    fs::rename(next, clock).unwrap();
}

/// Serves by a clock that is as far ahead or behind as `clock` says, from second to second.
fn serve(folder: &Path, library: &Path, clock: &Path) -> Served {
    let config = folder.join("numguard.toml");
    fs::write(&config, "[access]\nkeys = true\n").unwrap();
    let flags = ["--no-starter-data", "--config", config.to_str().unwrap()];
    let faked = [
        ("LD_PRELOAD", library.as_os_str()),
        ("FAKETIME_TIMESTAMP_FILE", clock.as_os_str()),
        ("FAKETIME_NO_CACHE", "1".as_ref()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".as_ref()),
        ("NO_FAKE_STAT", "1".as_ref()),
    ];
    Served::with_environment(&folder.join("data"), &flags, &folder.join("log"), &faked)
}

/// The audit record: what was done, and when by the record.
fn record(folder: &Path) -> Vec<(String, String)> {
    let data = folder.join("data");
    let listed = command(&["audit", "list", "-o", "json", "--data-dir", data.to_str().unwrap()]);
    let listed = { listed }.output().unwrap();
    let lines = String::from_utf8(listed.stdout).unwrap();
    let line = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    let text = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
    lines.lines().map(line).map(|line| (text(&line, "action"), text(&line, "at"))).collect()
}

#[test]
fn a_clock_set_back_an_hour_is_named_once_and_changes_no_order() {
    let Some(library) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let admin = first_key(folder.path(), "ops", "admin");
    let clock = folder.path().join("clock");
    set(&clock, "+2h");
    let served = serve(folder.path(), &library, &clock);
    let ops = |arguments: &[&str]| with(&served, &admin, arguments);
    let good = |arguments: &[&str]| {
        let ran = ops(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.stdout
    };
    let number = "+447400123456";
    let verdict = || {
        let ran = ops(&["check", "-o", "json", number]);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["verdict"].as_str().unwrap().to_owned()
    };

    // A key that ends with its rotation, before the clock is set back.
    let old = good(&["key", "create", "--client", "shop", "--scopes", "check"]);
    let fresh = good(&["key", "rotate", name(&old), "--overlap", "0"]);
    refused(&with(&served, old.trim(), &["check", number]), &["Unauthenticated", "expired at"]);
    good(&["listing", "put", number, "--block", "--reason", "first"]);
    assert_eq!(verdict(), "BLOCK");

    set(&clock, "+1h");
    until("it is named", || log(folder.path()).contains("the clock was set back"));
    // Keys: what had ended stays so, what counts goes on.
    refused(&with(&served, old.trim(), &["check", number]), &["Unauthenticated", "expired at"]);
    assert_eq!(with(&served, fresh.trim(), &["check", number]).code, Some(3));
    let rotated = good(&["key", "rotate", name(&fresh), "--overlap", "0"]);
    refused(&with(&served, fresh.trim(), &["check", number]), &["expired at"]);
    assert_eq!(with(&served, rotated.trim(), &["check", number]).code, Some(3));
    // Decisions: the newest counts, and the index follows.
    good(&["listing", "put", number, "--allow", "--reason", "second"]);
    assert_eq!(verdict(), "ALLOW");
    good(&["listing", "put", number, "--block", "--reason", "third"]);
    assert_eq!(verdict(), "BLOCK");
    good(&["listing", "undo"]);
    assert_eq!(verdict(), "ALLOW");
    good(&["listing", "delete", number]);
    assert_eq!(verdict(), "ALLOW");
    let stats = good(&["stats"]);
    assert!(stats.contains("the index follows the store"), "{stats}");
    // The record is in order, also for a replay, which finds nothing to do.
    let times: Vec<String> = record(folder.path()).into_iter().map(|(_, at)| at).collect();
    assert!(times.is_sorted(), "{times:?}");
    let audit = folder.path().join("data/audit.jsonl");
    let replayed = good(&["admin", "replay-audit", "--dry-run", audit.to_str().unwrap()]);
    assert!(replayed.contains("0 puts and 0 deletes"), "{replayed}");
    let named = || log(folder.path()).matches("the clock was set back").count();
    assert_eq!(named(), 1, "named once");

    // The same over a restart: the log of the next start says it once, and ended keys stay ended.
    served.terminate();
    set(&clock, "+0");
    let served = serve(folder.path(), &library, &clock);
    until("it is named", || log(folder.path()).contains("the clock was set back"));
    refused(&with(&served, old.trim(), &["check", number]), &["Unauthenticated", "expired at"]);
    assert_eq!(with(&served, rotated.trim(), &["check", number]).code, Some(0));
    assert_eq!(log(folder.path()).matches("the clock was set back").count(), 1, "named once");
}
