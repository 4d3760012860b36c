//! Redirects stay on the site, in TLS, and end.

use std::sync::Arc;

use numguard::collect::web::{FetchError, Fetched, Fetcher, PageRequest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;

use crate::site::{Site, answer, at_once, body, moved, page};

#[tokio::test]
async fn redirects_within_the_site_and_to_named_mirrors_are_followed() {
    let site = Site::open(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("a.example", "/") => moved("//www.a.example/1"),
        ("www.a.example", "/1") => answer("301 x", "location: http://de.a.example/2#there\r\n", ""),
        ("de.a.example", "/2") => answer("307 x", "location: ../3?page=2\r\n", ""),
        ("de.a.example", "/3?page=2") => answer("308 x", "location: http://b.example/4\r\n", ""),
        ("b.example", "/4") => answer("303 x", "location: 5\r\n", ""),
        ("b.example", "/5") => page("x"),
        other => panic!("{other:?}"),
    });
    let request = PageRequest { mirrors: vec!["B.example".to_owned()], ..at_once("http://a.example/") };
    match site.fetcher().get(request).await {
        Ok(Fetched::Page(page)) => assert_eq!(page.final_url, "http://b.example/5"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn redirects_elsewhere_are_not_asked_for() {
    for to in [
        "http://b.example/",
        "http://a.example.b.example/",
        "//nota.example/",
        "http://example/",
        "data:,x",
        "http://me@a.example/",
    ] {
        let site = Site::open(move |asked| match asked.path.as_str() {
            "/1" => moved(to),
            _ => panic!("{asked:?}"),
        });
        let fetched = site.fetcher().get(at_once("http://a.example/1")).await;
        assert!(matches!(fetched, Err(FetchError::Redirect { .. })), "{to}: {fetched:?}");
        assert_eq!(site.pages(), ["/1"], "{to}");
    }
}

#[tokio::test]
async fn loops_long_chains_and_redirects_to_nowhere_end() {
    let site = Site::open(|asked| match asked.path.as_str() {
        "/self" => moved("/self"),
        "/ping" => moved("/pong"),
        "/pong" => moved("/ping#again"),
        "/nowhere" => answer("302 Found", "", ""),
        path => moved(&format!("{path}x")),
    });
    let fetcher = site.fetcher();
    for (path, why, asked) in [
        ("self", "a loop", 1),
        ("ping", "a loop", 2),
        ("nowhere", "does not say where to", 1),
        ("long", "more than 5 in a row", 6),
    ] {
        let before = site.pages().len();
        let said = body(&fetcher, &format!("http://a.example/{path}")).await.unwrap_err();
        assert!(said.contains(why), "{said}");
        assert_eq!(site.pages().len() - before, asked, "{path}");
    }
}

#[tokio::test]
async fn five_redirects_are_followed() {
    let site = Site::open(|asked| match asked.path.as_str() {
        "/xxxxx" => page("there"),
        path => moved(&format!("{path}x")),
    });
    assert_eq!(body(&site.fetcher(), "http://a.example/").await.unwrap(), "there");
}

#[tokio::test]
async fn tls_is_checked_and_not_left() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let named = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let certificate = named.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let site = Site::with_tls(TlsAcceptor::from(Arc::new(config)), |asked| match asked.path.as_str() {
        "/robots.txt" => answer("404 Not Found", "", ""),
        "/down" => moved("http://a.example/x"),
        _ => page("x"),
    });
    let mut options = site.options();
    options.authority = Some(authority.pem().into_bytes());
    let fetcher = Fetcher::new(options).unwrap();
    assert_eq!(body(&fetcher, "https://a.example/").await.unwrap(), "x");
    let said = body(&fetcher, "https://a.example/down").await.unwrap_err();
    assert!(said.contains("without TLS"), "{said}");
    assert_eq!(site.pages(), ["/", "/down"]);

    let mut options = site.options();
    options.authority = Some(b"no certificate".to_vec());
    assert!(matches!(Fetcher::new(options), Err(FetchError::Options(_))));

    // A name that the certificate has not, and an authority that nobody trusts.
    assert!(body(&fetcher, "https://b.example/").await.is_err());
    assert!(body(&site.fetcher(), "https://a.example/").await.is_err());
    assert_eq!(site.pages().len(), 2);
}
