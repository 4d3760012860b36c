//! Bad input: wrong secrets, wrong addresses, strange data. Each is told in one clear line; the index
//! that was saved serves on, and what is mended heals by itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use numguard::core::listing::Action;
use numguard::store::{ListingStore, Password, Redis, RedisOptions, RedisTls, Store};
use numguard::sync::Loaded;
use tempfile::TempDir;

use crate::battery::{decided, seen};
use crate::followed::{Checks, Followed, fails, known, many, subject, sync_options, until};
use crate::redis::options;
use crate::servers::{APPEND_ONLY, Cluster, Flavor, Options, Reply, Sentinels, Server, Tls};

const TIMEOUT: Duration = Duration::from_secs(1);

fn redis(url: &str) -> RedisOptions {
    RedisOptions { timeout: TIMEOUT, ..options(url, "numguard") }
}

fn with_password(url: &str, password: &str) -> RedisOptions {
    RedisOptions { password: Some(Password::new(password)), ..redis(url) }
}

/// A folder with the saved index of a store that held the known numbers.
async fn saved() -> Option<TempDir> {
    let server = Server::start(Flavor::Redis7, &[])?;
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server.url()), sync_options(folder.path(), 0.2)).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;
    followed.stop().await;
    Some(folder)
}

/// Serves from a saved index beside a Redis that refuses with these words; answers what follows on.
async fn refused(folder: &Path, options: RedisOptions, words: &str) -> Followed {
    let followed = Followed::start(options, sync_options(folder, 0.2)).await;
    assert_eq!(followed.loaded, Loaded::SnapshotOnly, "{words}");
    let checks = Checks::begin(&followed.published);
    let told = fails(TIMEOUT, followed.store.apply(vec![seen("+447400999999", "a", 1, 2)])).await;
    assert!(told.contains(words), "{told:?} lacks {words:?}");
    let told = fails(TIMEOUT, followed.store.stats()).await;
    assert!(told.contains(words), "{told:?} lacks {words:?}");
    assert!(followed.age().degraded);
    tokio::time::sleep(Duration::from_millis(200)).await;
    checks.end();
    followed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_secrets_and_rights_are_told_and_a_mended_one_heals() {
    let Some(saved) = saved().await else { return };
    let lines = ["user weak on >weak ~numguard:* +role +info"];
    let protected = Options { password: Some("right"), lines: &lines, ..Options::default() };
    let server = Server::start_with(Flavor::Redis7, protected).unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let folder = saved.path();
    refused(folder, with_password(&url, "wrong"), "refuses the user or password").await;
    let weak = RedisOptions { username: Some("weak".to_owned()), ..with_password(&url, "weak") };
    refused(folder, weak, "does not let this user do that").await;
    let without = refused(folder, redis(&url), "asks for a password").await;
    assert_eq!(server.command(&["ACL", "SETUSER", "default", "nopass"]).text(), "OK");
    // The store is empty, and the saved index is not: reached, and held.
    until("it is reached", async || without.freshness.held().is_some()).await;
    without.store.apply(known()).await.unwrap();
    without.until_in_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_tls_is_told() {
    let Some(saved) = saved().await else { return };
    let folder = saved.path();
    let (tls, both) = (Tls::of_server(), Tls::of_both());
    let start =
        |tls| Server::start_with(Flavor::Redis7, Options { tls: Some(tls), ..Options::default() }).unwrap();
    let (server, asking, plain) = (start(&tls), start(&both), Server::start(Flavor::Redis7, &[]).unwrap());
    let trusting = |url: &str, tls: &Tls| RedisOptions {
        tls: RedisTls { authority: Some(fs::read(tls.ca()).unwrap()), certificate: None },
        ..redis(url)
    };
    let shown = Some((fs::read(both.client_certificate()).unwrap(), fs::read(both.client_key()).unwrap()));
    let mut right = trusting(&asking.url(), &both);
    right.tls.certificate = shown;
    Redis::open(right).stats().await.unwrap();
    Redis::open(trusting(&server.url(), &tls)).stats().await.unwrap();

    refused(folder, trusting(&server.url(), &both), "redis.tls_authority").await;
    refused(folder, redis(&server.url()), "redis.tls_authority").await;
    let other_name = server.url().replace("127.0.0.1", "0.0.0.0");
    refused(folder, trusting(&other_name, &tls), "names another host").await;
    refused(folder, trusting(&asking.url(), &both), "set redis.tls_certificate").await;
    refused(folder, redis(&server.url().replace("rediss", "redis")), "TLS").await;
    refused(folder, trusting(&plain.url().replace("redis", "rediss"), &tls), "TLS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_addresses_are_told() {
    let Some(saved) = saved().await else { return };
    let folder = saved.path();
    refused(folder, redis("redis://127.0.0.1:1"), "no answer from Redis at 127.0.0.1:1").await;
    refused(folder, redis("redis://no-such-host.invalid"), "no answer from Redis at no-such-host.invalid")
        .await;
    let Some(sentinels) = Sentinels::start(Flavor::Valkey9) else { return };
    let replica = sentinels.replica().url();
    refused(folder, redis(&replica), "is a replica: name its master, or use redis-sentinel://").await;
    let other = sentinels.url().replace("mymaster", "theirs");
    refused(folder, redis(&other), "knows no master called theirs").await;
    let sentinel = format!("redis://127.0.0.1:{}", sentinels.sentinel(0).port());
    refused(folder, redis(&sentinel), "is a sentinel").await;
    let single = sentinels.master().url().replace("redis://", "redis-cluster://");
    refused(folder, redis(&single), "cluster support disabled").await;
    let no_sentinel =
        format!("{}/mymaster", sentinels.master().url().replace("redis://", "redis-sentinel://"));
    refused(folder, redis(&no_sentinel), "is no sentinel").await;
    let Some(cluster) = Cluster::start(Flavor::Redis8) else { return };
    for node in 0..3 {
        refused(folder, redis(&cluster.node(node).url()), "redis-cluster://").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_changes_nothing_and_heals_when_it_is_gone() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let number = "+331234567890";
    let store = Redis::open(redis(&server.url()));
    store.apply(vec![seen(number, "a", 1, 2)]).await.unwrap();
    let found = server.command(&["KEYS", "numguard:*:g:*"]);
    let group = found.array()[0].text().to_owned();
    let prefix = group.split(":g:").next().unwrap().to_owned();
    for rest in ["meta", "log", "groups", group.split_once("}:").unwrap().1] {
        server.command(&["FLUSHALL"]);
        let key = format!("{prefix}:{rest}");
        for wrong in [vec!["SET", &key, "text"], vec!["RPUSH", &key, "list"]] {
            server.command(&["DEL", &key]);
            server.command(&wrong);
            let told = fails(TIMEOUT, store.apply(vec![seen(number, "b", 1, 2)])).await;
            assert!(told.contains("a key of another type under our prefix"), "{key}: {told}");
            let left = server.command(&["KEYS", "*"]);
            assert_eq!(left, Reply::Array(vec![Reply::Text(key.clone())]), "half of it is there");
        }
        server.command(&["DEL", &key]);
        store.apply(vec![seen(number, "b", 1, 2)]).await.unwrap();
        assert_eq!(store.scan(None, 10).await.unwrap().len(), 1, "{key}");
        assert_eq!(store.stats().await.unwrap().numbers, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_that_cannot_be_read_is_told_and_never_taken_for_nothing() {
    let Some(server) = Server::start(Flavor::Valkey9, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server.url()), sync_options(folder.path(), 0.2)).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);
    let number = "+447400123456";
    let group = "numguard:{3}:g:1:0000004474";
    let kept = server.command(&["DUMP", group]);
    assert!(matches!(kept, Reply::Text(_)), "the group is there: {:?}", server.command(&["KEYS", "*"]));
    server.command(&["COPY", group, "kept"]);
    for (page, words) in [
        ("\t\0", "listing codec version 9 is unknown"),
        ("\u{1}\u{1}", "damaged"),
        ("\u{1}\0\u{7f}\u{2}", "damaged"),
    ] {
        server.command(&["HSET", group, "12", page]);
        let store = &followed.store;
        for told in [
            fails(TIMEOUT, store.get(vec![subject(number)])).await,
            fails(TIMEOUT, store.scan(None, 10)).await,
            fails(TIMEOUT, store.apply(vec![seen(number, "a", 1, 2)])).await,
        ] {
            assert!(told.contains(words) && told.contains(group), "{page:?}: {told}");
        }
        // A process that starts now, and has no index, waits.
        let empty = tempfile::tempdir().unwrap();
        let other = Followed::start(redis(&server.url()), sync_options(empty.path(), 0.2)).await;
        assert_eq!(other.loaded, Loaded::Nothing);
        server.command(&["COPY", "kept", group, "REPLACE"]);
        until("mended", async || other.freshness.is_loaded()).await;
        other.until_in_step().await;
    }
    assert_eq!(server.command(&["HSET", "numguard:{3}:meta", "layout", "2"]), Reply::Int(0));
    let words = "upgrade";
    for told in [
        fails(TIMEOUT, followed.store.stats()).await,
        fails(TIMEOUT, followed.store.apply(vec![seen(number, "a", 1, 2)])).await,
    ] {
        assert!(told.contains(words) && told.contains("redis.prefix"), "{told}");
    }
    followed.until_degraded().await;
    server.command(&["HSET", "numguard:{3}:meta", "layout", "1"]);
    followed.until_in_step().await;

    // A meta hash that is gone, and its log is not: nothing is written on top of it.
    server.command(&["DEL", "numguard:{3}:meta"]);
    let told = fails(TIMEOUT, followed.store.apply(vec![seen("+447400999999", "a", 1, 2)])).await;
    assert!(told.contains("has lost a part of our data"), "{told}");
    assert_eq!(followed.store.get(vec![subject("+447400999999")]).await.unwrap(), [None]);
    checks.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_takes_no_writes_but_deletes_and_all_else_goes_on() {
    let Some(server) = Server::start(Flavor::Redis7, &["maxmemory 100mb"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server.url()), sync_options(folder.path(), 0.2)).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;
    let before = followed.store.stats().await.unwrap();
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "1"]).text(), "OK");
    for changes in [vec![decided("+447400999999", Action::Block, 990)], many(100)] {
        let told = fails(TIMEOUT, followed.store.apply(changes)).await;
        assert!(told.contains("is full: raise its maxmemory; nothing was changed"), "{told}");
    }
    assert_eq!(followed.store.stats().await.unwrap(), before);
    let forget = numguard::store::Change::Delete(subject("+12025550123"));
    followed.store.apply(vec![forget]).await.expect("a delete makes room");
    until("it is followed", async || !followed.is_listed("+12025550123")).await;
    assert!(!followed.age().degraded, "following needs no memory");
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "0"]).text(), "OK");
    followed.store.apply(vec![decided("+447400999999", Action::Block, 990)]).await.unwrap();
    followed.until_in_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_loading_its_data_is_waited_for() {
    let Some(server) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server.url()), sync_options(folder.path(), 0.2)).await;
    followed.store.apply([known(), many(40)].concat()).await.unwrap();
    followed.until_in_step().await;
    for i in 0..300 {
        server.command(&["SET", &format!("filler:{i}"), &"x".repeat(200)]);
    }
    // Events are handled while a snapshot is read, and hardly ever while commands are.
    server.command(&["BGREWRITEAOF"]);
    let rewritten = || server.info("aof_rewrite_in_progress") == "0" && server.info("aof_rewrites") != "0";
    until("the file is rewritten", async || rewritten()).await;
    let slowly =
        ["CONFIG", "SET", "key-load-delay", "10000", "loading-process-events-interval-bytes", "1024"];
    assert_eq!(server.command(&slowly).text(), "OK");
    assert_eq!(server.command(&["CONFIG", "REWRITE"]).text(), "OK");
    let checks = Checks::begin(&followed.published);
    std::thread::scope(|threads| {
        threads.spawn(|| server.restart());
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let store = &followed.store;
                let told =
                    async || store.stats().await.map_or_else(|error| error.to_string(), |_| String::new());
                until("it is told", async || told().await.contains("is loading its data")).await;
                fails(TIMEOUT, store.apply(vec![seen("+447400999999", "a", 1, 2)])).await;
            });
        });
    });
    followed.until_in_step().await;
    followed.store.apply(vec![seen("+447400999999", "a", 1, 2)]).await.unwrap();
    checks.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_must_have_a_decision_and_has_not_is_told() {
    let Some(server) = Server::start(Flavor::Redis8, &[]) else { return };
    let store = Redis::open(RedisOptions { wait_replicas: 1, ..redis(&server.url()) });
    for _ in 0..2 {
        // Also when it is stored again and there is nothing to write.
        let told = fails(TIMEOUT, store.apply(vec![decided("+447400999999", Action::Block, 990)])).await;
        assert!(told.contains("only 0 of 1 replicas have it"), "{told}");
    }
    store.apply(vec![seen("+447400888888", "feed", 1, 2)]).await.expect("feeds need no replica");
}
