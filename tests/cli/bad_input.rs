//! Bad input of every kind: one clear line that says what to do, and nothing is lost.

use std::io::Write;

use crate::served::{Ran, Served, command, file, run};

/// Failed with one line on stderr that says all of `words`.
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let line = ran.stderr.lines().last().unwrap_or_default();
    assert!(line.starts_with("error: "), "{ran:?}");
    for word in words {
        assert!(line.contains(word), "{line:?} does not say {word:?}");
    }
}

#[test]
fn what_serve_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let serve = |data_dir: &str, more: &[&str]| {
        run(&[&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir], more].concat())
    };

    file(&folder, "a-file", b"");
    refused(&serve(&path("a-file"), &[]), &["cannot open", "a-file"]);
    refused(&serve("/proc/no/such", &[]), &["cannot open", "/proc/no/such"]);

    let served = Served::empty(&folder.path().join("used"));
    refused(&serve(&path("used"), &[]), &["in use by another process", "--data-dir"]);
    let address = served.url.trim_start_matches("http://");
    refused(
        &run(&["serve", "--data-dir", &path("other"), "--listen", address]),
        &["cannot listen on", "--listen"],
    );

    let config = file(&folder, "wrong.toml", b"lisen = \"127.0.0.1:1\"\n");
    refused(&serve(&path("x"), &["--config", config.to_str().unwrap()]), &["lisen", "wrong.toml", "listen"]);
    refused(&run(&["config", "check", "--config", config.to_str().unwrap()]), &["lisen", "wrong.toml"]);
    refused(&serve(&path("x"), &["--config", "/no/such.toml"]), &["cannot read /no/such.toml"]);
    let policy = file(&folder, "policy.toml", b"version = \"x\"\n");
    refused(&serve(&path("x"), &["--policy", policy.to_str().unwrap()]), &["policy.toml", "missing field"]);
    let latin = file(&folder, "latin.toml", b"# by us\n# caf\xe9\n");
    for flag in ["--config", "--policy"] {
        refused(&serve(&path("x"), &[flag, latin.to_str().unwrap()]), &["latin.toml:2: is not UTF-8"]);
    }
    let unknown = command(&["serve", "--data-dir", &path("x")]).env("NUMGUARD_LISEN", "1").output().unwrap();
    refused(&unknown.into(), &["lisen"]);
    assert!(!folder.path().join("x").exists(), "nothing was made for a configuration that is wrong");
}

#[test]
fn a_read_only_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Root writes where permissions forbid it, so take a file system that nobody can write.
    refused(
        &run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "/sys/numguard"]),
        &["cannot open", "/sys/numguard", "--data-dir"],
    );
    drop(folder);
}

#[test]
fn a_stderr_that_takes_nothing_changes_no_exit_code() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let away = ["--server", "http://127.0.0.1:9"];
    for (verb, code) in [("stats", 1), ("health", 2), ("doctor", 1)] {
        let ran = command(&[&[verb][..], &away].concat()).stderr(full()).status().unwrap();
        assert_eq!(ran.code(), Some(code), "{verb}");
    }
    let ran = command(&["serve", "--listen", "192.0.2.1:1"]).stderr(full()).status().unwrap();
    assert_eq!(ran.code(), Some(1));
}

#[test]
fn a_service_that_is_not_there() {
    for (server, word) in [
        ("http://127.0.0.1:9", "numguard serve"),
        ("127.0.0.1:9", "expected a URL"),
        ("nonsense", "expected a URL"),
        ("https://127.0.0.1:9", "numguard serve"),
        ("", "expected a URL"),
    ] {
        refused(&run(&["stats", "--server", server]), &[word]);
    }
}

