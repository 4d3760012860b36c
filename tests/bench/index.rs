//! The index: bytes per number, range matching, loading a saved snapshot, the starter list.

use std::hint::black_box;
use std::time::Instant;

use numguard::core::index::Fading;
use numguard::core::listing::UnixTime;
use numguard::core::number::Number;
use numguard::core::number::Segments;
use numguard::core::starter;
use numguard::store::{Change, Embedded, EmbeddedOptions, ListingStore};
use numguard::sync::snapshot;

use crate::listings::{self, Random};
use crate::table::{Table, median, pairs, seconds};

pub(crate) fn memory(table: &mut Table) {
    for (count, must) in [(1_000_000, "at most 10"), (10_000_000, "at most 8")] {
        let index = listings::index(count);
        let mut random = Random(7);
        let numbers = listings::numbers(count, &mut random);
        let looks: Vec<Number> = (0..1_000_000)
            .map(|_| Number::from_digits(numbers[random.below(numbers.len() as u64) as usize]).unwrap())
            .collect();
        let hit = seconds(|| {
            for &number in &looks {
                black_box(index.find(number, UnixTime(1_780_000_000)));
            }
        });
        let since = |days: u32, percent| (UnixTime(1_780_000_000 - days * 86_400).day(), percent);
        let fading = Fading::new([since(14, 100), since(30, 60), since(90, 20), since(365, 5)], 10);
        let counts = seconds(|| {
            for &number in &looks {
                black_box(index.block_weights(number, &fading));
            }
        });
        let bytes = index.stats().bytes as f64 / index.stats().numbers as f64;
        table.row(
            format!("index, {count} numbers, everything a verdict needs"),
            format!(
                "{bytes:.2} bytes per number; hit {:.0} ns, block weights {:.0} ns",
                hit * 1e3,
                counts * 1e3
            ),
            must,
        );
    }
}

pub(crate) fn ranges(table: &mut Table) {
    let mut random = Random(5);
    // Allocation blocks as regulators give them: 10^4 to 10^6 numbers under a few hundred prefixes.
    let intervals: Vec<_> = (0..100_000u32)
        .map(|owner| {
            let head = 440_000 + random.below(9_000);
            let start = head * 1_000_000 + random.below(100) * 10_000;
            (start..start + 10_000 * (1 + random.below(9)), owner)
        })
        .collect();
    let segments = Segments::build(intervals.iter().cloned());
    let keys: Vec<u64> = (0..1_000_000)
        .map(|_| (440_000 + random.below(9_000)) * 1_000_000 + random.below(1_000_000))
        .collect();
    let starts = segments.starts();
    let binary_search = |key: u64| starts.partition_point(|&start| start <= key);
    let nanoseconds = |work: &dyn Fn()| seconds(work) * 1e9 / keys.len() as f64;
    let direct = || {
        nanoseconds(&|| {
            for &key in &keys {
                black_box(segments.find(black_box(key)));
            }
        })
    };
    let binary = || {
        nanoseconds(&|| {
            for &key in &keys {
                black_box(binary_search(black_box(key)));
            }
        })
    };
    let (fast, slow, ratio) = pairs(7, direct, binary);
    table.row(
        format!("range match at 1e5 ranges ({} segments)", starts.len()),
        format!("{fast:.0} ns against {slow:.0} ns of a binary search: {ratio:.2}"),
        "at most 0.5",
    );
}

pub(crate) fn snapshot(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    let index = listings::index(10_000_000);
    snapshot::save(&index, &path).unwrap();
    let known = Number::from_digits(listings::numbers(10_000_000, &mut Random(7))[5_000_000]).unwrap();
    drop(index);
    let load = || {
        let began = Instant::now();
        let index = snapshot::read(&path).unwrap();
        assert!(index.find(known, UnixTime(1_780_000_000)).seen.is_some());
        began.elapsed().as_secs_f64()
    };
    let took = median((0..5).map(|_| load()).collect());
    let size = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    table.row(
        "saved snapshot of 1e7 to first right answer",
        format!("{took:.3} s ({size:.0} MB)"),
        "at most 0.25 s",
    );
}

pub(crate) fn starter(table: &mut Table) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rate = || {
        let folder = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let store =
            Embedded::open(&EmbeddedOptions { data_dir: folder.path().to_owned(), cache_bytes: 64 << 20 })
                .unwrap();
        let rows = starter::listings(UnixTime(1_780_272_000)).unwrap();
        let changes: Vec<_> =
            rows.into_iter().map(|(subject, listing)| Change::Merge(subject, listing)).collect();
        let count = changes.len() as f64;
        runtime.block_on(store.apply(changes)).unwrap();
        count / began.elapsed().as_secs_f64()
    };
    let rate = median((0..5).map(|_| rate()).collect());
    table.row(
        "starter list into an empty embedded store",
        format!("{rate:.0} numbers/s"),
        "at least 200,000",
    );
}
