//! `FeedService`: what feeds do, and operators' hold on them.
//!
//! A run, a release and a rollback answer once checks see what they stored.

use std::future::Future;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::collect::{CollectError, Collector, RunOutcome};
use crate::feed::Overlap;
use crate::listing::FeedName;
use crate::store::Store;
use crate::sync::Progress;

use super::convert::LONGEST_AUTHOR;
use super::status::{invalid, of_collect, of_store};
use super::{feed_messages, pb};

/// Listings per look into the store.
const SCAN: usize = 1_000;

/// Serves the feeds of a collector.
#[derive(Clone)]
pub struct FeedRpc {
    collector: Collector,
    store: Arc<dyn Store>,
    progress: Progress,
    scheduled: bool,
}

impl FeedRpc {
    /// Serves the feeds of `collector`; `progress` tells when checks see what it wrote to `store`.
    pub fn new(collector: Collector, store: Arc<dyn Store>, progress: Progress) -> Self {
        Self { collector, store, progress, scheduled: false }
    }

    /// Tells callers whether this process runs feeds that are due.
    pub fn scheduled(self, scheduled: bool) -> Self {
        Self { scheduled, ..self }
    }

    /// Does `work` to its end, also if the caller goes away: what is half done helps nobody, and the
    /// site has been asked already.
    async fn to_its_end<T: Send + 'static>(
        work: impl Future<Output = Result<T, CollectError>> + Send + 'static,
    ) -> Result<T, Status> {
        match tokio::spawn(work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(of_collect(&error)),
            Err(error) => Err(Status::internal(format!("the work ended early: {error}"))),
        }
    }

    /// Waits until checks see what is stored now. It is stored whatever happens here.
    async fn seen_by_checks(&self) {
        match self.store.stats().await {
            Ok(stats) => {
                self.progress.clone().reached(&stats.position).await;
            }
            Err(error) => tracing::warn!(%error, "not known when checks see what a feed stored"),
        }
    }
}

/// A feed's name, in the form that names have.
fn name(text: &str) -> Result<String, Status> {
    text.parse::<FeedName>().map(|name| name.to_string()).map_err(|error| invalid("feed", error))
}

#[tonic::async_trait]
impl pb::feed_service_server::FeedService for FeedRpc {
    async fn list_feeds(
        &self,
        _: Request<pb::ListFeedsRequest>,
    ) -> Result<Response<pb::ListFeedsResponse>, Status> {
        let mut feeds = self.collector.status().await.map_err(|error| of_collect(&error))?;
        feeds.sort_by(|a, b| a.name.cmp(&b.name));
        let feeds = feeds.into_iter().map(feed_messages::feed).collect();
        Ok(Response::new(pb::ListFeedsResponse { feeds, scheduled: self.scheduled }))
    }

    async fn run_feed(
        &self,
        request: Request<pb::RunFeedRequest>,
    ) -> Result<Response<pb::RunFeedResponse>, Status> {
        let pb::RunFeedRequest { feed, dry_run } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, run) = (self.collector.clone(), feed.clone());
        let report = Self::to_its_end(async move { collector.run(&run, dry_run).await }).await?;
        if matches!(report.summary.outcome, RunOutcome::Stored | RunOutcome::NotModified) {
            self.seen_by_checks().await;
        }
        let (run, samples_new) = feed_messages::report(&report);
        Ok(Response::new(pb::RunFeedResponse { run, samples_new }))
    }

    async fn pause_feed(
        &self,
        request: Request<pb::PauseFeedRequest>,
    ) -> Result<Response<pb::PauseFeedResponse>, Status> {
        let pb::PauseFeedRequest { feed, author } = request.into_inner();
        let feed = name(&feed)?;
        if author.len() > LONGEST_AUTHOR {
            let long = format!("is {} bytes long: expected at most {LONGEST_AUTHOR}", author.len());
            return Err(invalid("author", long));
        }
        match self.collector.pause(&feed, &author).await {
            Ok(()) => Ok(Response::new(pb::PauseFeedResponse {})),
            Err(error) => Err(of_collect(&error)),
        }
    }

    async fn resume_feed(
        &self,
        request: Request<pb::ResumeFeedRequest>,
    ) -> Result<Response<pb::ResumeFeedResponse>, Status> {
        let feed = name(&request.get_ref().feed)?;
        match self.collector.resume(&feed).await {
            Ok(()) => Ok(Response::new(pb::ResumeFeedResponse {})),
            Err(error) => Err(of_collect(&error)),
        }
    }

    async fn list_quarantine(
        &self,
        _: Request<pb::ListQuarantineRequest>,
    ) -> Result<Response<pb::ListQuarantineResponse>, Status> {
        let mut runs = self.collector.quarantined().await.map_err(|error| of_collect(&error))?;
        runs.sort_by(|a, b| (&a.feed, a.run).cmp(&(&b.feed, b.run)));
        let runs = runs.into_iter().map(feed_messages::quarantined).collect();
        Ok(Response::new(pb::ListQuarantineResponse { runs }))
    }

    async fn release_run(
        &self,
        request: Request<pb::ReleaseRunRequest>,
    ) -> Result<Response<pb::ReleaseRunResponse>, Status> {
        let pb::ReleaseRunRequest { feed, run } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let report = Self::to_its_end(async move { collector.release(&of, run).await }).await?;
        tracing::info!(feed, run, "an operator released a run");
        self.seen_by_checks().await;
        let (run, samples_new) = feed_messages::report(&report);
        Ok(Response::new(pb::ReleaseRunResponse { run, samples_new }))
    }

    async fn reject_run(
        &self,
        request: Request<pb::RejectRunRequest>,
    ) -> Result<Response<pb::RejectRunResponse>, Status> {
        let pb::RejectRunRequest { feed, run } = request.into_inner();
        let feed = name(&feed)?;
        match self.collector.reject(&feed, run).await {
            Ok(()) => {
                tracing::info!(feed, run, "an operator rejected a run");
                Ok(Response::new(pb::RejectRunResponse {}))
            }
            Err(error) => Err(of_collect(&error)),
        }
    }

    async fn rollback_feed(
        &self,
        request: Request<pb::RollbackFeedRequest>,
    ) -> Result<Response<pb::RollbackFeedResponse>, Status> {
        let pb::RollbackFeedRequest { feed, to_run } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let report = Self::to_its_end(async move { collector.rollback(&of, to_run).await }).await?;
        tracing::info!(feed, to_run, subjects = report.subjects, "an operator rolled a feed back");
        self.seen_by_checks().await;
        Ok(Response::new(pb::RollbackFeedResponse { subjects: report.subjects }))
    }

    async fn get_overlap(
        &self,
        _: Request<pb::GetOverlapRequest>,
    ) -> Result<Response<pb::GetOverlapResponse>, Status> {
        let mut overlap = Overlap::default();
        let mut after = None;
        loop {
            let rows = self.store.scan(after, SCAN).await.map_err(|error| of_store(&error))?;
            rows.iter().for_each(|(_, listing)| overlap.add(listing));
            match rows.last() {
                Some((subject, _)) if rows.len() == SCAN => after = Some(*subject),
                _ => return Ok(Response::new(feed_messages::overlap(overlap.report()))),
            }
        }
    }
}
