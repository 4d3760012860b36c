//! `FeedService`: what feeds do, and operators' orders to them.
//!
//! Converts; the rules are those of `operate::Feeds`.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::clock::now;
use crate::collect::{Collector, ImportAsked};
use crate::core::listing::FeedName;
use crate::operate::audit::Audit;
use crate::operate::once::{Repeatable, once};
use crate::operate::{Feeds, OperateError, Pipeline, Turns, asked};
use crate::store::Store;
use crate::sync::Progress;

use super::messages::asked::{streamed, whole};
use super::messages::{allocations, feeds};
use super::pb;
use super::wire::caller::client_name;
use super::written::written;

/// Serves the feeds of a collector.
#[derive(Clone)]
pub struct FeedRpc {
    feeds: Feeds,
    progress: Progress,
    scheduled: bool,
}

impl FeedRpc {
    /// Serves the feeds of `collector`; `progress` knows when checks see what it wrote to `store`, and
    /// `audit` records what operators do.
    pub fn new(collector: Collector, store: Arc<dyn Store>, audit: Arc<Audit>, progress: Progress) -> Self {
        // The undo of a change takes no order to a feed back, so nobody waits for these turns.
        let pipeline = Pipeline::new(store, audit, Turns::default());
        Self { feeds: Feeds::new(pipeline, collector, progress.clone()), progress, scheduled: false }
    }

    /// Sets what callers read about whether this process runs feeds that are due.
    pub fn scheduled(self, scheduled: bool) -> Self {
        Self { scheduled, ..self }
    }
}

/// A feed's name, in the form that names have.
fn name(text: &str) -> Result<FeedName, OperateError> {
    text.parse().map_err(|error| OperateError::invalid("feed", error))
}

#[tonic::async_trait]
impl pb::feed_service_server::FeedService for FeedRpc {
    async fn list_feeds(
        &self,
        _: Request<pb::ListFeedsRequest>,
    ) -> Result<Response<pb::ListFeedsResponse>, Status> {
        let feeds = self.feeds.list().await?.into_iter().map(feeds::feed).collect();
        Ok(Response::new(pb::ListFeedsResponse { feeds, scheduled: self.scheduled }))
    }

    async fn run_feed(
        &self,
        request: Request<pb::RunFeedRequest>,
    ) -> Result<Response<pb::RunFeedResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::RunFeedRequest, asked| async move {
            let report = feeds.run(asked, &name(&request.feed)?, request.dry_run).await?;
            let (run, samples_new) = feeds::report(&report);
            Ok(pb::RunFeedResponse { run, samples_new })
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn pause_feed(
        &self,
        request: Request<pb::PauseFeedRequest>,
    ) -> Result<Response<pb::PauseFeedResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::PauseFeedRequest, asked| async move {
            feeds.pause(asked, &name(&request.feed)?).await?;
            Ok(pb::PauseFeedResponse {})
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn resume_feed(
        &self,
        request: Request<pb::ResumeFeedRequest>,
    ) -> Result<Response<pb::ResumeFeedResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::ResumeFeedRequest, asked| async move {
            feeds.resume(asked, &name(&request.feed)?).await?;
            Ok(pb::ResumeFeedResponse {})
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn list_quarantine(
        &self,
        _: Request<pb::ListQuarantineRequest>,
    ) -> Result<Response<pb::ListQuarantineResponse>, Status> {
        let runs = self.feeds.quarantined().await?.into_iter().map(feeds::quarantined).collect();
        Ok(Response::new(pb::ListQuarantineResponse { runs }))
    }

    async fn release_run(
        &self,
        request: Request<pb::ReleaseRunRequest>,
    ) -> Result<Response<pb::ReleaseRunResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::ReleaseRunRequest, asked| async move {
            let report = feeds.release(asked, &name(&request.feed)?, request.run).await?;
            let (run, samples_new) = feeds::report(&report);
            Ok(pb::ReleaseRunResponse { run, samples_new })
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn reject_run(
        &self,
        request: Request<pb::RejectRunRequest>,
    ) -> Result<Response<pb::RejectRunResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::RejectRunRequest, asked| async move {
            feeds.reject(asked, &name(&request.feed)?, request.run).await?;
            Ok(pb::RejectRunResponse {})
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn rollback_feed(
        &self,
        request: Request<pb::RollbackFeedRequest>,
    ) -> Result<Response<pb::RollbackFeedResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::RollbackFeedRequest, asked| async move {
            let subjects = feeds.rollback(asked, &name(&request.feed)?, request.to_run).await?;
            Ok(pb::RollbackFeedResponse { subjects })
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn import_allocation(
        &self,
        request: Request<Streaming<pb::ImportAllocationRequest>>,
    ) -> Result<Response<pb::ImportAllocationResponse>, Status> {
        let client = client_name(&request);
        let allocations::Received { head, arrived } = allocations::receive(request.into_inner()).await?;
        let asked = asked(&head.author, &head.request_id, client.clone())?;
        let request =
            Repeatable { client, id: head.request_id.clone(), digest: streamed(&head, &arrived.hasher) };
        let feeds = self.feeds.clone();
        let work = async move {
            let feed = name(&head.feed)?;
            let how = ImportAsked { dry_run: head.dry_run, accept: head.accept };
            let done = feeds.import_allocation(asked, &feed, arrived.files, how).await?;
            Ok(allocations::report(&feed, done, now()))
        };
        Ok(Response::new(once(self.feeds.pipeline().store(), request, whole(), work).await?))
    }

    async fn list_allocations(
        &self,
        _: Request<pb::ListAllocationsRequest>,
    ) -> Result<Response<pb::ListAllocationsResponse>, Status> {
        let all = self.progress.allocations();
        let allocations = all.iter().map(allocations::message).collect();
        Ok(Response::new(pb::ListAllocationsResponse { allocations }))
    }

    async fn delete_allocation(
        &self,
        request: Request<pb::DeleteAllocationRequest>,
    ) -> Result<Response<pb::DeleteAllocationResponse>, Status> {
        let feeds = self.feeds.clone();
        let work = |request: pb::DeleteAllocationRequest, asked| async move {
            feeds.delete_allocation(asked, &name(&request.feed)?).await?;
            Ok(pb::DeleteAllocationResponse {})
        };
        written(self.feeds.pipeline(), request, work).await
    }

    async fn get_overlap(
        &self,
        _: Request<pb::GetOverlapRequest>,
    ) -> Result<Response<pb::GetOverlapResponse>, Status> {
        Ok(Response::new(feeds::overlap(self.feeds.overlap().await?)))
    }
}
