//! `numguard allocation`: a regulator's file in checks, and files that are not believed.

use serde_json::Value;

use crate::served::{Served, file};

const HEADER: &str =
    "NMS Number Block: Number Block,Block Status,CP Name,Non Geo Number Length,Allocation Date\r\n";

/// As Ofcom writes it: blocks with a space, statuses, a holder where there is one.
pub(crate) fn s7(rows: &[(&str, &str, &str)]) -> Vec<u8> {
    let row = |(block, status, holder): &(&str, &str, &str)| {
        format!("{block},{status},{holder},10 digit numbers,01/02/2003\r\n")
    };
    (HEADER.to_owned() + &rows.iter().map(row).collect::<String>()).into_bytes()
}

/// A configuration with a definition of the same shape for files of a few rows.
pub(crate) fn small(folder: &tempfile::TempDir) -> String {
    let feeds = folder.path().join("feeds");
    std::fs::create_dir(&feeds).unwrap();
    let shipped = include_str!("../../src/feed/definitions/ofcom-s7.toml");
    let own = shipped.replace("band = { min = 5000", "band = { min = 1");
    std::fs::write(feeds.join("ofcom-s7.toml"), own).unwrap();
    let config = format!("[collect]\nfeeds_dir = {:?}\n", feeds.to_str().unwrap());
    file(folder, "numguard.toml", config.as_bytes()).to_str().unwrap().to_owned()
}

