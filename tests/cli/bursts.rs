//! Bursts as a platform and an operator meet them.

use serde_json::Value;

use crate::served::{Served, file};

fn verdict(served: &Served, words: &[&str]) -> (String, String) {
    let ran = served.run(&[&["check", "--output", "json"], words].concat());
    let answer: Value = serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    (answer["verdict"].as_str().unwrap().to_owned(), answer["reasons"].to_string())
}

#[test]
fn sign_ups_in_a_row_are_asked_for_a_second_step_and_who_only_looks_counts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(&folder, "numguard.toml", b"[bursts]\nenabled = true\nwindow_minutes = 60\n");
    let served = Served::start(
        &folder.path().join("data"),
        &["--no-starter-data", "--config", config.to_str().unwrap()],
    );
    let all = file(
        &folder,
        "range.txt",
        (0..1_000).map(|i| format!("+447911124{i:03}\n")).collect::<String>().as_bytes(),
    );
    // A list of all of a range, checked and explained: no sign-ups.
    let ran = served.run(&["check", "--output", "json", all.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.matches("BURST").count()), (Some(0), 0), "{:?}", ran.stderr);
    (0..9).for_each(|i| drop(served.run(&["explain", &format!("+44791112450{i}")])));
    assert_eq!(verdict(&served, &["--sign-up", "+447911124777"]).0, "ALLOW");

    for last in 1..=4 {
        assert_eq!(verdict(&served, &["--sign-up", &format!("+44791112300{last}")]).0, "ALLOW");
    }
    let (fifth, reasons) = verdict(&served, &["--sign-up", "+447911123005"]);
    assert_eq!(fifth, "CHALLENGE");
    assert!(reasons.contains("BURST_RANGE") && reasons.contains("5 numbers in a row"), "{reasons}");
    assert_eq!(verdict(&served, &["+447911199999"]).0, "ALLOW", "elsewhere");
    let explained = served.run(&["explain", "+447911123003"]).stdout;
    assert!(explained.contains("it would be ALLOW without BURST_RANGE"), "{explained}");

    // All of it as sign-ups: whoever has a number there is challenged, and nobody is blocked.
    let flood = served.run(&["check", "--sign-up", "--output", "json", all.to_str().unwrap()]);
    assert!(!flood.stdout.contains("\"BLOCK\""), "{}", flood.stdout);
    let (stranger, reasons) = verdict(&served, &["+447911124123"]);
    assert!(stranger == "CHALLENGE" && reasons.contains("BURST_RANGE"), "{reasons}");
    served.run(&["range", "put", "+447911124*", "--allow"]);
    assert_eq!(verdict(&served, &["--sign-up", "+447911124123"]).0, "ALLOW", "an allow listing beats it");
}

#[test]
fn nothing_is_counted_unless_it_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    for last in 10..30 {
        assert_eq!(
            verdict(&served, &["--sign-up", &format!("+4479111230{last}")]),
            ("ALLOW".into(), "[]".into())
        );
    }
}
