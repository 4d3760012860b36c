//! The master moves: by plan, because it died, or slot by slot.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use numguard::core::listing::Action;
use numguard::store::{Change, Redis, RedisOptions, Store};
use tokio::task::JoinHandle;

use crate::battery::{decided, seen};
use crate::followed::{Checks, Followed, known, many, subject, sync_options, until};
use crate::redis::options;
use crate::servers::{Cluster, Flavor, Reply, Sentinels, Server, wait_until};

fn redis(url: &str) -> RedisOptions {
    RedisOptions { timeout: Duration::from_secs(1), ..options(url, "numguard") }
}

/// Operators' decisions in all shards, some hundred a second, until it is told to end.
struct Writer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(BTreeSet<String>, usize)>,
    acknowledged: Arc<std::sync::atomic::AtomicUsize>,
}

impl Writer {
    fn begin(store: &Arc<dyn Store>) -> Self {
        let (stop, store) = (Arc::<AtomicBool>::default(), Arc::clone(store));
        let acknowledged = Arc::<std::sync::atomic::AtomicUsize>::default();
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let task = tokio::spawn(async move {
            let (mut stored, mut refused) = (BTreeSet::new(), 0);
            for i in 0u32.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let number = format!("+{}{:04}{:04}", 5511 + i % 8, i / 8 % 10_000, i);
                match store.apply(vec![decided(&number, Action::Block, 990)]).await {
                    Ok(_) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        stored.insert(number);
                    }
                    Err(error) => {
                        assert!(error.is_transient(), "{error}");
                        refused += 1;
                    }
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            (stored, refused)
        });
        Self { stop, task, acknowledged }
    }

    /// Waits until some more writes are acknowledged.
    async fn goes_on(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        until("writes are acknowledged", async || self.acknowledged.load(Ordering::Relaxed) > before + 20)
            .await;
    }

