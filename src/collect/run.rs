//! One run of a feed: repair, fetch, judge, store.
//!
//! What is stored comes in this order: the record of what there was, the changes in one step, the
//! numbers that are there now, the feed's note with the validators. A kill in between leaves a record
//! that the next run undoes; a save that failed is never followed by "not modified".

use std::sync::Arc;
use std::time::Duration;

use crate::core::listing::{Sighting, Subject, UnixTime};
use crate::feed::definition::Entry;
use crate::feed::{Catalogue, Shape};
use crate::store::{Change, Lease, Store};

use super::gather::{Gathered, Haul, gather};
use super::judge::{Counts, Row, Said, doubts};
use super::notes::{self, FeedNote, HeldHead, HostNote, KeptValidators, StoredRun, numbered};
use super::plan::{Plan, plan, seen_again, sighting_name};
use super::turn::hosts;
use super::web::{Fetcher, Validators};
use super::{CollectError, RunOutcome, RunReport, RunSummary, history, packed};

/// No back-off is longer, unless the site asks for more.
const LONGEST_BACK_OFF: u64 = 86_400;

/// What a run works with.
pub(super) struct Pass<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) catalogue: &'a Arc<Catalogue>,
    pub(super) entry: &'a Entry,
    pub(super) lease: &'a Lease,
    pub(super) clock: fn() -> UnixTime,
}

/// How a run is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// By a person.
    Now,
    /// By a person who wants to see what it would do.
    DryRun,
    /// By the schedule: only if it is due still.
    IfDue,
}

