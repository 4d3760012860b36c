//! Feeds as operators run, pause and judge them, and regulators' files as they load them.
//!
//! A run, a release and a rollback answer once checks see what they stored. All that an operator does to a
//! feed is on record, except dry runs.

use crate::collect::{
    AllocationReport, CollectError, Collector, FeedStatus, ImportAsked, NamedFile, QuarantinedRun,
    RunOutcome, RunReport,
};
use crate::core::listing::FeedName;
use crate::feed::{Overlap, OverlapReport};
use crate::sync::Progress;

use super::audit::{Asked, Order, Verb};
use super::{OperateError, Pipeline};

/// Listings per look into the store.
const SCAN: usize = 1_000;

/// Orders of operators to the feeds of a collector. Clones are the same one.
///
/// What the collector does is boxed here: its futures are large, and every step around them would be as large.
#[derive(Clone)]
pub struct Feeds {
    pipeline: Pipeline,
    collector: Collector,
    progress: Progress,
}

/// What an order is about.
struct About<'a> {
    verb: Verb,
    feed: &'a FeedName,
    run: Option<u64>,
}

impl Feeds {
    /// Orders to `collector` go through `pipeline`; `progress` knows when checks see what was stored.
    pub fn new(pipeline: Pipeline, collector: Collector, progress: Progress) -> Self {
        Self { pipeline, collector, progress }
    }

    /// The pipeline that requests go through.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// All feeds, in order of name.
    pub async fn list(&self) -> Result<Vec<FeedStatus>, OperateError> {
        let mut feeds = self.collector.status().await?;
        feeds.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(feeds)
    }

    /// Runs that are held back, by feed and number.
    pub async fn quarantined(&self) -> Result<Vec<QuarantinedRun>, OperateError> {
        let mut runs = self.collector.quarantined().await?;
        runs.sort_by(|a, b| (&a.feed, a.run).cmp(&(&b.feed, b.run)));
        Ok(runs)
    }

    /// Runs a feed now; a trial stores nothing.
    pub async fn run(&self, asked: Asked, feed: &FeedName, dry_run: bool) -> Result<RunReport, OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let report = if dry_run {
            Box::pin(collector.run(&of, true)).await?
        } else {
            let work = async move { Box::pin(collector.run(&of, false)).await.map(with_text) };
            self.order(asked, About { verb: Verb::RunFeed, feed, run: None }, work).await?
        };
        if matches!(report.summary.outcome, RunOutcome::Stored | RunOutcome::NotModified) {
            self.seen_by_checks().await;
        }
        Ok(report)
    }

    /// Stops the scheduled runs of a feed until it is resumed.
    pub async fn pause(&self, asked: Asked, feed: &FeedName) -> Result<(), OperateError> {
        let (collector, of, author) = (self.collector.clone(), feed.to_string(), asked.author.clone());
        let work = async move {
            collector.pause(&of, &author).await?;
            Ok(((), state(&collector, &of).await?))
        };
        self.order(asked, About { verb: Verb::PauseFeed, feed, run: None }, work).await
    }

    /// Runs a paused feed again when it is due.
    pub async fn resume(&self, asked: Asked, feed: &FeedName) -> Result<(), OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move {
            collector.resume(&of).await?;
            Ok(((), state(&collector, &of).await?))
        };
        self.order(asked, About { verb: Verb::ResumeFeed, feed, run: None }, work).await
    }

    /// Stores a run that was held back.
    pub async fn release(&self, asked: Asked, feed: &FeedName, run: u64) -> Result<RunReport, OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move { Box::pin(collector.release(&of, run)).await.map(with_text) };
        let about = About { verb: Verb::ReleaseRun, feed, run: Some(run) };
        let report = self.order(asked, about, work).await?;
        self.seen_by_checks().await;
        Ok(report)
    }

    /// Drops a run that was held back.
    pub async fn reject(&self, asked: Asked, feed: &FeedName, run: u64) -> Result<(), OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move {
            collector.reject(&of, run).await?;
            Ok(((), state(&collector, &of).await?))
        };
        self.order(asked, About { verb: Verb::RejectRun, feed, run: Some(run) }, work).await
    }

    /// Undoes the runs after `to_run`; answers how many subjects changed.
    pub async fn rollback(&self, asked: Asked, feed: &FeedName, to_run: u64) -> Result<u64, OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move {
            let subjects = Box::pin(collector.rollback(&of, to_run)).await?.subjects;
            Ok((subjects, format!("{subjects} subjects changed; {}", state(&collector, &of).await?)))
        };
        let about = About { verb: Verb::RollbackFeed, feed, run: Some(to_run) };
        let subjects = self.order(asked, about, work).await?;
        self.seen_by_checks().await;
        Ok(subjects)
    }

    /// Loads a regulator's files; a trial stores nothing.
    pub async fn import_allocation(
        &self,
        asked: Asked,
        feed: &FeedName,
        files: Vec<NamedFile>,
        how: ImportAsked,
    ) -> Result<AllocationReport, OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = Box::pin(async move { collector.import_allocation(&of, files, how).await });
        let done = if how.dry_run {
            work.await?
        } else {
            let work = async move {
                let done = work.await?;
                let what = if done.stored { "loaded" } else { "held back" };
                let text = format!("{} rows {what}", done.rows);
                Ok((done, text))
            };
            self.order(asked, About { verb: Verb::ImportAllocation, feed, run: None }, work).await?
        };
        if done.stored {
            self.progress.clone().allocated(feed, Some(done.load)).await;
        }
        Ok(done)
    }

    /// Takes away what a regulator's files said.
    pub async fn delete_allocation(&self, asked: Asked, feed: &FeedName) -> Result<(), OperateError> {
        let (collector, of) = (self.collector.clone(), feed.to_string());
        let work = async move {
            let deleted = collector.delete_allocation(&of).await?;
            Ok((deleted, if deleted { "taken away" } else { "none was loaded" }.to_owned()))
        };
        if !self.order(asked, About { verb: Verb::DeleteAllocation, feed, run: None }, work).await? {
            return Err(OperateError::not_found("no file of this feed is loaded"));
        }
        self.progress.clone().allocated(feed, None).await;
        Ok(())
    }

    /// What feeds have in common: walks over all listings.
    pub async fn overlap(&self) -> Result<OverlapReport, OperateError> {
        let mut overlap = Overlap::default();
        let mut after = None;
        loop {
            let rows = self.pipeline.store.scan(after, SCAN).await?;
            rows.iter().for_each(|(_, listing)| overlap.add(listing));
            match rows.last() {
                Some((subject, _)) if rows.len() == SCAN => after = Some(*subject),
                _ => return Ok(overlap.report()),
            }
        }
    }

    /// Does `work` for an operator and records it: who, what, and how the feed was before and after.
    async fn order<T: Send + 'static>(
        &self,
        asked: Asked,
        about: About<'_>,
        work: impl Future<Output = Result<(T, String), CollectError>> + Send + 'static,
    ) -> Result<T, OperateError> {
        let About { verb, feed, run } = about;
        // An unknown feed is an error and is not recorded.
        let before = state(&self.collector, feed.as_str()).await?;
        let order = Order { verb, feed: feed.to_string(), run, before };
        self.pipeline.order(asked, order, async move { Ok(work.await?) }).await
    }

    /// Waits until checks see what is stored now. It is stored whatever happens here.
    async fn seen_by_checks(&self) {
        match self.pipeline.store.stats().await {
            Ok(stats) => {
                self.progress.clone().reached(&stats.position).await;
            }
            Err(error) => tracing::warn!(%error, "not known when checks see what a feed stored"),
        }
    }
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
