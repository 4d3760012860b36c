//! An attacker who controls one feed, and fills it with numbers that belong to people.

use numguard::collect::RunOutcome;
use numguard::core::check::check;
use numguard::core::policy::{Policy, Verdict};
use numguard::core::signal::Context;

use crate::world::{FEED, HOUR, World, clock, definition, gb, pass};

/// 10,000 numbers of mobile ranges in three countries, made here: spread, and in runs of neighbours.
fn people() -> Vec<u64> {
    let spread = |at: u64| (at * 7_919) % 1_000_000;
    let british = (0..4_000).map(|at| 447_400_000_000 + spread(at) * 7);
    let french = (0..3_000).map(|at| 33_612_000_000 + spread(at) * 3);
    let american = (0..2_000).map(|at| 12_122_000_000 + 3_000_000 + spread(at));
    let neighbours = (0..1_000).map(|at| 447_911_200_000 + at);
    let mut all: Vec<u64> = british.chain(french).chain(american).chain(neighbours).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// How many are blocked, of those in the list and of the numbers beside them.
async fn blocked(world: &World, people: &[u64]) -> (usize, usize) {
    let (index, policy, now) = (world.index().await, Policy::default(), clock());
    let is_blocked = |number: &u64| {
        check(&index, &policy, &format!("+{number}"), None, &Context::default(), now).judgement.verdict
            == Verdict::Block
    };
    let listed = people.iter().filter(|number| is_blocked(number)).count();
    let beside: Vec<u64> =
        people.iter().map(|number| number + 1).filter(|at| people.binary_search(at).is_err()).collect();
    (listed, beside.iter().filter(|number| is_blocked(number)).count())
}

#[tokio::test]
async fn a_feed_that_turns_bad_is_held_back_whole() {
    let world = World::new();
    let collector = world.collector("a");
    world.lists((0..500).map(gb));
    collector.run(FEED, false).await.unwrap();
    let (before, exported) = (world.digests().await, world.all().await);
    for more in [Vec::new(), (0..500).map(gb).collect::<Vec<_>>()] {
        for _ in 0..2 {
            pass(HOUR);
            world.lists(people().into_iter().chain(more.iter().copied()));
            assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Quarantined);
            assert_eq!(blocked(&world, &people()).await, (0, 0));
        }
    }
    assert_eq!((world.digests().await, world.all().await), (before, exported));
}

#[tokio::test]
async fn a_feed_that_is_bad_from_the_first_run_blocks_nobody_at_once_and_leaves_no_trace() {
    let world = World::with(&[definition(FEED, ""), definition("other.org", "")]);
    let collector = world.collector("a");
    world.lists((0..500).map(gb));
    collector.run("other.org", false).await.unwrap();
    let (before, exported) = (world.digests().await, world.all().await);
    let people: Vec<u64> =
        people().into_iter().filter(|number| *number >= gb(500) || *number < gb(0)).collect();
    assert!(people.len() > 9_500);
    world.lists(people.iter().copied());
    let first = collector.run(FEED, false).await.unwrap().summary;
    assert_eq!((first.outcome, first.rows), (RunOutcome::Stored, people.len() as u64), "{}", first.note);
    assert_eq!(blocked(&world, &people).await, (0, 0));
    // Again and again within the hour, and with dates of last year: not one.
    let dated: Vec<String> =
        people.iter().map(|number| format!("{{\"number\":\"{number}\",\"active\":{}}}", clock().0)).collect();
    pass(HOUR - 120);
    world.says("200 OK", "", format!("{{\"numbers\":[{}]}}", dated.join(",")));
    collector.run(FEED, false).await.unwrap();
    assert_eq!(blocked(&world, &people).await, (0, 0));
    // An hour on, one feed's word is enough.
    pass(HOUR);
    world.lists(people.iter().copied());
    collector.run(FEED, false).await.unwrap();
    let (listed, beside) = blocked(&world, &people).await;
    eprintln!(
        "{listed} of {} are blocked after two runs an hour apart, and {beside} beside them",
        people.len()
    );
    collector.rollback(FEED, 0).await.unwrap();
    assert_eq!((world.digests().await, world.all().await), (before, exported));
    assert_eq!(blocked(&world, &people).await, (0, 0));
}

#[tokio::test]
async fn a_feed_of_low_trust_never_blocks_alone() {
    let world = World::with(&[definition(FEED, "trust = \"low\"")]);
    let collector = world.collector("a");
    world.lists(people());
    for _ in 0..3 {
        let run = collector.run(FEED, false).await.unwrap().summary;
        assert_eq!(run.outcome, RunOutcome::Stored, "{}", run.note);
        pass(25 * HOUR);
    }
    assert_eq!(blocked(&world, &people()).await, (0, 0));
}
