//! What a caller asks for and what it gets.
//!
//! Must not print pages or whole URLs: both may hold numbers.

use std::fmt;
use std::time::Duration;

use super::shown::shown_text;

/// One page to fetch.
#[derive(Clone)]
pub struct PageRequest {
    /// Its http or https URL.
    pub url: String,
    /// Least time between two requests to its host: pages, redirects and robots.txt alike. At least
    /// a second, and what robots.txt asks for.
    pub pace: Duration,
    /// What came with the page last time, so that an unchanged one is not sent again.
    pub validators: Option<Validators>,
    /// The media types wanted, as in the `Accept` header; any if not given.
    pub accept: Option<String>,
    /// Other host names of the same site, to which it may redirect. Hosts below the asked one, and
    /// it with or without `www.`, need not be named.
    pub mirrors: Vec<String>,
}

impl PageRequest {
    /// A plain request.
    pub fn new(url: impl Into<String>, pace: Duration) -> Self {
        Self { url: url.into(), pace, validators: None, accept: None, mirrors: Vec::new() }
    }
}

impl fmt::Debug for PageRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PageRequest")
            .field("url", &shown_text(&self.url))
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// What tells a site which version of a page we have. To be kept together with what the page said:
/// kept alone, a failed save would be answered with "not modified" for ever.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// The page they belong to: they are sent to no other.
    pub url: String,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
}

impl fmt::Debug for Validators {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Validators")
            .field("etag", &self.etag.is_some())
            .field("last_modified", &self.last_modified)
            .finish_non_exhaustive()
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The page is as it was when the validators came.
    NotModified,
    /// The page.
    Page(Page),
    /// The site does not want this request, or not now. To be left alone, not to be worked around.
    Refused {
        /// The HTTP status, if a request was made.
        status: Option<u16>,
        /// How long the site is to be left alone, if that is known.
        retry_after: Option<Duration>,
        /// What refused.
        by: RefusedBy,
    },
}

impl Fetched {
    /// No request was made: an earlier Retry-After still counts.
    pub(crate) fn not_now(left: Duration) -> Self {
        Self::Refused { status: None, retry_after: Some(left), by: RefusedBy::RateLimited }
    }
}

/// What refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// robots.txt forbids the page.
    Robots,
    /// robots.txt could not be read, so everything counts as forbidden for now.
    RobotsUnread,
    /// The page's HTTP status.
    Status,
    /// 429, 503 with Retry-After, or a Retry-After of before that still stands.
    RateLimited,
}

/// A page as it came, unpacked.
#[derive(Clone, PartialEq, Eq)]
pub struct Page {
    /// Its bytes.
    pub body: Vec<u8>,
    /// `Content-Type`, if it says.
    pub content_type: Option<String>,
    /// What to send along next time, if it has any.
    pub validators: Option<Validators>,
    /// Where it was found after redirects.
    pub final_url: String,
}

impl fmt::Debug for Page {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Page")
            .field("bytes", &self.body.len())
            .field("content_type", &self.content_type)
            .field("final_url", &shown_text(&self.final_url))
            .finish_non_exhaustive()
    }
}
