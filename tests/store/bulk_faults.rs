//! Large writes while somebody dies: the process that writes, or Redis itself.

use std::env;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use numguard::store::{Change, ListingStore, Redis, RedisOptions, Store};

use crate::battery::seen;
use crate::followed::{Followed, many, subject, sync_options, until};
use crate::redis::options;
use crate::servers::{APPEND_ONLY, Flavor, Reply, Server};

/// Some dozens of parts.
const MANY: u64 = 60_000;

/// Listed before, and deleted by the large write: in its last part, for ranges come after numbers.
const DELETED: &str = "+998900000000..+998900000999";

const URL: &str = "TESTED_LARGE_WRITE_TO";

fn redis(url: &str) -> RedisOptions {
    RedisOptions { timeout: Duration::from_secs(2), ..options(url, "numguard") }
}

fn large() -> Vec<Change> {
    let mut changes = many(MANY);
    changes.push(Change::Delete(subject(DELETED)));
    changes
}

/// Another process that begins the large write.
struct Other(Child);

impl Other {
    fn begin(server: &Server) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "bulk_faults::a_process_to_be_killed", "--ignored"]);
        command.env(URL, server.url()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Started, and killed, by the tests below.
#[tokio::test]
#[ignore = "a part of the tests of large writes"]
async fn a_process_to_be_killed() {
    let Ok(url) = env::var(URL) else { return };
    Redis::open(redis(&url)).apply(large()).await.unwrap();
}

fn is_decided(server: &Server) -> bool {
    server.command(&["HLEN", "numguard:{0}:bulks"]) == Reply::Int(1)
}

/// The lists of parts that are there.
fn lists(server: &Server) -> Vec<String> {
    let keys = server.command(&["KEYS", "numguard:{0}:bulk:????????????????"]);
    keys.array().iter().map(|key| key.text().to_owned()).collect()
}

/// A server with one range listed, and another process that writes; returns once `seen` says so.
async fn begun(flavor: Flavor, so_far: impl Fn(&Server) -> bool) -> Option<(Server, Arc<dyn Store>, Other)> {
    let server = Server::start(flavor, &[APPEND_ONLY])?;
    let store: Arc<dyn Store> = Arc::new(Redis::open(redis(&server.url())));
    store.apply(vec![seen(DELETED, "before", 1, 2)]).await.unwrap();
    let other = Other::begin(&server);
    until("the large write has come so far", async || so_far(&server)).await;
    Some((server, store, other))
}

async fn until_all_is_there(server: &Server, store: &Arc<dyn Store>) {
    until("all of it is there", async || {
        let stats = store.stats().await;
        stats.is_ok_and(|stats| (stats.numbers, stats.ranges) == (MANY, 0)) && !is_decided(server)
    })
    .await;
}

/// Counts, digests and listings say the same.
async fn all_agrees(store: &Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::follow(Arc::clone(store), sync_options(folder.path(), 0.2)).await;
    followed.until_in_step().await;
    assert_eq!(followed.published.load().stats().numbers, MANY);
}

async fn killed_while_it_writes_down() {
    let Some((server, store, mut other)) = begun(Flavor::Redis7, |server| !lists(server).is_empty()).await
    else {
        return;
    };
    other.kill();
    if is_decided(&server) {
        // It was faster than we are.
        return until_all_is_there(&server, &store).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.numbers, stats.ranges, stats.position.changes()), (0, 1, 1), "nothing of it");
    let left = lists(&server);
    assert_eq!(left.len(), 1);
    let Reply::Int(expires) = server.command(&["TTL", &left[0]]) else { panic!("no TTL") };
    assert!((1..=3_600).contains(&expires), "{expires}");
}

async fn killed_after_the_decision() {
    let Some((server, store, mut other)) = begun(Flavor::Valkey9, is_decided).await else { return };
    other.kill();
    until_all_is_there(&server, &store).await;
    assert_eq!(lists(&server), Vec::<String>::new(), "cleared up");
    all_agrees(&store).await;
}

async fn frozen_after_the_decision() {
    let Some((server, store, mut other)) = begun(Flavor::Redis8, is_decided).await else { return };
    other.signal("STOP");
    assert!(is_decided(&server), "it was faster than we are");
    until_all_is_there(&server, &store).await;
    store.apply(vec![seen(DELETED, "again", 3, 4)]).await.unwrap();
    let before = store.stats().await.unwrap();
    other.signal("CONT");
    let mut ended = async || other.0.try_wait().unwrap().is_some();
    until("the process that woke up ends", &mut ended).await;
    assert_eq!(store.stats().await.unwrap(), before, "done once, and not again by who woke up late");
    assert!(store.get(vec![subject(DELETED)]).await.unwrap()[0].is_some());
    all_agrees_with_one_range(&store).await;
}

async fn all_agrees_with_one_range(store: &Arc<dyn Store>) {
    all_agrees(store).await;
    assert_eq!(store.stats().await.unwrap().ranges, 1);
}

async fn redis_killed_after_the_decision() {
    let Some(server) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let store: Arc<dyn Store> = Arc::new(Redis::open(redis(&server.url())));
    store.apply(vec![seen(DELETED, "before", 1, 2)]).await.unwrap();
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.apply(large()).await }
    });
    until("it is decided", async || is_decided(&server)).await;
    server.kill9();
    let error = writing.await.unwrap().expect_err("it cannot be done").to_string();
    assert!(error.contains("a large write is decided and will be finished later"), "{error}");
    server.restart();
    until_all_is_there(&server, &store).await;
    all_agrees(&store).await;
}

/// One test, for each waits some ten seconds until a worker is taken for dead.
#[test]
fn a_large_write_is_done_wholly_and_once_whoever_dies() {
    fn alone<F: Future<Output = ()>>(case: impl FnOnce() -> F) {
        tokio::runtime::Runtime::new().unwrap().block_on(case());
    }
    std::thread::scope(|threads| {
        threads.spawn(|| alone(killed_while_it_writes_down));
        threads.spawn(|| alone(killed_after_the_decision));
        threads.spawn(|| alone(frozen_after_the_decision));
        threads.spawn(|| alone(redis_killed_after_the_decision));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_write_that_cannot_be_finished_is_not_in_the_way_of_others() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    // Decided ones: a list that is no list, parts that are none, parts that are missing.
    for (id, list) in [
        ("0000000000000001", vec!["SET", "numguard:{0}:bulk:0000000000000001", "x"]),
        ("0000000000000002", vec!["RPUSH", "numguard:{0}:bulk:0000000000000002", "nonsense"]),
        ("0000000000000003", vec!["EXISTS", "numguard:{0}:bulk:0000000000000003"]),
    ] {
        server.command(&list);
        server.command(&["HSET", "numguard:{0}:bulks", id, "1"]);
    }
    let mut other = Other::begin(&server);
    let count = || server.command(&["HLEN", "numguard:{0}:bulks"]);
    until("the good one is decided", async || count() == Reply::Int(4)).await;
    other.kill();
    let store: Arc<dyn Store> = Arc::new(Redis::open(redis(&server.url())));
    until("the good one is finished", async || count() == Reply::Int(3)).await;
    assert_eq!(store.stats().await.unwrap().numbers, MANY);
}
