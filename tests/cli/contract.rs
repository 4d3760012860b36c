//! What users' scripts rely on: keys of `--output json`, short verdict words, exit codes, settings, and how the banner,
//! imports and offline keys look. A change of the snapshot is a line in the CHANGELOG.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::served::{Ran, Served, file, run};

/// The paths of all keys in lines of JSON; `[]` stands for the elements of a list, `*` for keys that are data.
fn keys(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values
        .for_each(|value| add_keys(&value.unwrap_or_else(|error| panic!("{error}: {text}")), "", &mut found));
    found
}

/// Maps whose keys are regions, feeds or day counts.
const MAPS: [&str; 8] = [
    ".by_region",
    ".number_space",
    ".verdicts",
    ".feeds",
    ".countries",
    ".by_code",
    ".numbers_by_feed",
    ".regions",
];

fn add_keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if map.is_empty() => {}
        Value::Object(map) => {
            for (key, value) in map {
                let key = if MAPS.contains(&path) { "*" } else { key };
                add_keys(value, &format!("{path}.{key}"), found);
            }
            return;
        }
        Value::Array(list) if !list.is_empty() => {
            return list.iter().for_each(|value| add_keys(value, &format!("{path}[]"), found));
        }
        _ => {}
    }
    found.insert(path.to_owned());
}

fn section(all: &mut String, verb: &str, ran: &Ran) {
    assert!(ran.code != Some(1) || verb == "check without a service", "{verb}: {ran:?}");
    writeln!(all, "$ numguard {verb}\nexit {}", ran.code.unwrap()).unwrap();
    keys(&ran.stdout).iter().for_each(|key| writeln!(all, "  {key}").unwrap());
}

#[test]
fn keys_exit_codes_and_words_stay() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &[]);
    let list = file(&folder, "list.csv", b"number\n+447400123456\n+447400123457\n");
    let list = list.to_str().unwrap();
    let mut all = String::new();

    let first = served.banner.lines().next().unwrap();
    writeln!(all, "banner: {}", first.replace(served.url.rsplit(':').next().unwrap(), "PORT")).unwrap();
    let dry = served.run(&["import", list, "--feed", "test", "--dry-run"]);
    assert!(dry.stdout.contains("2 good rows"), "{dry:?}");
    let done = served.run(&["import", list, "--feed", "test"]);
    assert!(done.code == Some(0) && done.stdout.contains("imported 2 rows"), "{done:?}");

    let blocked = ["listing", "put", "+447400123465", "--reason", "fraud"];
    assert_eq!(served.run(&blocked).code, Some(0));
    let checked = served.run(&["check", "+447400123465", "+442079460000", "+447400123456", "-o", "json"]);
    for word in ["\"verdict\":\"BLOCK\"", "\"verdict\":\"ALLOW\"", "\"verdict\":\"CHALLENGE\""] {
        assert!(checked.stdout.contains(word), "{word}: {checked:?}");
    }

    let json = ["-o", "json"];
    for verb in [
        "listing put +447400123460 --reason fraud --author ann --request-id one",
        "allow put +447400123461 --reason friend --author ann --expires 2099-01-01",
        "range put +4474009* --reason range",
        "health",
        "policy list",
        "top --once",
        "export",
    ] {
        let arguments: Vec<&str> = verb.split(' ').collect();
        let ran = served.run(&arguments);
        let stdout = if verb == "export" { ran.stdout } else { String::new() };
        section(&mut all, verb, &Ran { stdout, ..ran });
    }
    for verb in [
        "check +46200231 +447400123456 +447400123460",
        "check +442079460000",
        "check 020-7946-0000 --default-region GB --ip-region FR",
        "check nonsense",
        "explain +447400123456 --ip-region GB",
        "listing list",
        "listing get +447400123460",
        "listing why +447400123456",
        "range list",
        "allow list",
        "stats",
        "feed list",
        "feed status",
        "review list",
        "outcome list",
        "allocation list",
        "key list",
        "doctor",
        "listing undo --yes",
    ] {
        let arguments: Vec<&str> = verb.split(' ').collect();
        section(&mut all, verb, &served.run(&[&arguments[..], &json].concat()));
    }
    assert_eq!(served.terminate(), Some(0));

    let data = folder.path().to_str().unwrap();
    let config = file(&folder, "numguard.toml", b"[log]\nformat = \"json\"\n");
    let config = config.to_str().unwrap();
    let place = ["--offline", "--config", config, "--data-dir", data];
    let create = ["key", "create", "--client", "signup", "--scopes", "check", "-o", "json"];
    section(&mut all, "key create --offline", &run(&[&create[..], &place].concat()));
    section(&mut all, "key list --offline", &run(&[&["key", "list", "-o", "json"][..], &place].concat()));
    section(
        &mut all,
        "check without a service",
        &run(&["check", "+442079460000", "--server", "http://127.0.0.1:9"]),
    );

    let settings = run(&["config", "show"]);
    let settings: toml::Table = settings.stdout.parse().unwrap();
    for table in ["access", "owner"] {
        let names: Vec<&str> = settings[table].as_table().unwrap().keys().map(String::as_str).collect();
        writeln!(all, "[{table}] {}", names.join(" ")).unwrap();
    }
    insta::assert_snapshot!("contract", all);
}

#[test]
fn keys_of_a_backtest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let seen =
        file(&folder, "seen.csv", b"seen_on,e164\n2026-05-01,+447400123401\n2026-05-02,+447400123402\n");
    let legitimate = b"e164,region,line_type\n+447911123456,GB,MOBILE\n+442071838750,GB,FIXED_LINE\n";
    let legitimate = file(&folder, "legitimate.csv", legitimate);
    let seen = seen.to_str().unwrap();
    let sightings = format!("list={seen}");
    let arguments =
        ["backtest", "--sightings", &sightings, "--positives", seen, "--from", "2026-05-02", "-o", "json"];
    let ran = run(&[&arguments[..], &["--legitimate", legitimate.to_str().unwrap()]].concat());
    let mut all = String::new();
    section(&mut all, "backtest", &ran);
    insta::assert_snapshot!("backtest_keys", all);
}

/// `cargo tree` of the library without the server, as the promise says it.
#[test]
fn the_core_has_few_crates() {
    let tree = ["tree", "--locked", "--no-default-features", "-e", "normal", "--prefix", "none"];
    let ran = std::process::Command::new(env!("CARGO")).args(tree).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let crates: BTreeSet<String> = String::from_utf8_lossy(&ran.stdout).lines().map(str::to_owned).collect();
    assert!((20..=85).contains(&crates.len()), "{} crates: {crates:#?}", crates.len());
    for absent in ["tokio v", "tonic v", "redis v", "redb v", "hyper v", "clap v"] {
        assert!(!crates.iter().any(|name| name.starts_with(absent)), "the core needs {absent}");
    }
}
