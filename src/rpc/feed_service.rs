//! `FeedService`: what feeds do, and operators' hold on them.
//!
//! A run, a release and a rollback answer once checks see what they stored. All that an operator does
//! to a feed is on record, trials apart.

use std::future::Future;
use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::audit::{Audit, Order, Verb};
use crate::collect::{CollectError, Collector, FeedStatus, ImportAsked, RunOutcome, RunReport};
use crate::feed::Overlap;
use crate::listing::FeedName;
use crate::store::Store;
use crate::sync::Progress;

use super::gate::client_name;
use super::status::{invalid, not_found, of_collect, of_store};
use super::{allocation, feed_messages, now, pb, recorded};

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
        (author, client): (&str, String),
        (verb, feed, run): (Verb, &str, Option<u64>),
        work: impl Future<Output = Result<(T, String), CollectError>> + Send + 'static,
    ) -> Result<T, Status> {
        // A feed that there is not is told, and leaves no record.
        let before = state(&self.collector, feed).await.map_err(|error| of_collect(&error))?;
        let order = Order { verb, feed: feed.to_owned(), run, before };
        let work = async move { work.await.map_err(|error| of_collect(&error)) };
        recorded::order(&self.audit, recorded::asked(author, "", client)?, order, work).await
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
        let feeds = feeds.into_iter().map(feed_messages::feed).collect();
        Ok(Response::new(pb::ListFeedsResponse { feeds, scheduled: self.scheduled }))
    }

    async fn run_feed(
        &self,
        request: Request<pb::RunFeedRequest>,
    ) -> Result<Response<pb::RunFeedResponse>, Status> {
        let client = client_name(&request);
        let pb::RunFeedRequest { feed, dry_run, author } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let report = if dry_run {
            collector.run(&of, true).await.map_err(|error| of_collect(&error))?
        } else {
            let work = async move { collector.run(&of, false).await.map(with_text) };
            self.recorded((&author, client), (Verb::RunFeed, &feed, None), work).await?
        };
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
        let client = client_name(&request);
        let pb::PauseFeedRequest { feed, author } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of, by) = (self.collector.clone(), feed.clone(), author.clone());
        let work = async move {
            collector.pause(&of, &by).await?;
            Ok(((), state(&collector, &of).await?))
        };
        self.recorded((&author, client), (Verb::PauseFeed, &feed, None), work).await?;
        Ok(Response::new(pb::PauseFeedResponse {}))
    }

    async fn resume_feed(
        &self,
        request: Request<pb::ResumeFeedRequest>,
    ) -> Result<Response<pb::ResumeFeedResponse>, Status> {
        let client = client_name(&request);
        let pb::ResumeFeedRequest { feed, author } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let work = async move {
            collector.resume(&of).await?;
            Ok(((), state(&collector, &of).await?))
        };
        self.recorded((&author, client), (Verb::ResumeFeed, &feed, None), work).await?;
        Ok(Response::new(pb::ResumeFeedResponse {}))
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
        let client = client_name(&request);
        let pb::ReleaseRunRequest { feed, run, author } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let work = async move { collector.release(&of, run).await.map(with_text) };
        let report = self.recorded((&author, client), (Verb::ReleaseRun, &feed, Some(run)), work).await?;
        self.seen_by_checks().await;
        let (run, samples_new) = feed_messages::report(&report);
        Ok(Response::new(pb::ReleaseRunResponse { run, samples_new }))
    }

    async fn reject_run(
        &self,
        request: Request<pb::RejectRunRequest>,
    ) -> Result<Response<pb::RejectRunResponse>, Status> {
        let client = client_name(&request);
        let pb::RejectRunRequest { feed, run, author } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let work = async move {
            collector.reject(&of, run).await?;
            Ok(((), state(&collector, &of).await?))
        };
        self.recorded((&author, client), (Verb::RejectRun, &feed, Some(run)), work).await?;
        Ok(Response::new(pb::RejectRunResponse {}))
    }

    async fn rollback_feed(
        &self,
        request: Request<pb::RollbackFeedRequest>,
    ) -> Result<Response<pb::RollbackFeedResponse>, Status> {
        let client = client_name(&request);
        let pb::RollbackFeedRequest { feed, to_run, author } = request.into_inner();
        let feed = name(&feed)?;
        let (collector, of) = (self.collector.clone(), feed.clone());
        let work = async move {
            let subjects = collector.rollback(&of, to_run).await?.subjects;
            Ok((subjects, format!("{subjects} subjects changed; {}", state(&collector, &of).await?)))
        };
        let subjects =
            self.recorded((&author, client), (Verb::RollbackFeed, &feed, Some(to_run)), work).await?;
        self.seen_by_checks().await;
        Ok(Response::new(pb::RollbackFeedResponse { subjects }))
    }

    async fn import_allocation(
        &self,
        request: Request<Streaming<pb::ImportAllocationRequest>>,
    ) -> Result<Response<pb::ImportAllocationResponse>, Status> {
        let client = client_name(&request);
        let allocation::Received { head, files } = allocation::receive(request.into_inner()).await?;
        let feed: FeedName = head.feed.parse().map_err(|error| invalid("feed", error))?;
        let asked = ImportAsked { dry_run: head.dry_run, accept: head.accept };
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move { collector.import_allocation(&of, files, asked).await };
        let done = if asked.dry_run {
            work.await.map_err(|error| of_collect(&error))?
        } else {
            let work = async move {
                let done = work.await?;
                let what = if done.stored { "loaded" } else { "held back" };
                let text = format!("{} rows {what}", done.rows);
                Ok((done, text))
            };
            self.recorded((&head.author, client), (Verb::ImportAllocation, feed.as_str(), None), work).await?
        };
        if done.stored {
            self.progress.clone().allocated(&feed, Some(done.load)).await;
        }
        Ok(Response::new(allocation::report(&feed, done, now())))
    }

    async fn list_allocations(
        &self,
        _: Request<pb::ListAllocationsRequest>,
    ) -> Result<Response<pb::ListAllocationsResponse>, Status> {
        let all = self.progress.allocations();
        let allocations = all.iter().map(allocation::message).collect();
        Ok(Response::new(pb::ListAllocationsResponse { allocations }))
    }

    async fn delete_allocation(
        &self,
        request: Request<pb::DeleteAllocationRequest>,
    ) -> Result<Response<pb::DeleteAllocationResponse>, Status> {
        let client = client_name(&request);
        let pb::DeleteAllocationRequest { feed, author } = request.into_inner();
        let feed: FeedName = feed.parse().map_err(|error| invalid("feed", error))?;
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move {
            let deleted = collector.delete_allocation(&of).await?;
            Ok((deleted, if deleted { "taken away" } else { "none was loaded" }.to_owned()))
        };
        if !self.recorded((&author, client), (Verb::DeleteAllocation, feed.as_str(), None), work).await? {
            return Err(not_found("no file of this feed is loaded"));
        }
        self.progress.clone().allocated(&feed, None).await;
        Ok(Response::new(pb::DeleteAllocationResponse {}))
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
