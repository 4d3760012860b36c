//! What clients report, from the report to the verdict: what it changes, what an attacker with one
//! client cannot change, and that an undo leaves nothing behind. On both kinds of store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use numguard::core::check::check;
use numguard::core::index::Published;
use numguard::core::listing::{Listing, Subject, UnixTime};
use numguard::core::number::Number;
use numguard::core::policy::{Policies, Policy, Verdict};
use numguard::core::signal::Context;
use numguard::operate::outcomes::{ClientTrust, OutcomeOptions, Outcomes, Which};
use numguard::store::{Counted, Embedded, EmbeddedOptions, Outcome, OutcomeKind, Redis, Store};
use numguard::sync::{Progress, Sync};

use crate::battery::{self, sync_options};
use crate::redis::options;
use crate::servers::{Flavor, Server};

const NOW: UnixTime = UnixTime(1_780_000_000);
const DAY: u32 = 86_400;

use OutcomeKind::{AbuseConfirmed, FalsePositive, Verified};

/// A store, an index that follows it, and outcomes on both.
struct World {
    store: Arc<dyn Store>,
    published: Arc<Published>,
    policy: Arc<Policy>,
    progress: Progress,
    outcomes: Outcomes,
    _stop: tokio::sync::watch::Sender<bool>,
    _folder: tempfile::TempDir,
    _server: Option<Server>,
}

