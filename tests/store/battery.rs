//! What every store must do. Each case gets an empty store of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use numguard::core::index::{Mark, Published};
use numguard::core::listing::{Action, Decision, Listing, Sighting, Subject, UnixTime};
use numguard::core::number::Number;
use numguard::store::{Change, Changes, Counted, Outcome, OutcomeKind, Store};
use numguard::sync::{Sync, SyncOptions};

pub(crate) type AnyStore = Arc<dyn Store>;

/// Long enough for any machine; a case that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Hands the names of all cases, as the last argument, to a macro that makes tests of them:
/// `every_case!(on_embedded!())`.
macro_rules! every_case {
    ($on:ident!($($arguments:tt)*)) => {
        $on!($($arguments)* [
            what_is_applied_is_there,
            merges_follow_the_laws_of_listing,
            changes_apply_in_order,
            deleting_forgets,
            a_scan_walks_everything_in_order,
            the_log_tells_what_changed,
            a_foreign_or_trimmed_position_is_gone,
            changed_wakes_up_for_news_only,
            outcomes_are_kept,
            an_empty_batch_changes_nothing,
            concurrent_writers_lose_nothing,
            a_caller_that_gives_up_is_followed_all_the_same,
            sync_follows_the_store,
            a_regulators_file_reaches_every_index_and_stays,
            what_one_feed_said_is_put_in_place,
            a_decision_is_withdrawn_and_sightings_stay,
            a_lease_has_one_holder_and_fences_writes,
            notes_are_kept_by_revision,
        ]);
    };
}
pub(crate) use every_case;

pub(crate) use crate::leased::{a_lease_has_one_holder_and_fences_writes, notes_are_kept_by_revision};
pub(crate) use crate::regulators::a_regulators_file_reaches_every_index_and_stays;

fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

fn sighting(feed: &str, first: u32, last: u32) -> Listing {
    Listing::seen(Sighting::new(feed.parse().unwrap(), UnixTime(first), UnixTime(last), 1))
}

pub(crate) fn seen(text: &str, feed: &str, first: u32, last: u32) -> Change {
    Change::Merge(subject(text), sighting(feed, first, last))
}

pub(crate) fn decided(text: &str, action: Action, at: u32) -> Change {
    let decision = Decision {
        decided_at: UnixTime(at),
        action,
        expires_at: Some(UnixTime(at + 100)),
        reason: "because – of this".to_owned(),
        author: "alice".to_owned(),
    };
    Change::Merge(subject(text), Listing::decided(decision))
}

async fn get(store: &AnyStore, text: &str) -> Option<Listing> {
    store.get(vec![subject(text)]).await.unwrap().pop().unwrap()
}

pub(crate) fn numbers(count: u64) -> Vec<Change> {
    (0..count).map(|i| seen(&format!("+4474{:08}", i * 37), "bulk", 1, 2)).collect()
}

pub(crate) fn sync_options(snapshot: PathBuf) -> SyncOptions {
    SyncOptions {
        snapshot,
        max_shrink: 0.5,
        save_every: Duration::from_secs(3_600),
        reconcile_every: Duration::from_secs(3_600),
        clock: || UnixTime(1_000),
    }
}

pub(crate) async fn what_is_applied_is_there(store: AnyStore) {
    let changes = vec![
        seen("+447400123456", "a", 10, 20),
        seen("+4474*", "b", 1, 2),
        decided("+447400120000..+447400129999", Action::Block, 5),
    ];
    let applied = store.apply(changes).await.unwrap();
    assert_eq!((applied.added, applied.deleted), (3, 0));
    assert_eq!(get(&store, "+447400123456").await, Some(sighting("a", 10, 20)));
    assert_eq!(get(&store, "+4474*").await, Some(sighting("b", 1, 2)));
    let span = get(&store, "+447400120000..+447400129999").await.unwrap();
    assert_eq!(span.decision().map(|d| d.reason.as_str()), Some("because – of this"));
    assert_eq!(get(&store, "+447400123457").await, None);
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.numbers, stats.ranges, stats.position), (1, 2, applied.position));
}

