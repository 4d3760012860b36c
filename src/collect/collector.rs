//! The collector: what operators and the schedule ask of feeds.
//!
//! Must not fetch, judge or store itself: `run` does one run, `history` undoes them. All state is in
//! the store, so that any process can answer for any feed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::listing::UnixTime;
use crate::feed::definition::Entry;
use crate::feed::{Catalogue, Definition};
use crate::store::{Lease, Store};

use super::notes::{self, FeedNote, HostNote};
use super::run::{Asked, Pass};
use super::turn::{InUse, Turn};
use super::web::{Fetcher, WallClock};
use super::{CollectError, FeedState, FeedStatus, RollbackReport, RunOutcome, RunReport, history, metrics};

/// A run that has not told its end after this long has been killed.
const LONGEST_RUN: u32 = 6 * 3_600;

/// What a process sets once for all its collecting.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// Who holds the leases: a name that no other process has.
    pub holder: String,
    /// How often the schedule looks for feeds that are due.
    pub tick: Duration,
    /// The most feeds that are run at once.
    pub at_once: usize,
}

impl CollectorOptions {
    /// The defaults.
    pub fn new(holder: impl Into<String>) -> Self {
        Self { holder: holder.into(), tick: Duration::from_secs(1), at_once: 4 }
    }
}

/// Runs feeds, holds back what is doubtful, undoes what was wrong. Clones are the same one.
#[derive(Clone)]
pub struct Collector {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) store: Arc<dyn Store>,
    fetcher: Option<Fetcher>,
    pub(super) options: CollectorOptions,
    pub(super) clock: WallClock,
    in_use: InUse,
}

impl Collector {
    /// A collector that asks nothing yet. Without a fetcher it never does.
    pub fn new(
        catalogue: Arc<Catalogue>,
        store: Arc<dyn Store>,
        fetcher: Option<Fetcher>,
        options: CollectorOptions,
        clock: WallClock,
    ) -> Self {
        Self { catalogue, store, fetcher, options, clock, in_use: InUse::default() }
    }

    /// Where every feed stands, by name.
    pub async fn status(&self) -> Result<Vec<FeedStatus>, CollectError> {
        let now = (self.clock)();
        let mut kept = notes::of_feeds(self.store.as_ref()).await?;
        let mut busy: BTreeMap<String, u32> = BTreeMap::new();
        for (name, note) in self.store.notes("host:").await? {
            let host: HostNote = notes::parse(&name, &note.bytes).unwrap_or_default();
            busy.extend(host.busy.filter(|(_, since)| now.0.saturating_sub(*since) < LONGEST_RUN));
        }
        let status = |entry: &Entry| {
            let definition = &entry.definition;
            let name = definition.name.as_str();
            let note = kept.remove(name).unwrap_or_else(|| Ok(FeedNote::default()));
            status(definition, note, busy.contains_key(name), now)
        };
        Ok(self.catalogue.entries().iter().map(status).collect())
    }

    /// Where one feed stands.
    pub async fn status_of(&self, feed: &str) -> Result<FeedStatus, CollectError> {
        self.entry(feed)?;
        let found = self.status().await?.into_iter().find(|status| status.name == feed);
        found.ok_or_else(|| CollectError::Unknown { name: feed.to_owned(), known: String::new() })
    }

    /// Runs a feed now, due or not. A dry run tells what it would do and stores nothing.
    pub async fn run(&self, feed: &str, dry_run: bool) -> Result<RunReport, CollectError> {
        let asked = if dry_run { Asked::DryRun } else { Asked::Now };
        let report = self.attempt(feed, asked).await?;
        // Only the schedule asks for a run that may be none.
        report.ok_or_else(|| CollectError::Held(format!("feed:{feed}")))
    }

    /// Runs a feed; nothing if the schedule asks and it is not due any more.
    pub(super) async fn attempt(&self, feed: &str, asked: Asked) -> Result<Option<RunReport>, CollectError> {
        let entry = self.entry(feed)?;
        if let Some(why) = off(&entry.definition) {
            return Err(CollectError::Disabled { feed: feed.to_owned(), why });
        }
        let fetcher = self.fetcher.as_ref().ok_or(CollectError::NoContact)?;
        let turn = self.turn(entry, true).await?;
        let lease = turn.lease().clone();
        let ended = turn.during(self.pass(entry, &lease).run(fetcher, asked)).await;
        metrics::ran(entry.definition.name.as_str(), &ended);
        ended
    }

