//! What a process sets once for all its fetching.
//!
//! There is no engine without a contact: a site's owner must be able to tell us to stop. Must not
//! read configuration or the environment, proxies included.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::core::listing::UnixTime;

use super::FetchError;
use super::shown::shown_text;

/// Tells the wall-clock time: this room reads no clock of its own but a monotonic one.
pub type WallClock = fn() -> UnixTime;

/// What a process sets once for all its fetching.
#[derive(Clone)]
pub struct FetchOptions {
    user_agent: HeaderValue,
    pub(crate) clock: WallClock,
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// Longest silence of a site that is answering.
    pub read_timeout: Duration,
    /// Longest time for one request with its answer, waiting for its turn not included.
    pub total_timeout: Duration,
    /// Most bytes of a page, counted once unpacked.
    pub max_page_bytes: usize,
    /// Most hosts that are remembered at once.
    pub max_hosts: usize,
    /// Tests only: loopback addresses and any port may be asked.
    pub allow_loopback: bool,
    /// Where all requests go through. Private addresses behind it are the proxy's to refuse:
    /// it resolves the names.
    pub proxy: Option<String>,
    /// Who signs sites' certificates besides the system's authorities, in PEM; a proxy that looks
    /// into TLS needs it.
    pub authority: Option<Vec<u8>>,
    /// Tests only: every host name is dialled there.
    pub resolve_all_to: Option<SocketAddr>,
}

impl FetchOptions {
    /// The defaults, with the contact that sites see: an http, https or mailto URL.
    pub fn new(contact_url: &str, clock: WallClock) -> Result<Self, FetchError> {
        let refused = || {
            FetchError::Options(format!(
                "the contact {:?} is not usable: set the URL of a page that says who runs this and how to reach \
                 them, such as https://example.com/numguard or mailto:abuse@example.com",
                // A mailto address is no log-in, and the user's own.
                shown_text(&contact_url.replace('@', "(at)"))
            ))
        };
        let contact = Url::parse(contact_url.trim()).map_err(|_| refused())?;
        let reachable = match contact.scheme() {
            "http" | "https" => contact.host_str().is_some_and(|host| host.contains('.')),
            "mailto" => contact.path().contains('@'),
            _ => false,
        };
        if !reachable || contact.password().is_some() || contact.as_str().contains(['(', ')']) {
            return Err(refused());
        }
        let agent = format!("numguard/{} (+{contact})", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            user_agent: HeaderValue::from_str(&agent).map_err(|_| refused())?,
            clock,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_secs(60),
            max_page_bytes: 8 << 20,
            max_hosts: 1_000,
            allow_loopback: false,
            proxy: None,
            authority: None,
            resolve_all_to: None,
        })
    }

    /// No request asks a site faster, whatever it says; tests on loopback may.
    pub(crate) fn least_pace(&self) -> Duration {
        if self.allow_loopback { Duration::ZERO } else { Duration::from_secs(1) }
    }

    /// What sites see of us.
    pub fn user_agent(&self) -> &HeaderValue {
        &self.user_agent
    }
}

impl fmt::Debug for FetchOptions {
    /// Without the proxy: its URL may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FetchOptions")
            .field("user_agent", &self.user_agent)
            .field("total_timeout", &self.total_timeout)
            .field("max_page_bytes", &self.max_page_bytes)
            .field("proxied", &self.proxy.is_some())
            .field("allow_loopback", &self.allow_loopback)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_without_a_pace_has_one() -> Result<(), FetchError> {
        let options = FetchOptions::new("https://a.example", || UnixTime(0))?;
        assert_eq!(options.least_pace(), Duration::from_secs(1));
        Ok(())
    }
}