#[test]
fn numbers_that_are_none_are_answers() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let long = "5".repeat(10_000_000);
    let input =
        [b"+\n\xf0\x9f\x93\x9e\nletters\n+1234567890123456\n+447400\x00123456\n+4474\xff\n", long.as_bytes()]
            .concat();
    let ran = served.run_with(&["check", "-", "", "-o", "json"], &input);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let codes: Vec<bool> =
        ran.stdout.lines().map(|line| line.contains("INVALID_NUMBER") && line.contains("BLOCK")).collect();
    assert_eq!(codes, [true; 6], "five lines and the empty argument: {}", ran.stdout);
    assert!(
        ran.stderr.contains("stdin:6: not UTF-8") && ran.stderr.contains("stdin:7: longer than"),
        "{}",
        ran.stderr
    );
    refused(&served.run_with(&["check", "-"], b""), &["no numbers to check"]);
    refused(&served.run(&["check", "missing.csv"]), &["cannot open missing.csv"]);
    refused(&served.run(&["check", "/tmp"]), &["is a folder"]);
    let unread = served.run_with(&["check", "-"], b"+447400123456\n+4474\xff\n");
    assert_eq!(unread.code, Some(1), "0 would say that every number is allowed: {unread:?}");
}

#[test]
fn files_that_cannot_be_imported() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(&folder.path().join("data"));
    served.run(&["listing", "put", "+447400123456"]);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"e164\n+12025550123\n+12025550124\n").unwrap();
    let mut cut = packer.finish().unwrap();
    cut.truncate(cut.len() - 8);
    for (name, content, words) in [
        ("cut.csv.gz", cut.as_slice(), ["cut.csv.gz", "cannot be read to its end"]),
        ("cut.json", b"{\"12025550123\": \"2026-01-01\",", ["cut.json", "EOF while parsing"]),
        ("array.json", b"[\"12025550123\"]", ["array.json", "expected one object, number to date"]),
        (
            "nested.json",
            b"{\"12025550123\": {\"a\": 1}}",
            ["nested.json", "expected one object, number to date"],
        ),
    ] {
        let path = file(&folder, name, content);
        refused(&served.run(&["import", path.to_str().unwrap()]), &words);
    }
    refused(&served.run(&["import", "/no/such/file"]), &["cannot open /no/such/file"]);
    refused(&served.run(&["import", folder.path().to_str().unwrap(), "--feed", "x"]), &["is a folder"]);

    let empty = file(&folder, "empty.csv", b"");
    let ran = served.run(&["import", empty.to_str().unwrap()]);
    assert!(ran.code == Some(1) && ran.stderr.contains("no rows: nothing was stored"), "{ran:?}");
    let utf8 = file(&folder, "bytes.txt", b"+12025550123\n+1202555\xff\xfe24\n");
    let ran = served.run(&["import", utf8.to_str().unwrap()]);
    assert!(ran.code == Some(0) && ran.stderr.contains("bytes.txt:2: not UTF-8"), "{ran:?}");
    assert_eq!(served.stats()["store"]["numbers"], 2, "what was there, and the one good line");
}

#[test]
fn a_wrong_subject_or_decision_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    refused(&served.run(&["listing", "put", "hello"]), &["hello", "not a phone number"]);
    refused(&served.run(&["listing", "put", "07400 123456"]), &["no country code"]);
    refused(&served.run(&["range", "put", "+4474..+4475000"]), &["same number of digits"]);
    refused(&served.run(&["range", "put", "+447400123456"]), &["expected a range"]);
    refused(
        &served.run(&["listing", "put", "+447400123456", "--expires", "2020-01-01"]),
        &["decision.expires_at", "past"],
    );
    refused(
        &served.run(&["listing", "put", "+447400123456", "--reason", &"x".repeat(501)]),
        &["decision.reason", "at most 500"],
    );
    refused(&served.run(&["listing", "list", "--prefix", "44"]), &["filter.prefix"]);
    let wrong = served.run(&["check", "--default-region", "GBR", "07400 123456"]);
    refused(&wrong, &["default_region", "ISO 3166"]);
    let unknown = served.run(&["check", "--default-region", "UK", "07400 123456", "+447400123456"]);
    assert!(unknown.stdout.contains("UNKNOWN_REGION") && unknown.stdout.contains("ALLOW"), "{unknown:?}");
    assert_eq!(served.run(&["listing", "put", "+447400123456", "--expires", "soon"]).code, Some(2));
    assert_eq!(served.stats()["store"]["numbers"], 0);
}
