//! `FeedService`: what feeds do, and operators' hold on them.
//!
//! A run, a release and a rollback answer once checks see what they stored. All that an operator does
//! to a feed is on record, trials apart.

use std::future::Future;
use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::clock::now;
use crate::collect::{CollectError, Collector, FeedStatus, ImportAsked, RunOutcome, RunReport};
use crate::core::listing::FeedName;
use crate::feed::Overlap;
use crate::operate::audit::{Asked, Audit, Order, Verb};
use crate::store::Store;
use crate::sync::Progress;

use super::messages::{allocations, feeds};
use super::once::{Streamed, once, written};
use super::status::{invalid, not_found, of_collect, of_store};
use super::wire::gate::client_name;
use super::{pb, recorded};

/// Listings per look into the store.
const SCAN: usize = 1_000;

/// Serves the feeds of a collector.
#[derive(Clone)]
pub struct FeedRpc {
    collector: Collector,
    store: Arc<dyn Store>,
    audit: Arc<Audit>,
    progress: Progress,
    scheduled: bool,
}

impl FeedRpc {
    /// Serves the feeds of `collector`; `progress` tells when checks see what it wrote to `store`, and
    /// `audit` records what operators do.
    pub fn new(collector: Collector, store: Arc<dyn Store>, audit: Arc<Audit>, progress: Progress) -> Self {
        Self { collector, store, audit, progress, scheduled: false }
    }

    /// Tells callers whether this process runs feeds that are due.
    pub fn scheduled(self, scheduled: bool) -> Self {
        Self { scheduled, ..self }
    }

