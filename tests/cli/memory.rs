//! What a served numguard keeps in memory at rest, and what a number in a rare form adds to it.

use std::path::Path;
use std::time::Duration;

use crate::served::Served;

/// At rest, with default settings and the starter list: 120 MiB less the 20 MiB of code that the shipped binary
/// has in memory. The code of a debug binary takes twice as much, so it is left out here.
const MOST_AT_REST: u64 = 100 << 20;

/// A service that works hardly at all for so many looks is at rest.
const QUIET: u32 = 5;
const LOOK: Duration = Duration::from_millis(100);

/// Resident memory of a process in bytes, without the pages of its files.
fn resident(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

/// What it has used of a core, in hundredths of a second.
fn used(served: &Served) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", served.pid())).unwrap();
    // The name of the program, in brackets, may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A service that has its index, and has ended what it does in the background after a start.
fn at_rest(data: &Path) -> Served {
    let served = Served::start(data, &[]);
    let ran = served.run(&["health"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "SERVING\n"), "{ran:?}");
    let (mut busy, mut quiet, mut looks) = (used(&served), 0, 0);
    while quiet < QUIET {
        std::thread::sleep(LOOK);
        looks += 1;
        assert!(looks < 600, "after a minute it is still busy");
        let now = used(&served);
        // A tick now and then is what a service at rest needs.
        (busy, quiet) = (now, if now > busy + 1 { 0 } else { quiet + 1 });
    }
    served
}

fn check(served: &Served, region: &str, number: &str) -> String {
    let ran = served.run(&["check", "--output", "json", "--default-region", region, number]);
    let answer: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    answer["number"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_service_at_rest_keeps_no_patterns_of_regions_that_nobody_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for start in ["first", "second"] {
        let served = at_rest(folder.path());
        let rest = resident(&served);
        assert!(rest <= MOST_AT_REST, "{start} start: {} MiB at rest", rest >> 20);
        // The first number of a region is read as any other, and costs only what its region needs.
        for (region, typed, number) in [
            ("GB", "07911 123456", "+447911123456"),
            ("FR", "06 12 34 56 78", "+33612345678"),
            ("GB", "07911 123457", "+447911123457"),
            ("US", "011 49 30 901820", "+4930901820"),
        ] {
            assert_eq!(check(&served, region, typed), number, "{start} start: {region}");
        }
        let after = resident(&served);
        assert!(after <= rest + (64 << 20), "{start} start: {} MiB, at rest {}", after >> 20, rest >> 20);
        assert_eq!(served.terminate(), Some(0));
    }
}
