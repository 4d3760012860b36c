//! Feeds that are run on a shared store: one process at a time, and undone without a trace.

use std::sync::Arc;
use std::time::Duration;

use numguard::collect::web::{FetchOptions, Fetcher};
use numguard::collect::{CollectError, Collector, CollectorOptions, RunOutcome};
use numguard::core::listing::Subject;
use numguard::feed::Catalogue;
use numguard::store::{Redis, Store};

use crate::redis::options;
use crate::servers::{Place, Setup};
use crate::site::{Reply, Site, answer, wall_clock};

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

fn site() -> Site {
    Site::open(|_| {
        let numbers: Vec<String> = (0..2_000u64).map(|at| (447_400_000_000 + at * 31).to_string()).collect();
        match answer("200 OK", "content-type: text/plain\r\n", numbers.join("\n")) {
            Reply::Bytes(bytes) => Reply::Late(Duration::from_millis(300), bytes),
            other => other,
        }
    })
}

/// A process of its own: its own connection, its own fetcher.
fn collector(place: &Place, site: &Site, holder: &str) -> (Collector, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(Redis::open(options(&place.url, &place.prefix)));
    let own = [("example.org.toml".to_owned(), DEFINITION.to_owned())];
    let mut fetching = FetchOptions::new("https://contact.example/numguard", wall_clock).unwrap();
    fetching.allow_loopback = true;
    fetching.resolve_all_to = Some(site.address);
    let catalogue = Arc::new(Catalogue::new(&own).unwrap());
    let fetcher = Some(Fetcher::new(fetching).unwrap());
    let options = CollectorOptions::new(holder);
    (Collector::new(catalogue, Arc::clone(&store), fetcher, options, wall_clock), store)
}

#[tokio::test]
async fn two_processes_share_a_feed_and_a_rollback_leaves_no_trace() {
    for setup in [Setup::Redis7, Setup::Valkey9, Setup::Redis8, Setup::Cluster, Setup::Sentinels] {
        let Some(place) = setup.place() else { continue };
        let site = site();
        let (first, store) = collector(&place, &site, "first");
        let (second, _) = collector(&place, &site, "second");
        let (one, two) = tokio::join!(first.run("example.org", false), second.run("example.org", false));
        let (done, held): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
        assert_eq!(done.len(), 1, "{setup:?}: {held:?}");
        assert!(matches!(held[0], Err(CollectError::Held(_))), "{setup:?}: {held:?}");
        let report = done.into_iter().next().unwrap().unwrap();
        assert_eq!((report.summary.outcome, report.summary.rows), (RunOutcome::Stored, 2_000), "{setup:?}");
        assert_eq!(site.pages().len(), 1, "{setup:?}");
        let once = store.scan(None, 10_000).await.unwrap();
        assert_eq!(once.len(), 2_000, "{setup:?}");
        let again = second.run("example.org", false).await.unwrap().summary;
        assert_eq!((again.run, again.new, again.again), (2, 0, 2_000), "{setup:?}");
        let subject: Subject = "+447400000031".parse().unwrap();
        let listing = store.get(vec![subject]).await.unwrap().remove(0).unwrap();
        assert_eq!(listing.sightings()[0].count, 2, "{setup:?}");
        first.rollback("example.org", 1).await.unwrap();
        assert_eq!(store.scan(None, 10_000).await.unwrap(), once, "{setup:?}");
        second.rollback("example.org", 0).await.unwrap();
        assert!(store.scan(None, 10).await.unwrap().is_empty(), "{setup:?}");
        let digests = store.digests().await.unwrap();
        assert!(digests.iter().all(|shard| (shard.listings, shard.digest) == (0, 0)), "{setup:?}");
    }
}
