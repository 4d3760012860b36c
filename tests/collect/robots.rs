//! robots.txt as it is fetched, kept and obeyed. How its rules are read is in `rules`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use numguard::collect::web::{Fetched, Fetcher, RefusedBy};

use crate::site::{Asked, Reply, Site, answer, at_once, body, moved, page, pass};

const HOUR: Duration = Duration::from_secs(3_600);

/// A site whose robots.txt answers as `robots` says, and its pages "x".
fn site(robots: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Site {
    Site::with_robots(move |asked| if asked.path == "/robots.txt" { robots(asked) } else { page("x") })
}

async fn refused(fetcher: &Fetcher, url: &str) -> Option<(RefusedBy, Option<u16>)> {
    match fetcher.get(at_once(url)).await {
        Ok(Fetched::Page(_)) => None,
        Ok(Fetched::Refused { by, status, .. }) => Some((by, status)),
        other => panic!("{url}: {other:?}"),
    }
}

fn times_asked(site: &Site) -> usize {
    site.log().iter().filter(|asked| asked.path == "/robots.txt").count()
}

#[tokio::test]
async fn a_forbidden_page_is_not_asked_for_and_robots_is_read_first_and_once() {
    let site = site(|_| page("User-agent: *\nDisallow: /private\n"));
    let fetcher = site.fetcher();
    let get = |url| body(&fetcher, url);
    let (a, b, c) =
        tokio::join!(get("http://a.example/1"), get("http://a.example/private?x"), get("http://a.example/2"));
    assert_eq!((a.unwrap(), c.unwrap()), ("x".to_owned(), "x".to_owned()));
    assert!(b.unwrap_err().contains("by: Robots"));
    let paths: Vec<_> = site.log().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/robots.txt", "/1", "/2"]);
}

#[tokio::test]
async fn what_a_status_of_robots_means() {
    let site = site(|asked| match asked.host.strip_suffix(".example").unwrap() {
        "broken" => Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nUser-agent".to_vec()),
        "gone" => Reply::Last(Vec::new()),
        "packed" => answer("200 OK", "content-encoding: gzip\r\n", "no gzip"),
        status => answer(&format!("{status} x"), "", ""),
    });
    let fetcher = site.fetcher();
    for allowed in [200, 400, 401, 403, 404, 410, 451] {
        assert_eq!(refused(&fetcher, &format!("http://{allowed}.example/")).await, None, "{allowed}");
    }
    for forbidden in [429, 500, 502, 503, 599] {
        let expected = Some((RefusedBy::RobotsUnread, Some(forbidden)));
        assert_eq!(refused(&fetcher, &format!("http://{forbidden}.example/")).await, expected);
    }
    for forbidden in ["broken", "gone", "packed", "304"] {
        let unread = refused(&fetcher, &format!("http://{forbidden}.example/")).await;
        assert_eq!(unread.map(|(by, _)| by), Some(RefusedBy::RobotsUnread), "{forbidden}");
    }
    assert_eq!(site.pages().len(), 7, "no page was asked for where robots.txt could not be read");
}

#[tokio::test]
async fn one_that_could_not_be_read_is_asked_for_again_later() {
    let answered = AtomicUsize::new(0);
    let site = site(move |_| match answered.fetch_add(1, Ordering::Relaxed) {
        0 => answer("500 x", "", ""),
        _ => answer("404 x", "", ""),
    });
    let fetcher = site.fetcher();
    for _ in 0..3 {
        assert!(refused(&fetcher, "http://a.example/").await.is_some());
    }
    assert_eq!(times_asked(&site), 1, "not at once");
    pass(HOUR / 4).await;
    assert_eq!(refused(&fetcher, "http://a.example/").await, None);
    assert_eq!(times_asked(&site), 2);
}

#[tokio::test]
async fn it_is_kept_for_a_day_and_not_used_for_longer() {
    let answered = AtomicUsize::new(0);
    let site = site(move |_| match answered.fetch_add(1, Ordering::Relaxed) {
        0 => page("User-agent: *\nAllow: /"),
        1 => answer("500 x", "", ""),
        _ => page("User-agent: *\nDisallow: /"),
    });
    let fetcher = site.fetcher();
    assert_eq!(refused(&fetcher, "http://a.example/1").await, None);
    pass(23 * HOUR).await;
    assert_eq!(refused(&fetcher, "http://a.example/2").await, None);
    assert_eq!(times_asked(&site), 1);
    pass(HOUR).await;
    let unread = Some((RefusedBy::RobotsUnread, Some(500)));
    assert_eq!(refused(&fetcher, "http://a.example/3").await, unread, "old rules serve no longer");
    pass(HOUR).await;
    assert_eq!(refused(&fetcher, "http://a.example/4").await, Some((RefusedBy::Robots, None)));
    assert_eq!(site.pages(), ["/1", "/2"]);
}

#[tokio::test]
async fn what_is_beyond_500_kib_is_ignored_even_without_end() {
    let filler = "#".repeat((500 << 10) - 40);
    let start = format!("HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /before\n{filler}");
    let rules = "\nDisallow: /after\n".repeat(10_000).into_bytes();
    let site = site(move |_| Reply::Forever(start.clone().into_bytes(), rules.clone(), Duration::ZERO));
    let fetcher = site.fetcher();
    assert_eq!(refused(&fetcher, "http://a.example/before").await, Some((RefusedBy::Robots, None)));
    assert_eq!(refused(&fetcher, "http://a.example/after").await, None);
    assert!(site.sent() < 64 << 20, "{}", site.sent());
}

#[tokio::test]
async fn redirects_of_robots_are_followed_within_the_site_five_times() {
    let site = Site::with_robots(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("near.example", "/robots.txt") => moved("//www.near.example/robots.txt"),
        ("www.near.example", "/robots.txt") => page("User-agent: *\nDisallow: /no"),
        ("far.example", "/robots.txt") => moved("//other.example/robots.txt"),
        ("loop.example", "/robots.txt") => moved("/robots.txt"),
        ("five.example", "/robots.txtxxxxx") => page("User-agent: *\nDisallow: /no"),
        ("five.example" | "long.example", path) if path.starts_with("/robots.txt") => {
            moved(&format!("{path}x"))
        }
        ("other.example", _) => panic!("{asked:?}"),
        _ => page("x"),
    });
    let fetcher = site.fetcher();
    for host in ["near", "five"] {
        assert_eq!(refused(&fetcher, &format!("http://{host}.example/yes")).await, None, "{host}");
        let forbidden = refused(&fetcher, &format!("http://{host}.example/no")).await;
        assert_eq!(forbidden, Some((RefusedBy::Robots, None)), "{host}");
    }
    for host in ["far", "loop", "long"] {
        let unread = refused(&fetcher, &format!("http://{host}.example/")).await;
        assert_eq!(unread, Some((RefusedBy::RobotsUnread, None)), "{host}");
    }
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_asked_about() {
    let site = Site::with_robots(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("www.a.example", "/robots.txt") => page("User-agent: numguard\nDisallow: /here"),
        (_, "/robots.txt") => answer("404 x", "", ""),
        ("a.example", _) => moved("//www.a.example/here"),
        _ => panic!("{asked:?}"),
    });
    let fetcher = site.fetcher();
    assert_eq!(refused(&fetcher, "http://a.example/").await, Some((RefusedBy::Robots, None)));
    assert_eq!(site.pages(), ["/"]);
}