impl Pass<'_> {
    /// Runs the feed; nothing if it is not due any more.
    pub(super) async fn run(
        &self,
        fetcher: &Fetcher,
        asked: Asked,
    ) -> Result<Option<RunReport>, CollectError> {
        let definition = &self.entry.definition;
        let note: FeedNote = notes::read(self.store, &self.key()).await?;
        if asked == Asked::IfDue && (note.paused_by.is_some() || note.due > (self.clock)().0) {
            return Ok(None);
        }
        if matches!(definition.shape(), Shape::Holders(_)) {
            let ended = self.run_holders(fetcher, asked, note.runs + 1).await?;
            return Ok(Some(self.report(ended, &Plan::default())));
        }
        history::repair(self.store, definition, &note, self.lease).await?;
        let known = note.validators.as_ref().filter(|kept| kept.definition == self.digest());
        let known = known.filter(|_| asked != Asked::DryRun).map(|kept| Validators {
            url: kept.url.clone(),
            etag: kept.etag.clone(),
            last_modified: kept.last_modified.clone(),
        });
        self.enter_hosts(fetcher).await?;
        let gathered = gather(fetcher, self.catalogue, definition, known, self.clock).await;
        self.leave_hosts(fetcher).await?;
        let now = (self.clock)();
        let run = note.runs + 1;
        let report = match gathered? {
            Gathered::Haul(haul) => self.take_in(&note, haul, now, asked == Asked::DryRun).await?,
            Gathered::NotModified => self.seen_again(&note, now).await?,
            Gathered::Stopped { outcome, why, wait, pages } => {
                let summary = RunSummary { pages, note: why, ..summary(run, now, outcome) };
                if asked != Asked::DryRun {
                    self.fall_back(&summary, wait).await?;
                }
                self.report(summary, &Plan::default())
            }
        };
        Ok(Some(report))
    }

    /// Judges what the pages gave, and stores it or holds it back.
    async fn take_in(
        &self,
        note: &FeedNote,
        mut haul: Haul,
        now: UnixTime,
        dry_run: bool,
    ) -> Result<RunReport, CollectError> {
        // What the run saw itself has one time, by which an unchanged page finds it again.
        haul.rows.iter_mut().filter(|row| !row.dated).for_each(|row| row.last = now);
        let plan = self.plan(note, &haul.rows, (note.runs + 1, now)).await?;
        let doubts = doubts(&Counts {
            band: self.entry.definition.band,
            rows: plan.rows(),
            looked: haul.looked,
            bad: haul.bad,
            new: plan.new.len() as u64,
            most_new: self.entry.definition.most_new,
            before: note.stored.map(|stored| stored.rows),
        });
        let mut summary = counted(summary(note.runs + 1, now, RunOutcome::Stored), &plan);
        summary.pages = haul.pages;
        summary.dropped += haul.dropped;
        summary.note = if doubts.is_empty() { haul.note } else { doubts.join("; ") };
        if dry_run {
            summary.outcome = RunOutcome::DryRun;
            if !doubts.is_empty() {
                summary.note = format!("would be held back: {}", summary.note);
            }
            return Ok(self.report(summary, &plan));
        }
        if doubts.is_empty() {
            self.commit(&summary, &plan, haul.validators).await?;
        } else {
            summary.outcome = RunOutcome::Quarantined;
            self.hold_back(&summary, doubts, &haul.rows).await?;
        }
        Ok(self.report(summary, &plan))
    }

    /// The page is as it was: what the last run saw itself was seen again.
    async fn seen_again(&self, note: &FeedNote, now: UnixTime) -> Result<RunReport, CollectError> {
        let present = history::present(self.store, self.name()).await?;
        let feed = sighting_name(&self.entry.definition);
        let last_run = note.stored.map_or(now, |stored| stored.at);
        let rows = seen_again(self.store, &feed, &present, last_run, now).await?;
        let mut plan = self.plan(note, &rows, (note.runs + 1, now)).await?;
        (plan.present, plan.gone) = (present, 0);
        let summary =
            RunSummary { pages: 1, ..counted(summary(note.runs + 1, now, RunOutcome::NotModified), &plan) };
        let kept = note.validators.clone().map(|kept| Validators {
            url: kept.url,
            etag: kept.etag,
            last_modified: kept.last_modified,
        });
        self.commit(&summary, &plan, kept).await?;
        Ok(self.report(summary, &plan))
    }

    /// What `rows` that a run saw at a time would change.
    pub(super) async fn plan(
        &self,
        note: &FeedNote,
        rows: &[Row],
        (run, at): (u64, UnixTime),
    ) -> Result<Plan, CollectError> {
        let previous = history::present(self.store, self.name()).await?;
        let since = note.stored.map_or(0, |stored| at.0.saturating_sub(stored.at.0));
        let said = Said { run, since };
        Ok(plan(self.store, &self.entry.definition, rows, &previous, said, at).await?)
    }

    /// Stores a run.
    pub(super) async fn commit(
        &self,
        summary: &RunSummary,
        plan: &Plan,
        validators: Option<Validators>,
    ) -> Result<(), CollectError> {
        let (run, at, name) = (summary.run, summary.at, self.name());
        let feed = sighting_name(&self.entry.definition);
        let size = history::record(self.store, name, run, plan, self.lease).await?;
        let restate = |(number, _, after): &(_, _, Sighting)| {
            Change::Restate(Subject::Number(*number), feed.clone(), Some(after.clone()))
        };
        self.store.apply_leased(plan.changes.iter().map(restate).collect(), self.lease).await?;
        let present = packed::pack_numbers(&plan.present);
        notes::put(self.store, &format!("present:{name}"), Some(present), self.lease).await?;
        let kept = validators.map(|validators| KeptValidators {
            url: validators.url,
            etag: validators.etag,
            last_modified: validators.last_modified,
            definition: self.digest(),
        });
        let interval = self.interval();
        let mut dropped = Vec::new();
        notes::change::<FeedNote>(self.store, &self.key(), Some(self.lease), |note| {
            note.runs = run;
            note.last = Some(summary.clone());
            let at = note.stored.map_or(at, |stored| stored.at.max(at));
            note.stored = Some(StoredRun { run, at, rows: plan.rows() });
            note.failures = 0;
            note.failing_since = None;
            note.due = at.0.saturating_add(interval);
            note.validators.clone_from(&kept);
            dropped = history::remember(note, run, size);
        })
        .await?;
        history::forget(self.store, name, dropped, self.lease).await
    }

    /// Keeps a run for an operator to look at; the one before it goes.
    async fn hold_back(
        &self,
        summary: &RunSummary,
        reasons: Vec<String>,
        rows: &[Row],
    ) -> Result<(), CollectError> {
        let own = numbered("held", self.name(), summary.run);
        let bytes = notes::join(&HeldHead { summary: summary.clone(), reasons }, &packed::pack_rows(rows))?;
        notes::put(self.store, &own, Some(bytes), self.lease).await?;
        self.note_end(summary).await?;
        for (name, _) in self.store.notes(&format!("held:{}:", self.name())).await? {
            if name != own {
                notes::put(self.store, &name, None, self.lease).await?;
            }
        }
        tracing::warn!(feed = self.name(), run = summary.run, "a run is held back: {}", summary.note);
        Ok(())
    }

    /// Notes a run that changes no listing, and when the next is due: one that is held back, or a
    /// regulator's file that is stored.
    pub(super) async fn note_end(&self, summary: &RunSummary) -> Result<(), CollectError> {
        let interval = self.interval();
        notes::change::<FeedNote>(self.store, &self.key(), Some(self.lease), |note| {
            note.runs = summary.run;
            note.last = Some(summary.clone());
            note.failures = 0;
            note.due = summary.at.0.saturating_add(interval);
            if summary.outcome == RunOutcome::Stored {
                note.stored = Some(StoredRun { run: summary.run, at: summary.at, rows: summary.rows });
                note.failing_since = None;
            } else {
                note.failing_since.get_or_insert(summary.at.0);
            }
        })
        .await
    }

    /// After a run that gave nothing: asked less and less often, and not before the site wants.
    pub(super) async fn fall_back(&self, summary: &RunSummary, wait: Duration) -> Result<(), CollectError> {
        let interval = u64::from(self.interval());
        notes::change::<FeedNote>(self.store, &self.key(), Some(self.lease), |note| {
            note.runs = summary.run;
            note.last = Some(summary.clone());
            note.failures = note.failures.saturating_add(1);
            note.failing_since.get_or_insert(summary.at.0);
            let back_off = back_off(interval, note.failures).max(wait.as_secs());
            note.due = summary.at.0.saturating_add(u32::try_from(back_off).unwrap_or(u32::MAX));
        })
        .await
    }

    /// Tells the engine when an earlier process asked the hosts, and notes that they are asked now.
    pub(super) async fn enter_hosts(&self, fetcher: &Fetcher) -> Result<(), CollectError> {
        let now = (self.clock)();
        for host in hosts(&self.entry.definition) {
            let key = format!("host:{host}");
            let note: HostNote = notes::read(self.store, &key).await?;
            // A run that has not told its end may have asked until just now.
            let asked = if note.busy.is_some() { Some(now.0) } else { note.asked };
            if let Some(asked) = asked {
                fetcher.remember(&host, UnixTime(asked.min(now.0)))?;
            }
            if let Some(until) = note.not_before {
                fetcher.remember_refusal(&host, UnixTime(until))?;
            }
            let busy = Some((self.name().to_owned(), now.0));
            notes::change::<HostNote>(self.store, &key, Some(self.lease), |note| note.busy.clone_from(&busy))
                .await?;
        }
        Ok(())
    }

    pub(super) async fn leave_hosts(&self, fetcher: &Fetcher) -> Result<(), CollectError> {
        for host in hosts(&self.entry.definition) {
            let (asked, not_before) = (fetcher.last_asked(&host), fetcher.not_before(&host));
            notes::change::<HostNote>(self.store, &format!("host:{host}"), Some(self.lease), |note| {
                note.asked = asked.map(|at| at.0).max(note.asked);
                note.not_before = not_before.map(|until| until.0);
                note.busy = None;
            })
            .await?;
        }
        Ok(())
    }

    fn report(&self, summary: RunSummary, plan: &Plan) -> RunReport {
        let samples_new = plan.new.iter().take(10).copied().collect();
        RunReport { feed: self.name().to_owned(), summary, samples_new }
    }

    fn name(&self) -> &str {
        self.entry.definition.name.as_str()
    }

    fn key(&self) -> String {
        format!("feed:{}", self.name())
    }

    fn digest(&self) -> String {
        blake3::hash(self.entry.text.as_bytes()).to_hex().to_string()
    }

    fn interval(&self) -> u32 {
        self.entry.definition.interval_minutes.saturating_mul(60)
    }
}

/// A summary without counts.
pub(super) fn summary(run: u64, at: UnixTime, outcome: RunOutcome) -> RunSummary {
    let note = String::new();
    RunSummary { run, at, pages: 0, rows: 0, new: 0, gone: 0, again: 0, dropped: 0, outcome, note }
}

/// A summary with the counts of a plan.
pub(super) fn counted(summary: RunSummary, plan: &Plan) -> RunSummary {
    let (rows, new, dropped) = (plan.rows(), plan.new.len() as u64, plan.allowed);
    RunSummary { rows, new, gone: plan.gone, again: plan.again, dropped, ..summary }
}

/// Seconds until the next try after so many failures: twice as long each time, up to a day, or the
/// feed's own interval if that is longer.
fn back_off(interval: u64, failures: u32) -> u64 {
    let doubled = interval.saturating_mul(1 << failures.min(20));
    doubled.min(LONGEST_BACK_OFF.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_asked_less_and_less_often() {
        let hours: Vec<u64> = (1..=6).map(|failures| back_off(3_600, failures) / 3_600).collect();
        assert_eq!(hours, [2, 4, 8, 16, 24, 24]);
        assert_eq!(back_off(7 * 86_400, 9), 7 * 86_400);
    }
}