    /// Takes a feed off the schedule.
    pub async fn pause(&self, feed: &str, by: &str) -> Result<(), CollectError> {
        self.set_paused(feed, Some(by.to_owned())).await
    }

    /// Puts it back on.
    pub async fn resume(&self, feed: &str) -> Result<(), CollectError> {
        self.set_paused(feed, None).await
    }

    async fn set_paused(&self, feed: &str, by: Option<String>) -> Result<(), CollectError> {
        let key = format!("feed:{}", self.entry(feed)?.definition.name);
        notes::change::<FeedNote>(self.store.as_ref(), &key, None, |note| note.paused_by.clone_from(&by))
            .await
    }

    /// Puts all that a feed said back to how it was after `to_run`; 0: it says nothing. It stays on
    /// the schedule: pause it first if it is to stay quiet.
    pub async fn rollback(&self, feed: &str, to_run: u64) -> Result<RollbackReport, CollectError> {
        let entry = self.entry(feed)?;
        let turn = self.turn(entry, false).await?;
        let lease = turn.lease().clone();
        turn.during(history::roll_back(self.store.as_ref(), &entry.definition, to_run, &lease)).await
    }

    pub(super) fn entry(&self, feed: &str) -> Result<&Entry, CollectError> {
        self.catalogue.get(feed).ok_or_else(|| {
            let names = self.catalogue.entries().iter().map(|entry| entry.definition.name.as_str());
            CollectError::Unknown { name: feed.to_owned(), known: names.collect::<Vec<_>>().join(", ") }
        })
    }

    pub(super) async fn turn(&self, entry: &Entry, fetching: bool) -> Result<Turn, CollectError> {
        Turn::take(self.store.clone(), &self.options.holder, &self.in_use, &entry.definition, fetching).await
    }

    pub(super) fn pass<'a>(&'a self, entry: &'a Entry, lease: &'a Lease) -> Pass<'a> {
        Pass { store: self.store.as_ref(), catalogue: &self.catalogue, entry, lease, clock: self.clock }
    }
}

/// Why a feed is never run, if it is not.
pub(super) fn off(definition: &Definition) -> Option<String> {
    (!definition.enabled).then(|| definition.disabled_because.clone())
}

fn status(
    definition: &Definition,
    note: Result<FeedNote, CollectError>,
    running: bool,
    now: UnixTime,
) -> FeedStatus {
    // One note that cannot be read hides no other feed.
    let broken = note.as_ref().err().map(ToString::to_string);
    let note = note.unwrap_or_default();
    let off = off(definition);
    let outcome = note.last.as_ref().map(|last| last.outcome);
    let state = match outcome {
        _ if broken.is_some() => FeedState::Failing,
        _ if note.paused_by.is_some() => FeedState::Paused,
        _ if running => FeedState::Running,
        None => FeedState::NeverRun,
        Some(RunOutcome::Blocked) => FeedState::Blocked,
        Some(RunOutcome::Quarantined) => FeedState::Quarantined,
        Some(RunOutcome::LayoutChanged | RunOutcome::Refused | RunOutcome::Failed) => FeedState::Failing,
        Some(_) => FeedState::Idle,
    };
    let why_not = match (off.as_ref().or(broken.as_ref()), &note.paused_by) {
        (Some(why), _) => why.clone(),
        (None, Some(by)) => format!("paused by {by}"),
        _ => note.last.as_ref().map(|last| last.note.clone()).unwrap_or_default(),
    };
    let scheduled = off.is_none() && broken.is_none() && note.paused_by.is_none();
    let due = if note.due == 0 { now } else { UnixTime(note.due) };
    FeedStatus {
        name: definition.name.to_string(),
        title: definition.title.clone(),
        group: definition.group.to_string(),
        enabled: off.is_none(),
        why_not,
        state,
        last_run: note.last,
        last_stored: note.stored.map(|stored| (stored.at, stored.rows)),
        failing_since: note.failing_since.map(UnixTime),
        next_due: scheduled.then_some(due),
        interval_minutes: definition.interval_minutes,
        band: (definition.band.min, definition.band.max),
    }
}
