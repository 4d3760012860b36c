//! `OwnerService`: tells the owner of a number whether and by whom it is listed, and nothing else.
//!
//! Answers from memory. Must not tell of neighbours, policies, scores, names or reasons of operators,
//! nor which lists numguard's operator has beside public pages.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::clock::now;
use crate::core::index::{Found, Index, Published, Seen};
use crate::core::listing::{Action, Day, FeedName};
use crate::core::number::Region;
use crate::sync::Freshness;

use super::messages::listings;
use super::status::{invalid, not_loaded};
use super::{numbers, pb};

/// Serves owners of numbers, if that is on.
#[derive(Clone)]
pub struct OwnerRpc(Option<Arc<Open>>);

struct Open {
    published: Arc<Published>,
    freshness: Arc<Freshness>,
    /// Feeds that anybody can read.
    public: BTreeSet<String>,
    /// One for all callers: whoever tries numbers in turn gets nowhere.
    limit: DefaultDirectRateLimiter,
}

impl OwnerRpc {
    /// Refuses everything.
    pub fn off() -> Self {
        Self(None)
    }

    /// Answers from `published`; names the feeds that are `public`, and no others.
    pub fn new(
        published: Arc<Published>,
        freshness: Arc<Freshness>,
        public: BTreeSet<String>,
        calls_per_minute: NonZeroU32,
    ) -> Self {
        let limit = RateLimiter::direct(Quota::per_minute(calls_per_minute));
        Self(Some(Arc::new(Open { published, freshness, public, limit })))
    }
}

impl Open {
    fn admit(&self) -> Result<(), Status> {
        let Err(until) = self.limit.check() else { return Ok(()) };
        let wait = until.wait_time_from(DefaultClock::default().now());
        let details = ErrorDetails::with_retry_info(Some(wait));
        Err(Status::with_error_details(Code::ResourceExhausted, "too many questions: ask later", details))
    }

    fn listers(&self, index: &Index, found: &Found<'_>) -> Vec<pb::Lister> {
        let allowed = found.decision.is_some_and(|decision| decision.action == Action::Allow);
        if allowed || (found.decision.is_none() && found.range_allowed.is_some()) {
            return Vec::new();
        }
        let mut listers: Vec<pb::Lister> = Vec::new();
        for seen in [found.seen, found.range_seen.and_then(|entry| entry.seen)].into_iter().flatten() {
            self.seen(index, seen, &mut listers);
        }
        let range = found.range_blocked.and_then(|entry| entry.decision.as_ref());
        let blocked = [found.decision, range].into_iter().flatten();
        if let Some(since) = blocked.map(|decision| decision.decided_at.day()).min() {
            add(&mut listers, pb::ListerKind::Operator, "", since);
        }
        listers
    }

    fn seen(&self, index: &Index, seen: Seen, listers: &mut Vec<pb::Lister>) {
        let feeds = &index.provenance(seen).feeds;
        let pages: Vec<&str> = feeds.iter().filter_map(|feed| self.page(feed)).collect();
        for page in &pages {
            add(listers, pb::ListerKind::PublicPage, page, seen.first);
        }
        if pages.len() < feeds.len() || feeds.is_empty() {
            add(listers, pb::ListerKind::List, "", seen.first);
        }
    }

    /// The page behind a feed, if anybody can read it.
    fn page<'a>(&self, feed: &'a FeedName) -> Option<&'a str> {
        let site = feed.as_str().rsplit("__").next()?;
        let site = site.strip_suffix("-starter").unwrap_or(site);
        self.public.contains(site).then_some(site)
    }
}

/// Each lister once, with its earliest day.
fn add(listers: &mut Vec<pb::Lister>, kind: pb::ListerKind, page: &str, since: Day) {
    let since = listings::timestamp(since.start());
    let same = |lister: &&mut pb::Lister| lister.kind() == kind && lister.page == page;
    match listers.iter_mut().find(same) {
        Some(known) if known.since.is_some_and(|known| known.seconds <= since.seconds) => {}
        Some(known) => known.since = Some(since),
        None => {
            listers.push(pb::Lister { kind: kind.into(), page: page.to_owned(), since: Some(since) });
        }
    }
}

#[tonic::async_trait]
impl pb::owner_service_server::OwnerService for OwnerRpc {
    async fn ask_listing(
        &self,
        request: Request<pb::AskListingRequest>,
    ) -> Result<Response<pb::AskListingResponse>, Status> {
        let Some(open) = &self.0 else {
            return Err(Status::unimplemented(
                "owners of numbers are told nothing by this server: owner.enabled in its configuration switches that on",
            ));
        };
        open.admit()?;
        if !open.freshness.is_loaded() {
            return Err(not_loaded());
        }
        let request = request.into_inner();
        let region = match request.default_region.as_str() {
            "" => None,
            text => Some(
                Region::known(text)
                    .ok_or_else(|| invalid("default_region", "expected an ISO 3166 region such as GB"))?,
            ),
        };
        let parsed =
            numbers::parse(&request.number, region).await.map_err(|error| invalid("number", error))?;
        let index = open.published.load();
        let listed_by = open.listers(&index, &index.find(parsed.number, now()));
        Ok(Response::new(pb::AskListingResponse { listed: !listed_by.is_empty(), listed_by }))
    }
}