pub(crate) async fn merges_follow_the_laws_of_listing(store: AnyStore) {
    let text = "+447400123456";
    let parts = [
        seen(text, "a", 10, 20),
        seen(text, "b", 5, 6),
        decided(text, Action::Block, 7),
        seen(text, "a", 3, 15),
        decided(text, Action::Allow, 9),
    ];
    let mut expected = Listing::default();
    for part in &parts {
        let applied = store.apply(vec![part.clone()]).await.unwrap();
        let Change::Merge(_, listing) = part else { unreachable!() };
        assert_eq!(applied.added, u64::from(expected == Listing::default()));
        expected.merge(listing);
        assert_eq!(get(&store, text).await.as_ref(), Some(&expected));
    }
    // Again, and in another order: nothing changes.
    store.apply(parts.iter().rev().cloned().collect()).await.unwrap();
    assert_eq!(get(&store, text).await, Some(expected));
    assert_eq!(store.stats().await.unwrap().numbers, 1);
}

pub(crate) async fn changes_apply_in_order(store: AnyStore) {
    let text = "+447400123456";
    let gone = Change::Delete(subject(text));
    let applied =
        store.apply(vec![seen(text, "a", 1, 2), gone.clone(), seen(text, "b", 3, 4)]).await.unwrap();
    assert_eq!((applied.added, applied.deleted), (2, 1));
    assert_eq!(get(&store, text).await, Some(sighting("b", 3, 4)));
    store.apply(vec![seen(text, "a", 1, 2), gone]).await.unwrap();
    assert_eq!(get(&store, text).await, None);
    assert_eq!(store.stats().await.unwrap().numbers, 0);
}

