//! The schedule: looks for feeds that are due, and runs them.
//!
//! Every process has one; the leases make one of them run a feed. A process that dies leaves its
//! lease, which ends, and the next look of another takes over. Must not decide when a feed is due:
//! its note says so.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::collector::off;
use super::notes::{self, FeedNote};
use super::run::Asked;
use super::{CollectError, Collector, RunReport};

/// After an error of ours, such as of the store, a feed is left alone this long: its site has
/// already been asked.
const AFTER_ERROR: Duration = Duration::from_secs(300);

type Ended = (String, Result<Option<RunReport>, CollectError>);

impl Collector {
    /// Runs feeds as they come due, until `stop` says so; runs that go on then are given up.
    pub async fn follow_schedule(self, mut stop: watch::Receiver<bool>) {
        let mut runs: JoinSet<Ended> = JoinSet::new();
        let mut left_alone: HashMap<String, Instant> = HashMap::new();
        let mut running: BTreeSet<String> = BTreeSet::new();
        loop {
            left_alone.retain(|_, until| *until > Instant::now());
            match self.due().await {
                Ok(mut due) => {
                    due.retain(|feed| !left_alone.contains_key(feed) && !running.contains(feed));
                    for feed in due.into_iter().take(self.options.at_once.saturating_sub(running.len())) {
                        running.insert(feed.clone());
                        let collector = self.clone();
                        runs.spawn(async move {
                            let ended = collector.attempt(&feed, Asked::IfDue).await;
                            (feed, ended)
                        });
                    }
                }
                Err(error) => tracing::warn!("cannot tell which feeds are due: {error}"),
            }
            let next_look = Instant::now() + self.options.tick;
            loop {
                tokio::select! {
                    stopped = stop.wait_for(|stop| *stop) => {
                        // A sender that is gone is a stop too.
                        drop(stopped);
                        return;
                    }
                    () = sleep_until(next_look) => break,
                    Some(ended) = runs.join_next() => match ended {
                        Ok((feed, ended)) => {
                            running.remove(&feed);
                            // Another may have waited for this one's place; who found the feed
                            // taken waits, so that nobody asks without end.
                            let looks = matches!(ended, Ok(Some(_)));
                            told(feed, ended, &mut left_alone);
                            if looks {
                                break;
                            }
                        }
                        Err(error) => {
                            // Which one is not known: all that still run hold their leases.
                            running.clear();
                            tracing::error!("a run ended early: {error}");
                        }
                    },
                }
            }
        }
    }

    /// Feeds that are due, the longest due first.
    async fn due(&self) -> Result<Vec<String>, CollectError> {
        let now = (self.clock)();
        let mut notes = notes::of_feeds(self.store.as_ref()).await?;
        let mut due = Vec::new();
        for entry in self.catalogue.entries() {
            let name = entry.definition.name.as_str();
            // One that cannot be read is not run, and `status` says so.
            let Ok(note) = notes.remove(name).unwrap_or_else(|| Ok(FeedNote::default())) else { continue };
            if off(&entry.definition).is_none() && note.paused_by.is_none() && note.due <= now.0 {
                due.push((note.due, name.to_owned()));
            }
        }
        due.sort();
        Ok(due.into_iter().map(|(_, name)| name).collect())
    }
}

fn told(
    feed: String,
    ended: Result<Option<RunReport>, CollectError>,
    left_alone: &mut HashMap<String, Instant>,
) {
    match ended {
        Ok(Some(RunReport { summary, .. })) => tracing::info!(
            feed,
            run = summary.run,
            outcome = summary.outcome.as_str(),
            rows = summary.rows,
            new = summary.new,
            gone = summary.gone,
            note = summary.note,
            "a feed was run"
        ),
        Ok(None) => {}
        Err(CollectError::Held(by)) => tracing::debug!(feed, "another run is at {by}"),
        Err(error) => {
            tracing::warn!(feed, "a run failed: {error}");
            left_alone.insert(feed, Instant::now() + AFTER_ERROR);
        }
    }
}
