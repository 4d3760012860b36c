//! What one liar can do to strangers: a client that reports numbers, or a list that nobody knows.
//!
//! Old public numbers can be looked up by anybody. A new sighting of them must not refuse the people
//! whose numbers lie around.

use std::collections::{BTreeMap, BTreeSet};

use numguard::rpc::pb::OutcomeKind::AbuseConfirmed;
use serde_json::Value;

use crate::outcomes::report;
use crate::served::{Served, file};

/// Blocks of 1,000, by their digits, with three listed numbers of which none is in the last hundred;
/// those three.
fn listed_blocks(served: &Served) -> Vec<(u64, Vec<u64>)> {
    let exported = served.run(&["export"]);
    let number = |line: &str| -> Option<u64> {
        let line: Value = serde_json::from_str(line).unwrap();
        line["subject"].as_str()?.strip_prefix('+')?.parse().ok()
    };
    let mut blocks = BTreeMap::<u64, Vec<u64>>::new();
    for number in exported.stdout.lines().filter_map(number) {
        blocks.entry(number / 1_000).or_default().push(number);
    }
    blocks.retain(|_, numbers| numbers.len() == 3 && numbers.iter().all(|number| number % 1_000 < 900));
    blocks.into_iter().take(330).collect()
}

/// How many of `numbers` get each verdict.
fn verdicts(served: &Served, numbers: &BTreeSet<u64>) -> BTreeMap<String, usize> {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = numbers.iter().map(|number| format!("+{number}\n")).collect();
    let path = file(&folder, "strangers.txt", lines.as_bytes());
    let ran = served.run(&["check", "--output", "json", path.to_str().unwrap()]);
    let mut counts = BTreeMap::new();
    for line in ran.stdout.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        *counts.entry(answer["verdict"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), numbers.len(), "{}", ran.stderr);
    counts
}

/// Numbers of the last hundred of each block, where no listed one is near.
fn strangers(blocks: &[(u64, Vec<u64>)]) -> BTreeSet<u64> {
    blocks
        .iter()
        .flat_map(|(block, _)| (900..1_000).step_by(10).map(move |low| block * 1_000 + low))
        .collect()
}

#[test]
fn one_client_that_reports_old_public_numbers_changes_nothing_for_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &[]);
    let blocks = listed_blocks(&served);
    assert_eq!(blocks.len(), 330, "the starter list has dense blocks");
    let strangers = strangers(&blocks);
    let before = verdicts(&served, &strangers);
    let numbers: Vec<String> =
        blocks.iter().flat_map(|(_, listed)| listed).map(|n| format!("+{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(report(&served, AbuseConfirmed, &numbers), (990, 990));
    assert_eq!(verdicts(&served, &strangers), before);
    // In the hundred of a reported number people take a second step, and nobody is refused.
    let near = blocks.iter().flat_map(|(_, listed)| (0..100).map(|low| listed[0] / 100 * 100 + low));
    let listed: BTreeSet<u64> = blocks.iter().flat_map(|(_, listed)| listed).copied().collect();
    let near = verdicts(&served, &near.filter(|number| !listed.contains(number)).collect());
    assert!(near.get("CHALLENGE") > Some(&20_000), "{near:?}");
    assert_eq!(near.get("BLOCK"), None, "{near:?}");
    // Nor are those refused who have such a number by now: one client makes an old sighting no fresher.
    let holders = verdicts(&served, &listed);
    assert_eq!(holders.get("BLOCK"), None, "{holders:?}");
}

#[test]
fn a_list_that_nobody_knows_blocks_nobody_at_its_first_word() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &[]);
    let blocks = listed_blocks(&served);
    let lines: String = blocks.iter().flat_map(|(_, listed)| listed).map(|n| format!("+{n}\n")).collect();
    let path = file(&folder, "unknown.txt", lines.as_bytes());
    let imported = served.run(&["import", "--feed", "unknown", path.to_str().unwrap()]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let strangers = verdicts(&served, &strangers(&blocks));
    assert_eq!(strangers.get("BLOCK"), None, "{strangers:?}");
    assert!(strangers.get("CHALLENGE") > Some(&1_000), "it is believed so far: {strangers:?}");
}

#[test]
fn a_thousand_invented_numbers_of_one_client_reach_the_hundred_around_each() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let invented: Vec<String> = (0..1_000).map(|block| format!("+447400{block:03}555")).collect();
    let invented: Vec<&str> = invented.iter().map(String::as_str).collect();
    assert_eq!(report(&served, AbuseConfirmed, &invented), (1_000, 1_000));
    // One stranger in each hundred of each thousand.
    let strangers = (0..10_000).map(|hundred| 447_400_000_050 + hundred * 100).collect();
    let verdicts = verdicts(&served, &strangers);
    assert_eq!(verdicts, [("ALLOW".to_owned(), 9_000), ("CHALLENGE".to_owned(), 1_000)].into());
}
