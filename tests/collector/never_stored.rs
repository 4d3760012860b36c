//! Since when a feed has stored nothing: what `doctor` and the alert on such feeds go by.

use numguard::collect::{FeedState, RunOutcome};
use numguard::core::listing::UnixTime;

use crate::world::{FEED, HOUR, World, clock, gb, pass, status};

#[tokio::test]
async fn a_feed_says_since_when_it_has_stored_nothing() {
    let world = World::new();
    let collector = world.collector("a");
    let since = async || status(&collector, FEED).await.failing_since;
    let run = async || collector.run(FEED, false).await.unwrap().summary.outcome;
    assert_eq!(since().await, None, "it has not been run");
    world.says("404 Not Found", "", "");
    let trial = collector.run(FEED, true).await.unwrap();
    assert_eq!(
        (trial.summary.outcome, since().await),
        (RunOutcome::Refused, None),
        "a trial changes nothing"
    );

    let began = clock();
    assert_eq!(run().await, RunOutcome::Refused);
    let first = since().await.unwrap();
    assert!((began.0..=clock().0).contains(&first.0), "{began:?} {first:?}");
    // However the runs after it end: the first of them counts.
    pass(HOUR);
    assert_eq!((run().await, since().await), (RunOutcome::Refused, Some(first)));
    pass(HOUR);
    world.lists([gb(0)]);
    assert_eq!((run().await, since().await), (RunOutcome::Quarantined, Some(first)), "fewer than its band");
    collector.reject(FEED, 3).await.unwrap();
    let rejected = status(&collector, FEED).await;
    assert_eq!((rejected.state, rejected.failing_since), (FeedState::Idle, Some(first)));
    assert_eq!(rejected.last_stored, None);

    pass(HOUR);
    world.lists((0..10).map(gb));
    assert_eq!((run().await, since().await), (RunOutcome::Stored, None));
    assert!(status(&collector, FEED).await.last_stored.is_some());
    pass(HOUR);
    world.says("404 Not Found", "", "");
    assert_eq!(run().await, RunOutcome::Refused);
    let again = status(&collector, FEED).await;
    assert!(again.failing_since > Some(UnixTime(first.0 + 3 * HOUR)), "{again:?}");
    assert!(again.last_stored.is_some(), "what was stored stays");
}
