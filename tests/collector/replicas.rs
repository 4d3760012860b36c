//! Several processes on one store: one runs a feed at a time, and another takes over from a dead one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use numguard::collect::{CollectError, FeedState};
use numguard::store::StoreError;
use tokio::sync::watch;

use crate::faulty::Faulty;
use crate::site::{Reply, answer};
use crate::world::{FEED, HOUR, World, clock, definition, gb, list, pass, status};

#[tokio::test]
async fn many_schedules_run_a_due_feed_once() {
    let world = World::new();
    world.lists((0..10).map(gb));
    pause_shipped(&world).await;
    let (stop, stopped) = watch::channel(false);
    let mut schedules = Vec::new();
    for holder in ["a", "b", "c", "d", "e"] {
        schedules.push(tokio::spawn(world.collector(holder).follow_schedule(stopped.clone())));
    }
    let look = world.collector("look");
    for runs in 1..=3 {
        while status(&look, FEED).await.last_run.is_none_or(|last| last.run < runs) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The clock is about to be turned, and with it the memory of who asked when.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(world.site.pages().len() as u64, runs, "one page a run");
        assert_eq!(status(&look, FEED).await.last_run.unwrap().run, runs);
        pass(HOUR + 60);
    }
    stop.send(true).unwrap();
    for schedule in schedules {
        schedule.await.unwrap();
    }
    // Robots and pages of five processes, in the order in which they came: never closer than the pace.
    let log = world.site.log();
    let gaps: Vec<f64> = log.windows(2).map(|two| (two[1].at - two[0].at).as_secs_f64()).collect();
    assert!(gaps.iter().all(|gap| *gap >= 0.99), "{gaps:?}");
}

#[tokio::test]
async fn another_takes_over_when_the_holder_is_killed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let world = World::served(&[definition(FEED, "")], move |_| {
        let body = answer("200 OK", "", list((0..10).map(gb)));
        match (count.fetch_add(1, Ordering::SeqCst), body) {
            (0, Reply::Bytes(bytes)) => Reply::Late(Duration::from_secs(50), bytes),
            (_, reply) => reply,
        }
    });
    pause_shipped(&world).await;
    let (_stop, stopped) = watch::channel(false);
    let first = tokio::spawn(world.collector("first").follow_schedule(stopped.clone()));
    while asked.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let look = world.collector("look");
    assert_eq!(status(&look, FEED).await.state, FeedState::Running);
    assert!(matches!(look.run(FEED, false).await, Err(CollectError::Held(_))), "one at a time");
    first.abort();
    let killed = Instant::now();
    let second = tokio::spawn(world.collector("second").follow_schedule(stopped));
    while status(&look, FEED).await.last_run.is_none() {
        assert!(killed.elapsed() < Duration::from_secs(90), "nobody takes over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    second.abort();
    eprintln!("taken over after {:?}, of which the lease is 15 s at most", killed.elapsed());
    assert_eq!(world.said(gb(1), FEED).await.unwrap().2, 1);
    assert!(clock().0 > 0);
}

#[tokio::test]
async fn a_run_that_has_lost_its_lease_writes_nothing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // The first process gets its page late, with other numbers than the second.
    let world = World::served(&[definition(FEED, "")], move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let numbers = if first { (100..110).map(gb) } else { (0..10).map(gb) };
        match answer("200 OK", "", list(numbers)) {
            Reply::Bytes(bytes) if first => Reply::Late(Duration::from_secs(25), bytes),
            reply => reply,
        }
    });
    let adrift = Arc::new(AtomicBool::new(false));
    let store = Faulty {
        inner: Arc::clone(&world.store),
        left: AtomicI64::new(i64::MAX),
        done: false,
        adrift: Arc::clone(&adrift),
    };
    let first = world.collector_on(Arc::new(store), "first");
    let first = tokio::spawn(async move { first.run(FEED, false).await });
    while asked.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    adrift.store(true, Ordering::SeqCst);
    let second = world.collector("second");
    let stored = loop {
        match second.run(FEED, false).await {
            Err(CollectError::Held(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            stored => break stored.unwrap(),
        }
    };
    assert_eq!((stored.summary.run, stored.summary.rows), (1, 10));
    let (rows, notes) = (world.all().await, world.store.notes("").await.unwrap());
    let late = first.await.unwrap();
    assert!(matches!(late, Err(CollectError::Store(StoreError::LeaseLost(_)))), "{late:?}");
    assert_eq!((world.all().await, world.store.notes("").await.unwrap()), (rows, notes));
}

/// Only the test's own feed is on the schedule: shipped ones are not to be asked.
async fn pause_shipped(world: &World) {
    let collector = world.collector("setup");
    for feed in collector.status().await.unwrap() {
        if feed.name != FEED {
            collector.pause(&feed.name, "test").await.unwrap();
        }
    }
}