#[tokio::test]
async fn a_crawl_delay_that_is_longer_than_the_pace_counts() {
    let site = site(|_| page("User-agent: *\nCrawl-delay: 0.08\nDisallow:"));
    let fetcher = site.fetcher();
    for i in 0..4 {
        assert_eq!(refused(&fetcher, &format!("http://a.example/{i}")).await, None);
    }
    let times: Vec<_> = site.log().iter().map(|asked| asked.at).collect();
    assert_eq!(times.len(), 5);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(80), "{times:?}");
    }
}

#[tokio::test]
async fn retry_after_of_robots_holds_for_the_host() {
    let site = site(|_| answer("503 x", "retry-after: 7200\r\n", ""));
    let fetcher = site.fetcher();
    assert_eq!(refused(&fetcher, "http://a.example/").await, Some((RefusedBy::RobotsUnread, Some(503))));
    assert!(fetcher.not_before("a.example").is_some());
    pass(HOUR).await;
    assert_eq!(refused(&fetcher, "http://a.example/").await, Some((RefusedBy::RobotsUnread, Some(503))));
    assert_eq!(site.log().len(), 1);
    pass(HOUR * 2).await;
    assert!(refused(&fetcher, "http://a.example/").await.is_some());
    assert_eq!(site.log().len(), 2);
}
