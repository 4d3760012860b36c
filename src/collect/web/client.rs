//! The HTTP client, with everything off that a polite engine decides itself.
//!
//! No cookies, referer, redirects, retries or proxies of the environment. Must be the only place
//! that makes a client.

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Proxy, Url};

use super::resolver::Resolver;
use super::{FetchError, FetchOptions};

/// More headers than any site sends; browsers and proxies refuse about as many.
const MAX_HEADERS: usize = 100;

/// Most bytes of all headers together.
pub(crate) const MAX_HEADER_BYTES: u32 = 64 << 10;

/// Long enough for the pages of one run, short enough that nobody holds a connection for us.
const IDLE: std::time::Duration = std::time::Duration::from_secs(20);

/// A client as `options` say.
pub(crate) fn client(options: &FetchOptions) -> Result<Client, FetchError> {
    if options.resolve_all_to.is_some() && !options.allow_loopback {
        return Err(FetchError::Options("resolve_all_to is for tests: it needs allow_loopback".to_owned()));
    }
    // Fails if one is installed, which then serves.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let proxy = options.proxy.as_deref().map(read_proxy).transpose()?;
    let proxy_host = proxy.as_ref().and_then(|url| url.host_str()).map(str::to_owned);
    let mut building = Client::builder()
        .user_agent(options.user_agent().clone())
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .dns_resolver(Resolver::new(options.allow_loopback, proxy_host, options.resolve_all_to))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(IDLE)
        .http1_max_headers(MAX_HEADERS)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .gzip(true)
        .brotli(true);
    if let Some(url) = proxy {
        building = building.proxy(Proxy::all(url).map_err(|_| odd_proxy())?);
    }
    if let Some(authority) = &options.authority {
        let read = Certificate::from_pem_bundle(authority).ok().filter(|found| !found.is_empty());
        let odd = || FetchError::Options("the authority is no certificate in PEM".to_owned());
        building = building.tls_certs_merge(read.ok_or_else(odd)?);
    }
    building.build().map_err(|error| FetchError::Options(format!("no HTTP client: {}", said(&error))))
}

/// What the innermost cause of an error says.
pub(crate) fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    super::shown::shown_text(&cause.to_string())
}

fn read_proxy(text: &str) -> Result<Url, FetchError> {
    let url = Url::parse(text).map_err(|_| odd_proxy())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(odd_proxy()) }
}

/// Without the URL: it may hold a password.
fn odd_proxy() -> FetchError {
    FetchError::Options(
        "the proxy is not usable: expected a URL such as http://proxy.example:3128".to_owned(),
    )
}