    async fn end(self) -> (BTreeSet<String>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// How many of `numbers` the store does not know.
async fn missing(store: &dyn Store, numbers: &BTreeSet<String>) -> usize {
    let found = store.get(numbers.iter().map(|number| subject(number)).collect()).await.unwrap();
    found.iter().filter(|listing| listing.is_none()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_decision_is_lost_when_sentinels_move_the_master() {
    let Some(sentinels) = Sentinels::start(Flavor::Redis7) else { return };
    let folder = tempfile::tempdir().unwrap();
    let safe = RedisOptions { wait_replicas: 1, ..redis(&sentinels.url()) };
    let followed = Followed::start(safe, sync_options(folder.path(), 0.2)).await;
    until("known numbers are stored", async || followed.store.apply(known()).await.is_ok()).await;
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);
    let writer = Writer::begin(&followed.store);
    writer.goes_on().await;

    sentinels.failover();
    writer.goes_on().await;
    sentinels.wait_until_ready();
    writer.goes_on().await;
    let dead = sentinels.kill_master();
    sentinels.wait_until_moved_from(dead);
    sentinels.restart(dead);
    writer.goes_on().await;

    let (stored, refused) = writer.end().await;
    assert!(refused > 0, "a failover that nobody noticed");
    assert_eq!(missing(followed.store.as_ref(), &stored).await, 0, "of {} acknowledged", stored.len());
    followed.until_in_step().await;
    checks.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_store_finds_the_new_master_and_its_first_write_is_taken() {
    let Some(sentinels) = Sentinels::start(Flavor::Valkey9) else { return };
    // The first sentinel was cut off and believes in a master that is gone.
    let first = sentinels.sentinel(0);
    assert_eq!(first.command(&["SENTINEL", "REMOVE", "mymaster"]).text(), "OK");
    assert_eq!(first.command(&["SENTINEL", "MONITOR", "mymaster", "127.0.0.1", "1", "2"]).text(), "OK");
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&sentinels.url()), sync_options(folder.path(), 0.2)).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;

    let (old, replica) = (sentinels.sentinel(1), sentinels.sentinel(2));
    let told = |sentinel: &Server| sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]);
    let before = told(old);
    assert_eq!(old.command(&["SENTINEL", "FAILOVER", "mymaster"]).text(), "OK");
    let moved = || told(old) != before && told(replica) != before;
    wait_until("the sentinels name another master", moved, || old.log());
    let master = sentinels.server(told(old).array()[1].text().parse().unwrap());
    let looked = || {
        let clients = master.command(&["CLIENT", "LIST"]);
        let is_ours = |client: &&str| client.contains("cmd=role") || client.contains("cmd=hgetall");
        clients.text().lines().filter(is_ours).count() >= 2
    };
    until("reads and writes have moved", async || looked()).await;
    followed.store.apply(vec![decided("+447400777777", Action::Block, 990)]).await.expect("the first write");
    followed.until_in_step().await;
    assert!(followed.is_listed("+447400777777"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_saw_writes_which_a_failover_lost_converges_to_the_new_master() {
    let Some(sentinels) = Sentinels::start(Flavor::Redis8) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&sentinels.url()), sync_options(folder.path(), 0.5)).await;
    followed.store.apply([known(), many(100)].concat()).await.unwrap();
    followed.until_in_step().await;
    let replica = sentinels.replica();
    let has_all = || replica.info("master_repl_offset") == sentinels.master().info("master_repl_offset");
    wait_until("the replica has all", has_all, || replica.log());

    // The replica is turned away from now on; everybody else stays connected.
    let master = sentinels.master();
    assert_eq!(master.command(&["CONFIG", "SET", "masterauth", "x", "requirepass", "x"]).text(), "OK");
    let mut killed = crate::servers::Connection::open(master.port(), Duration::from_secs(5)).unwrap();
    assert_eq!(killed.command(&["AUTH", "x"]).unwrap(), Reply::Text("OK".into()));
    assert_eq!(killed.command(&["CLIENT", "KILL", "TYPE", "replica"]).unwrap(), Reply::Int(1));
    let lost: Vec<Change> = (0..40).map(|i| seen(&format!("+44740000{i:04}"), "lost", 1, 2)).collect();
    for change in &lost {
        followed.store.apply(vec![change.clone()]).await.unwrap();
    }
    until("the index has them", async || followed.is_listed("+447400000039")).await;
    let dead = sentinels.kill_master();
    sentinels.wait_until_moved_from(dead);
    until("a write to the new master", async || {
        followed.store.apply(vec![seen("+447400888888", "kept", 1, 2)]).await.is_ok()
    })
    .await;
    followed.until_in_step().await;
    assert!(!followed.is_listed("+447400000039") && followed.is_listed("+447400888888"));
    assert!(followed.is_listed("+447400123456"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_goes_on_when_a_replica_takes_over_and_the_dead_node_comes_back() {
    let Some(cluster) = Cluster::start_with_replicas(Flavor::Redis7) else { return };
    let folder = tempfile::tempdir().unwrap();
    let safe = RedisOptions { wait_replicas: 1, ..redis(&cluster.url()) };
    let followed = Followed::start(safe, sync_options(folder.path(), 0.2)).await;
    until("known numbers are stored", async || followed.store.apply(known()).await.is_ok()).await;
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);
    let writer = Writer::begin(&followed.store);
    writer.goes_on().await;

    cluster.node(0).kill9();
    let promoted = || cluster.node(3).info("role") == "master";
    wait_until("the replica is master", promoted, || cluster.node(3).log());
    cluster.node(0).restart();
    let linked = || cluster.node(0).info("master_link_status") == "up";
    wait_until("the old master is a replica", linked, || cluster.node(0).log());
    writer.goes_on().await;

    let (stored, refused) = writer.end().await;
    assert!(refused > 0, "a failover that nobody noticed");
    assert_eq!(missing(followed.store.as_ref(), &stored).await, 0, "of {} acknowledged", stored.len());
    followed.until_in_step().await;
    checks.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_moves_to_another_node_of_the_cluster_is_followed() {
    let Some(cluster) = Cluster::start(Flavor::Valkey9) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&cluster.url()), sync_options(folder.path(), 0.2)).await;
    followed.store.apply([known(), many(200)].concat()).await.unwrap();
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);
    let writer = Writer::begin(&followed.store);
    writer.goes_on().await;
    for shard in [0, 5] {
        move_shard(&cluster, shard);
        writer.goes_on().await;
    }
    let (stored, _) = writer.end().await;
    assert_eq!(missing(followed.store.as_ref(), &stored).await, 0, "of {} acknowledged", stored.len());
    followed.until_in_step().await;
    checks.end();
    let again: Arc<dyn Store> = Arc::new(Redis::open(redis(&cluster.url())));
    assert_eq!(again.stats().await.unwrap(), followed.store.stats().await.unwrap());
}

/// Moves the slot of a shard to the next node, key by key, as `redis-cli --cluster reshard` does.
fn move_shard(cluster: &Cluster, shard: usize) {
    let slot = cluster.node(0).command(&["CLUSTER", "KEYSLOT", &format!("{{{shard}}}")]);
    let Reply::Int(slot) = slot else { panic!("{slot:?}") };
    let (from, to) = (slot as usize * 3 / 16_384, (slot as usize * 3 / 16_384 + 1) % 3);
    let (slot, source, target) = (slot.to_string(), cluster.node(from), cluster.node(to));
    let id = |node: &Server| node.command(&["CLUSTER", "MYID"]).text().to_owned();
    let (source_id, target_id) = (id(source), id(target));
    let told = |node: &Server, words: &[&str]| {
        assert_eq!(node.command(&[&["CLUSTER", "SETSLOT", &slot], words].concat()).text(), "OK");
    };
    told(target, &["IMPORTING", &source_id]);
    told(source, &["MIGRATING", &target_id]);
    loop {
        let keys = source.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "5"]);
        let keys: Vec<&str> = keys.array().iter().map(Reply::text).collect();
        if keys.is_empty() {
            break;
        }
        let port = target.port().to_string();
        let migrate = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
        let answer = source.command(&[&migrate[..], &keys].concat());
        assert!(matches!(answer.text(), "OK" | "NOKEY"), "{answer:?}");
    }
    for node in [target, source] {
        told(node, &["NODE", &target_id]);
    }
}
