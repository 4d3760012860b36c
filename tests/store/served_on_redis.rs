//! The binary on a shared store: starts without it, moves to it, and what it warns of.

use std::fs;
use std::path::Path;

use numguard::rpc::pb;
use numguard::rpc::pb::check_service_client::CheckServiceClient;
use tonic_types::StatusExt;

use crate::served::{Ran, Served};
use crate::servers::{APPEND_ONLY, Flavor, Server, wait_until};

fn serve(folder: &Path, redis: &str) -> Served {
    Served::start(folder, &["--no-starter-data", "--redis", redis])
}

fn check(served: &Served, number: &str) -> serde_json::Value {
    let ran = served.run(&["check", "--output", "json", number]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[track_caller]
fn done(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

#[test]
fn what_was_embedded_is_the_same_on_redis_after_an_export_and_an_import() {
    let Some(server) = Server::start(Flavor::Valkey9, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("feed-a.csv");
    fs::write(
        &list,
        "seen_at,e164,count\n2026-01-02T03:04:05Z,+447400123456,7\n2026-02-03T04:05:06Z,+447400123456,2\n\
         2026-01-02T00:00:00Z,+12025550123,1\n2026-03-04T05:06:07Z,+3584573985432,3\n",
    )
    .unwrap();
    let embedded = Served::empty(&folder.path().join("embedded"));
    done(embedded.run(&["import", list.to_str().unwrap()]));
    for words in [
        &["listing", "put", "+447400123457", "--allow", "--reason", "proved – \"twice\"", "--expires", "90d"]
            [..],
        &["listing", "put", "+12025550123", "--reason", "case 4711"],
        &["range", "put", "+3584573985*", "--reason", "one dealer"],
        &["range", "put", "+447400120000..+447400129999", "--reason", "another"],
    ] {
        done(embedded.run(words));
    }
    let exported = done(embedded.run(&["export"]));
    assert_eq!(exported.lines().count(), 6, "{exported}");

    let moved = folder.path().join("moved.jsonl");
    fs::write(&moved, &exported).unwrap();
    let shared = serve(&folder.path().join("shared"), &server.url());
    done(shared.run(&["import", moved.to_str().unwrap()]));
    assert_eq!(done(shared.run(&["export"])), exported);
    // Twice changes nothing, and another replica sees the same.
    done(shared.run(&["import", moved.to_str().unwrap()]));
    let other = serve(&folder.path().join("other"), &server.url());
    assert_eq!(done(other.run(&["export"])), exported);
    assert_eq!(check(&other, "+447400123457")["verdict"], "ALLOW");
    assert_eq!(shared.stats()["index"]["ranges"], 2);
}

#[test]
fn a_restart_without_redis_serves_from_the_saved_index_and_a_cut_one_is_not_taken() {
    let Some(server) = Server::start(Flavor::Redis7, &[APPEND_ONLY]) else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), server.url());
    let data = folder.path().join("data");
    let first = serve(&data, &url);
    done(first.run(&["listing", "put", "+447400123456", "--reason", "fraud"]));
    assert_eq!(first.terminate(), Some(0));
    server.kill9();

    let served = serve(&data, &url);
    assert!(served.banner.contains("loaded from the saved index alone"), "{}", served.banner);
    let answer = check(&served, "+447400123456");
    assert_eq!((&answer["verdict"], &answer["degraded"]), (&"BLOCK".into(), &true.into()));
    assert_eq!(done(served.run(&["health"])).trim(), "SERVING");
    let refused = served.run(&["listing", "put", "+447400123457", "--reason", "fraud"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("no answer from Redis at 127.0.0.1:"), "{refused:?}");
    assert_eq!(refused.stderr.trim().lines().count(), 1, "{refused:?}");
    server.restart();
    let followed = || check(&served, "+447400123456")["degraded"] == false;
    wait_until("it follows again", followed, || server.log());
    done(served.run(&["listing", "put", "+447400123457", "--reason", "fraud"]));
    served.kill();

    // Killed, so the saved index is an old one: what came after it is taken in.
    let again = serve(&data, &url);
    assert!(again.banner.contains("loaded from the saved index in"), "{}", again.banner);
    assert_eq!(check(&again, "+447400123457")["verdict"], "BLOCK");
    again.kill();
    // Cut: with Redis everything is loaded anew, and without it there is no index at all.
    for file in ["index.snapshot", "index.previous"] {
        let path = data.join(file);
        if let Ok(whole) = fs::read(&path) {
            fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        }
    }
    let loaded = serve(&data, &url);
    assert!(loaded.banner.contains("loaded from the store"), "{}", loaded.banner);
    loaded.kill();
    server.kill9();
    let waiting = serve(&data, &url);
    assert!(waiting.banner.contains("NOT SERVING until the store answers"), "{}", waiting.banner);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_without_redis_is_not_serving_until_it_is_there() {
    let Some(server) = Server::start(Flavor::Redis8, &[]) else { return };
    server.kill9();
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), &server.url());
    assert!(served.banner.contains("NOT SERVING until the store answers"), "{}", served.banner);
    let health = served.run(&["health"]);
    assert_eq!((health.code, health.stdout.trim()), (Some(4), "NOT_SERVING"));
    let mut client = CheckServiceClient::connect(served.url.clone()).await.unwrap();
    let request = || pb::CheckNumberRequest { number: "+447400123456".to_owned(), ..Default::default() };
    let status = client.check_number(request()).await.err().expect("no index, no verdict");
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(retry.is_some_and(|delay| !delay.is_zero()), "{status:?}");
    assert!(status.message().contains("no index is loaded yet"), "{status:?}");

    server.restart();
    let serving = || served.run(&["health"]).code == Some(0);
    wait_until("it serves by itself", serving, || server.log());
    let answer = client.check_number(request()).await.unwrap().into_inner();
    assert!(answer.verdict() == pb::Verdict::Allow);
}

#[test]
fn an_eviction_policy_that_throws_listings_away_is_warned_of_once() {
    let Some(server) = Server::start(Flavor::Redis7, &["maxmemory-policy allkeys-lru"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let flags = ["--no-starter-data", "--redis", &server.url()];
    let served = Served::logging_with(&folder.path().join("data"), &flags, &log);
    let told = || fs::read_to_string(&log).unwrap().matches("maxmemory-policy allkeys-lru").count();
    wait_until("the warning", || told() == 1, || fs::read_to_string(&log).unwrap());
    let doctor =
        served.run(&["doctor", "--redis", &server.url(), "--data-dir", folder.path().to_str().unwrap()]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("set noeviction"), "{doctor:?}");
    served.terminate();
    assert_eq!(told(), 1);
}
