//! Runs that are held back, and runs that are undone.

use numguard::collect::{CollectError, FeedState, RunOutcome};

use crate::world::{FEED, HOUR, World, gb, pass, status, told};

#[tokio::test]
async fn runs_out_of_band_full_of_nonsense_or_all_new_are_held_back_whole() {
    let world = World::new();
    let collector = world.collector("a");
    world.lists([gb(0)]);
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Quarantined);
    assert_eq!(world.all().await.len(), 0, "out of its band");
    world.lists((0..100).map(gb));
    assert_eq!(told(&collector.run(FEED, false).await.unwrap()), ("stored", 100, 100, 0, 0));
    let before = world.digests().await;
    for (numbers, why) in [
        ((200..300).map(gb).collect::<Vec<_>>(), "are new"),
        ((0..1_101).map(gb).collect(), "1001 new numbers: at most 1000"),
        ((0..75).map(gb).chain((0..25).map(|at| 4_999 + at)).collect(), "25 of 100 rows are no numbers"),
    ] {
        world.lists(numbers);
        let report = collector.run(FEED, false).await.unwrap();
        assert_eq!(report.summary.outcome, RunOutcome::Quarantined, "{why}");
        assert!(report.summary.note.contains(why), "{}", report.summary.note);
        let held = collector.quarantined().await.unwrap();
        assert_eq!((held.len(), held[0].run), (1, report.summary.run), "the newest only");
        assert!(held[0].samples.len() == 10 && held[0].reasons.iter().any(|reason| reason.contains(why)));
        assert_eq!(status(&collector, FEED).await.state, FeedState::Quarantined);
    }
    assert_eq!(world.digests().await, before);
}

#[tokio::test]
async fn a_held_run_is_released_or_rejected() {
    let world = World::new();
    let collector = world.collector("a");
    world.lists((0..100).map(gb));
    collector.run(FEED, false).await.unwrap();
    pass(HOUR);
    world.lists((200..300).map(gb));
    let held = collector.run(FEED, false).await.unwrap().summary.run;
    let missing = collector.release(FEED, held + 1).await;
    assert!(matches!(missing, Err(CollectError::NoRun { .. })));
    let released = collector.release(FEED, held).await.unwrap();
    assert_eq!((told(&released), released.summary.run), (("stored", 100, 100, 100, 0), held + 1));
    assert!(world.said(gb(250), FEED).await.is_some() && collector.quarantined().await.unwrap().is_empty());
    world.lists((400..500).map(gb));
    let held = collector.run(FEED, false).await.unwrap().summary.run;
    let before = world.digests().await;
    collector.reject(FEED, held).await.unwrap();
    let after = status(&collector, FEED).await;
    assert_eq!((after.state, after.last_run.unwrap().outcome), (FeedState::Idle, RunOutcome::Rejected));
    assert!(collector.quarantined().await.unwrap().is_empty() && world.digests().await == before);
    assert!(collector.reject(FEED, held).await.is_err());
    assert!(collector.rollback(FEED, 1).await.unwrap().subjects == 100, "what was released");
    assert_eq!(world.all().await.len(), 100);
}

#[tokio::test]
async fn a_rollback_leaves_what_was_there_and_what_others_said() {
    let world = World::with(&[crate::world::definition(FEED, ""), crate::world::definition("other.org", "")]);
    let collector = world.collector("a");
    world.lists((0..50).map(gb));
    collector.run("other.org", false).await.unwrap();
    let nothing = world.all().await;
    let mut after = Vec::new();
    for run in 0..4 {
        world.lists((0..50 + run * 5).map(gb));
        collector.run(FEED, false).await.unwrap();
        after.push(world.all().await);
        pass(HOUR);
    }
    assert!(collector.rollback(FEED, 9).await.is_err());
    assert_eq!(collector.rollback(FEED, 4).await.unwrap().subjects, 0);
    for to_run in [3, 2, 1] {
        collector.rollback(FEED, to_run).await.unwrap();
        assert_eq!(world.all().await, after[usize::try_from(to_run).unwrap() - 1], "back to {to_run}");
    }
    assert_eq!(collector.rollback(FEED, 0).await.unwrap().subjects, 50);
    assert_eq!(world.all().await, nothing);
    world.lists((0..60).map(gb));
    assert_eq!(told(&collector.run(FEED, false).await.unwrap()), ("stored", 60, 60, 0, 0));
    collector.rollback(FEED, 4).await.unwrap();
    assert_eq!(world.all().await, nothing, "what was undone stays undone");
}
