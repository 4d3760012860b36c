//! An operator's word on a shared store: at once on every replica, through every run of a feed, and
//! once for each request id, whichever replica is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use numguard::collect::web::{FetchOptions, Fetcher};
use numguard::collect::{Collector, CollectorOptions, RunOutcome};
use numguard::feed::Catalogue;
use numguard::store::{Redis, Store};

use crate::redis::options;
use crate::served::{Ran, Served};
use crate::servers::{Flavor, Server};
use crate::site::{Site, answer, wall_clock};

const NUMBER: &str = "+447400123456";

const DEFINITION: &str = r#"
name = "example.org"
title = "Example"
group = "example"
terms = "none"
urls = ["http://example.org/list"]
interval_minutes = 60
pace_seconds = 1
band = { min = 2, max = 20000 }
[text]
digits = "international"
"#;

/// Far longer than until another replica checks by what one has acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);

fn collector(url: &str, site: &Site) -> Collector {
    let store: Arc<dyn Store> = Arc::new(Redis::open(options(url, "numguard")));
    let own = [("example.org.toml".to_owned(), DEFINITION.to_owned())];
    let mut fetching = FetchOptions::new("https://contact.example/numguard", wall_clock).unwrap();
    fetching.allow_loopback = true;
    fetching.resolve_all_to = Some(site.address);
    let catalogue = Arc::new(Catalogue::new(&own).unwrap());
    let fetcher = Some(Fetcher::new(fetching).unwrap());
    Collector::new(catalogue, store, fetcher, CollectorOptions::new("feeds"), wall_clock)
}

#[track_caller]
fn done(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

fn verdict(served: &Served) -> String {
    let ran = served.run(&["check", "--output", "json", NUMBER]);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    answer["verdict"].as_str().unwrap().to_owned()
}

/// Waits until all replicas say so.
#[track_caller]
fn all_say(replicas: &[&Served], wanted: &str) {
    let begun = Instant::now();
    while let Some(other) = replicas.iter().map(|served| verdict(served)).find(|said| said != wanted) {
        assert!(begun.elapsed() < PATIENCE, "{other}, not {wanted}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allow_listing_counts_on_every_replica_and_through_every_run() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let serve = |name: &str| {
        Served::start(&folder.path().join(name), &["--no-starter-data", "--redis", &server.url()])
    };
    let (a, b) = (serve("a"), serve("b"));
    let site = Site::open(|_| {
        let numbers: Vec<String> = (0..50u64).map(|at| (447_400_123_456 + at).to_string()).collect();
        answer("200 OK", "content-type: text/plain\r\n", numbers.join("\n"))
    });
    let feed = collector(&server.url(), &site);
    let run = || async {
        let report = feed.run("example.org", false).await.unwrap();
        assert_eq!(report.summary.outcome, RunOutcome::Stored);
    };
    run().await;
    all_say(&[&a, &b], "CHALLENGE");
    let put = ["allow", "put", NUMBER, "--reason", "a subscriber", "--request-id", "case-1"];
    let first = done(a.run(&put));
    assert_eq!(verdict(&a), "ALLOW", "by the next check");
    all_say(&[&b], "ALLOW");
    for _ in 0..2 {
        run().await;
        all_say(&[&a, &b], "ALLOW");
    }
    assert_eq!(feed.rollback("example.org", 0).await.unwrap().subjects, 50);
    all_say(&[&a, &b], "ALLOW");
    run().await;

    // The same request, again, on the other replica: the same answer, and nothing done.
    done(a.run(&["allow", "delete", NUMBER]));
    all_say(&[&b], "CHALLENGE");
    assert_eq!(done(b.run(&put)), first);
    all_say(&[&a, &b], "CHALLENGE");

    // What one replica did is taken back there; the other has no record of it, and says so.
    let elsewhere = b.run(&["listing", "undo", NUMBER]);
    assert!(elsewhere.stderr.contains("each server has its own"), "{elsewhere:?}");
    done(a.run(&["listing", "undo", NUMBER]));
    all_say(&[&a, &b], "ALLOW");
    // Nor is anything taken back over what another replica did meanwhile.
    done(b.run(&["listing", "put", NUMBER, "--reason", "case 2"]));
    let over = a.run(&["listing", "undo", NUMBER]);
    assert!(over.stderr.contains("was changed after line"), "{over:?}");
    all_say(&[&a, &b], "BLOCK");
}
