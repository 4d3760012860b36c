//! `OwnerService`: answers the owner of a number whether and by whom it is listed, and nothing else.
//!
//! Answers from memory. Must not decide what an owner may know: `core::check::listers` does.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::clock::now;
use crate::core::check::{Lister, ListerKind, listers};
use crate::core::index::Published;
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
}

fn message(lister: &Lister<'_>) -> pb::Lister {
    let (kind, page) = match lister.kind {
        ListerKind::PublicPage(page) => (pb::ListerKind::PublicPage, page),
        ListerKind::List => (pb::ListerKind::List, ""),
        ListerKind::Operator => (pb::ListerKind::Operator, ""),
    };
    let since = Some(listings::timestamp(lister.since.start()));
    pb::Lister { kind: kind.into(), page: page.to_owned(), since }
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
        let found = index.find(parsed.number, now());
        let listed_by: Vec<_> = listers(&index, &found, &open.public).iter().map(message).collect();
        Ok(Response::new(pb::AskListingResponse { listed: !listed_by.is_empty(), listed_by }))
    }
}