impl World {
    async fn embedded(change: impl FnOnce(&mut OutcomeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { data_dir: folder.path().to_owned(), cache_bytes: 4 << 20 };
        Self::on(Arc::new(Embedded::open(&options).unwrap()), folder, None, change).await
    }

    async fn redis(change: impl FnOnce(&mut OutcomeOptions)) -> Option<Self> {
        let server = Server::start(Flavor::Redis7, &[])?;
        let store = Arc::new(Redis::open(options(&server.url(), "outcomes")));
        Some(Self::on(store, tempfile::tempdir().unwrap(), Some(server), change).await)
    }

    async fn on(
        store: Arc<dyn Store>,
        folder: tempfile::TempDir,
        server: Option<Server>,
        change: impl FnOnce(&mut OutcomeOptions),
    ) -> Self {
        let published = Arc::new(Published::default());
        let sync = sync_options(folder.path().join("snapshot"));
        let (sync, _) = Sync::start(Arc::clone(&store), Arc::clone(&published), sync).await.unwrap();
        let progress = sync.progress();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(sync.run(stopped));
        let trust = [("us", ClientTrust::High), ("new", ClientTrust::Low)];
        let mut options = OutcomeOptions {
            trust: trust.map(|(name, trust)| (name.to_owned(), trust)).into(),
            ..OutcomeOptions::default()
        };
        change(&mut options);
        let policy = Arc::new(Policy::default());
        let policies = Arc::new(Policies::default());
        let outcomes = Outcomes::new(Arc::clone(&store), Arc::clone(&published), policies, options);
        Self { store, published, policy, progress, outcomes, _stop: stop, _folder: folder, _server: server }
    }

    /// Feeds saw these numbers, `days` apart.
    async fn listed(&self, numbers: &[u64], days: u32) {
        let seen = |low: &u64| {
            battery::seen(&number(*low).as_e164(), "castle", NOW.0 - DAY * (days + 1), NOW.0 - DAY)
        };
        let applied = self.store.apply(numbers.iter().map(seen).collect()).await.unwrap();
        self.progress.clone().reached(&applied.position).await;
    }

    /// A report of a client about some numbers, so many days from now; how many count.
    async fn report(&self, client: &str, kind: OutcomeKind, numbers: &[u64], seconds: u32) -> u32 {
        let at = UnixTime(NOW.0 + seconds);
        let outcome = |low: &u64| outcome(client, *low, kind, at);
        let reported = self.outcomes.report(client, numbers.iter().map(outcome).collect(), at).await.unwrap();
        if let Some(position) = &reported.position {
            self.progress.clone().reached(position).await;
        }
        assert_eq!(reported.stored as usize, numbers.len());
        reported.counted
    }

    async fn undo(&self, which: &Which) -> (u64, u64) {
        let undone = self.outcomes.undo(which, false).await.unwrap();
        if let Some(position) = &undone.position {
            self.progress.clone().reached(position).await;
        }
        (undone.outcomes, undone.numbers)
    }

    fn verdict(&self, low: u64) -> (Verdict, u8) {
        let index = self.published.load();
        let now = UnixTime(NOW.0 + DAY);
        let judgement =
            check(&index, &self.policy, &number(low).as_e164(), None, &Context::default(), now).judgement;
        (judgement.verdict, judgement.risk_score)
    }

    /// All that is listed, and what store and index count of it.
    async fn everything(&self) -> (Vec<(Subject, Listing)>, u64, u64) {
        let listings = self.store.scan(None, 10_000).await.unwrap();
        let (stored, index) = (self.store.stats().await.unwrap(), self.published.load().listings());
        assert_eq!(stored.numbers + stored.ranges, index, "index and store hold the same");
        (listings, stored.numbers, index)
    }
}

fn outcome(client: &str, low: u64, kind: OutcomeKind, at: UnixTime) -> Outcome {
    Outcome {
        client: client.to_owned(),
        number: number(low),
        kind,
        check_id: format!("c-{low}"),
        correlation_id: String::new(),
        occurred_at: at,
        reported_at: at,
        counted: Counted::No,
    }
}

fn number(low: u64) -> Number {
    Number::from_digits(447_911_120_000 + low).unwrap()
}

fn days(from: u64, days: u64, each: u64) -> impl Iterator<Item = (u32, Vec<u64>)> {
    (0..days).map(move |day| (day as u32 * 600, (from + day * each..from + (day + 1) * each).collect()))
}

#[tokio::test]
async fn verified_people_lower_a_range_and_one_client_alone_does_not() {
    let world = World::embedded(|_| {}).await;
    world.listed(&[3_400], 0).await;
    let before = world.verdict(3_777);
    assert_eq!(before.0, Verdict::Challenge, "one listed number among the same 1,000: {before:?}");
    // One client of normal trust, whatever it reports; and one of low trust.
    assert_eq!(world.report("mallory", Verified, &(3_000..3_300).collect::<Vec<_>>(), 0).await, 300);
    assert_eq!(world.report("new", Verified, &[3_301, 3_302], 0).await, 0);
    assert_eq!(world.verdict(3_777), before);
    // A second one, and a third: the odds fall, little by little.
    world.report("acme", Verified, &[3_310, 3_311, 3_312], 0).await;
    let two = world.verdict(3_777);
    assert!(two.1 < before.1, "{two:?} after {before:?}");
    // Where nothing is suspected, nothing is kept but the outcome.
    assert_eq!(world.report("acme", Verified, &[999_999_000], 0).await, 0);
    assert_eq!(world.verdict(3_400).0, Verdict::Challenge, "the listed number itself is what it was");
}

#[tokio::test]
async fn a_client_of_high_trust_lowers_a_sparse_range_in_days_and_a_dense_one_never() {
    let world = World::embedded(|_| {}).await;
    world.listed(&[3_400], 0).await;
    world.listed(&[505_400, 505_401, 505_402], 30).await;
    for (at, numbers) in days(3_000, 5, 20).chain(days(505_000, 5, 20)) {
        // Days pass by the server's clock: reports of one day count twice at most.
        world.report("us", Verified, &numbers, at).await;
    }
    assert_eq!(world.verdict(3_777).0, Verdict::Challenge, "a hundred of one day count as two");
    for day in 1..5 {
        world
            .report("us", Verified, &[3_100 + u64::from(day) * 2, 3_101 + u64::from(day) * 2], day * DAY)
            .await;
        world
            .report("us", Verified, &[505_100 + u64::from(day) * 2, 505_101 + u64::from(day) * 2], day * DAY)
            .await;
    }
    assert_eq!(world.verdict(3_777).0, Verdict::Allow, "after five days");
    assert_ne!(world.verdict(505_450).0, Verdict::Allow, "whatever anybody reports");
    // What feeds saw twice is blocked, verified or not.
    world.report("us", Verified, &[505_400], 6 * DAY).await;
    assert_eq!(world.verdict(505_400).0, Verdict::Block);
}

#[tokio::test]
async fn abuse_is_challenged_by_one_word_and_blocked_by_two() {
    let world = World::embedded(|_| {}).await;
    for (low, words, verdict) in [
        (10_000, vec![("new", 0)], Verdict::Allow),
        (20_000, vec![("acme", 0)], Verdict::Challenge),
        (30_000, vec![("acme", 0), ("acme", 7_200), ("acme", 50_000)], Verdict::Challenge),
        (40_000, vec![("acme", 0), ("beta", 10)], Verdict::Block),
        (50_000, vec![("us", 0), ("us", 10)], Verdict::Challenge),
        (60_000, vec![("us", 0), ("us", 7_200)], Verdict::Block),
    ] {
        assert_eq!(world.verdict(low).0, Verdict::Allow, "{words:?}");
        for (client, seconds) in &words {
            world.report(client, AbuseConfirmed, &[low], *seconds).await;
        }
        assert_eq!(world.verdict(low).0, verdict, "{words:?}");
        assert_ne!(world.verdict(low + 50).0, Verdict::Block, "a neighbour, after {words:?}");
    }
}

#[tokio::test]
async fn a_client_changes_so_much_a_day_and_no_more() {
    let world = World::embedded(|options| options.per_day = 10).await;
    assert_eq!(world.report("acme", AbuseConfirmed, &(0..8).collect::<Vec<_>>(), 0).await, 8);
    assert_eq!(world.report("acme", AbuseConfirmed, &(8..16).collect::<Vec<_>>(), 5).await, 2);
    assert_eq!(world.report("acme", AbuseConfirmed, &[20], 6).await, 0);
    assert_eq!(world.report("beta", AbuseConfirmed, &[20], 6).await, 1, "each for itself");
    assert_eq!(world.report("acme", AbuseConfirmed, &[21], DAY).await, 1, "the next day");
}

/// Outcomes that change nothing may neither fill the store nor drive out what others reported.
#[tokio::test]
async fn a_client_that_floods_keeps_what_others_reported() {
    let world = World::embedded(|options| {
        options.per_day = 10;
        options.keep = 1_000;
    })
    .await;
    let reported = |client: &'static str, kind, numbers: std::ops::Range<u64>, now| {
        let outcomes = numbers.map(|low| outcome(client, low, kind, now)).collect();
        world.outcomes.report(client, outcomes, now)
    };
    reported("acme", AbuseConfirmed, 0..5, NOW).await.unwrap();
    for round in 0..20 {
        let done = reported("new", AbuseConfirmed, 100..300, UnixTime(NOW.0 + round)).await.unwrap();
        assert_eq!((done.stored, done.counted), (if round == 0 { 100 } else { 0 }, 0));
    }
    // What counts is kept beside it, and the next day begins anew.
    let done = reported("mixed", FalsePositive, 300..400, NOW).await.unwrap();
    let after = reported("mixed", AbuseConfirmed, 400..405, NOW).await.unwrap();
    assert_eq!((done.stored, after.stored, after.counted), (100, 5, 5));
    let next = reported("new", Verified, 100..110, UnixTime(NOW.0 + DAY)).await.unwrap();
    assert_eq!(next.stored, 10);
    let kept = world.store.outcomes(None, 10_000).await.unwrap();
    assert_eq!(kept.iter().filter(|(_, outcome)| outcome.client == "acme").count(), 5);
}

