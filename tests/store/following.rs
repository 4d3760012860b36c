//! The index holds what the store holds: after any writes, on any of several replicas, and when
//! somebody wrote behind numguard's back.

use std::sync::Arc;
use std::time::Duration;

use numguard::core::listing::Action;
use numguard::store::{Change, ListingStore, Redis, RedisOptions, Store};
use numguard::sync::{Loaded, SyncOptions};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::battery::{self, decided, seen};
use crate::followed::{Followed, known, many, subject, sync_options, until};
use crate::redis::options;
use crate::servers::{Flavor, Options, Reply, Server, Setup};

/// Any change in a small world, so that many concern the same subject or page.
fn any_change() -> impl Strategy<Value = Change> {
    let number = |country: u64, page: u64, i: u64| {
        format!("+{}", (12_025_550 + country * 100_000) * 10_000 + page * 10_000 + i * 331)
    };
    let text = prop_oneof![
        6 => (0u64..4, 0u64..2, 0u64..30).prop_map(move |(country, page, i)| number(country, page, i)),
        1 => (120_255u64..120_262).prop_map(|prefix| format!("+{prefix}*")),
        1 => (0u64..4, 0u64..30, 1u64..15).prop_map(move |(country, i, more)| {
            format!("{}..{}", number(country, 0, i), number(country, 1, i + more))
        }),
    ];
    (text, 0u32..10, 0u32..4, any::<bool>()).prop_map(|(text, kind, feed, allow)| match kind {
        0..2 => Change::Delete(subject(&text)),
        2..4 => {
            let action = if allow { Action::Allow } else { Action::Block };
            decided(&text, action, 900 + feed * 10)
        }
        _ => seen(&text, &format!("feed-{feed}"), kind * 86_400, (kind + feed) * 86_400 + feed),
    })
}

async fn any_writes_are_followed(store: Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let followed = Followed::follow(Arc::clone(&store), sync_options(folder.path(), 1.0)).await;
    let mut runner = TestRunner::deterministic();
    for size in [1, 3, 40, 1, 200, 7, 1_000, 2, 90] {
        for _ in 0..3 {
            let batch = proptest::collection::vec(any_change(), 1..=size).new_tree(&mut runner).unwrap();
            store.apply(batch.current()).await.unwrap();
        }
        followed.until_in_step().await;
    }
    // And a full load finds the same.
    let empty = tempfile::tempdir().unwrap();
    let fresh = Followed::follow(store, sync_options(empty.path(), 1.0)).await;
    fresh.until_in_step().await;
    assert_eq!(fresh.published.load().listings(), followed.published.load().listings());
}

#[tokio::test]
async fn any_writes_are_followed_on_one_server() {
    let Some(place) = Setup::Redis7.place() else { return };
    any_writes_are_followed(Arc::new(Redis::open(options(&place.url, &place.prefix)))).await;
}

#[tokio::test]
async fn any_writes_are_followed_on_a_cluster() {
    let Some(place) = Setup::Cluster.place() else { return };
    any_writes_are_followed(Arc::new(Redis::open(options(&place.url, &place.prefix)))).await;
}