    /// Does `work` for an operator and records it: who, what, and how the feed was before and after.
    async fn recorded<T: Send + 'static>(
        &self,
        asked: Asked,
        (verb, feed, run): (Verb, &str, Option<u64>),
        work: impl Future<Output = Result<(T, String), CollectError>> + Send + 'static,
    ) -> Result<T, Status> {
        // A feed that there is not is told, and leaves no record.
        let before = state(&self.collector, feed).await.map_err(|error| of_collect(&error))?;
        let order = Order { verb, feed: feed.to_owned(), run, before };
        let work = async move { work.await.map_err(|error| of_collect(&error)) };
        recorded::order(&self.audit, asked, order, work).await
    }

    async fn load_allocation(
        self,
        allocations::Received { head, files, .. }: allocations::Received,
        asked: Asked,
    ) -> Result<pb::ImportAllocationResponse, Status> {
        let feed: FeedName = head.feed.parse().map_err(|error| invalid("feed", error))?;
        let how = ImportAsked { dry_run: head.dry_run, accept: head.accept };
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move { collector.import_allocation(&of, files, how).await };
        let done = if how.dry_run {
            work.await.map_err(|error| of_collect(&error))?
        } else {
            let work = async move {
                let done = work.await?;
                let what = if done.stored { "loaded" } else { "held back" };
                let text = format!("{} rows {what}", done.rows);
                Ok((done, text))
            };
            self.recorded(asked, (Verb::ImportAllocation, feed.as_str(), None), work).await?
        };
        if done.stored {
            self.progress.clone().allocated(&feed, Some(done.load)).await;
        }
        Ok(allocations::report(&feed, done, now()))
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

/// How a feed is, in the record's words.
async fn state(collector: &Collector, feed: &str) -> Result<String, CollectError> {
    let FeedStatus { state, why_not, last_run, .. } = collector.status_of(feed).await?;
    let run = last_run.map(|run| format!(", run {} {}", run.run, run.outcome.as_str())).unwrap_or_default();
    let why = if why_not.is_empty() { String::new() } else { format!(" ({why_not})") };
    Ok(format!("{}{run}{why}", state.as_str()))
}

/// A run with what the record says of it.
fn with_text(report: RunReport) -> (RunReport, String) {
    let run = &report.summary;
    let counts = format!("{} rows, {} new, {} gone", run.rows, run.new, run.gone);
    let text = format!("run {} {}, {counts}", run.run, run.outcome.as_str());
    (report, text)
}

#[tonic::async_trait]
impl pb::feed_service_server::FeedService for FeedRpc {
    async fn list_feeds(
        &self,
        _: Request<pb::ListFeedsRequest>,
    ) -> Result<Response<pb::ListFeedsResponse>, Status> {
        let mut feeds = self.collector.status().await.map_err(|error| of_collect(&error))?;
        feeds.sort_by(|a, b| a.name.cmp(&b.name));
        let feeds = feeds.into_iter().map(feeds::feed).collect();
        Ok(Response::new(pb::ListFeedsResponse { feeds, scheduled: self.scheduled }))
    }

    async fn run_feed(
        &self,
        request: Request<pb::RunFeedRequest>,
    ) -> Result<Response<pb::RunFeedResponse>, Status> {
        let rpc = self.clone();
        let work = |request: pb::RunFeedRequest, asked| async move {
            let feed = name(&request.feed)?;
            let (collector, of) = (rpc.collector.clone(), feed.clone());
            let report = if request.dry_run {
                collector.run(&of, true).await.map_err(|error| of_collect(&error))?
            } else {
                let work = async move { collector.run(&of, false).await.map(with_text) };
                rpc.recorded(asked, (Verb::RunFeed, &feed, None), work).await?
            };
            if matches!(report.summary.outcome, RunOutcome::Stored | RunOutcome::NotModified) {
                rpc.seen_by_checks().await;
            }
            let (run, samples_new) = feeds::report(&report);
            Ok(pb::RunFeedResponse { run, samples_new })
        };
        written(&self.store, request, work).await
    }

    async fn pause_feed(
        &self,
        request: Request<pb::PauseFeedRequest>,
    ) -> Result<Response<pb::PauseFeedResponse>, Status> {
        let rpc = self.clone();
        let work = |request: pb::PauseFeedRequest, asked| async move {
            let feed = name(&request.feed)?;
            let (collector, of) = (rpc.collector.clone(), feed.clone());
            let work = async move {
                collector.pause(&of, &request.author).await?;
                Ok(((), state(&collector, &of).await?))
            };
            rpc.recorded(asked, (Verb::PauseFeed, &feed, None), work).await?;
            Ok(pb::PauseFeedResponse {})
        };
        written(&self.store, request, work).await
    }

    async fn resume_feed(
        &self,
        request: Request<pb::ResumeFeedRequest>,
    ) -> Result<Response<pb::ResumeFeedResponse>, Status> {
        let rpc = self.clone();
        let work = |request: pb::ResumeFeedRequest, asked| async move {
            let feed = name(&request.feed)?;
            let (collector, of) = (rpc.collector.clone(), feed.clone());
            let work = async move {
                collector.resume(&of).await?;
                Ok(((), state(&collector, &of).await?))
            };
            rpc.recorded(asked, (Verb::ResumeFeed, &feed, None), work).await?;
            Ok(pb::ResumeFeedResponse {})
        };
        written(&self.store, request, work).await
    }

    async fn list_quarantine(
        &self,
        _: Request<pb::ListQuarantineRequest>,
    ) -> Result<Response<pb::ListQuarantineResponse>, Status> {
        let mut runs = self.collector.quarantined().await.map_err(|error| of_collect(&error))?;
        runs.sort_by(|a, b| (&a.feed, a.run).cmp(&(&b.feed, b.run)));
        let runs = runs.into_iter().map(feeds::quarantined).collect();
        Ok(Response::new(pb::ListQuarantineResponse { runs }))
    }

    async fn release_run(
        &self,
        request: Request<pb::ReleaseRunRequest>,
    ) -> Result<Response<pb::ReleaseRunResponse>, Status> {
        let rpc = self.clone();
        let work = |request: pb::ReleaseRunRequest, asked| async move {
            let (feed, run) = (name(&request.feed)?, request.run);
            let (collector, of) = (rpc.collector.clone(), feed.clone());
            let work = async move { collector.release(&of, run).await.map(with_text) };
            let report = rpc.recorded(asked, (Verb::ReleaseRun, &feed, Some(run)), work).await?;
            rpc.seen_by_checks().await;
            let (run, samples_new) = feeds::report(&report);
            Ok(pb::ReleaseRunResponse { run, samples_new })
        };
        written(&self.store, request, work).await
    }

    async fn reject_run(
        &self,
        request: Request<pb::RejectRunRequest>,
    ) -> Result<Response<pb::RejectRunResponse>, Status> {
        let rpc = self.clone();
        let work = |request: pb::RejectRunRequest, asked| async move {
            let (feed, run) = (name(&request.feed)?, request.run);
            let (collector, of) = (rpc.collector.clone(), feed.clone());
            let work = async move {
                collector.reject(&of, run).await?;
                Ok(((), state(&collector, &of).await?))
            };
            rpc.recorded(asked, (Verb::RejectRun, &feed, Some(run)), work).await?;
            Ok(pb::RejectRunResponse {})
        };
        written(&self.store, request, work).await
    }

    async fn rollback_feed(
        &self,
        request: Request<pb::RollbackFeedRequest>,
    ) -> Result<Response<pb::RollbackFeedResponse>, Status> {
        let rpc = self.clone();
        let work = |request: pb::RollbackFeedRequest, asked| async move {
            let (feed, to_run) = (name(&request.feed)?, request.to_run);
            let (collector, of) = (rpc.collector.clone(), feed.clone());
            let work = async move {
                let subjects = collector.rollback(&of, to_run).await?.subjects;
                Ok((subjects, format!("{subjects} subjects changed; {}", state(&collector, &of).await?)))
            };
            let subjects = rpc.recorded(asked, (Verb::RollbackFeed, &feed, Some(to_run)), work).await?;
            rpc.seen_by_checks().await;
            Ok(pb::RollbackFeedResponse { subjects })
        };
        written(&self.store, request, work).await
    }

    async fn import_allocation(
        &self,
        request: Request<Streaming<pb::ImportAllocationRequest>>,
    ) -> Result<Response<pb::ImportAllocationResponse>, Status> {
        let client = client_name(&request);
        let received = allocations::receive(request.into_inner()).await?;
        let (head, rest) = (&received.head, &received.hasher);
        let (request, asked) =
            (Streamed::of(head, rest), recorded::asked(&head.author, &head.request_id, client)?);
        let by = (asked.client.clone(), asked.request_id.clone());
        let work = self.clone().load_allocation(received, asked);
        once(&self.store, (&by.0, &by.1), &request, work).await.map(Response::new)
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
        let rpc = self.clone();
        let work = |request: pb::DeleteAllocationRequest, asked| async move {
            let feed: FeedName = request.feed.parse().map_err(|error| invalid("feed", error))?;
            let (collector, of) = (rpc.collector.clone(), feed.to_string());
            let work = async move {
                let deleted = collector.delete_allocation(&of).await?;
                Ok((deleted, if deleted { "taken away" } else { "none was loaded" }.to_owned()))
            };
            if !rpc.recorded(asked, (Verb::DeleteAllocation, feed.as_str(), None), work).await? {
                return Err(not_found("no file of this feed is loaded"));
            }
            rpc.progress.clone().allocated(&feed, None).await;
            Ok(pb::DeleteAllocationResponse {})
        };
        written(&self.store, request, work).await
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
                _ => return Ok(Response::new(feeds::overlap(overlap.report()))),
            }
        }
    }
}
