//! `AdminService`: listings, decisions, imports, exports, stats, policies.
//!
//! Converts; the rules of changes are those of `operate`.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::clock::now;
use crate::core::index::Published;
use crate::core::policy::{self, InForce};
use crate::operate::audit::Audit;
use crate::operate::import::Staged;
use crate::operate::once::{Repeatable, once};
use crate::operate::{Listings, OperateError, Pipeline, Seen, Turns, asked, pages};
use crate::store::Store;
use crate::sync::{Freshness, Progress};

use super::messages::asked::{digest, streamed, whole};
use super::messages::{changes, listings, policies};
use super::status::invalid;
use super::wire::caller::client_name;
use super::wire::metrics;
use super::written::written;
use super::{numbers, pb, stats};

/// Listings per message of an export: even with dozens of feeds each, below the 4 MiB that clients
/// take by default.
const EXPORT_PART: usize = 500;

/// Serves administration on a store.
#[derive(Clone)]
pub struct AdminRpc {
    listings: Listings,
    published: Arc<Published>,
    policies: InForce,
    freshness: Arc<Freshness>,
}

impl AdminRpc {
    /// Administers `store` and records that in `audit`; `progress` knows when `published` has a change.
    pub fn new(
        store: Arc<dyn Store>,
        audit: Arc<Audit>,
        published: Arc<Published>,
        policies: InForce,
        progress: Progress,
        freshness: Arc<Freshness>,
        turns: Turns,
    ) -> Self {
        let seen = Seen::new(Arc::clone(&published), progress);
        let listings = Listings::new(Pipeline::new(store, audit, turns), seen);
        Self { listings, published, policies, freshness }
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.listings.pipeline().store()
    }
}

/// Reads a put, part by part, and does it.
async fn put(
    listings: Listings,
    request: pb::PutListingRequest,
    client: String,
) -> Result<pb::PutListingResponse, OperateError> {
    let subject = listings::subject("subject", &request.subject)?;
    numbers::checkable("subject", subject).await?;
    let decision = request.decision.ok_or_else(|| OperateError::invalid("decision", "is required"))?;
    let decision = listings::decision("decision", &decision, Some(now()))?;
    let asked = asked(&decision.author, &request.request_id, client)?;
    let (listing, revision) = listings.put(asked, subject, decision).await?;
    Ok(pb::PutListingResponse { listing: Some(listings::listing(subject, &listing)), revision })
}

/// Stores what was staged of an import.
async fn import(
    listings: Listings,
    staged: Staged,
    finish: pb::ImportFinish,
    client: String,
) -> Result<pb::ImportListingsResponse, OperateError> {
    let asked = asked(&finish.author, &finish.request_id, client)?;
    let done = listings.import(asked, staged, finish.listings).await?;
    metrics::IMPORTED.inc_by(done.received);
    let (received, subjects, added, revision) = (done.received, done.subjects, done.added, done.revision);
    Ok(pb::ImportListingsResponse { received, subjects, added, revision })
}

/// The listings of a page as messages.
fn page(page: &pages::Page) -> Vec<pb::Listing> {
    page.listings.iter().map(|(subject, listing)| listings::listing(*subject, listing)).collect()
}