pub(crate) async fn deleting_forgets(store: AnyStore) {
    store.apply(vec![seen("+447400123456", "a", 1, 2), decided("+4474*", Action::Allow, 3)]).await.unwrap();
    let subjects = ["+447400123456", "+4474*", "+12025550123"];
    let applied = store.apply(subjects.iter().map(|s| Change::Delete(subject(s))).collect()).await.unwrap();
    assert_eq!(applied.deleted, 2, "one was never listed");
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.numbers, stats.ranges), (0, 0));
    assert!(store.scan(None, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_scan_walks_everything_in_order(store: AnyStore) {
    let mut changes = numbers(2_500);
    changes.extend([
        seen("+12025550123", "a", 1, 2),
        seen("+4474*", "a", 1, 2),
        seen("+331..+339", "a", 1, 2),
    ]);
    store.apply(changes).await.unwrap();
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(after, 700).await.unwrap();
        assert!(page.len() <= 700);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        walked.extend(page.into_iter().map(|(subject, _)| subject));
    }
    assert_eq!(walked.len(), 2_503);
    assert!(walked.is_sorted(), "numbers first, then ranges, each ascending");
}

pub(crate) async fn the_log_tells_what_changed(store: AnyStore) {
    let start = store.stats().await.unwrap().position;
    store.apply(vec![seen("+447400123456", "a", 1, 2), seen("+12025550123", "a", 1, 2)]).await.unwrap();
    let middle = store.apply(vec![Change::Delete(subject("+12025550123"))]).await.unwrap().position;
    let end = store.apply(vec![seen("+4474*", "b", 1, 2)]).await.unwrap().position;

    let all = Changes::Next(
        vec![
            (subject("+12025550123"), None),
            (subject("+447400123456"), Some(sighting("a", 1, 2))),
            (subject("+4474*"), Some(sighting("b", 1, 2))),
        ],
        end.clone(),
    );
    assert_eq!(store.changes(&start, 1_000).await.unwrap(), all);
    let rest = Changes::Next(vec![(subject("+4474*"), Some(sighting("b", 1, 2)))], end.clone());
    assert_eq!(store.changes(&middle, 1_000).await.unwrap(), rest);
    assert_eq!(store.changes(&end, 1_000).await.unwrap(), Changes::Next(vec![], end.clone()));
    // In small steps one arrives at the same place.
    let mut at = start;
    for _ in 0..10 {
        if let Changes::Next(_, next) = store.changes(&at, 1).await.unwrap() {
            at = next;
        }
    }
    assert_eq!(at, end);
}

pub(crate) async fn a_foreign_or_trimmed_position_is_gone(store: AnyStore) {
    let position = store.apply(numbers(10)).await.unwrap().position;
    let shard = position.marks.iter().position(|mark| mark.cursor > 0).unwrap();
    let altered = |alter: fn(&mut Mark)| {
        let mut altered = position.clone();
        alter(&mut altered.marks[shard]);
        altered
    };
    let other = altered(|mark| mark.stamp ^= 2);
    assert_eq!(store.changes(&other, 10).await.unwrap(), Changes::Gone, "another timeline");
    let ahead = altered(|mark| mark.cursor += 1);
    assert_eq!(store.changes(&ahead, 10).await.unwrap(), Changes::Gone, "a log that lost its end");
    store.apply(vec![seen("+447400000000", "b", 1, 2)]).await.unwrap();
    assert_eq!(store.changes(&other, 10).await.unwrap(), Changes::Gone, "another timeline that went on");
}

pub(crate) async fn changed_wakes_up_for_news_only(store: AnyStore) {
    let position = store.stats().await.unwrap().position;
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        let position = position.clone();
        async move { store.changed(&position).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "nothing has changed yet");
    store.apply(numbers(1)).await.unwrap();
    tokio::time::timeout(PATIENCE, waiting).await.expect("the change wakes it").unwrap();
    tokio::time::timeout(PATIENCE, store.changed(&position)).await.expect("at once for old news").unwrap();
}

pub(crate) async fn outcomes_are_kept(store: AnyStore) {
    let outcome = |kind, at| Outcome {
        client: "acme".to_owned(),
        number: Number::from_digits(447_400_123_456).unwrap(),
        kind,
        check_id: "c-1".to_owned(),
        correlation_id: String::new(),
        occurred_at: UnixTime(5),
        reported_at: UnixTime(at),
        counted: Counted::Normal,
    };
    let [first, second, last] = [
        outcome(OutcomeKind::Verified, 7),
        outcome(OutcomeKind::AbuseConfirmed, 7),
        outcome(OutcomeKind::FalsePositive, 300),
    ];
    store.report(vec![last.clone()]).await.unwrap();
    store.report(vec![first.clone(), second.clone()]).await.unwrap();
    store.report(vec![]).await.unwrap();
    assert_eq!(store.stats().await.unwrap().outcomes, 3);
    let page = store.outcomes(None, 2).await.unwrap();
    let told: Vec<&Outcome> = page.iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(told, [&first, &second], "in order of report");
    let rest = store.outcomes(Some(page[1].0), 9).await.unwrap();
    assert_eq!(rest.iter().map(|(_, outcome)| outcome).collect::<Vec<_>>(), [&last]);
    store.forget_outcomes(vec![page[0].0, rest[0].0, page[0].0]).await.unwrap();
    store.forget_outcomes(vec![]).await.unwrap();
    assert_eq!(store.outcomes(None, 9).await.unwrap(), [page[1].clone()]);
    assert_eq!(store.stats().await.unwrap().outcomes, 1);
}

pub(crate) async fn an_empty_batch_changes_nothing(store: AnyStore) {
    let before = store.stats().await.unwrap();
    assert_eq!(store.apply(vec![]).await.unwrap().position, before.position);
    store.report(vec![]).await.unwrap();
    assert!(store.get(vec![]).await.unwrap().is_empty());
    assert_eq!(store.stats().await.unwrap(), before);
}

pub(crate) async fn concurrent_writers_lose_nothing(store: AnyStore) {
    let writers = (0..4).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for i in 0..25 {
                let own = format!("+4474{:08}", writer * 1_000 + i);
                let feed = format!("feed-{writer}");
                store.apply(vec![seen(&own, "x", 1, 2), seen("+12025550123", &feed, i, i)]).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(store.stats().await.unwrap().numbers, 101);
    let shared = get(&store, "+12025550123").await.unwrap();
    let spans: Vec<_> = shared.sightings().iter().map(|s| (s.first_seen.0, s.last_seen.0)).collect();
    assert_eq!(spans, [(0, 24); 4]);
}

pub(crate) async fn a_caller_that_gives_up_is_followed_all_the_same(store: AnyStore) {
    let position = store.stats().await.unwrap().position;
    // Polled once and dropped, as a server drops a call whose client has gone.
    let given_up = tokio::time::timeout(Duration::ZERO, store.apply(numbers(20_000))).await;
    assert!(given_up.is_err(), "the store was faster than a first poll");
    tokio::time::timeout(PATIENCE, store.changed(&position))
        .await
        .expect("what is committed is news")
        .unwrap();
    // A large write may become visible in steps, and all of it does.
    let all = async {
        while store.stats().await.unwrap().numbers < 20_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("all of it is carried out");
}

pub(crate) async fn sync_follows_the_store(store: AnyStore) {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder.path().join("index.snapshot");
    let options = sync_options(snapshot);
    store.apply(numbers(3_000)).await.unwrap();
    let published = Arc::new(Published::default());
    let (sync, _) = Sync::start(Arc::clone(&store), Arc::clone(&published), options.clone()).await.unwrap();
    assert_eq!(published.load().stats().numbers, 3_000);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut progress = sync.progress();
    let running = tokio::spawn(sync.run(stopped));

    // More than the overlay holds, so that a rebuild happens, and a delete.
    let many = (0..9_000).map(|i| seen(&format!("+1202{:07}", i * 11), "b", 1, 2));
    store.apply(many.collect()).await.unwrap();
    let applied =
        store.apply(vec![Change::Delete(subject("+447400000000")), seen("+4477*", "c", 1, 2)]).await.unwrap();
    tokio::time::timeout(PATIENCE, progress.reached(&applied.position)).await.expect("sync keeps up");
    let stats = published.load().stats();
    assert_eq!((stats.numbers, stats.ranges), (11_999, 1));

    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, running).await.expect("sync ends").unwrap();
    store.apply(numbers(1)).await.unwrap();
    let again = Arc::new(Published::default());
    let (_, loaded) = Sync::start(store, Arc::clone(&again), options).await.unwrap();
    assert_eq!(loaded, numguard::sync::Loaded::Snapshot, "the saved index and the changes since");
    assert_eq!(again.load().stats().numbers, 12_000);
}

pub(crate) async fn what_one_feed_said_is_put_in_place(store: AnyStore) {
    let text = "+447400123456";
    let restate = |feed: &str, first, last| {
        let sighting = sighting(feed, first, last).sightings()[0].clone();
        Change::Restate(subject(text), feed.parse().unwrap(), Some(sighting))
    };
    let retract = |feed: &str| Change::Restate(subject(text), feed.parse().unwrap(), None);
    store.apply(vec![seen(text, "a", 1, 9), seen(text, "b", 3, 4)]).await.unwrap();
    store.apply(vec![restate("a", 5, 6)]).await.unwrap();
    let mut expected = sighting("a", 5, 6);
    expected.merge(&sighting("b", 3, 4));
    assert_eq!(get(&store, text).await, Some(expected), "replaced, not merged");
    store.apply(vec![retract("a"), retract("nobody")]).await.unwrap();
    assert_eq!(get(&store, text).await, Some(sighting("b", 3, 4)));
    let applied = store.apply(vec![retract("b")]).await.unwrap();
    assert_eq!((get(&store, text).await, applied.deleted), (None, 1), "nobody says anything");
    store.apply(vec![restate("c", 7, 8), decided("+12025550123", Action::Allow, 5)]).await.unwrap();
    store.apply(vec![retract("c")]).await.unwrap();
    assert_eq!(store.stats().await.unwrap().numbers, 1);
}

pub(crate) async fn a_decision_is_withdrawn_and_sightings_stay(store: AnyStore) {
    let (text, other) = ("+447400123456", "+4474*");
    let withdraw = |text: &str| Change::Withdraw(subject(text));
    store.apply(vec![seen(text, "a", 1, 9), decided(text, Action::Allow, 5)]).await.unwrap();
    store.apply(vec![decided(other, Action::Block, 5)]).await.unwrap();
    // Several pages, as a large write has them.
    let applied = store.apply(vec![withdraw(text), withdraw(other), withdraw("+12025550123")]).await.unwrap();
    assert_eq!(get(&store, text).await, Some(sighting("a", 1, 9)));
    assert_eq!((get(&store, other).await, applied.deleted), (None, 1), "nobody says anything");
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.numbers, stats.ranges), (1, 0));
    store.apply(vec![decided(text, Action::Block, 3)]).await.unwrap();
    let decision = get(&store, text).await.unwrap().decision().cloned().unwrap();
    assert_eq!(decision.decided_at, UnixTime(3), "an older decision counts once the newer is gone");
}
