//! What a site sees of us: an honest name, no tracks, and no question twice.

use std::sync::Mutex;
use std::time::Duration;

use numguard::collect::web::{FetchOptions, Fetched, Fetcher, Page, PageRequest, Validators};

use crate::site::{Site, answer, at_once, moved, page, wall_clock};

async fn fetched(fetcher: &Fetcher, url: &str, validators: Option<Validators>) -> Fetched {
    fetcher.get(PageRequest { validators, ..at_once(url) }).await.unwrap()
}

async fn fetched_page(fetcher: &Fetcher, url: &str, validators: Option<Validators>) -> Page {
    match fetched(fetcher, url, validators).await {
        Fetched::Page(page) => page,
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn a_site_sees_an_honest_name_and_no_cookies_referer_or_credentials() {
    let site = Site::open(|asked| match asked.path.as_str() {
        "/1" => answer("302 Found", "location: /2\r\nset-cookie: a=b; Path=/\r\n", ""),
        _ => answer("200 OK", "set-cookie: c=d; Path=/\r\n", "x"),
    });
    let fetcher = site.fetcher();
    for _ in 0..2 {
        fetcher
            .get(PageRequest { accept: Some("text/html".to_owned()), ..at_once("http://a.example/1") })
            .await
            .unwrap();
    }
    let log = site.log();
    assert_eq!(log.len(), 5);
    for asked in log {
        let agent = format!("numguard/{} (+https://contact.example/numguard)", env!("CARGO_PKG_VERSION"));
        assert_eq!(asked.header("user-agent"), Some(agent.as_str()));
        let mut names: Vec<_> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
        assert_eq!(asked.header("accept") == Some("text/html"), asked.path != "/robots.txt");
    }
}

#[test]
fn there_is_no_engine_without_a_contact() {
    for contact in [
        "",
        "me",
        "https://",
        "https://localhost",
        "ftp://a.example",
        "mailto:",
        "https://u:p@a.example",
        "https://a.example/(x)",
    ] {
        let said = FetchOptions::new(contact, wall_clock).err().map(|error| error.to_string());
        assert!(
            said.is_some_and(|said| said.contains("the URL of a page that says who runs this")),
            "{contact}"
        );
    }
    for contact in ["https://a.example/bot", "mailto:abuse@a.example"] {
        let agent = FetchOptions::new(contact, wall_clock).unwrap().user_agent().clone();
        assert!(agent.to_str().unwrap().ends_with(&format!("(+{contact})")));
    }
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let site = Site::open(|asked| {
        let known = asked.header("if-none-match") == Some("\"v1\"");
        let dated = asked.header("if-modified-since") == Some("Sun, 04 Oct 2026 12:00:00 GMT");
        match known && dated {
            true => answer("304 Not Modified", "", ""),
            false => {
                answer("200 OK", "etag: \"v1\"\r\nlast-modified: Sun, 04 Oct 2026 12:00:00 GMT\r\n", "one")
            }
        }
    });
    let fetcher = site.fetcher();
    let first = fetched_page(&fetcher, "http://a.example/", None).await;
    assert!(first.validators.is_some());
    assert_eq!(fetched(&fetcher, "http://a.example/", first.validators.clone()).await, Fetched::NotModified);
    let other = fetched_page(&fetcher, "http://a.example/other", first.validators).await;
    assert_eq!(other.body, b"one", "validators go to no page but their own");
}

#[tokio::test]
async fn validators_work_behind_a_redirect() {
    let site = Site::open(|asked| match (asked.path.as_str(), asked.header("if-none-match")) {
        ("/", None) => moved("/en/"),
        ("/en/", Some("\"v1\"")) => answer("304 Not Modified", "", ""),
        ("/en/", None) => answer("200 OK", "etag: \"v1\"\r\n", "one"),
        other => panic!("{other:?}"),
    });
    let fetcher = site.fetcher();
    let first = fetched_page(&fetcher, "http://a.example/", None).await;
    assert_eq!(first.final_url, "http://a.example/en/");
    assert_eq!(fetched(&fetcher, "http://a.example/", first.validators).await, Fetched::NotModified);
}

#[tokio::test]
async fn validators_that_a_store_has_spoilt_are_left_out() {
    let site = Site::open(|asked| page(format!("{:?}", asked.header("if-none-match"))));
    let spoilt = Validators {
        url: "http://a.example/".to_owned(),
        etag: Some("a\r\nx: y".to_owned()),
        last_modified: Some("\u{0}".to_owned()),
    };
    assert_eq!(fetched_page(&site.fetcher(), "http://a.example/", Some(spoilt)).await.body, b"None");
}

#[tokio::test]
async fn validators_come_only_with_a_whole_page() {
    let first = Mutex::new(true);
    let site = Site::open(move |asked| {
        assert_eq!(asked.header("if-none-match"), None);
        match std::mem::take(&mut *first.lock().unwrap()) {
            // Breaks off: no validators may be left behind anywhere.
            true => crate::site::Reply::Last(
                b"HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: 10\r\n\r\none".to_vec(),
            ),
            false => page("no validators"),
        }
    });
    let fetcher = site.fetcher();
    let broken = fetcher.get(at_once("http://a.example/")).await;
    assert!(broken.is_err(), "{broken:?}");
    assert_eq!(fetched_page(&fetcher, "http://a.example/", None).await.validators, None);
}

#[tokio::test]
async fn a_configured_proxy_is_used() {
    let proxy = Site::open(|_| page("by proxy"));
    let mut options = proxy.options();
    options.resolve_all_to = None;
    options.proxy = Some(format!("http://me:secret@127.0.0.1:{}", proxy.address.port()));
    assert!(!format!("{options:?}").contains("secret"));
    let fetcher = Fetcher::new(options.clone()).unwrap();
    let page = fetched_page(&fetcher, "http://a.example/x", None).await;
    assert_eq!(page.body, b"by proxy");
    let asked = proxy.log().pop().unwrap();
    assert_eq!(asked.path, "http://a.example/x");
    assert!(asked.header("proxy-authorization").is_some());

    options.proxy = Some("socks9://me:secret@x".to_owned());
    let said = Fetcher::new(options).err().unwrap().to_string();
    assert!(said.contains("proxy") && !said.contains("secret"), "{said}");
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let name = "courtesy::proxies_of_the_environment_are_not_used";
    if std::env::var_os("http_proxy").is_none() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            again.env(variable, "http://127.0.0.1:1");
        }
        let said =
            again.env_remove("NO_PROXY").env_remove("no_proxy").args(["--exact", name]).output().unwrap();
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let site = Site::open(|_| page("x"));
    assert_eq!(fetched_page(&site.fetcher(), "http://a.example/", None).await.body, b"x");
}

#[tokio::test]
async fn dropping_a_request_leaves_the_engine_usable() {
    let site = Site::open(|asked| match asked.path.as_str() {
        "/never" => crate::site::Reply::Late(Duration::from_secs(3_600), Vec::new()),
        _ => page("x"),
    });
    let fetcher = site.fetcher();
    tokio::select! {
        fetched = fetcher.get(at_once("http://a.example/never")) => panic!("{fetched:?}"),
        () = async { while site.pages().is_empty() { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
    }
    assert_eq!(fetched_page(&fetcher, "http://a.example/", None).await.body, b"x");
}
