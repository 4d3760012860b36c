//! `AdminService`: operators' listings, imports, exports, stats.
//!
//! A write answers once it is stored and the index has it, so that the next check sees it.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::clock::now;
use crate::core::index::{Position, Published};
use crate::core::listing::{Listing, Subject};
use crate::core::policy::{self, InForce};
use crate::operate::audit::{Asked, Audit, Order, Verb};
use crate::store::{Applied, Change, Store};
use crate::sync::{Freshness, Progress};

use super::import::Staged;
use super::listing_page::{self, Filter};
use super::messages::{listings, policies};
use super::once::{once, written};
use super::recorded::Turns;
use super::status::{invalid, not_found, of_store};
use super::wire::gate::client_name;
use super::wire::metrics;
use super::{numbers, pb, recorded, stats, undo};

/// Most subjects of one delete.
const LARGEST_DELETE: usize = 10_000;

/// Listings per page: largest, and when none is asked for.
const PAGE: (u32, u32) = (1_000, 100);

/// Listings per message of an export: even with dozens of feeds each, below the 4 MiB that clients
/// take by default.
const EXPORT_PART: usize = 500;

/// Serves administration on a store.
#[derive(Clone)]
pub struct AdminRpc {
    pub(super) store: Arc<dyn Store>,
    pub(super) audit: Arc<Audit>,
    published: Arc<Published>,
    policies: InForce,
    progress: Progress,
    freshness: Arc<Freshness>,
    pub(super) turns: Turns,
}

impl AdminRpc {
    /// Administers `store` and records that in `audit`; `progress` tells when `published` has a change.
    pub fn new(
        store: Arc<dyn Store>,
        audit: Arc<Audit>,
        published: Arc<Published>,
        policies: InForce,
        progress: Progress,
        freshness: Arc<Freshness>,
        turns: Turns,
    ) -> Self {
        Self { store, audit, published, policies, progress, freshness, turns }
    }

    /// Stores changes and waits until checks see them.
    pub(super) async fn apply(&self, asked: Asked, changes: Vec<Change>) -> Result<(Applied, u64), Status> {
        let applied = recorded::apply(&self.store, &self.audit, asked, changes).await?;
        let revision = self.seen(&applied.position).await;
        Ok((applied, revision))
    }

    /// The revision from which on checks see what is stored up to `position`.
    async fn seen(&self, position: &Position) -> u64 {
        self.progress.clone().reached(position).await;
        self.published.load().revision()
    }

    async fn get(&self, subject: Subject) -> Result<Option<Listing>, Status> {
        let found = self.store.get(vec![subject]).await.map_err(|error| of_store(&error))?;
        Ok(found.into_iter().next().flatten())
    }

    async fn put(
        self,
        request: pb::PutListingRequest,
        client: String,
    ) -> Result<pb::PutListingResponse, Status> {
        let subject = listings::subject("subject", &request.subject)?;
        numbers::checkable("subject", subject).await?;
        let decision = request.decision.ok_or_else(|| invalid("decision", "is required"))?;
        let decision = listings::decision("decision", &decision, Some(now()))?;
        let asked = recorded::asked(&decision.author, &request.request_id, client)?;
        let (store, audit, turns) = (&self.store, &self.audit, &self.turns);
        let position = recorded::decide(store, audit, turns, asked, subject, decision).await?;
        let revision = self.seen(&position).await;
        let listing = self.get(subject).await?.unwrap_or_default();
        Ok(pb::PutListingResponse { listing: Some(listings::listing(subject, &listing)), revision })
    }

    async fn delete(
        self,
        request: pb::DeleteListingsRequest,
        asked: Asked,
    ) -> Result<pb::DeleteListingsResponse, Status> {
        let count = request.subjects.len();
        if !(1..=LARGEST_DELETE).contains(&count) {
            return Err(invalid("subjects", format!("{count} subjects: expected 1 to {LARGEST_DELETE}")));
        }
        let subjects = request.subjects.iter().enumerate();
        let subjects = subjects.map(|(at, subject)| listings::subject(&format!("subjects[{at}]"), subject));
        let subjects: Vec<Subject> = subjects.collect::<Result<_, _>>()?;
        let _turn = self.turns.read().await;
        if !request.decisions_only {
            let (applied, revision) =
                self.apply(asked, subjects.into_iter().map(Change::Delete).collect()).await?;
            return Ok(pb::DeleteListingsResponse { deleted: applied.deleted as u32, revision });
        }
        let listings = self.store.get(subjects.clone()).await.map_err(|error| of_store(&error))?;
        let decided = subjects.into_iter().zip(listings);
        let decided = decided.filter(|(_, listing)| listing.as_ref().is_some_and(|l| l.decision().is_some()));
        let changes: Vec<Change> = decided.map(|(subject, _)| Change::Withdraw(subject)).collect();
        let deleted = changes.len() as u32;
        let (_, revision) = self.apply(asked, changes).await?;
        Ok(pb::DeleteListingsResponse { deleted, revision })
    }

