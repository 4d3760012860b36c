//! A store that comes back as another one: emptied, from a backup, with its log cut.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use numguard::core::listing::Action;
use numguard::store::{Change, ListingStore, Redis, RedisOptions, Store};
use numguard::sync::Loaded;

use crate::battery::{decided, seen};
use crate::followed::{Checks, Followed, known, many, subject, sync_options, until};
use crate::redis::options;
use crate::servers::{APPEND_ONLY, Flavor, Reply, Server};

fn redis(server: &Server) -> RedisOptions {
    options(&server.url(), "numguard")
}

fn flush(server: &Server) {
    assert_eq!(server.command(&["FLUSHALL"]), Reply::Text("OK".into()));
}

/// Applies each change alone, so that each takes a place in the log.
async fn one_by_one(store: &dyn Store, changes: impl IntoIterator<Item = Change>) {
    for change in changes {
        store.apply(vec![change]).await.unwrap();
    }
}

fn number(i: u32) -> String {
    format!("+44740000{i:04}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_cut_past_us_means_a_full_load() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let few = RedisOptions { log_entries: 4, ..redis(&server) };
    let store: Arc<dyn Store> = Arc::new(Redis::open(few));
    one_by_one(store.as_ref(), (0..3).map(|i| seen(&number(i), "a", 1, 2))).await;
    let first = Followed::follow(Arc::clone(&store), sync_options(folder.path(), 0.2)).await;
    assert_eq!(first.loaded, Loaded::Store);
    first.stop().await;

    // As many as the log keeps: it leads on. One more, and it does not.
    one_by_one(store.as_ref(), (3..7).map(|i| seen(&number(i), "a", 1, 2))).await;
    let second = Followed::follow(Arc::clone(&store), sync_options(folder.path(), 0.2)).await;
    assert_eq!(second.loaded, Loaded::Snapshot);
    second.until_in_step().await;
    second.stop().await;
    one_by_one(store.as_ref(), (7..12).map(|i| seen(&number(i), "a", 1, 2))).await;
    one_by_one(store.as_ref(), [Change::Delete(subject(&number(0)))]).await;
    let third = Followed::follow(Arc::clone(&store), sync_options(folder.path(), 0.2)).await;
    assert_eq!(third.loaded, Loaded::Store);
    third.until_in_step().await;
    assert!(third.is_listed(&number(11)) && !third.is_listed(&number(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_emptied_and_written_to_the_same_cursor_is_another() {
    let Some(server) = Server::start(Flavor::Valkey9, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server), sync_options(folder.path(), 1.0)).await;
    one_by_one(followed.store.as_ref(), (0..5).map(|i| seen(&number(i), "old", 1, 2))).await;
    followed.until_in_step().await;
    let cursors = |followed: &Followed| {
        let index = followed.published.load();
        index.position().marks.iter().map(|mark| mark.cursor).collect::<Vec<_>>()
    };
    let before = cursors(&followed);
    // While it follows, and while it is away.
    flush(&server);
    one_by_one(followed.store.as_ref(), (10..15).map(|i| seen(&number(i), "new", 1, 2))).await;
    followed.until_in_step().await;
    assert_eq!(cursors(&followed), before);
    assert!(followed.is_listed(&number(10)) && !followed.is_listed(&number(0)));
    let store = Arc::clone(&followed.store);
    followed.stop().await;
    flush(&server);
    one_by_one(store.as_ref(), (20..25).map(|i| seen(&number(i), "newest", 1, 2))).await;
    let again = Followed::follow(store, sync_options(folder.path(), 1.0)).await;
    assert_eq!((again.loaded, cursors(&again)), (Loaded::Store, before));
    assert!(again.is_listed(&number(20)) && !again.is_listed(&number(10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_put_back_and_carried_on_is_another() {
    let Some(server) = Server::start(Flavor::Redis8, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server), sync_options(folder.path(), 0.5)).await;
    one_by_one(followed.store.as_ref(), (0..6).map(|i| seen(&number(i), "kept", 1, 2))).await;
    assert_eq!(server.command(&["SAVE"]).text(), "OK");
    let dump = PathBuf::from(server.command(&["CONFIG", "GET", "dir"]).fields()["dir"]).join("dump.rdb");
    one_by_one(followed.store.as_ref(), [seen(&number(100), "lost", 1, 2)]).await;
    followed.until_in_step().await;
    let store = Arc::clone(&followed.store);
    followed.stop().await;
    assert!(fs::metadata(&dump).unwrap().len() > 0);
    server.restart();
    until("it has the backup", async || store.stats().await.is_ok_and(|stats| stats.numbers == 6)).await;

    // Same cursor, another change.
    until("a write", async || store.apply(vec![seen(&number(200), "other", 1, 2)]).await.is_ok()).await;
    let again = Followed::follow(store, sync_options(folder.path(), 0.5)).await;
    assert_eq!(again.loaded, Loaded::Store);
    again.until_in_step().await;
    assert!(again.is_listed(&number(200)) && !again.is_listed(&number(100)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_store_empties_no_index_until_somebody_accepts_that() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let sync = || sync_options(folder.path(), 0.2);
    let followed = Followed::start(redis(&server), sync()).await;
    followed.store.apply([known(), many(50)].concat()).await.unwrap();
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);

    flush(&server);
    until("the load is held", async || followed.freshness.held().is_some()).await;
    let held = followed.freshness.held().unwrap();
    assert_eq!((held.had, held.has), (54, 0));
    assert!(followed.age().degraded);
    // What is decided now counts at once all the same.
    followed.store.apply(vec![decided("+447400777777", Action::Block, 990)]).await.unwrap();
    until("a new decision is taken in", async || followed.is_listed("+447400777777")).await;
    followed.store.apply(vec![Change::Delete(subject("+447400777777"))]).await.unwrap();
    until("and forgotten", async || !followed.is_listed("+447400777777")).await;
    assert!(followed.freshness.held().is_some() && followed.age().degraded);

    // A restart finds the saved index and holds again; so does the next Redis that is empty.
    checks.end();
    followed.stop().await;
    let again = Followed::start(redis(&server), sync()).await;
    assert_eq!(again.loaded, Loaded::SnapshotOnly);
    assert!(again.freshness.held().is_some());
    let checks = Checks::begin(&again.published);
    server.restart();
    let later = || vec![seen("+447400888888", "later", 1, 2)];
    until("Redis is there", async || again.store.apply(later()).await.is_ok()).await;
    until("still taken in", async || again.is_listed("+447400888888")).await;
    assert!(again.freshness.held().is_some());
    checks.end();

    // Another process accepts it.
    Redis::open(redis(&server)).accept_shrink().await.unwrap();
    until("it is released", async || again.freshness.held().is_none()).await;
    again.until_in_step().await;
    assert!(again.is_listed("+447400888888") && !again.is_listed("+447400123456"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_load_is_released_when_the_store_is_filled_again() {
    let Some(server) = Server::start(Flavor::Valkey9, &[APPEND_ONLY]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server), sync_options(folder.path(), 0.2)).await;
    let all = [known(), many(50)].concat();
    followed.store.apply(all.clone()).await.unwrap();
    followed.until_in_step().await;
    let checks = Checks::begin(&followed.published);
    flush(&server);
    until("the load is held", async || followed.freshness.held().is_some()).await;
    followed.store.apply(all[..30].to_vec()).await.unwrap();
    assert!(followed.freshness.held().is_some(), "30 of 54 are too few");
    followed.store.apply(all[30..].to_vec()).await.unwrap();
    until("it is released", async || followed.freshness.held().is_none()).await;
    followed.until_in_step().await;
    checks.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_decisions_are_a_loss_though_the_feeds_have_reported_again() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::start(redis(&server), sync_options(folder.path(), 0.2)).await;
    let decisions: Vec<Change> = (0..5).map(|i| decided(&number(i), Action::Allow, 100 + i)).collect();
    followed.store.apply([many(200), decisions.clone()].concat()).await.unwrap();
    followed.until_in_step().await;
    server.command(&["EVAL", "redis.call('FLUSHALL')", "0"]);
    followed.store.apply(many(200)).await.unwrap();
    until("the load is held", async || followed.freshness.held().is_some()).await;
    assert_eq!(followed.published.load().decisions(), 5, "operators' word counts on");
    followed.store.apply(decisions).await.unwrap();
    until("it is released", async || followed.freshness.held().is_none()).await;
}
