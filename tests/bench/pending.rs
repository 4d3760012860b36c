//! What changes that wait for a rebuild of the index cost a check of a number near them.

use std::hint::black_box;
use std::time::Instant;

use numguard::core::check::check;
use numguard::core::index::{Builder, Index, Position};
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime};
use numguard::core::number::Number;
use numguard::core::policy::Policy;
use numguard::core::signal::Context;
use numguard::core::starter;

use crate::listings::Random;
use crate::process::instructions_per_operation;
use crate::table::Table;

const NOW: UnixTime = UnixTime(1_780_272_000);

/// The starter list with `pending` changes, and strangers' numbers within a thousand of a changed one.
///
/// Half of the changes are new sightings of listed numbers, as a feed run brings them, half are numbers
/// that were not listed before.
fn index(pending: usize) -> (Index, Vec<String>) {
    let rows = starter::listings(NOW).unwrap();
    let mut builder = Builder::default();
    rows.iter().for_each(|(subject, listing)| builder.add(*subject, listing));
    let mut random = Random(3);
    let mut listed = || match rows[random.below(rows.len() as u64) as usize].0 {
        Subject::Number(number) => number.key(),
        Subject::Range(_) => 0,
    };
    let near: Vec<u64> = (0..10_000).map(|_| listed()).filter(|key| *key > 0).collect();
    let seen = Listing::seen(Sighting::new("bench".parse().unwrap(), NOW, NOW, 1));
    let changed = near.iter().take(pending).enumerate();
    let changes: Vec<_> = changed
        .filter_map(|(at, key)| Number::from_digits(key + if at.is_multiple_of(2) { 0 } else { 7 }).ok())
        .map(|number| (Subject::Number(number), Some(seen.clone())))
        .collect();
    let index = builder.finish(Position::default()).with_changes(&changes, Position::default());
    let strangers = near.iter().map(|key| format!("+{}", key / 1_000 * 1_000 + (key + 389) % 1_000));
    (index, strangers.collect())
}

/// Checks `count` numbers near `pending` changes, or near as many that the tables have taken in.
pub(crate) fn role(rebuilt: bool, pending: usize, count: usize) {
    let (waiting, strangers) = index(pending);
    let index = if rebuilt { waiting.compacted() } else { waiting };
    let policy = Policy::default();
    for text in strangers.iter().cycle().take(count) {
        black_box(check(&index, &policy, text, None, &Context::default(), NOW));
    }
}

pub(crate) fn measure(table: &mut Table) {
    let instructions = |name: &str, pending: usize| {
        let role = |count: u64| [name.to_owned(), pending.to_string(), count.to_string()].to_vec();
        instructions_per_operation(role, 10_000, 50_000)
    };
    let none = instructions("pending", 0);
    for pending in [1_000, 10_000] {
        let (with, rebuilt) = (instructions("pending", pending), instructions("rebuilt", pending));
        table.row(
            format!("check near {pending} pending changes, against none / against as many after the rebuild"),
            format!(
                "{with:.0} instructions against {none:.0} / {rebuilt:.0}: {:.2} / {:.2}",
                with / none,
                with / rebuilt
            ),
            "at most 2",
        );
    }
    let nanoseconds = |pending: usize| {
        let (index, strangers) = index(pending);
        let policy = Policy::default();
        let mut took: Vec<u128> = (0..20)
            .flat_map(|_| &strangers)
            .map(|text| {
                let began = Instant::now();
                black_box(check(&index, &policy, text, None, &Context::default(), NOW));
                began.elapsed().as_nanos()
            })
            .collect();
        took.sort_unstable();
        [took[took.len() / 2], took[took.len() * 99 / 100]]
    };
    let [[median, slow], [median_with, slow_with]] = [0, 10_000].map(nanoseconds);
    table.row(
        "the same in time, 10,000 pending: median and p99",
        format!("{median_with} and {slow_with} ns against {median} and {slow} ns"),
        "p99 at most 20,000 ns",
    );
}
