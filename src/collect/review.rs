//! Runs that are held back: shown, released or rejected by an operator.
//!
//! A released run gets a new number, so that records stay in the order in which they came to be.
//! Must not judge: an operator has.

use super::notes::{self, FeedNote, broken, numbered};
use super::run::{counted, summary};
use super::{CollectError, Collector, QuarantinedRun, RunOutcome, RunReport, packed};

/// Numbers that are shown of a run.
const SAMPLES: usize = 10;

impl Collector {
    /// All runs that are held back: at most one of each feed.
    pub async fn quarantined(&self) -> Result<Vec<QuarantinedRun>, CollectError> {
        let mut runs = Vec::new();
        for (name, note) in self.store.notes("held:").await? {
            let Some((feed, _)) = name.trim_start_matches("held:").rsplit_once(':') else { continue };
            let (head, rows) = notes::split(&name, &note.bytes)?;
            let rows = packed::read_rows(rows).map_err(|error| broken(&name, &error))?;
            runs.push(QuarantinedRun {
                feed: feed.to_owned(),
                run: head.summary.run,
                at: head.summary.at,
                rows: head.summary.rows,
                new: head.summary.new,
                reasons: head.reasons,
                samples: rows.iter().take(SAMPLES).map(|row| row.number).collect(),
            });
        }
        Ok(runs)
    }

    /// Stores a run that is held back, as of the time of its pages.
    pub async fn release(&self, feed: &str, run: u64) -> Result<RunReport, CollectError> {
        let entry = self.entry(feed)?;
        let turn = self.turn(entry, false).await?;
        let lease = turn.lease().clone();
        let pass = self.pass(entry, &lease);
        turn.during(async {
            let store = self.store.as_ref();
            let name = numbered("held", feed, run);
            let held = notes::get(store, &name).await?.ok_or_else(|| not_held(feed, run))?;
            let (head, rows) = notes::split(&name, &held.bytes)?;
            let rows = packed::read_rows(rows).map_err(|error| broken(&name, &error))?;
            let note: FeedNote = notes::read(store, &format!("feed:{feed}")).await?;
            super::history::repair(store, &entry.definition, &note, &lease).await?;
            let plan = pass.plan(&note, &rows, (note.runs + 1, head.summary.at)).await?;
            let mut summary = counted(summary(note.runs + 1, head.summary.at, RunOutcome::Stored), &plan);
            summary.pages = head.summary.pages;
            summary.dropped = head.summary.dropped;
            summary.note = format!("run {run}, released");
            pass.commit(&summary, &plan, None).await?;
            notes::put(store, &name, None, &lease).await?;
            let samples_new = plan.new.iter().take(SAMPLES).copied().collect();
            Ok(RunReport { feed: feed.to_owned(), summary, samples_new })
        })
        .await
    }

    /// Throws a run away that is held back.
    pub async fn reject(&self, feed: &str, run: u64) -> Result<(), CollectError> {
        let entry = self.entry(feed)?;
        let turn = self.turn(entry, false).await?;
        let lease = turn.lease().clone();
        turn.during(async {
            let store = self.store.as_ref();
            let name = numbered("held", feed, run);
            notes::get(store, &name).await?.ok_or_else(|| not_held(feed, run))?;
            notes::change::<FeedNote>(store, &format!("feed:{feed}"), Some(&lease), |note| {
                if let Some(last) = note.last.as_mut().filter(|last| last.run == run) {
                    last.outcome = RunOutcome::Rejected;
                }
            })
            .await?;
            notes::put(store, &name, None, &lease).await
        })
        .await
    }
}

fn not_held(feed: &str, run: u64) -> CollectError {
    CollectError::NoRun { feed: feed.to_owned(), why: format!("run {run} is not held back") }
}
