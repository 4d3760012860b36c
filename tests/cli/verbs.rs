//! The verbs, against a served instance.

use serde_json::Value;

use crate::served::{Served, file};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

#[test]
fn the_first_command_answers_about_real_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &[]);
    assert!(served.banner.contains("stored the starter list, 93,"), "{}", served.banner);
    assert_eq!(served.run(&["health"]).stdout, "SERVING\n");
    let store = &served.stats()["store"];
    assert!(store["numbers"].as_u64().unwrap() > 93_000, "{store}");

    let listed = served.run(&["check", "--output", "json", "+3584573985432"]);
    assert_eq!(listed.code, Some(3), "{listed:?}");
    let answer = &lines(&listed.stdout)[0];
    assert_eq!(
        (&answer["verdict"], &answer["reasons"][0]["code"]),
        (&"CHALLENGE".into(), &"PUBLIC_INBOX".into())
    );
    assert!(answer["reasons"][0]["evidence"].as_str().unwrap().contains("ip1sms-starter on 2023-10-01"));

    assert_eq!(served.terminate(), Some(0), "SIGTERM drains and ends well");
    let again = Served::start(folder.path(), &[]);
    assert!(
        again.banner.contains("from the saved index") && !again.banner.contains("first start"),
        "{}",
        again.banner
    );
}

#[test]
fn check_takes_arguments_files_and_stdin_and_tells_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let allowed = served.run(&["check", "+447400123456"]);
    assert_eq!(allowed.code, Some(0));
    assert!(allowed.stdout.contains("ALLOW") && allowed.stdout.contains("MOBILE"), "{allowed:?}");

    let csv = file(&folder, "numbers.csv", b"name,e164\nx,+447400123456\ny,+12025550123\n");
    let ran = served.run_with(
        &["check", "-o", "json", "--default-region", "GB", csv.to_str().unwrap(), "-", "07400 123457"],
        "+33612345678\n\nhello\n".as_bytes(),
    );
    let answers = lines(&ran.stdout);
    let inputs: Vec<&str> = answers.iter().map(|a| a["input"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["+447400123456", "+12025550123", "+33612345678", "hello", "07400 123457"]);
    let verdicts: Vec<&str> = answers.iter().map(|a| a["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["ALLOW", "ALLOW", "ALLOW", "BLOCK", "ALLOW"]);
    assert_eq!(answers[3]["number"], "", "a text that is not a number has none");
    assert_eq!(answers[4]["number"], "+447400123457");
    assert_eq!(ran.code, Some(3));
}

#[test]
fn an_operators_listing_counts_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let check = |number: &str| lines(&served.run(&["check", "-o", "json", number]).stdout).remove(0);

    let put = served.run(&["listing", "put", "+44 7400 123456", "--reason", "ring 7", "--expires", "30d"]);
    assert!(put.code == Some(0) && put.stdout.contains("BLOCK by tester until"), "{put:?}");
    let blocked = check("+447400123456");
    assert_eq!((&blocked["verdict"], &blocked["risk_score"]), (&"BLOCK".into(), &100.into()));
    assert!(blocked["reasons"][0]["evidence"].as_str().unwrap().contains("by tester"), "{blocked}");

    served.run(&["range", "put", "+4474001*", "--block", "--author", "ann"]);
    assert_eq!(check("+447400199999")["reasons"][0]["code"], "BLOCK_LISTED");
    served.run(&["range", "put", "+447400190000..+447400199999", "--allow"]);
    assert_eq!(check("+447400199999")["verdict"], "ALLOW", "allow beats block");
    served.run(&["range", "put", "+44740019999*", "--block"]);
    assert_eq!(check("+447400199999")["verdict"], "ALLOW", "also a narrower block");
    served.run(&["range", "delete", "+44740019999*"]);
    served.run(&["listing", "put", "+447400123456", "--allow"]);
    assert_eq!(check("+447400123456")["verdict"], "ALLOW", "an allow listing beats everything");

    let ranges = served.run(&["range", "list", "-o", "json"]);
    assert_eq!(lines(&ranges.stdout).len(), 2);
    let got = served.run(&["listing", "get", "+447400123456"]);
    assert!(got.stdout.contains("ALLOW by tester"), "{got:?}");
    let listed = served.run(&["listing", "list", "--action", "allow", "--prefix", "+4474"]);
    assert_eq!(listed.stdout.lines().count(), 3, "{listed:?}");

    let unasked = served.run(&["listing", "delete", "+447400123456", "+4474001*"]);
    assert_eq!(unasked.code, Some(1), "{unasked:?}");
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    let deleted = served.run(&["listing", "delete", "--yes", "+447400123456", "+4474001*", "+12025550123"]);
    assert_eq!(deleted.stdout, "deleted 2 of 3\n");
    assert_eq!(served.run(&["listing", "get", "+447400123456"]).code, Some(1));
}

#[test]
fn imports_of_every_form_and_a_lossless_export() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(&folder.path().join("a"));
    let csv = file(
        &folder,
        "Castle_Daily.csv",
        b"seen_on,rank,e164\n2026-05-31,1,+447400123456\n2026-06-02,9,+447400123456\n",
    );
    let json =
        file(&folder, "open.json", b"{\"12025550123\": \"2024-01-05\", \"447400123456\": \"2025-01-05\"}");
    let text = file(&folder, "text.txt", b"# mine\n+4474011*\n07400 123450\n");
    let import = served.run(&[
        "import",
        csv.to_str().unwrap(),
        json.to_str().unwrap(),
        text.to_str().unwrap(),
        "--default-region",
        "GB",
    ]);
    // With a default region the open list's digits are national: the American ones are refused.
    assert!(import.code == Some(0) && import.stderr.contains("1 bad line"), "{import:?}");
    served.run(&["import", json.to_str().unwrap()]);
    served.run(&["import", csv.to_str().unwrap()]);
    served.run(&["listing", "put", "+12025550123", "--allow", "--reason", "wrote to us"]);

    let got = served.run(&["listing", "get", "+447400123456"]).stdout;
    assert!(
        got.contains("castle_daily from 2026-05-31 to 2026-06-02, 2 times"),
        "again changes nothing: {got}"
    );
    assert!(got.contains("open on 2025-01-05, once"), "{got}");

    let export = served.run(&["export"]).stdout;
    assert_eq!(export.lines().count(), 4, "{export}");
    let other = Served::empty(&folder.path().join("b"));
    let back = other.run_with(&["import", "-"], export.as_bytes());
    assert_eq!(back.code, Some(0), "{back:?}");
    assert_eq!(other.run(&["export"]).stdout, export, "lossless");
}

