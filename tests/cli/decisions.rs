//! The decision log, from the check to the file to `replay`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use numguard::core::policy::DEFAULT;

use crate::served::{Served, file, run};

const NUMBERS: [&str; 6] =
    ["+33912345678", "+447418612345", "+447400123456", "+447400123457", "+12345678901", "hello"];

/// Serves with a decision log, checks, ends; answers the log's lines.
fn logged(folder: &tempfile::TempDir, settings: &str) -> (PathBuf, String) {
    let config = file(folder, "numguard.toml", format!("[decisions]\nenabled = true\n{settings}").as_bytes());
    let data = folder.path().join("data");
    let served = Served::start(&data, &["--no-starter-data", "--config", config.to_str().unwrap()]);
    let list = b"seen_on,e164\n2026-01-20,+447400123456\n2026-01-21,+447400123456\n";
    assert_eq!(served.run_with(&["import", "--feed", "list", "-"], list).code, Some(0));
    served.run(&[&["check"], &NUMBERS[..]].concat());
    served.run(&["check", "+447418612345", "--ip-region", "NG", "--account", "business"]);
    served.run(&["check", "+447400123456", "--last-verified", "2026-11-01"]);
    assert_eq!(served.terminate(), Some(0));
    let path = data.join("decisions.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn replay(folder: &tempfile::TempDir, log: &Path, policy: &str) -> serde_json::Value {
    let policy = file(folder, "new.toml", policy.as_bytes());
    let ran = run(&["replay", log.to_str().unwrap(), "--policy", policy.to_str().unwrap(), "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn every_check_is_a_line_without_digits_and_what_is_not_changed_does_not_flip() {
    let folder = tempfile::tempdir().unwrap();
    let (path, text) = logged(&folder, "");
    let told = lines(&text);
    assert_eq!(told.len(), NUMBERS.len() + 2, "{text}");
    for number in NUMBERS.iter().filter(|number| number.starts_with('+')) {
        assert!(!text.contains(&number[4..]), "{number} is in the log");
    }
    assert_eq!(told[1]["number"], told[6]["number"], "the same number is the same hash");
    assert_ne!(told[0]["number"], told[1]["number"]);
    assert!(told[5]["number"].is_null() && told[5]["facts"][0]["code"] == "INVALID_NUMBER", "{}", told[5]);
    assert_eq!(told[7]["facts"][0]["verified_days"], 284, "{}", told[7]);
    for name in ["decisions.jsonl", "decisions.key"] {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} is its owner's alone");
    }

    let same = replay(&folder, &path, DEFAULT);
    assert_eq!((&same["decisions"], &same["flips"]), (&8.into(), &serde_json::json!([])), "{same}");
    // A threshold, a class of holders, a shadow, what a verification is worth: each flips what it should.
    for (from, to, flips) in [
        ("challenge = 50", "challenge = 15", vec![("ALLOW", "CHALLENGE", 3)]),
        ("WHOLESALE = 0.2", "WHOLESALE = 0.5", vec![("ALLOW", "CHALLENGE", 1)]),
        ("shadow = []", "shadow = [\"FOREIGN_BUSINESS_RANGE\"]", vec![("CHALLENGE", "ALLOW", 1)]),
        ("keep = 0.5", "keep = 1.0", vec![("ALLOW", "CHALLENGE", 1)]),
        ("VOIP = 0.15", "VOIP = 0.95", vec![("ALLOW", "BLOCK", 1)]),
    ] {
        assert!(DEFAULT.contains(from), "{from}");
        let told = replay(&folder, &path, &DEFAULT.replacen(from, to, 1));
        let found: Vec<_> = told["flips"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flip| {
                assert!(flip["examples"][0]["check_id"].as_str().unwrap().contains('-'), "{flip}");
                let word = |name: &str| flip[name].as_str().unwrap().to_owned();
                (word("from"), word("to"), flip["count"].as_u64().unwrap())
            })
            .collect();
        let flips: Vec<_> = flips.into_iter().map(|(a, b, n)| (a.to_owned(), b.to_owned(), n)).collect();
        assert_eq!(found, flips, "{to}: {told}");
    }
    let policy = file(&folder, "p.toml", DEFAULT.replacen("challenge = 50", "challenge = 15", 1).as_bytes());
    let cut = file(&folder, "cut.jsonl", &text.as_bytes()[..text.len() - 9]);
    let ran = run(&["replay", cut.to_str().unwrap(), "--policy", policy.to_str().unwrap()]);
    assert!(ran.code == Some(1) && ran.stderr.contains("cut.jsonl:8: is no line"), "{ran:?}");
    assert!(ran.stdout.contains("of 7 decisions would flip under default-3"), "{ran:?}");
}

#[test]
fn numbers_can_be_masked_and_a_key_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = logged(&folder, "numbers = \"masked\"\n");
    assert_eq!(lines(&text)[2]["number"], "+4474******56");
    let hashes = |secret: &str| {
        let folder = tempfile::tempdir().unwrap();
        let (path, text) = logged(&folder, &format!("key = \"{secret}\"\n"));
        assert!(!path.with_file_name("decisions.key").exists());
        lines(&text)[2]["number"].as_str().unwrap().to_owned()
    };
    let (a, b) = ("a secret of some length", "another secret of some");
    assert_eq!(hashes(a), hashes(a));
    assert_ne!(hashes(a), hashes(b));
}