fn check(served: &Served, number: &str) -> Value {
    let ran = served.run(&["check", "--output", "json", number]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn reason(answer: &Value, code: &str) -> Option<String> {
    let reasons = answer["reasons"].as_array().unwrap();
    let found = reasons.iter().find(|reason| reason["code"] == code)?;
    Some(found["evidence"].as_str().unwrap().to_owned())
}

#[test]
fn a_regulators_file_tells_holders_and_what_nobody_holds() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(&folder);
    let start = || Served::start(folder.path(), &["--no-starter-data", "--config", &config]);
    let served = start();
    let before = check(&served, "+447400123456");
    assert_eq!(
        (&before["verdict"], &before["number_facts"]["range_holder"]),
        (&"ALLOW".into(), &"Three".into())
    );
    let rows = [
        ("7400 1", "Allocated", "Hutchison 3G UK Ltd"),
        ("7418 7", "Allocated", "Citrus Telecommunications Ltd"),
        ("7414 4", "Allocated", "Tismi BV"),
        ("7400 2", "Free", ""),
        ("7400 3", "Quarantined", ""),
        ("7400 4", "A new word", "Whoever"),
        ("not a block", "Allocated", "X"),
    ];
    let path = file(&folder, "S7.csv", &s7(&rows));
    let import = |more: &[&str]| {
        served.run(&[&["allocation", "import", "ofcom-s7", path.to_str().unwrap()], more].concat())
    };
    let tried = import(&["--dry-run"]);
    assert!(tried.code == Some(0) && tried.stdout.ends_with("dry run: nothing was loaded\n"), "{tried:?}");
    assert_eq!(check(&served, "+447400123456")["number_facts"]["range_holder"], "Three");
    let ran = import(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("ofcom-s7: 6 rows, 1 left out: 3 ranges of 3 holders, "), "{ran:?}");

    let served_answers = |served: &Served| {
        let held = check(served, "+447400123456");
        assert_eq!(held["number_facts"]["range_holder"], "Hutchison 3G UK Ltd");
        assert_eq!(held["verdict"], "ALLOW", "a network of people's phones");
        let rented = check(served, "+447414412345");
        assert_eq!(reason(&rented, "RANGE_HOLDER").unwrap(), "range of Tismi BV: rents numbers by API");
        let sold = check(served, "+447418712345");
        assert!(
            reason(&sold, "RANGE_HOLDER").unwrap().contains("Citrus Telecommunications Ltd: sells ranges on")
        );
        for number in ["+447400212345", "+447400312345", "+447911123456"] {
            let free = check(served, number);
            let evidence = reason(&free, "NOT_ALLOCATED").unwrap();
            assert!(
                evidence.starts_with("nobody holds its range, says ofcom-s7 as loaded on 20"),
                "{evidence}"
            );
            assert_eq!(
                (&free["verdict"], &free["number_facts"]["range_holder"]),
                (&"CHALLENGE".into(), &Value::Null)
            );
        }
        // The file does not speak of landlines, nor of France; and what is not in the plan is told once.
        for number in ["+442071838750", "+33612345678"] {
            assert_eq!(reason(&check(served, number), "NOT_ALLOCATED"), None, "{number}");
        }
        let outside = check(served, "+447700900123");
        assert!(reason(&outside, "NOT_IN_PLAN").is_some() && reason(&outside, "NOT_ALLOCATED").is_none());
    };
    served_answers(&served);
    let explained = served.run(&["explain", "+447400212345"]).stdout;
    assert!(explained.contains("it would be ALLOW without NOT_ALLOCATED"), "{explained}");
    served.kill();
    let served = start();
    served_answers(&served);
    let listed = served.run(&["allocation", "list"]).stdout;
    assert!(listed.contains("ofcom-s7") && listed.contains("HELD RANGES"), "{listed}");
    let asked = served.run(&["allocation", "delete", "ofcom-s7"]);
    assert!(asked.code == Some(1) && asked.stderr.contains("--yes"), "a whole file is much: {asked:?}");
    assert_eq!(served.run(&["allocation", "delete", "ofcom-s7", "--yes", "--author", "ann"]).code, Some(0));
    let record = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    assert!(record.lines().any(|line| line.contains("ann") && line.contains("delete")), "{record}");
    assert_eq!(check(&served, "+447400123456")["number_facts"]["range_holder"], "Three");
    let again = served.run(&["allocation", "delete", "ofcom-s7", "--yes"]);
    assert!(again.code == Some(1) && again.stderr.contains("NotFound"), "{again:?}");
}

#[test]
fn a_file_that_is_not_believed_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(&folder);
    let served = Served::start(folder.path(), &["--no-starter-data", "--config", &config]);
    let load = |name: &str, body: &[u8], more: &[&str]| {
        let path = file(&folder, name, body);
        served.run(&[&["allocation", "import", "ofcom-s7", path.to_str().unwrap()], more].concat())
    };
    let blocks: Vec<String> = (0..10).map(|at| format!("7400 {at}")).collect();
    let of = |count: usize| -> Vec<u8> {
        let rows: Vec<_> =
            blocks.iter().take(count).map(|block| (block.as_str(), "Allocated", "X Ltd")).collect();
        s7(&rows)
    };
    assert_eq!(load("whole.csv", &of(10), &[]).code, Some(0));
    let holder = || check(&served, "+447400912345")["number_facts"]["range_holder"].clone();
    assert_eq!(holder(), "X Ltd");
    for (name, body, words) in [
        ("shrunk.csv", of(5), "50 % of the numbers"),
        ("other.csv", b"a,b\n1,2\n".to_vec(), "other.csv: no column is named NMS Number Block"),
        ("page.csv", b"<html>moved</html>".to_vec(), "page.csv: HTML in place of a list"),
        ("empty.csv", Vec::new(), "no column is named"),
        ("header.csv", HEADER.into(), "no range is in anybody's hands"),
        ("S7.zip", b"PK\x03\x04whatever".to_vec(), "S7.zip: is packed (zip): unpack it"),
        ("S7.gz", b"\x1f\x8bwhatever".to_vec(), "is packed (gzip): unpack it"),
    ] {
        let ran = load(name, &body, &[]);
        assert!(ran.code == Some(1) && ran.stderr.contains(words), "{name}: {ran:?}");
        assert_eq!(holder(), "X Ltd", "{name}");
    }
    let accepted = load("shrunk.csv", &of(5), &["--accept"]);
    assert!(accepted.code == Some(0) && accepted.stderr.contains("doubtful: 50 %"), "{accepted:?}");
    assert_eq!(holder(), Value::Null);
    let path = file(&folder, "x.csv", b"x");
    let ran = served.run(&["allocation", "import", "castle", path.to_str().unwrap()]);
    assert!(ran.code == Some(1) && ran.stderr.contains("castle is no file of ranges"), "{ran:?}");
    let ran = served.run(&["allocation", "import", "ofcom-s7", "/no/such.csv"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("cannot read /no/such.csv"), "{ran:?}");
}
