//! `numguard backtest` on a small history whose right answers are known by hand.

use serde_json::Value;

use crate::served::{Ran, file, run};

/// Ten days of one dense block: a new number of it every day, each seen on two days.
fn history() -> String {
    let mut rows = "seen_on,e164\n".to_owned();
    for day in 1..=10 {
        for number in [day, day + 1] {
            rows.push_str(&format!("2026-05-{day:02},+4474001234{number:02}\n"));
        }
    }
    rows
}

fn backtest(folder: &tempfile::TempDir, positives: &str, more: &[&str]) -> Ran {
    let seen = file(folder, "seen.csv", history().as_bytes());
    let positives = file(folder, "positives.csv", format!("seen_on,e164\n{positives}").as_bytes());
    let legitimate = "e164,region,line_type\n+447911123456,GB,MOBILE\n+447400123499,GB,MOBILE\n+442071838750,GB,FIXED_LINE\n";
    let legitimate = file(folder, "legitimate.csv", legitimate.as_bytes());
    let seen = format!("list={}", seen.display());
    let arguments = [
        &["backtest", "--sightings", &seen, "--positives", positives.to_str().unwrap()],
        &["--legitimate", legitimate.to_str().unwrap(), "--from", "2026-05-06"][..],
        more,
    ];
    run(&arguments.concat())
}

#[test]
fn positives_are_judged_on_what_was_seen_before_their_day() {
    let folder = tempfile::tempdir().unwrap();
    // 07 is first seen on the 6th and 30 never; both appear on the 6th. 05 came before the window.
    let positives = "2026-05-06,+447400123407\n2026-05-06,+447400123430\n2026-05-07,+447400123407\n\
        2026-05-05,+447400123405\n2026-05-09,+447400123406\n2026-05-09,+12025550123\n";
    let ran = backtest(&folder, positives, &["--output", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    // 06 was seen on the 5th and 6th; 07 was not listed on the morning of the 6th, but its block was.
    assert_eq!(report["positives"]["count"], 4);
    assert_eq!(report["positives"]["listed_exact"], 1, "{report}");
    assert_eq!(report["positives"]["challenge_or_block"], 3, "all but the American one: {report}");
    assert_eq!(report["by_region"]["GB"]["positives"], 3);
    assert_eq!(report["by_region"]["US"]["challenge_or_block"], 0);
    assert_eq!(
        (&report["legitimate"]["count"], &report["legitimate"]["challenge_or_block"]),
        (&3.into(), &1.into())
    );
    assert_eq!(
        (&report["legitimate"]["mobile"]["count"], &report["legitimate"]["block"]),
        (&2.into(), &1.into())
    );
    let space = report["number_space"]["GB"].as_f64().unwrap();
    assert!(space > 0.0 && space < 0.001, "{space}");
    let bins = report["calibration"].as_array().unwrap();
    let counted: u64 = bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 7);
    assert!(report["seconds"].as_f64().is_some());
}

#[test]
fn a_table_for_people_and_a_plot() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("out.svg");
    let ran = backtest(
        &folder,
        "2026-05-06,+447400123430\n",
        &["--to", "2026-05-08", "--plot", plot.to_str().unwrap()],
    );
    assert!(ran.code == Some(0) && ran.stdout.contains("1 of 1, 100.0 %"), "{ran:?}");
    assert!(std::fs::read_to_string(plot).unwrap().starts_with("<svg"));
}

#[test]
fn what_it_cannot_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (positives, more, word) in [
        ("", &[][..], "there are no positives"),
        ("2026-05-06,+447400123430\n", &["--to", "2026-05-01"], "is before --from"),
        ("2026-05-06,+447400123430\n", &["--policy", "/no/such"], "cannot read /no/such"),
    ] {
        let ran = backtest(&folder, positives, more);
        assert!(ran.code == Some(1) && ran.stderr.contains(word), "{ran:?}");
    }
}
