//! Regulators' files into the store: read, judged and stored as a whole, or held back as a whole.
//!
//! Two ways lead here: an operator's import, and a run of the feed that fetches the file. Must not know
//! how a file looks: that is the definition's, and `feed/holders.rs` reads it.

use std::sync::Arc;
use std::time::Duration;

use crate::core::allocation::{Allocation, AllocationStats, doubts};
use crate::core::listing::UnixTime;
use crate::feed::definition::{Entry, HolderShape};
use crate::feed::{Definition, HolderRow, Shape, read_holders};
use crate::store::{Lease, NoteStore, allocation, allocation_head, delete_allocation, put_allocation};

use super::gather::refusal;
use super::notes::{self, FeedNote, StoredRun};
use super::run::{Asked, Pass, summary};
use super::web::shown::masked;
use super::web::{FetchError, Fetched, Fetcher, PageRequest};
use super::{CollectError, Collector, RunOutcome, RunSummary};

/// A file by its name, with its bytes.
pub type NamedFile = (String, Vec<u8>);

/// How an import is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportAsked {
    /// Read and judge, and store nothing.
    pub dry_run: bool,
    /// Store it although it is doubtful.
    pub accept: bool,
}

/// What a load holds, and whether it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationReport {
    /// Rows that are ranges.
    pub rows: u64,
    /// Rows that are none, such as short codes.
    pub left_out: u64,
    /// What was made of them.
    pub stats: AllocationStats,
    /// Why it is doubtful.
    pub doubts: Vec<String>,
    /// Whether it is stored: it is not if it is doubtful, or on trial.
    pub stored: bool,
    /// Tells this load from others.
    pub load: u64,
}

/// What was read of some files.
struct Read {
    rows: u64,
    left_out: u64,
    allocation: Allocation,
}

impl Collector {
    /// Loads a regulator's files in place of what its feed said before; all of it or nothing.
    pub async fn import_allocation(
        &self,
        feed: &str,
        files: Vec<NamedFile>,
        asked: ImportAsked,
    ) -> Result<AllocationReport, CollectError> {
        let entry = self.entry(feed)?;
        let shape = holder_shape(&entry.definition)?;
        let read = read(&entry.definition, shape, files, (self.clock)()).await?;
        let turn = self.turn(entry, false).await?;
        let lease = turn.lease().clone();
        turn.during(async {
            let report = take_in(self.store.as_ref(), &entry.definition, read, asked, &lease).await?;
            if report.stored {
                self.note_loaded(entry, Some(report.rows), &lease).await?;
            }
            Ok(report)
        })
        .await
    }

    /// Notes how many rows of the feed's file a person has loaded, none if they were deleted: the feed
    /// has data or not, however its runs ended.
    async fn note_loaded(&self, entry: &Entry, rows: Option<u64>, lease: &Lease) -> Result<(), CollectError> {
        let key = format!("feed:{}", entry.definition.name);
        let at = (self.clock)();
        notes::change::<FeedNote>(self.store.as_ref(), &key, Some(lease), |note| {
            note.stored = rows.map(|rows| StoredRun { run: note.runs, at, rows });
            if rows.is_some() {
                note.failing_since = None;
            }
        })
        .await
    }

    /// Takes away what a feed's file said; whether it said anything.
    pub async fn delete_allocation(&self, feed: &str) -> Result<bool, CollectError> {
        let entry = self.entry(feed)?;
        holder_shape(&entry.definition)?;
        let turn = self.turn(entry, false).await?;
        let lease = turn.lease().clone();
        turn.during(async {
            let deleted = delete_allocation(self.store.as_ref(), &entry.definition.name, &lease).await?;
            self.note_loaded(entry, None, &lease).await?;
            Ok(deleted)
        })
        .await
    }
}

