//! One request and its answer, in the host's turn and within every cap.
//!
//! Bytes are counted once unpacked, as they come: a page of a thousand to one stops at the cap.
//! Must not follow redirects nor look at robots.txt: `fetcher` and `robots` do.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::timeout;

use super::client::{MAX_HEADER_BYTES, client, said};
use super::hosts::Hosts;
use super::resolver::NotPublic;
use super::retry_after::retry_after;
use super::shown::shown;
use super::{FetchError, FetchOptions, Page, Validators};

/// Longer header values than these are nothing that we keep.
const MAX_KEPT_VALUE: usize = 512;

/// The client, the hosts, and the caps of a process.
pub(crate) struct Wire {
    client: Client,
    pub(crate) hosts: Hosts,
    pub(crate) options: FetchOptions,
}

/// One request.
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a Url,
    pub(crate) pace: Duration,
    pub(crate) accept: Option<&'a str>,
    pub(crate) validators: Option<&'a Validators>,
    pub(crate) cap: Cap,
}

/// What happens when there are more bytes than this.
#[derive(Clone, Copy)]
pub(crate) enum Cap {
    /// The answer is refused.
    Refuse(usize),
    /// The rest is ignored.
    Cut(usize),
}

/// What came of a request.
pub(crate) enum Answer {
    /// None was made: the host wants to be left alone for this long.
    NotNow(Duration),
    /// 200.
    Page(Page),
    /// 304, and validators were sent.
    NotModified,
    /// A redirect, with its Location.
    Moved(Option<String>),
    /// Any other status.
    Other { status: u16, retry_after: Option<Duration> },
}

impl Wire {
    pub(crate) fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let hosts = Hosts::new(options.max_hosts, options.clock);
        Ok(Self { client: client(&options)?, hosts, options })
    }

    /// Waits for the host's turn, asks, and reads the answer to its end.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, FetchError> {
        let host = self.hosts.get_or_add(ask.url.host_str().unwrap_or_default())?;
        let turn = match host.queue.turn(ask.pace).await {
            Ok(turn) => turn,
            Err(left) => return Ok(Answer::NotNow(left)),
        };
        let limit = self.options.total_timeout;
        let answered = timeout(limit, self.exchange(ask)).await;
        let why = || format!("not done after {} ms", limit.as_millis());
        let answer =
            answered.unwrap_or_else(|_| Err(FetchError::TooSlow { url: shown(ask.url), why: why() }));
        if let Ok(Answer::Other { status: 429 | 503, retry_after: Some(wait) }) = &answer {
            host.queue.leave_alone(*wait);
        }
        drop(turn);
        answer
    }

    async fn exchange(&self, ask: &Ask<'_>) -> Result<Answer, FetchError> {
        let failed = |error: reqwest::Error| in_our_words(ask.url, error.without_url());
        let mut request = self.client.get(ask.url.clone());
        // The client's own words would say no more than this.
        request = request.header(ACCEPT, ask.accept.unwrap_or("*/*"));
        let validators = ask.validators.filter(|known| known.url == ask.url.as_str());
        let mut conditional = false;
        for (name, value) in [
            (IF_NONE_MATCH, validators.and_then(|known| known.etag.as_deref())),
            (IF_MODIFIED_SINCE, validators.and_then(|known| known.last_modified.as_deref())),
        ] {
            // One that a store has spoilt is left out: the page comes whole.
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(name, value);
                conditional = true;
            }
        }
        let response = request.send().await.map_err(failed)?;
        self.check_headers(ask.url, response.headers())?;
        let text = |name: HeaderName| kept(response.headers(), &name);
        match response.status() {
            StatusCode::OK => {
                let validators = Validators {
                    url: ask.url.to_string(),
                    etag: text(ETAG),
                    last_modified: text(LAST_MODIFIED),
                };
                let has_any = validators.etag.is_some() || validators.last_modified.is_some();
                Ok(Answer::Page(Page {
                    content_type: text(CONTENT_TYPE),
                    body: body(ask, response).await?,
                    validators: has_any.then_some(validators),
                    final_url: ask.url.to_string(),
                }))
            }
            StatusCode::NOT_MODIFIED if conditional => Ok(Answer::NotModified),
            status if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) => {
                let location = response.headers().get(LOCATION);
                Ok(Answer::Moved(location.and_then(|value| value.to_str().ok()).map(str::to_owned)))
            }
            status => Ok(Answer::Other {
                status: status.as_u16(),
                retry_after: retry_after(response.headers(), (self.options.clock)()),
            }),
        }
    }

    fn check_headers(&self, url: &Url, headers: &HeaderMap) -> Result<(), FetchError> {
        let unusable = |why: &str| Err(FetchError::Answer { url: shown(url), why: why.to_owned() });
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_HEADER_BYTES as usize {
            return unusable("more than 64 KiB of headers");
        }
        // The client takes this header away when it unpacks.
        match headers.get(CONTENT_ENCODING) {
            Some(packed) if !packed.as_bytes().eq_ignore_ascii_case(b"identity") => {
                unusable("an encoding that was not asked for")
            }
            _ => Ok(()),
        }
    }
}

/// The unpacked bytes, up to the cap.
async fn body(ask: &Ask<'_>, mut response: Response) -> Result<Vec<u8>, FetchError> {
    let (Cap::Refuse(limit) | Cap::Cut(limit)) = ask.cap;
    let too_large = || FetchError::TooLarge { url: shown(ask.url), limit };
    let announced = response.content_length().unwrap_or(0);
    if matches!(ask.cap, Cap::Refuse(_)) && announced > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| in_our_words(ask.url, error.without_url()))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        let room = limit - bytes.len();
        if chunk.len() <= room {
            bytes.extend_from_slice(&chunk);
            continue;
        }
        match ask.cap {
            Cap::Refuse(_) => return Err(too_large()),
            Cap::Cut(_) => {
                bytes.extend(chunk.into_iter().take(room));
                return Ok(bytes);
            }
        }
    }
}

/// A header's text, if it is one that is worth keeping.
fn kept(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty() && value.len() <= MAX_KEPT_VALUE).then(|| value.to_owned())
}

/// The client's error in our words; its own may quote a whole URL.
fn in_our_words(url: &Url, error: reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<NotPublic>() {
            return FetchError::Address { url: shown(url) };
        }
        cause = inner.source();
    }
    let (url, why) = (shown(url), said(&error));
    if error.is_timeout() {
        let why = if error.is_connect() { "no connection in time" } else { "silent for too long" };
        FetchError::TooSlow { url, why: why.to_owned() }
    } else if error.is_connect() {
        FetchError::Network { url, why }
    } else {
        FetchError::Answer { url, why }
    }
}