async fn an_undo_leaves_nothing(world: World) {
    world.listed(&[3_400, 3_401], 2).await;
    world.report("acme", AbuseConfirmed, &[3_400, 7_000], 0).await;
    world.report("acme", FalsePositive, &[3_401], 0).await;
    let (before, reviews) = (world.everything().await, world.outcomes.reviews().await.unwrap());
    let digests = world.store.digests().await.unwrap();
    let verdicts = [3_400, 3_401, 3_777, 7_000, 8_000].map(|low| world.verdict(low));
    // All kinds, by two clients, about known and unknown numbers, again and again.
    for (client, seconds) in [("mallory", 100), ("us", 100), ("mallory", 9_000), ("us", 9_000)] {
        world.report(client, AbuseConfirmed, &[3_400, 7_000, 8_000], seconds).await;
        world.report(client, Verified, &[3_500, 3_501, 3_400], seconds).await;
        world.report(client, FalsePositive, &[3_401, 3_402], seconds).await;
    }
    assert_ne!(world.everything().await, before);
    let since = UnixTime(NOW.0 + 50);
    for client in ["us", "mallory"] {
        let which = Which { client: client.to_owned(), since, ..Which::default() };
        let would = world.outcomes.undo(&which, true).await.unwrap();
        assert_eq!(world.undo(&which).await, (would.outcomes, would.numbers));
        assert_eq!((would.outcomes, would.numbers), (16, 5));
    }
    assert_eq!(world.everything().await, before);
    assert_eq!(world.outcomes.reviews().await.unwrap(), reviews);
    assert_eq!([3_400, 3_401, 3_777, 7_000, 8_000].map(|low| world.verdict(low)), verdicts);
    let after = world.store.digests().await.unwrap();
    let same = |a: &[numguard::store::ShardDigest], b: &[numguard::store::ShardDigest]| {
        a.iter()
            .map(|shard| (shard.listings, shard.digest))
            .eq(b.iter().map(|shard| (shard.listings, shard.digest)))
    };
    assert!(same(&after, &digests));
    // What is left of a client whose reports were undone in part is what it had said before.
    world.report("us", AbuseConfirmed, &[9_000], 10).await;
    let once = world.everything().await;
    world.report("us", AbuseConfirmed, &[9_000], 9_000).await;
    assert_eq!(world.verdict(9_000).0, Verdict::Block);
    world.undo(&Which { client: "us".to_owned(), since, ..Which::default() }).await;
    assert_eq!(world.everything().await, once);
}

