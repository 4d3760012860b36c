//! robots.txt as RFC 9309 has it: fetched before a host's first page, kept for a day, obeyed.
//!
//! How the RFC is read here, always to the site's side where it leaves a choice:
//!
//! | what is seen | what follows |
//! |---|---|
//! | 200 | its rules; of more than 500 KiB the rest is ignored |
//! | redirects within the site, up to five | the rules found count for the host that was asked |
//! | 4xx but 429 | no robots.txt: everything is allowed |
//! | 5xx, 429, no connection, broken or slow answer | everything is forbidden, asked again later |
//! | redirects elsewhere, in a loop, without TLS, more than five | as unreadable: forbidden. The RFC would follow to other sites; we never leave one |
//!
//! Rules that are too old are not used while new ones cannot be had. Must not decide on anything
//! but robots.txt.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::exchange::{Answer, Ask, Cap, Wire};
use super::redirect::{Site, Trail};
use super::robots_cache::{Known, Reading};
use super::robots_rules::RobotsRules;
use super::{FetchError, Fetched, RefusedBy};

/// RFC 9309, 2.4: not to be used for longer.
const KEPT: Duration = Duration::from_secs(86_400);

/// How soon one that could not be read is asked for again.
const ASKED_AGAIN: Duration = Duration::from_secs(15 * 60);

/// RFC 9309, 2.5: at least this much is read.
const MAX_BYTES: usize = 500 << 10;

/// Whether a page may be asked for.
pub(crate) enum Permission {
    /// At this pace, which is the site's if that is slower.
    Granted { pace: Duration },
    /// No, and what to tell the caller.
    Refused(Fetched),
}

/// Whether robots.txt lets us ask for `url`; fetches it if it is not known.
pub(crate) async fn permission(
    wire: &Wire,
    url: &Url,
    site: &Site,
    pace: Duration,
) -> Result<Permission, FetchError> {
    let host = wire.hosts.get_or_add(url.host_str().unwrap_or_default())?;
    let known = host.robots.known(url.scheme(), url.port_or_known_default().unwrap_or_default());
    let mut known = known.lock().await;
    let (reading, until) = match &*known {
        Some(known) if known.until > Instant::now() => (known.reading.clone(), known.until),
        _ => {
            let (reading, kept_for) = match fetch(wire, url, site, pace).await? {
                Ok(found) => found,
                Err(left) => return Ok(Permission::Refused(Fetched::not_now(left))),
            };
            let until = Instant::now() + kept_for;
            *known = Some(Known { until, reading: reading.clone() });
            (reading, until)
        }
    };
    let refused = |status, retry_after, by| Permission::Refused(Fetched::Refused { status, retry_after, by });
    Ok(match reading {
        Reading::Unread { status } => {
            let left = until.saturating_duration_since(Instant::now());
            refused(status, Some(left), RefusedBy::RobotsUnread)
        }
        Reading::Rules(rules) => {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            if rules.allow(&format!("{}{query}", url.path())) {
                Permission::Granted { pace: pace.max(rules.crawl_delay().unwrap_or_default()) }
            } else {
                refused(None, None, RefusedBy::Robots)
            }
        }
    })
}

/// Reads the robots.txt of the place of `url`, and tells for how long it holds; `Err` within is how
/// long the host wants to be left alone.
async fn fetch(
    wire: &Wire,
    url: &Url,
    site: &Site,
    pace: Duration,
) -> Result<Result<(Reading, Duration), Duration>, FetchError> {
    let mut start = url.clone();
    start.set_path("/robots.txt");
    start.set_query(None);
    let mut trail = Trail::new(start, site.clone(), wire.options.allow_loopback);
    let unread = |error: Option<&FetchError>| {
        if let Some(error) = error {
            tracing::warn!("robots.txt cannot be read, so its pages are left alone for now: {error}");
        }
        Ok(Ok((Reading::Unread { status: None }, ASKED_AGAIN)))
    };
    loop {
        let accept = Some("text/plain, */*;q=0.1");
        let ask = Ask { url: trail.here(), pace, accept, validators: None, cap: Cap::Cut(MAX_BYTES) };
        match wire.ask(&ask).await {
            Ok(Answer::Page(page)) => {
                return Ok(Ok((Reading::Rules(Arc::new(RobotsRules::read(&page.body))), KEPT)));
            }
            Ok(Answer::Moved(location)) => match trail.follow(location.as_deref()) {
                Ok(()) => {}
                Err(error) => return unread(Some(&error)),
            },
            Ok(Answer::NotNow(left)) => return Ok(Err(left)),
            // It was not asked for.
            Ok(Answer::NotModified) => return unread(None),
            Ok(Answer::Other { status: status @ 400..=499, .. }) if status != 429 => {
                return Ok(Ok((Reading::Rules(Arc::default()), KEPT)));
            }
            Ok(Answer::Other { status, retry_after }) => {
                let again = retry_after.unwrap_or_default().max(ASKED_AGAIN);
                return Ok(Ok((Reading::Unread { status: Some(status) }, again)));
            }
            Err(error @ (FetchError::TooManyHosts { .. } | FetchError::Address { .. })) => return Err(error),
            Err(error) => return unread(Some(&error)),
        }
    }
}