#[test]
fn strict_and_dry_run_store_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let list = file(&folder, "list.txt", b"+447400123456\nnonsense\n+12025550123\n");
    let list = list.to_str().unwrap();
    let dry = served.run(&["import", "--dry-run", list]);
    assert!(dry.code == Some(0) && dry.stdout.contains("2 good rows, 1 bad lines"), "{dry:?}");
    let strict = served.run(&["import", "--strict", list]);
    assert!(strict.code == Some(1) && strict.stderr.contains("list.txt:2: NOT_A_NUMBER"), "{strict:?}");
    assert_eq!(served.stats()["store"]["numbers"], 0);
    let lenient = served.run(&["import", list]);
    assert!(lenient.code == Some(0) && lenient.stdout.contains("imported 2 rows"), "{lenient:?}");
    assert_eq!(served.stats()["store"]["numbers"], 2);
}

#[test]
fn explain_tells_every_signal_and_what_the_verdict_hangs_on() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let list = b"e164\n+3584573985001\n+3584573985002\n";
    assert_eq!(served.run_with(&["import", "--feed", "list", "-"], list).code, Some(0));
    let ran = served.run(&["explain", "-o", "json", "+3584573985003"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = &lines(&ran.stdout)[0];
    assert_eq!((&told["verdict"], &told["challenge_from"]), (&"CHALLENGE".into(), &50.into()), "{told}");
    let codes: Vec<_> = told["signals"].as_array().unwrap().iter().map(|s| &s["code"]).collect();
    assert_eq!(codes, ["INFERRED_RANGE", "RANGE_HOLDER"], "{told}");
    // The holder alone still asks for a second step.
    assert_eq!(told["signals"][0]["verdict_without"], "CHALLENGE", "{told}");
    assert_eq!(told["signals"][0]["risk_score_without"], 60, "{told}");
    assert!(told["not_found"].as_array().unwrap().contains(&"PUBLIC_INBOX".into()), "{told}");

    served.run(&["listing", "put", "+3584573985003", "--allow", "--reason", "a subscriber"]);
    let ran = served.run(&["explain", "+3584573985003"]);
    assert!(ran.stdout.contains("it would be CHALLENGE without ALLOW_LISTED"), "{ran:?}");
    let nothing = served.run(&["explain", "07911 123456", "--default-region", "GB"]);
    assert!(nothing.stdout.contains("ALLOW") && nothing.stdout.contains("nothing found for"), "{nothing:?}");
    assert_eq!(served.run(&["explain", "+447911123456", "--default-region", "GBR"]).code, Some(1));
}

#[test]
fn no_log_line_holds_a_numbers_digits() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let served = Served::logging(&folder.path().join("data"), &log);
    let number = "+447400987654";
    let list = format!("e164,last_seen\n{number},2026-01-01\n{number},never\n");
    assert_eq!(served.run(&["check", number, "+44 7400 987654", "07400987654"]).code, Some(3));
    served.run(&["listing", "put", number, "--reason", "a test"]);
    served.run_with(&["import", "-"], list.as_bytes());
    served.run(&["listing", "delete", number]);
    assert_eq!(served.run(&["listing", "get", number]).code, Some(1));
    assert_eq!(served.run(&["check", number, "--default-region", "GBR"]).code, Some(1));
    assert_eq!(served.terminate(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("imported"), "the log is there: {} bytes", log.len());
    assert!(!log.contains("7400987654"), "a number's digits are in the log");
}