#[tokio::test]
async fn a_page_altered_behind_our_back_is_noticed_and_equal_content_raises_nothing() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let often = |at: usize| SyncOptions {
        reconcile_every: Duration::from_millis(10),
        ..sync_options(folders[at].path(), 0.5)
    };
    let before = Followed::start(options(&server.url(), "numguard"), often(0)).await;
    before.store.apply([known(), many(40)].concat()).await.unwrap();
    before.until_in_step().await;
    let revision = before.published.load().revision();

    // The page of one number is gone: who loads it has another digest than the store says, and
    // loads again each time it looks.
    assert_eq!(server.command(&["HDEL", "numguard:{3}:g:1:0000004474", "12"]), Reply::Int(1));
    let after = Followed::start(options(&server.url(), "numguard"), often(1)).await;
    assert_eq!(after.loaded, Loaded::Store);
    assert!(!after.is_listed("+447400123456"));
    until("it is loaded anew", async || after.published.load().revision() >= 3).await;
    // Who has it still keeps it, and has looked as often without finding anything.
    assert!(before.is_listed("+447400123456"));
    assert_eq!(before.published.load().revision(), revision, "nothing is loaded anew while all agrees");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_replicas_see_each_others_writes_and_lose_none_across_a_reconnect() {
    let Some(server) = Server::start(Flavor::Valkey9, &[crate::servers::APPEND_ONLY]) else { return };
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut replicas = Vec::new();
    for folder in &folders {
        let options = RedisOptions { timeout: Duration::from_secs(1), ..options(&server.url(), "numguard") };
        replicas.push(Followed::start(options, sync_options(folder.path(), 0.2)).await);
    }
    for round in 0..4u32 {
        for (i, replica) in replicas.iter().enumerate() {
            let number = format!("+4474{round:04}{i:04}");
            let written =
                async || replica.store.apply(vec![decided(&number, Action::Block, 990)]).await.is_ok();
            until("it is written", written).await;
        }
        match round {
            0 => {}
            1 => assert!(matches!(server.command(&["CLIENT", "KILL", "TYPE", "normal"]), Reply::Int(_))),
            2 => server.restart(),
            _ => {}
        }
        for replica in &replicas {
            for i in 0..4 {
                let number = format!("+4474{round:04}{i:04}");
                until("all have it", async || replica.is_listed(&number)).await;
            }
        }
    }
    for replica in &replicas {
        replica.until_in_step().await;
    }
}

/// What numguard needs, and nothing else: as in the README.
const RIGHTS: &str = "user numguard on >secret resetkeys ~numguard:* resetchannels -@all \
    +evalsha +script|load +hget +hmget +hset +hdel +hkeys +hgetall +hincrby +zadd +zrem +zrange +zcard \
    +xadd +xrange +xrevrange +xread +get +set +del +exists +expire +pexpire +persist \
    +rpush +lrange +llen +hexists +multi +exec +wait +role +info +cluster|slots";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_in_the_readme_are_enough_and_none_of_them_is_too_many() {
    let readme = include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let rights = RIGHTS.split_whitespace().skip(4).collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&rights), "README: {rights}");

    let given = Options { password: Some("root"), lines: &[RIGHTS], ..Options::default() };
    for flavor in [Flavor::Redis7, Flavor::Valkey9] {
        let Some(server) = Server::start_with(flavor, given) else { continue };
        let open = |prefix: &str| {
            let url = format!("redis://127.0.0.1:{}", server.port());
            Arc::new(Redis::open(RedisOptions {
                username: Some("numguard".to_owned()),
                password: Some(numguard::store::Password::new("secret")),
                ..options(&url, &format!("numguard:{prefix}"))
            }))
        };
        battery::what_is_applied_is_there(open("a")).await;
        battery::deleting_forgets(open("b")).await;
        battery::a_scan_walks_everything_in_order(open("c")).await;
        battery::changed_wakes_up_for_news_only(open("d")).await;
        battery::outcomes_are_kept(open("e")).await;
        battery::sync_follows_the_store(open("f")).await;
        battery::a_lease_has_one_holder_and_fences_writes(open("h")).await;
        battery::notes_are_kept_by_revision(open("i")).await;
        let last = open("g");
        last.accept_shrink().await.unwrap();
        assert!(last.shrink_accepted().await.unwrap());
        last.apply(many(10)).await.unwrap();
        last.get(vec![subject("+12025550123")]).await.unwrap();

        // A large write that was left behind is looked at, and waits for a numguard that can read it.
        server.command(&["RPUSH", "numguard:g:{0}:bulk:7f", "nonsense"]);
        server.command(&["HSET", "numguard:g:{0}:bulks", "7f", "1"]);
        let used = |right: &str| {
            server.command(&["INFO", "commandstats"]).text().contains(&format!("cmdstat_{right}:"))
        };
        until("it was looked at", async || used("lrange")).await;

        // Nobody was refused anything, and nothing was given that nobody used.
        let log = server.command(&["ACL", "LOG"]);
        assert_eq!(log.array().len(), 0, "{flavor}: {log:?}");
        let elsewhere = ["wait", "cluster|slots", "pexpire"];
        let rights = RIGHTS.split_whitespace().filter_map(|right| right.strip_prefix('+'));
        let unused: Vec<&str> = rights.filter(|right| !elsewhere.contains(right) && !used(right)).collect();
        assert_eq!(unused, Vec::<&str>::new(), "{flavor}");
    }
}
