//! No window of a site's own log holds more of our requests than the pace allows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use numguard::collect::web::{Fetched, Fetcher, PageRequest};
use numguard::core::listing::UnixTime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::site::{Reply, Site, answer, at_once, body, page, wall_clock};

const PACE: Duration = Duration::from_millis(40);

/// Holds each host's log to the pace: any `n` requests after one take `n` paces at least.
fn assert_paced(site: &Site, pace: Duration) {
    let mut hosts: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for asked in site.log() {
        hosts.entry(asked.host).or_default().push(asked.at);
    }
    for (host, times) in hosts {
        for (i, first) in times.iter().enumerate() {
            for (n, later) in (0..).zip(&times[i..]) {
                let took = later.duration_since(*first);
                assert!(took >= pace * n, "{host}: {n} requests after number {i} within {took:?}");
            }
        }
    }
}

/// Several tasks that all want pages of the same hosts.
async fn crowd(fetcher: &Fetcher, run: usize) {
    let mut tasks = JoinSet::new();
    for i in 0..8 {
        let fetcher = fetcher.clone();
        tasks.spawn(async move {
            let url = format!("http://{}.example/{run}/{i}", ["a", "b"][i % 2]);
            fetcher.get(PageRequest::new(url, PACE)).await
        });
    }
    for fetched in tasks.join_all().await {
        assert!(matches!(fetched, Ok(Fetched::Page(_))), "{fetched:?}");
    }
}

#[tokio::test]
async fn no_window_of_the_log_has_more_than_the_pace_allows_over_tasks_and_a_restart() {
    // Slow and quick answers by turns: a slow one must not let the next two come close.
    let site = Site::open(|asked| {
        let Reply::Bytes(bytes) = page("x") else { unreachable!() };
        let wait = if asked.path.ends_with(['0', '1', '4', '5']) { 25 } else { 0 };
        Reply::Late(Duration::from_millis(wait), bytes)
    });
    let first = site.fetcher();
    crowd(&first, 1).await;
    let kept = ["a.example", "b.example"].map(|host| (host, first.last_asked(host).unwrap()));
    drop(first);

    let second = site.fetcher();
    for (host, last_asked) in kept {
        second.remember(host, last_asked).unwrap();
    }
    crowd(&second, 2).await;

    assert_eq!(site.pages().len(), 16);
    assert_eq!(site.log().len(), 16 + 4, "each process also read two robots.txt");
    assert_paced(&site, PACE);
    assert_eq!(site.most_in_flight(), 1, "one request at a time to a host");
}

#[tokio::test]
async fn redirects_and_robots_count() {
    let site = Site::with_robots(|asked| match asked.path.as_str() {
        "/robots.txt" => answer("301 Moved", "location: /really/robots.txt\r\n", ""),
        "/really/robots.txt" => page("User-agent: *\nAllow: /"),
        "/1" => answer("302 Found", "location: /2\r\n", ""),
        _ => page("x"),
    });
    let fetched = site.fetcher().get(PageRequest::new("http://a.example/1", PACE)).await;
    assert!(matches!(fetched, Ok(Fetched::Page(_))));
    assert_eq!(site.log().len(), 4);
    assert_paced(&site, PACE);
}

#[tokio::test]
async fn different_hosts_run_side_by_side() {
    // Each answer waits until all three hosts have asked.
    let all = Arc::new(Barrier::new(3));
    let site = Site::open(move |_| {
        let Reply::Bytes(bytes) = page("x") else { unreachable!() };
        Reply::Together(Arc::clone(&all), bytes)
    });
    let fetcher = site.fetcher();
    let get = |url| body(&fetcher, url);
    let (a, b, c) =
        tokio::join!(get("http://a.example/"), get("http://b.example/"), get("http://c.example/"));
    assert_eq!([a, b, c].map(Result::unwrap), ["x", "x", "x"]);
}

#[tokio::test]
async fn a_host_sees_one_connection_at_a_time_and_it_is_used_again() {
    let site = Site::open(|_| page("x"));
    let fetcher = site.fetcher();
    for i in 0..5 {
        assert_eq!(body(&fetcher, &format!("http://a.example/{i}")).await.unwrap(), "x");
    }
    assert_eq!(site.connections(), 1);
    assert!(site.log().iter().all(|asked| asked.connection == 0));
}

#[tokio::test]
async fn a_host_is_the_same_in_any_spelling_scheme_and_port() {
    let site = Site::open(|_| page("x"));
    let fetcher = site.fetcher();
    for url in ["http://a.example/1", "http://A.Example/2", "http://a.example./3"] {
        assert!(matches!(fetcher.get(PageRequest::new(url, PACE)).await, Ok(Fetched::Page(_))), "{url}");
    }
    let port = site.address.port();
    let url = format!("http://a.example:{port}/4");
    assert!(matches!(fetcher.get(PageRequest::new(url, PACE)).await, Ok(Fetched::Page(_))));
    let times: Vec<_> = site.log().iter().map(|asked| asked.at).collect();
    assert_eq!(times.len(), 4 + 2, "a robots.txt for either port");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= PACE), "{:?}", site.log());
}

#[tokio::test]
async fn times_are_told_and_older_ones_do_not_undo_them() {
    let site = Site::open(|_| page("x"));
    let fetcher = site.fetcher();
    assert_eq!(fetcher.last_asked("a.example"), None);
    let before = wall_clock();
    body(&fetcher, "http://a.example/").await.unwrap();
    let told = fetcher.last_asked("A.example").unwrap();
    assert!((before..=wall_clock()).contains(&told));
    fetcher.remember("a.example", UnixTime(told.0 - 5_000)).unwrap();
    assert_eq!(fetcher.last_asked("a.example"), Some(told));
}

#[tokio::test]
async fn more_hosts_than_can_be_paced_are_not_asked() {
    let site = Site::open(|_| page("x"));
    let mut options = site.options();
    options.max_hosts = 2;
    let fetcher = Fetcher::new(options).unwrap();
    for (host, expected) in [("a", true), ("b", true), ("c", false), ("a", true)] {
        let fetched = fetcher.get(at_once(&format!("http://{host}.example/"))).await;
        assert_eq!(fetched.is_ok(), expected, "{host}: {fetched:?}");
    }
    assert!(site.log().iter().all(|asked| asked.host != "c.example"));
}