impl Pass<'_> {
    /// Fetches the feed's file and loads it.
    pub(super) async fn run_holders(
        &self,
        fetcher: &Fetcher,
        asked: Asked,
        run: u64,
    ) -> Result<RunSummary, CollectError> {
        let definition = &self.entry.definition;
        self.enter_hosts(fetcher).await?;
        let fetched = fetch(fetcher, definition).await;
        self.leave_hosts(fetcher).await?;
        let now = (self.clock)();
        let (outcome, why, wait) = match fetched? {
            Ok(files) => {
                let dry_run = asked == Asked::DryRun;
                match self.load(files, ImportAsked { dry_run, accept: false }).await {
                    Ok(report) => return self.remember(report, run, now, dry_run).await,
                    Err(CollectError::BadFile { why, .. }) => {
                        (RunOutcome::LayoutChanged, why, Duration::ZERO)
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(refused) => refused,
        };
        let ended = RunSummary { pages: 1, note: why, ..summary(run, now, outcome) };
        if asked != Asked::DryRun {
            self.fall_back(&ended, wait).await?;
        }
        Ok(ended)
    }

    async fn load(
        &self,
        files: Vec<NamedFile>,
        asked: ImportAsked,
    ) -> Result<AllocationReport, CollectError> {
        let definition = &self.entry.definition;
        let read = read(definition, holder_shape(definition)?, files, (self.clock)()).await?;
        take_in(self.store, definition, read, asked, self.lease).await
    }

    async fn remember(
        &self,
        report: AllocationReport,
        run: u64,
        now: UnixTime,
        dry_run: bool,
    ) -> Result<RunSummary, CollectError> {
        let outcome = match (dry_run, report.stored) {
            (true, _) => RunOutcome::DryRun,
            (false, true) => RunOutcome::Stored,
            (false, false) => RunOutcome::Quarantined,
        };
        let name = &self.entry.definition.name;
        let note = match outcome {
            RunOutcome::Quarantined => format!(
                "{}; look at the file, and if it is right: numguard allocation import {name} FILE --accept",
                report.doubts.join("; ")
            ),
            _ => report.doubts.join("; "),
        };
        let ended = RunSummary {
            pages: 1,
            rows: report.rows,
            dropped: report.left_out,
            note,
            ..summary(run, now, outcome)
        };
        if !dry_run {
            self.note_end(&ended).await?;
        }
        Ok(ended)
    }
}

/// The shape of a regulator's file; other feeds have none.
pub(super) fn holder_shape(definition: &Definition) -> Result<&HolderShape, CollectError> {
    match definition.shape() {
        Shape::Holders(shape) => Ok(shape),
        _ => Err(CollectError::NoHolders(definition.name.to_string())),
    }
}

/// Reads files off the async threads.
async fn read(
    definition: &Definition,
    shape: &HolderShape,
    files: Vec<NamedFile>,
    now: UnixTime,
) -> Result<Read, CollectError> {
    let (feed, shape) = (definition.name.clone(), Arc::new(shape.clone()));
    let reading = tokio::task::spawn_blocking(move || {
        let (mut rows, mut left_out): (Vec<HolderRow>, u64) = (Vec::new(), 0);
        for (file, body) in files {
            let read = read_holders(&shape, &body)
                .map_err(|error| CollectError::BadFile { file: masked(&file), why: error.to_string() })?;
            rows.extend(read.rows);
            left_out += read.left_out.len() as u64;
        }
        let allocation = shape.allocation(feed, now, &rows);
        Ok(Read { rows: rows.len() as u64, left_out, allocation })
    });
    reading.await.map_err(|_| CollectError::BadFile {
        file: definition.name.to_string(),
        why: "reading it broke off".to_owned(),
    })?
}

/// Judges what was read, and stores it.
async fn take_in(
    store: &dyn NoteStore,
    definition: &Definition,
    read: Read,
    asked: ImportAsked,
    lease: &Lease,
) -> Result<AllocationReport, CollectError> {
    let Read { rows, left_out, allocation: new } = read;
    let before = match allocation_head(store).await?.of(&definition.name) {
        Some(load) => allocation(store, &definition.name, load).await?,
        None => None,
    };
    let mut doubts = doubts(&new, before.as_ref());
    let band = definition.band;
    if !band.holds(rows) {
        doubts.insert(0, format!("{rows} ranges: the definition expects {} to {}", band.min, band.max));
    }
    let stored = !asked.dry_run && (asked.accept || doubts.is_empty());
    if stored {
        put_allocation(store, &new, lease).await?;
    }
    Ok(AllocationReport { rows, left_out, stats: new.stats(), doubts, stored, load: new.id() })
}

/// The files of a feed, or how and why there are none.
async fn fetch(
    fetcher: &Fetcher,
    definition: &Definition,
) -> Result<Result<Vec<NamedFile>, (RunOutcome, String, Duration)>, CollectError> {
    let mut files = Vec::new();
    for url in &definition.urls {
        let pace = Duration::from_secs(definition.pace_seconds.into());
        let request =
            PageRequest { mirrors: definition.mirrors.clone(), ..PageRequest::new(url.as_str(), pace) };
        match fetcher.get(request).await {
            Ok(Fetched::Page(page)) => files.push((definition.name.to_string(), page.body)),
            Ok(Fetched::Refused { status, retry_after, by }) => {
                return Ok(Err(refusal(status, retry_after, by)));
            }
            // Nothing was sent along that could be compared.
            Ok(Fetched::NotModified) => {
                let why = "the site answers that the file is as it was, which it was not asked".to_owned();
                return Ok(Err((RunOutcome::Failed, why, Duration::ZERO)));
            }
            Err(error @ (FetchError::Options(_) | FetchError::TooManyHosts { .. })) => {
                return Err(error.into());
            }
            Err(error) => return Ok(Err((RunOutcome::Failed, error.to_string(), Duration::ZERO))),
        }
    }
    Ok(Ok(files))
}