    async fn import(
        self,
        staged: Staged,
        finish: pb::ImportFinish,
        client: String,
    ) -> Result<pb::ImportListingsResponse, Status> {
        let asked = recorded::asked(&finish.author, &finish.request_id, client)?;
        let received = staged.received();
        let changes = staged.finish(&finish)?;
        let subjects = changes.len() as u64;
        let _turn = self.turns.read().await;
        let (applied, revision) = self.apply(asked, changes).await?;
        metrics::IMPORTED.inc_by(received);
        tracing::info!(received, subjects, added = applied.added, "imported");
        Ok(pb::ImportListingsResponse { received, subjects, added: applied.added, revision })
    }

    /// Accepts that listings were lost, and tells what this server holds back.
    async fn accept(self, asked: Asked) -> Result<pb::AcceptShrinkResponse, Status> {
        let held = self.freshness.held();
        let before = held.as_ref().map_or_else(
            || "nothing is held back here".to_owned(),
            |held| format!("held back: {} listings of {}", held.has, held.had),
        );
        let order = Order { verb: Verb::AcceptShrink, feed: String::new(), run: None, before };
        let store = Arc::clone(&self.store);
        let work = async move {
            store.accept_shrink().await.map_err(|error| of_store(&error))?;
            Ok(((), "accepted for ten minutes".to_owned()))
        };
        recorded::order(&self.audit, asked, order, work).await?;
        tracing::warn!(
            "an operator accepts that listings were lost; full loads are not held back for ten minutes"
        );
        let held = held.map(stats::held_load);
        Ok(pb::AcceptShrinkResponse { held })
    }
}

type ExportStream = Pin<Box<dyn Stream<Item = Result<pb::ExportListingsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl pb::admin_service_server::AdminService for AdminRpc {
    async fn get_listing(
        &self,
        request: Request<pb::GetListingRequest>,
    ) -> Result<Response<pb::GetListingResponse>, Status> {
        let subject = listings::subject("subject", &request.get_ref().subject)?;
        let listing = self.get(subject).await?.ok_or_else(|| not_found("the subject is not listed"))?;
        Ok(Response::new(pb::GetListingResponse { listing: Some(listings::listing(subject, &listing)) }))
    }

    async fn list_listings(
        &self,
        request: Request<pb::ListListingsRequest>,
    ) -> Result<Response<pb::ListListingsResponse>, Status> {
        let request = request.into_inner();
        let (largest, usual) = PAGE;
        let size = match request.page_size {
            0 => usual,
            size if size <= largest => size,
            size => return Err(invalid("page_size", format!("is {size}: expected at most {largest}"))),
        };
        let filter = Filter::read(request.filter.as_ref())?;
        let after = listing_page::read_token(&filter, &request.page_token)?;
        let (page, next) = listing_page::page(self.store.as_ref(), &filter, after, size as usize).await?;
        Ok(Response::new(pb::ListListingsResponse {
            listings: page.iter().map(|(subject, listing)| listings::listing(*subject, listing)).collect(),
            next_page_token: listing_page::token(&filter, next),
        }))
    }

    async fn put_listing(
        &self,
        request: Request<pb::PutListingRequest>,
    ) -> Result<Response<pb::PutListingResponse>, Status> {
        let client = client_name(&request);
        let request = request.into_inner();
        let work = self.clone().put(request.clone(), client.clone());
        once(&self.store, (&client, &request.request_id), &request, work).await.map(Response::new)
    }

    async fn delete_listings(
        &self,
        request: Request<pb::DeleteListingsRequest>,
    ) -> Result<Response<pb::DeleteListingsResponse>, Status> {
        let rpc = self.clone();
        written(&self.store, request, |request, asked| rpc.delete(request, asked)).await
    }

    async fn undo_change(
        &self,
        request: Request<pb::UndoChangeRequest>,
    ) -> Result<Response<pb::UndoChangeResponse>, Status> {
        let rpc = self.clone();
        written(&self.store, request, |request, asked| async move { undo::undo(&rpc, request, asked).await })
            .await
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
                Some(Part::Batch(batch)) => staged.add(&batch, now())?,
                Some(Part::Finish(finish)) => {
                    let (request, asked) = (staged.request(&finish), (client.clone(), &finish.request_id));
                    let work = self.clone().import(staged, finish.clone(), client);
                    let done = once(&self.store, (&asked.0, asked.1), &request, work).await;
                    return done.map(Response::new);
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
        let filter = Filter::read(request.get_ref().filter.as_ref())?;
        let store = Arc::clone(&self.store);
        let (parts, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let mut after = None;
            loop {
                let page = listing_page::page(store.as_ref(), &filter, after, EXPORT_PART).await;
                let next = page.as_ref().ok().and_then(|(_, next)| *next);
                let part = page.map(|(page, _)| pb::ExportListingsResponse {
                    listings: page
                        .iter()
                        .map(|(subject, listing)| listings::listing(*subject, listing))
                        .collect(),
                });
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
        let stored = self.store.stats().await;
        let index = Arc::clone(&self.published.load());
        let (kind, version) = (self.store.kind(), self.policies.load().usual().version.clone());
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
        let rpc = self.clone();
        written(&self.store, request, |_, asked| rpc.accept(asked)).await
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
