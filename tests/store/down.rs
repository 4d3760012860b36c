//! Redis is gone for a while: checks go on, writes fail at once, and everything heals by itself.

use std::time::Duration;

use numguard::store::RedisOptions;

use crate::battery::seen;
use crate::followed::{Checks, Followed, PATIENCE, fails, known, many, subject, sync_options, until};
use crate::redis::options;
use crate::servers::{APPEND_ONLY, Flavor, Server};

const TIMEOUT: Duration = Duration::from_millis(500);

fn impatient(server: &Server) -> RedisOptions {
    RedisOptions { timeout: TIMEOUT, ..options(&server.url(), "numguard") }
}

/// What holds while Redis is gone, however it went.
async fn holds_while_it_is_gone(followed: &Followed) {
    followed.until_degraded().await;
    let behind = followed.age().staleness_seconds;
    let store = &followed.store;
    // One shard, and all of them; then what only reads.
    for changes in [vec![seen("+447400999999", "lost", 1, 2)], many(40)] {
        fails(TIMEOUT, store.apply(changes)).await;
    }
    fails(TIMEOUT, store.get(vec![subject("+447400123456")])).await;
    fails(TIMEOUT, store.scan(None, 10)).await;
    fails(TIMEOUT, store.stats()).await;
    fails(TIMEOUT, store.accept_shrink()).await;
    until("staleness grows", async || followed.age().staleness_seconds > behind).await;
    assert!(followed.age().degraded && followed.freshness.is_loaded());
}

async fn heals(followed: &Followed, round: u32) {
    followed.until_in_step().await;
    assert_eq!(followed.age().staleness_seconds, 0);
    let store = &followed.store;
    assert_eq!(store.get(vec![subject("+447400999999")]).await.unwrap(), [None], "refused, and stored");
    let fresh = format!("+44740012{round:04}");
    store.apply(vec![seen(&fresh, "after", 1, 2)]).await.unwrap();
    until("a change after it is followed", async || followed.is_listed(&fresh)).await;
    followed.until_in_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_go_on_and_all_heals_when_redis_is_paused_killed_and_started_again() {
    let Some(server) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(impatient(&server), sync_options(folder.path(), 0.2)).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);

    server.pause();
    holds_while_it_is_gone(&followed).await;
    server.resume();
    heals(&followed, 1).await;

    server.kill9();
    holds_while_it_is_gone(&followed).await;
    server.restart();
    heals(&followed, 2).await;

    checks.end();
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_that_died_is_mended_before_somebody_needs_it() {
    let Some(server) = Server::start(Flavor::Valkey9, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    // A cluster would have eight of each kind; here the connection for writes is idle but for the look.
    let followed = Followed::start(impatient(&server), sync_options(folder.path(), 0.2)).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;
    server.restart();
    let ours = || {
        let clients = server.command(&["CLIENT", "LIST"]);
        clients.text().lines().filter(|client| !client.contains("cmd=client")).count()
    };
    until("all three connections are there again", async || ours() == 3).await;
    followed.store.apply(vec![seen("+447400999999", "first", 1, 2)]).await.expect("the first write after it");
    followed.until_in_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_redis_waits_for_it_and_no_call_hangs() {
    let Some(server) = Server::start(Flavor::Redis8, &[]) else { return };
    server.pause();
    let folder = tempfile::tempdir().unwrap();
    let starting = Followed::start(impatient(&server), sync_options(folder.path(), 0.2));
    let followed = tokio::time::timeout(PATIENCE / 2, starting).await.expect("a start ends without Redis");
    assert!(!followed.freshness.is_loaded() && followed.age().degraded);
    let told = fails(TIMEOUT, followed.store.apply(known())).await;
    assert!(told.contains("does not answer") || told.contains("timed out"), "{told}");
    server.resume();
    until("it is loaded", async || followed.freshness.is_loaded()).await;
    followed.store.apply(known()).await.unwrap();
    followed.until_in_step().await;
}
