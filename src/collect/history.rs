//! Records of runs: what a feed said before each, so that a run can be undone.
//!
//! A record is written before its run's changes, and the feed's note after them. So a record beyond
//! the note belongs to a run that was cut short, and is undone before the next begins: it does not
//! matter whether its changes came to be. Must not undo what others said.

use std::collections::BTreeMap;

use crate::core::listing::{FeedName, Sighting, Subject};
use crate::core::number::Number;
use crate::feed::Definition;
use crate::store::{Change, Lease, NoteStore, Store};

use super::notes::{self, FeedNote, broken, numbered};
use super::packed;
use super::plan::{Plan, all_said, sighting_name};
use super::{CollectError, RollbackReport};

/// Records that are kept of a feed, and the most bytes of them: a month of a feed that runs every hour.
const MOST_RECORDS: usize = 750;
const MOST_BYTES: u64 = 32 << 20;

/// Writes the record of a run that is about to be stored; its size.
pub(super) async fn record(
    store: &dyn NoteStore,
    feed: &str,
    run: u64,
    plan: &Plan,
    lease: &Lease,
) -> Result<u64, CollectError> {
    let before = plan.changes.iter().map(|(number, before, _)| (*number, before.as_ref()));
    let bytes = packed::pack_before(before);
    let size = bytes.len() as u64;
    notes::put(store, &numbered("run", feed, run), Some(bytes), lease).await?;
    Ok(size)
}

/// Adds a stored run to a feed's note; the runs whose records are to go.
pub(super) fn remember(note: &mut FeedNote, run: u64, bytes: u64) -> Vec<u64> {
    note.records.push((run, bytes));
    let mut dropped = Vec::new();
    let size = |note: &FeedNote| note.records.iter().map(|(_, bytes)| bytes).sum::<u64>();
    while note.records.len() > MOST_RECORDS || (note.records.len() > 1 && size(note) > MOST_BYTES) {
        let (run, _) = note.records.remove(0);
        note.forgotten = run;
        dropped.push(run);
    }
    dropped
}

/// Deletes records that no note names any more.
pub(super) async fn forget(
    store: &dyn NoteStore,
    feed: &str,
    runs: Vec<u64>,
    lease: &Lease,
) -> Result<(), CollectError> {
    for run in runs {
        notes::put(store, &numbered("run", feed, run), None, lease).await?;
    }
    Ok(())
}

/// Undoes a run that was cut short, if there is one.
pub(super) async fn repair(
    store: &dyn Store,
    definition: &Definition,
    note: &FeedNote,
    lease: &Lease,
) -> Result<(), CollectError> {
    let name = numbered("run", definition.name.as_str(), note.runs + 1);
    let feed = sighting_name(definition);
    if let Some(left) = notes::get(store, &name).await? {
        let before = packed::read_before(&feed, &left.bytes).map_err(|error| broken(&name, &error))?;
        tracing::info!(
            feed = definition.name.as_str(),
            run = note.runs + 1,
            "undoing a run that was cut short"
        );
        store.apply_leased(restated(&feed, before), lease).await?;
        notes::put(store, &name, None, lease).await?;
    }
    Ok(())
}

/// Puts everything the feed said back to how it was after `to_run`; 0: it says nothing.
pub(super) async fn roll_back(
    store: &dyn Store,
    definition: &Definition,
    to_run: u64,
    lease: &Lease,
) -> Result<RollbackReport, CollectError> {
    let name = definition.name.as_str();
    let key = format!("feed:{name}");
    let note: FeedNote = notes::read(store, &key).await?;
    repair(store, definition, &note, lease).await?;
    let no_run = |why| Err(CollectError::NoRun { feed: name.to_owned(), why });
    if to_run > note.runs {
        return no_run(format!("run {to_run} has not been: the last is {}", note.runs));
    }
    if to_run > 0 && to_run < note.forgotten {
        return no_run(format!(
            "what it said at run {to_run} is not kept any more: go back to {} or later, or to 0 for nothing",
            note.forgotten
        ));
    }
    let feed = sighting_name(definition);
    let undone: Vec<u64> = note.records.iter().map(|(run, _)| *run).filter(|run| *run > to_run).collect();
    let mut before: BTreeMap<Number, Option<Sighting>> = BTreeMap::new();
    let changes = if to_run == 0 {
        let said = all_said(store, &feed).await?.into_iter();
        said.map(|subject| Change::Restate(subject, feed.clone(), None)).collect()
    } else {
        // From the newest to the oldest: the oldest has the last word.
        for run in undone.iter().rev() {
            let name = numbered("run", name, *run);
            let missing = || broken(&name, &"it is missing");
            let kept = notes::get(store, &name).await?.ok_or_else(missing)?;
            before.extend(packed::read_before(&feed, &kept.bytes).map_err(|error| broken(&name, &error))?);
        }
        restated(&feed, before.clone())
    };
    let subjects = changes.len() as u64;
    store.apply_leased(changes, lease).await?;
    let present = match to_run {
        0 => Vec::new(),
        _ => {
            let mut present = present(store, name).await?;
            present.retain(|number| !matches!(before.get(number), Some(None)));
            present
        }
    };
    let bytes = packed::pack_numbers(&present);
    notes::put(store, &format!("present:{name}"), Some(bytes), lease).await?;
    notes::change::<FeedNote>(store, &key, Some(lease), |note| {
        note.records.retain(|(run, _)| *run <= to_run);
        // The page has to be read anew, and as if for the first time if nothing is left.
        note.validators = None;
        note.stored = note.stored.filter(|_| to_run > 0);
        if let Some(stored) = &mut note.stored {
            stored.rows = present.len() as u64;
        }
    })
    .await?;
    forget(store, name, undone, lease).await?;
    Ok(RollbackReport { subjects })
}

/// Numbers of the last stored run.
pub(super) async fn present(store: &dyn NoteStore, feed: &str) -> Result<Vec<Number>, CollectError> {
    let name = format!("present:{feed}");
    match notes::get(store, &name).await? {
        Some(note) => packed::read_numbers(&note.bytes).map_err(|error| broken(&name, &error)),
        None => Ok(Vec::new()),
    }
}

fn restated(feed: &FeedName, before: impl IntoIterator<Item = (Number, Option<Sighting>)>) -> Vec<Change> {
    let restate = |(number, sighting)| Change::Restate(Subject::Number(number), feed.clone(), sighting);
    before.into_iter().map(restate).collect()
}
