//! A site that says "not now" is left alone for as long as it says, whoever asks.

use std::sync::Arc;
use std::time::Duration;

use numguard::collect::web::{Fetched, Fetcher, RefusedBy};
use numguard::core::listing::UnixTime;

use crate::site::{Reply, Site, answer, at_once, body, end_after, moved, page, pass, wall_clock};

async fn refused(fetcher: &Fetcher, url: &str) -> (Option<u16>, Option<Duration>, RefusedBy) {
    match fetcher.get(at_once(url)).await {
        Ok(Fetched::Refused { status, retry_after, by }) => (status, retry_after, by),
        other => panic!("{url}: {other:?}"),
    }
}

fn busy_first(status: &'static str, header: String) -> Site {
    let answered = std::sync::atomic::AtomicUsize::new(0);
    Site::open(move |_| match answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => answer(status, &header, "busy"),
        _ => page("x"),
    })
}

#[tokio::test]
async fn retry_after_in_seconds_holds_for_all_tasks_of_the_host_and_for_no_other() {
    let site = busy_first("429 Too Many Requests", "retry-after: 100\r\n".to_owned());
    let fetcher = site.fetcher();
    let limit = Duration::from_secs(100);
    assert_eq!(
        refused(&fetcher, "http://a.example/1").await,
        (Some(429), Some(limit), RefusedBy::RateLimited)
    );
    for url in ["http://a.example/2", "http://A.example/3"] {
        let (status, left, by) = refused(&fetcher.clone(), url).await;
        assert_eq!((status, by), (None, RefusedBy::RateLimited));
        assert!(left.is_some_and(|left| left > Duration::from_secs(50) && left <= limit));
    }
    assert_eq!(body(&fetcher, "http://b.example/").await.unwrap(), "x");
    pass(Duration::from_secs(101)).await;
    assert_eq!(body(&fetcher, "http://a.example/4").await.unwrap(), "x");
    assert_eq!(site.pages(), ["/1", "/", "/4"]);
}

#[tokio::test]
async fn retry_after_as_a_date_is_measured_by_the_sites_own_clock() {
    let dates = "date: Sun, 04 Oct 2026 12:00:00 GMT\r\nretry-after: Sun, 04 Oct 2026 12:02:00 GMT\r\n";
    let site = busy_first("503 Service Unavailable", dates.to_owned());
    let fetcher = site.fetcher();
    let limit = Duration::from_secs(120);
    assert_eq!(
        refused(&fetcher, "http://a.example/").await,
        (Some(503), Some(limit), RefusedBy::RateLimited)
    );
    assert_eq!(refused(&fetcher, "http://a.example/").await.0, None);
    pass(Duration::from_secs(121)).await;
    assert_eq!(body(&fetcher, "http://a.example/").await.unwrap(), "x");
    assert_eq!(site.pages().len(), 2);
}

#[tokio::test]
async fn a_task_that_waits_for_its_turn_hears_of_the_refusal_too() {
    let site = busy_first("429 Too Many Requests", "retry-after: 9\r\n".to_owned());
    let fetcher = site.fetcher();
    let ask = |path| fetcher.get(at_once(path));
    let (first, second) = tokio::join!(ask("http://a.example/1"), ask("http://a.example/2"));
    assert!(matches!(first, Ok(Fetched::Refused { status: Some(429), .. })), "{first:?}");
    assert!(matches!(second, Ok(Fetched::Refused { status: None, .. })), "{second:?}");
    assert_eq!(site.pages(), ["/1"]);
}

#[tokio::test]
async fn a_refusal_is_told_and_outlives_a_restart() {
    let site = busy_first("429 Too Many Requests", "retry-after: 1000\r\n".to_owned());
    let first = site.fetcher();
    refused(&first, "http://a.example/").await;
    let until = first.not_before("a.example").unwrap();
    assert!((wall_clock().0 + 990..=wall_clock().0 + 1_002).contains(&until.0));
    let second = site.fetcher();
    second.remember_refusal("a.example", until).unwrap();
    second.remember_refusal("a.example", UnixTime(0)).unwrap();
    assert_eq!(refused(&second, "http://a.example/").await.0, None);
    assert_eq!(site.pages().len(), 1);
}

#[tokio::test]
async fn other_statuses_are_refusals_and_hold_nothing() {
    let site = Site::open(|asked| answer(&format!("{} x", &asked.path[1..]), "", ""));
    let fetcher = site.fetcher();
    for (status, by) in [
        (204, RefusedBy::Status),
        (206, RefusedBy::Status),
        // Nothing was sent along that it could mean.
        (304, RefusedBy::Status),
        (403, RefusedBy::Status),
        (404, RefusedBy::Status),
        (500, RefusedBy::Status),
        (503, RefusedBy::Status),
        (429, RefusedBy::RateLimited),
    ] {
        let url = format!("http://a.example/{status}");
        assert_eq!(refused(&fetcher, &url).await, (Some(status), None, by));
    }
    assert_eq!(fetcher.not_before("a.example"), None);
}

#[tokio::test]
async fn errors_hold_no_digits_of_a_number() {
    let site = Site::open(|asked| match asked.path.split('/').nth(1) {
        Some("moved") => moved("https://b.example/sms/447400123456?p=447400123456"),
        Some("broken") => Reply::Last(b"447400123456 is not HTTP\r\n\r\n".to_vec()),
        Some("large") => page("x".repeat(101)),
        _ => Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n447400123456".to_vec()),
    });
    let mut options = site.options();
    options.max_page_bytes = 100;
    let fetcher = Fetcher::new(options).unwrap();
    let mut errors = Vec::new();
    for url in [
        "http://a.example/moved/447400123456",
        "http://a.example/broken/447400123456",
        "http://a.example/large/44-7400-123456",
        "http://a.example/packed/+44%207400%20123456",
        "http://me:447400123456@a.example/447400123456",
        "ftp://a.example/447400123456",
        "447400123456",
        "http://10.0.0.1/447400123456",
    ] {
        let error = fetcher.get(at_once(url)).await.expect_err(url);
        for text in [error.to_string(), format!("{error:?}"), format!("{:?}", at_once(url))] {
            assert!(!text.contains("123456") && !text.contains("447400"), "{text}");
            assert!(!text.contains('\n'), "one line: {text}");
        }
        errors.push(error.to_string());
    }
    insta::assert_snapshot!(errors.join("\n"));
}

#[tokio::test]
async fn nor_do_those_of_slow_and_unreachable_sites() {
    let site = Arc::new(Site::open(|_| Reply::Late(Duration::from_secs(3_600), Vec::new())));
    let (seen, fetcher) = (Arc::clone(&site), site.fetcher());
    let get = async move { fetcher.get(at_once("http://a.example/447400123456")).await };
    let silent = end_after(get, move || !seen.pages().is_empty(), Duration::from_secs(15)).await;

    let closing = Site::open(|_| Reply::Last(Vec::new()));
    let broken = closing.fetcher().get(at_once("http://a.example/447400123456")).await;
    for error in [silent.unwrap_err(), broken.unwrap_err()] {
        assert!(error.to_string().starts_with("http://a.example/************ "), "{error}");
        assert!(!format!("{error:?}").contains("7400"), "{error:?}");
    }
}

#[tokio::test]
async fn a_page_prints_without_its_text() {
    let site = Site::open(|_| page("+447400123456"));
    let fetched = site.fetcher().get(at_once("http://a.example/447400123456")).await.unwrap();
    let text = format!("{fetched:?}");
    assert!(text.contains("bytes: 13") && !text.contains("7400"), "{text}");
}
