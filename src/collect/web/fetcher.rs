//! One page, from the first question to the last: may we, is it our turn, where is it now.
//!
//! Every hop of a redirect asks robots.txt anew and waits for its own turn. No turn is held while
//! another is waited for, so no two hosts can wait for each other. Must not retry.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;

use crate::core::listing::UnixTime;

use super::address::read_url;
use super::exchange::{Answer, Ask, Cap, Wire};
use super::redirect::{Site, Trail};
use super::robots::{Permission, permission};
use super::shown::shown_text;
use super::{FetchError, FetchOptions, Fetched, PageRequest, RefusedBy};

/// Fetches pages for all feeds of a process: paces, connections and robots.txt are shared, so there
/// is one. Clones are the same one.
#[derive(Clone)]
pub struct Fetcher(Arc<Wire>);

impl Fetcher {
    /// An engine that asks nothing yet.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        Ok(Self(Arc::new(Wire::new(options)?)))
    }

    /// Fetches a page, or tells that the site does not want it.
    ///
    /// Waits for the host's turn, which may take as long as its pace for robots.txt, every redirect
    /// and the page each. Dropping the future is safe at any time: what was asked counts.
    pub async fn get(&self, request: PageRequest) -> Result<Fetched, FetchError> {
        let wire = &*self.0;
        let url = read_url(&request.url, wire.options.allow_loopback)?;
        if request.accept.as_deref().is_some_and(|accept| HeaderValue::from_str(accept).is_err()) {
            return Err(FetchError::Url { url: shown_text(&request.url), why: "its Accept is no header" });
        }
        let site = Site::new(&url, &request.mirrors)?;
        let mut trail = Trail::new(url, site.clone(), wire.options.allow_loopback);
        let pace = request.pace.max(wire.options.least_pace());
        loop {
            let pace = match permission(wire, trail.here(), &site, pace).await? {
                Permission::Granted { pace } => pace,
                Permission::Refused(fetched) => return Ok(fetched),
            };
            let ask = Ask {
                url: trail.here(),
                pace,
                accept: request.accept.as_deref(),
                validators: request.validators.as_ref(),
                cap: Cap::Refuse(wire.options.max_page_bytes),
            };
            match wire.ask(&ask).await? {
                Answer::Page(page) => return Ok(Fetched::Page(page)),
                Answer::NotModified => return Ok(Fetched::NotModified),
                Answer::Moved(location) => trail.follow(location.as_deref())?,
                Answer::NotNow(left) => return Ok(Fetched::not_now(left)),
                Answer::Other { status, retry_after } => return Ok(refused(status, retry_after)),
            }
        }
    }

    /// Takes over when an earlier process last asked a host, so that a restart keeps its pace.
    pub fn remember(&self, host: &str, last_asked: UnixTime) -> Result<(), FetchError> {
        self.0.hosts.get_or_add(host)?.queue.remember(last_asked);
        Ok(())
    }

    /// When a host was last asked, or done answering; to be kept for [`Self::remember`].
    pub fn last_asked(&self, host: &str) -> Option<UnixTime> {
        self.0.hosts.last_asked(host)
    }

    /// Takes over until when a host is to be left alone.
    pub fn remember_refusal(&self, host: &str, until: UnixTime) -> Result<(), FetchError> {
        let left = until.0.saturating_sub((self.0.options.clock)().0);
        self.0.hosts.get_or_add(host)?.queue.leave_alone(Duration::from_secs(left.into()));
        Ok(())
    }

    /// Until when a host is left alone because it said so; to be kept for [`Self::remember_refusal`].
    pub fn not_before(&self, host: &str) -> Option<UnixTime> {
        self.0.hosts.not_before(host)
    }
}

fn refused(status: u16, retry_after: Option<Duration>) -> Fetched {
    let limited = status == 429 || (status == 503 && retry_after.is_some());
    let by = if limited { RefusedBy::RateLimited } else { RefusedBy::Status };
    Fetched::Refused { status: Some(status), retry_after: retry_after.filter(|_| limited), by }
}
