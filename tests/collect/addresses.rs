//! No URL, name or redirect makes us ask what is not on the public internet.

use std::time::Duration;

use numguard::collect::web::{FetchError, FetchOptions, Fetcher, PageRequest};

use crate::site::{Site, at_once, moved, page, wall_clock};

fn in_earnest() -> FetchOptions {
    FetchOptions::new("https://contact.example", wall_clock).unwrap()
}

#[tokio::test]
async fn urls_that_are_never_asked_for() {
    let fetcher = Fetcher::new(in_earnest()).unwrap();
    for (url, why) in [
        ("http://127.0.0.1/", "not on the public internet"),
        ("http://127.1/", "not on the public internet"),
        ("http://2130706433/", "not on the public internet"),
        ("http://0x7f.0.0.1/", "not on the public internet"),
        ("http://0177.0.0.1/", "not on the public internet"),
        ("http://127.0.0.1./", "not on the public internet"),
        ("http://①②⑦.0.0.1/", "not on the public internet"),
        ("https://10.0.0.1/", "not on the public internet"),
        ("http://169.254.169.254/latest/meta-data/", "not on the public internet"),
        ("http://100.64.0.1/", "not on the public internet"),
        ("http://0.0.0.0/", "not on the public internet"),
        ("http://224.0.0.1/", "not on the public internet"),
        ("http://[::]/", "not on the public internet"),
        ("http://[::1]/", "not on the public internet"),
        ("http://[::ffff:127.0.0.1]/", "not on the public internet"),
        ("http://[64:ff9b::7f00:1]/", "not on the public internet"),
        ("http://[fd00::1]/", "not on the public internet"),
        ("http://[fe80::1]/", "not on the public internet"),
        // A name that really leads inside.
        ("http://localhost/", "not on the public internet"),
        ("https://a.example:8443/", "only ports 80 and 443"),
        ("http://a.example:22/", "only ports 80 and 443"),
        ("https://me@a.example/", "log-in"),
        ("https://:secret@a.example/", "log-in"),
        ("file:///etc/passwd", "only http and https"),
        ("gopher://a.example/", "only http and https"),
        ("//a.example/", "whole http or https URL"),
        ("", "whole http or https URL"),
    ] {
        let error = fetcher.get(at_once(url)).await.expect_err(url).to_string();
        assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
    }
    let long = format!("https://a.example/{}", "x".repeat(3_000));
    assert!(matches!(fetcher.get(at_once(&long)).await, Err(FetchError::Url { .. })));
}

#[tokio::test]
async fn what_a_name_leads_to_is_checked_where_it_is_dialled() {
    let mut options = in_earnest();
    options.allow_loopback = true;
    for private in
        ["10.0.0.1:80", "192.168.0.1:80", "[::ffff:127.0.0.1]:80", "169.254.169.254:80", "0.0.0.0:80"]
    {
        options.resolve_all_to = Some(private.parse().unwrap());
        let fetched = Fetcher::new(options.clone()).unwrap().get(at_once("http://a.example/")).await;
        assert!(matches!(fetched, Err(FetchError::Address { .. })), "{private}: {fetched:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_an_address_inside_is_not_followed() {
    for inside in ["http://10.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest"] {
        let site = Site::open(move |_| moved(inside));
        // Even if the definition names it.
        let mirrors = vec!["10.0.0.1".to_owned(), "169.254.169.254".to_owned()];
        let request = PageRequest { mirrors, ..at_once("http://a.example/") };
        let fetched = site.fetcher().get(request).await;
        assert!(matches!(fetched, Err(FetchError::Redirect { .. })), "{inside}: {fetched:?}");
        assert_eq!(site.pages().len(), 1);
    }
}

#[tokio::test]
async fn the_back_door_of_tests_is_shut() {
    let site = Site::open(|_| page("x"));
    let mut options = site.options();
    options.allow_loopback = false;
    assert!(matches!(Fetcher::new(options.clone()), Err(FetchError::Options(_))));
    options.resolve_all_to = None;
    let fetcher = Fetcher::new(options).unwrap();
    let url = format!("http://{}/", site.address);
    assert!(fetcher.get(PageRequest::new(url, Duration::ZERO)).await.is_err());
    assert_eq!(site.connections(), 0);
}
