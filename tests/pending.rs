//! Changes that wait for a rebuild of the index must not slow down checks of numbers near them.
//!
//! CPU time of this thread, as a ratio within one run: waiting for other processes does not count. The
//! exact figures are those of `tests/bench/run pending`.

#![allow(clippy::unwrap_used)]

use numguard::core::check::check;
use numguard::core::index::{Builder, Index, Position};
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime};
use numguard::core::policy::Policy;
use numguard::core::signal::Context;

const NOW: UnixTime = UnixTime(1_780_272_000);

fn subject(digits: u64) -> Subject {
    format!("+{digits}").parse().unwrap()
}

fn seen(feed: &str, ago: u32) -> Listing {
    let at = UnixTime(NOW.0 - ago * 86_400);
    Listing::seen(Sighting::new(feed.parse().unwrap(), at, at, 1))
}

/// 30,000 numbers in thirty dense 100,000-blocks.
fn listed(at: u64) -> u64 {
    447_400_000_000 + at % 30 * 100_000 + at / 30 * 97
}

fn index() -> Index {
    let mut builder = Builder::default();
    (0..30_000).for_each(|at| builder.add(subject(listed(at)), &seen("a", 9)));
    builder.finish(Position::default())
}

/// The same with `pending` changes, a third of them numbers that were not listed.
fn changed(index: &Index, pending: u64) -> Index {
    let change = |at: u64| (subject(listed(at) + u64::from(at.is_multiple_of(3))), Some(seen("b", 1)));
    index.with_changes(&(0..pending).map(change).collect::<Vec<_>>(), Position::default())
}

/// Nanoseconds of CPU that this thread has used.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// CPU time of a thousand checks near the changes: the least of several runs.
fn cost(index: &Index, policy: &Policy) -> u64 {
    let texts: Vec<String> = (0..1_000).map(|at| format!("+{}", listed(at) + 13)).collect();
    let run = || {
        let began = cpu();
        for text in &texts {
            std::hint::black_box(check(index, policy, text, None, &Context::default(), NOW));
        }
        cpu() - began
    };
    (0..5).map(|_| run()).min().unwrap()
}

#[test]
fn checks_near_pending_changes_cost_about_as_much_as_after_the_rebuild() {
    let (index, policy) = (index(), Policy::default());
    for pending in [1_000, 10_000] {
        let waiting = changed(&index, pending);
        let (with, without) = (cost(&waiting, &policy), cost(&waiting.compacted(), &policy));
        // In a debug build, where the loops over neighbours are slow, three tables in place of one cost
        // up to three times as much. A search of the changes for every neighbour costs over ten times.
        assert!(with < 5 * without, "{pending} pending: {with} ns against {without} ns");
    }
}

#[test]
fn an_overlay_is_rebuilt_in_proportion_to_the_index() {
    let small = index();
    assert!(!changed(&small, 250).wants_rebuild(0.0), "not for a few changes");
    assert!(changed(&small, 300).wants_rebuild(0.0));
    assert!(!changed(&small, 300).wants_rebuild(1.0), "replicas take turns");
    assert!(changed(&small, 600).wants_rebuild(1.0));
    assert!(!changed(&small, 300).compacted().wants_rebuild(0.0));
}