#[tokio::test]
async fn an_undo_leaves_nothing_behind() {
    an_undo_leaves_nothing(World::embedded(|_| {}).await).await;
}

#[tokio::test]
async fn an_undo_leaves_nothing_behind_on_redis() {
    if let Some(world) = World::redis(|_| {}).await {
        an_undo_leaves_nothing(world).await;
    }
}

#[tokio::test]
async fn old_outcomes_go_and_take_what_was_verified_with_them() {
    let world = World::embedded(|options| (options.keep, options.keep_days) = (6, 100)).await;
    world.listed(&[3_400], 0).await;
    let before = world.everything().await;
    world.report("us", Verified, &[3_500, 3_501, 3_502, 3_503], 0).await;
    assert_eq!(world.store.stats().await.unwrap().numbers, 5);
    // Too many.
    world.report("acme", FalsePositive, &[1, 2, 3, 4], 10).await;
    assert_eq!(world.store.stats().await.unwrap().outcomes, 6);
    // Too old: one report clears what it finds.
    world.report("acme", FalsePositive, &[5], 101 * DAY).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let kept = world.outcomes.list(&Which::default(), 100).await.unwrap().0;
    assert!(kept.len() <= 6, "{}", kept.len());
    for _ in 0..8 {
        world.report("acme", FalsePositive, &[5], 101 * DAY).await;
    }
    assert_eq!(world.store.scan(None, 100).await.unwrap(), before.0);
}

#[tokio::test]
async fn a_false_positive_waits_for_a_review_once() {
    let world = World::embedded(|_| {}).await;
    world.report("acme", FalsePositive, &[1, 2], 0).await;
    world.report("new", FalsePositive, &[1], 5).await;
    let reviews = world.outcomes.reviews().await.unwrap();
    let told: BTreeMap<String, Vec<&str>> = reviews
        .iter()
        .map(|review| {
            (review.number.as_e164(), review.reports.iter().map(|report| report.client.as_str()).collect())
        })
        .collect();
    let expected = [(1, vec!["acme", "new"]), (2, vec!["acme"])];
    assert_eq!(told, expected.map(|(low, clients)| (number(low).as_e164(), clients)).into());
    assert!(world.outcomes.close_review(number(1)).await.unwrap());
    assert!(!world.outcomes.close_review(number(1)).await.unwrap(), "closed already");
    assert_eq!(world.outcomes.reviews().await.unwrap().len(), 1);
}
