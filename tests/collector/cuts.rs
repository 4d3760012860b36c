//! A run that is cut short at any of its writes is repaired by the next: nothing counts twice, and a
//! save that failed is never followed by "not modified".

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use numguard::collect::RunOutcome;

use crate::faulty::Faulty;
use crate::world::{FEED, HOUR, World, gb, list, pass};

#[tokio::test]
async fn a_run_that_is_cut_anywhere_is_as_if_it_had_not_been() {
    let mut tasks = tokio::task::JoinSet::new();
    let set = tokio::task::LocalSet::new();
    set.run_until(async {
        for done in [false, true] {
            for cut in 0..8 {
                tasks.spawn_local(cut_at(cut, done));
            }
        }
        let mut stored = 0;
        while let Some(passed) = tasks.join_next().await {
            stored += u32::from(passed.unwrap());
        }
        assert!((2..8).contains(&stored), "the cuts reach from the first write to the last: {stored}");
    })
    .await;
}

/// Whether the run passed all the same.
async fn cut_at(cut: i64, done: bool) -> bool {
    let world = World::new();
    world.says("200 OK", "etag: \"1\"\r\n", list((0..10).map(gb)));
    world.collector("a").run(FEED, false).await.unwrap();
    pass(HOUR);
    world.says("200 OK", "x: y\r\n", list((5..15).map(gb)));
    let faulty =
        Faulty { inner: Arc::clone(&world.store), left: AtomicI64::new(cut), done, adrift: Arc::default() };
    let passed = world.collector_on(Arc::new(faulty), "a").run(FEED, false).await.is_ok();
    let again = world.collector("a").run(FEED, false).await.unwrap().summary;
    assert_eq!((again.outcome, again.rows), (RunOutcome::Stored, 10), "cut at {cut}");
    let counts = async |at| world.said(gb(at), FEED).await.map(|(_, _, count)| count);
    // If the feed's note was written, the run had been.
    let runs = if again.run == 3 { 2 } else { 1 };
    assert_eq!((counts(2).await, counts(12).await), (Some(1), Some(runs)), "cut at {cut}, done: {done}");
    assert_eq!(counts(7).await, Some(1 + runs));
    world.collector("a").rollback(FEED, 1).await.unwrap();
    assert_eq!((counts(2).await, counts(7).await, counts(12).await), (Some(1), Some(1), None));
    assert_eq!(world.all().await.len(), 10);
    passed
}