type ExportStream = Pin<Box<dyn Stream<Item = Result<pb::ExportListingsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl pb::admin_service_server::AdminService for AdminRpc {
    async fn get_listing(
        &self,
        request: Request<pb::GetListingRequest>,
    ) -> Result<Response<pb::GetListingResponse>, Status> {
        let subject = listings::subject("subject", &request.get_ref().subject)?;
        let listing = self.listings.get(subject).await?;
        Ok(Response::new(pb::GetListingResponse { listing: Some(listings::listing(subject, &listing)) }))
    }

    async fn list_listings(
        &self,
        request: Request<pb::ListListingsRequest>,
    ) -> Result<Response<pb::ListListingsResponse>, Status> {
        let request = request.into_inner();
        let size = pages::size(request.page_size)?;
        let filter = changes::filter(request.filter.as_ref())?;
        let after = pages::read_token(&filter, &request.page_token)?;
        let found = pages::page(self.store().as_ref(), &filter, after, size).await?;
        let next_page_token = pages::token(&filter, found.next);
        Ok(Response::new(pb::ListListingsResponse { listings: page(&found), next_page_token }))
    }

    async fn put_listing(
        &self,
        request: Request<pb::PutListingRequest>,
    ) -> Result<Response<pb::PutListingResponse>, Status> {
        let client = client_name(&request);
        let request = request.into_inner();
        let (id, digest) = (request.request_id.clone(), digest(&request));
        let work = put(self.listings.clone(), request, client.clone());
        Ok(Response::new(once(self.store(), Repeatable { client, id, digest }, whole(), work).await?))
    }

    async fn delete_listings(
        &self,
        request: Request<pb::DeleteListingsRequest>,
    ) -> Result<Response<pb::DeleteListingsResponse>, Status> {
        let listings = self.listings.clone();
        let work = |request: pb::DeleteListingsRequest, asked| async move {
            let subjects = changes::subjects(request.subjects);
            let deleted = listings.delete(asked, subjects, request.decisions_only).await?;
            let (deleted, revision) = (deleted.subjects as u32, deleted.revision);
            Ok(pb::DeleteListingsResponse { deleted, revision })
        };
        written(self.listings.pipeline(), request, work).await
    }

    async fn undo_change(
        &self,
        request: Request<pb::UndoChangeRequest>,
    ) -> Result<Response<pb::UndoChangeResponse>, Status> {
        let listings = self.listings.clone();
        let work = |request: pb::UndoChangeRequest, asked| async move {
            let which = changes::which(&request)?;
            Ok(changes::undone(listings.undo(asked, which, request.dry_run).await?))
        };
        written(self.listings.pipeline(), request, work).await
    }

    async fn import_listings(
        &self,
        request: Request<Streaming<pb::ImportListingsRequest>>,
    ) -> Result<Response<pb::ImportListingsResponse>, Status> {
        use pb::import_listings_request::Part;
        let client = client_name(&request);
        let mut parts = request.into_inner();
        let mut staged = Staged::default();
        while let Some(part) = parts.message().await? {
            match part.part {
                Some(Part::Batch(batch)) => changes::stage(&mut staged, &batch, now())?,
                Some(Part::Finish(finish)) => {
                    let (id, digest) = (finish.request_id.clone(), streamed(&finish, staged.hasher()));
                    let work = import(self.listings.clone(), staged, finish, client.clone());
                    let request = Repeatable { client, id, digest };
                    return Ok(Response::new(once(self.store(), request, whole(), work).await?));
                }
                None => return Err(invalid("part", "expected a batch or a finish")),
            }
        }
        Err(invalid("finish", "the import ended without it: nothing was stored"))
    }

    type ExportListingsStream = ExportStream;

    async fn export_listings(
        &self,
        request: Request<pb::ExportListingsRequest>,
    ) -> Result<Response<ExportStream>, Status> {
        let filter = changes::filter(request.get_ref().filter.as_ref())?;
        let store = Arc::clone(self.store());
        let (parts, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let mut after = None;
            loop {
                let found = pages::page(store.as_ref(), &filter, after, EXPORT_PART).await;
                let next = found.as_ref().ok().and_then(|found| found.next);
                let part = found.map(|found| pb::ExportListingsResponse { listings: page(&found) });
                let part = part.map_err(Status::from);
                // A client that went away closes the channel.
                if parts.send(part).await.is_err() || next.is_none() {
                    return;
                }
                after = next;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_stats(
        &self,
        _: Request<pb::GetStatsRequest>,
    ) -> Result<Response<pb::GetStatsResponse>, Status> {
        // A store that is out of reach must not hide what the index does without it.
        let stored = self.store().stats().await;
        let index = Arc::clone(&self.published.load());
        let (kind, version) = (self.store().kind(), self.policies.load().usual().version.clone());
        let (age, held) = (self.freshness.of(&index, now()), self.freshness.held());
        tokio::task::spawn_blocking(move || stats::stats(kind, stored, &index, (age, held), &version))
            .await
            .map(Response::new)
            .map_err(|error| Status::internal(format!("counting ended early: {error}")))
    }

    async fn accept_shrink(
        &self,
        request: Request<pb::AcceptShrinkRequest>,
    ) -> Result<Response<pb::AcceptShrinkResponse>, Status> {
        let (listings, freshness) = (self.listings.clone(), Arc::clone(&self.freshness));
        let work = |_: pb::AcceptShrinkRequest, asked| async move {
            let held = listings.accept_shrink(asked, &freshness).await?;
            Ok(pb::AcceptShrinkResponse { held: held.map(stats::held_load) })
        };
        written(self.listings.pipeline(), request, work).await
    }

    async fn get_policies(
        &self,
        _: Request<pb::GetPoliciesRequest>,
    ) -> Result<Response<pb::GetPoliciesResponse>, Status> {
        Ok(Response::new(policies::policies(&self.policies.load())))
    }

    async fn validate_policy(
        &self,
        request: Request<pb::ValidatePolicyRequest>,
    ) -> Result<Response<pb::ValidatePolicyResponse>, Status> {
        let text = request.into_inner().text;
        // Takes up to some seconds, which no check may wait for.
        tokio::task::spawn_blocking(move || policies::reading(&policy::read(&text)))
            .await
            .map(Response::new)
            .map_err(|error| Status::internal(format!("reading the policy ended early: {error}")))
    }
}
