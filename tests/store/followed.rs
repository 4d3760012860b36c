//! A Redis store that an index follows while checks go on: what the tests of faults share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use numguard::clock::now;
use numguard::core::check::check;
use numguard::core::index::Published;
use numguard::core::listing::{Action, Subject, UnixTime};
use numguard::core::policy::{Policy, Verdict};
use numguard::core::signal::Context;
use numguard::store::{Change, Redis, RedisOptions, Store, StoreError};
use numguard::sync::{Freshness, IndexAge, Loaded, Sync, SyncOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::battery::{self, decided, seen};

/// Long enough for any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The time of every check.
const NOW: UnixTime = UnixTime(1_000);

/// What is checked all the time: listed in several shards, and not listed at all.
const KNOWN: [(&str, Verdict); 5] = [
    ("+447400123456", Verdict::Block),
    ("+33612345678", Verdict::Block),
    ("+12025550123", Verdict::Block),
    ("+3584573985432", Verdict::Challenge),
    ("+4915123456789", Verdict::Allow),
];

pub(crate) fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

/// What makes the answers of `KNOWN`.
pub(crate) fn known() -> Vec<Change> {
    let mut changes: Vec<Change> = KNOWN
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Block)
        .map(|(text, _)| decided(text, Action::Block, NOW.0 - 10))
        .collect();
    changes.push(seen("+3584573985432", "feed", 900, 900));
    changes
}

/// `count` listed numbers, spread over the shards, away from the known ones.
pub(crate) fn many(count: u64) -> Vec<Change> {
    (0..count)
        .map(|i| {
            let (country, at) =
                (["+5511", "+9198", "+2348", "+6281"][i as usize % 4], i / 4 * 7_919 % 90_000_000);
            seen(&format!("{country}{at:08}"), "bulk", 1, 2)
        })
        .collect()
}

pub(crate) fn sync_options(folder: &Path, max_shrink: f64) -> SyncOptions {
    SyncOptions { max_shrink, clock: now, ..battery::sync_options(folder.join("index.snapshot")) }
}

/// Waits until `done` says so.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The error of a call that must end soon after the time limit of one command.
pub(crate) async fn fails<T: std::fmt::Debug>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> String {
    let ended = tokio::time::timeout(limit * 4, call).await.expect("a call that waits too long");
    let error = ended.expect_err("a call that cannot have worked");
    assert!(error.is_transient(), "{error}");
    let told = error.to_string();
    assert!(!told.contains('\n') && told.len() < 300, "one clear line: {told}");
    told
}

/// A store and the index that follows it.
pub(crate) struct Followed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) published: Arc<Published>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) loaded: Loaded,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Followed {
    pub(crate) async fn start(redis: RedisOptions, sync: SyncOptions) -> Self {
        Self::follow(Arc::new(Redis::open(redis)), sync).await
    }

    pub(crate) async fn follow(store: Arc<dyn Store>, sync: SyncOptions) -> Self {
        let published = Arc::new(Published::default());
        let started = Sync::start(Arc::clone(&store), Arc::clone(&published), sync);
        let (sync, loaded) = started.await.unwrap();
        let freshness = sync.freshness();
        let (stop, stopped) = watch::channel(false);
        Self { store, published, freshness, loaded, stop, running: tokio::spawn(sync.run(stopped)) }
    }

    pub(crate) fn age(&self) -> IndexAge {
        self.freshness.of(&self.published.load(), now())
    }

    pub(crate) async fn until_degraded(&self) {
        until("the index is known to be behind", async || self.age().degraded).await;
    }

    /// Waits until the index holds exactly what the store holds, and says that it follows.
    pub(crate) async fn until_in_step(&self) {
        until("index and store agree", async || {
            let Ok(stored) = self.store.digests().await else { return false };
            let index = Arc::clone(&self.published.load());
            let held = index.digests(stored.len(), |subject| self.store.shard_of(subject));
            let marks = &index.position().marks;
            let same = |(at, shard): (usize, &numguard::store::ShardDigest)| {
                marks.get(at) == Some(&shard.mark) && held[at] == (shard.listings, shard.digest)
            };
            stored.iter().enumerate().all(same) && !self.age().degraded
        })
        .await;
    }

    /// What is listed about a number, as the index knows it.
    pub(crate) fn is_listed(&self, number: &str) -> bool {
        let index = self.published.load();
        let found = index.find(number.parse().unwrap(), NOW);
        found.seen.is_some() || found.decision.is_some()
    }

    /// Ends sync, which saves the index.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.running).await.expect("sync ends").unwrap();
    }
}

/// A thread that checks all the time and panics if an answer changes.
pub(crate) struct Checks {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<u64>,
}

impl Checks {
    pub(crate) fn begin(published: &Arc<Published>) -> Self {
        let (stop, published) = (Arc::<AtomicBool>::default(), Arc::clone(published));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (policy, mut checked) = (Policy::default(), 0);
            while !stopped.load(Ordering::Relaxed) {
                for (text, expected) in KNOWN {
                    let index = published.load();
                    let answer = check(&index, &policy, text, None, &Context::default(), NOW);
                    assert_eq!(answer.judgement.verdict, expected, "{text} after {checked} checks");
                    checked += 1;
                }
                thread::sleep(Duration::from_millis(1));
            }
            checked
        });
        Self { stop, thread }
    }

    /// Panics if an answer was another one.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let checked = self.thread.join().expect("no answer may change");
        assert!(checked > 100, "only {checked} checks");
    }
}
