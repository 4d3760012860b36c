//! The redb tables and every transaction on them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `listings` | subject key (see `listing::codec`) | listing |
//! | `log` | cursor | the subject keys of one chunk of changes, each with a length byte |
//! | `outcomes` | running number | outcome |
//! | `meta` | `epoch`, `cursor`, `numbers`, `ranges` | integer |

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    StorageError, Table, TableDefinition,
};

use crate::index::Position;
use crate::listing::{Listing, Subject, codec};

use super::super::{Applied, Change, Changes, Outcome, OutcomeKind, StoreError, StoreStats};

const LISTINGS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("listings");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const OUTCOMES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outcomes");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Subjects per log entry.
const CHUNK: usize = 1_024;

/// Log entries that are kept; who is further behind loads everything.
const LOG_ENTRIES: u64 = 4_096;

#[derive(Debug)]
pub(super) struct Tables {
    database: Database,
    position: Mutex<Position>,
}

fn unavailable(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        // redb refuses everything after a failed write until it is opened anew.
        redb::Error::PreviousIo => StoreError::Unavailable(
            "an earlier write failed (is the disk full?): mend that, then restart numguard; checks go on"
                .to_owned(),
        ),
        error => StoreError::Unavailable(error.to_string()),
    }
}

impl Tables {
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let database = Database::builder().set_cache_size(cache_bytes).create(path);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { place },
            DatabaseError::Storage(StorageError::Io(error)) => {
                StoreError::Open { place, reason: error.to_string() }
            }
            other => StoreError::Open { place, reason: other.to_string() },
        })?;
        let position = first_start(&database)?;
        Ok(Self { database, position: Mutex::new(position) })
    }

    pub(super) fn position(&self) -> Position {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn apply(&self, mut changes: Vec<Change>) -> Result<Applied, StoreError> {
        // Ascending keys write each page once; the sort keeps the order of changes to one subject.
        changes.sort_by_key(Change::subject);
        let mut applied = Applied { position: self.position(), ..Applied::default() };
        if changes.is_empty() {
            return Ok(applied);
        }
        let mut write = self.database.begin_write().map_err(unavailable)?;
        write.set_durability(Durability::Immediate).map_err(unavailable)?;
        {
            let mut listings = write.open_table(LISTINGS).map_err(unavailable)?;
            let mut meta = write.open_table(META).map_err(unavailable)?;
            let mut log = write.open_table(LOG).map_err(unavailable)?;
            let mut cursor = read_meta(&meta, "cursor")?;
            let mut numbers = read_meta(&meta, "numbers")?;
            let mut ranges = read_meta(&meta, "ranges")?;
            let fresh = listings.is_empty().map_err(unavailable)?;
            let mut buffer = Vec::new();
            for chunk in changes.chunks(CHUNK) {
                for change in chunk {
                    let kind = match change.subject() {
                        Subject::Number(_) => &mut numbers,
                        Subject::Range(_) => &mut ranges,
                    };
                    match apply_one(&mut listings, change, fresh, &mut buffer)? {
                        Effect::Added => (applied.added, *kind) = (applied.added + 1, *kind + 1),
                        Effect::Deleted => {
                            (applied.deleted, *kind) = (applied.deleted + 1, kind.saturating_sub(1))
                        }
                        Effect::Changed => {}
                    }
                }
                cursor += 1;
                let keys = log_entry(chunk.iter().map(Change::subject));
                log.insert(cursor, keys.as_slice()).map_err(unavailable)?;
                if cursor > LOG_ENTRIES {
                    log.remove(cursor - LOG_ENTRIES).map_err(unavailable)?;
                }
            }
            for (key, value) in [("cursor", cursor), ("numbers", numbers), ("ranges", ranges)] {
                meta.insert(key, value).map_err(unavailable)?;
            }
            applied.position.cursor = cursor;
        }
        write.commit().map_err(unavailable)?;
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = applied.position;
        Ok(applied)
    }

    pub(super) fn get(&self, subjects: &[Subject]) -> Result<Vec<Option<Listing>>, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let listings = read.open_table(LISTINGS).map_err(unavailable)?;
        subjects.iter().map(|&subject| read_one(&listings, subject)).collect()
    }

    pub(super) fn scan(
        &self,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<(Subject, Listing)>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let read = self.database.begin_read().map_err(unavailable)?;
        let listings = read.open_table(LISTINGS).map_err(unavailable)?;
        let after = after.map(codec::subject_key);
        let from = after.as_deref().map_or(Unbounded, Excluded);
        let rows = listings.range::<&[u8]>((from, Unbounded)).map_err(unavailable)?;
        rows.take(limit)
            .map(|row| {
                let (key, value) = row.map_err(unavailable)?;
                Ok((codec::read_subject(key.value())?, codec::read_listing(value.value())?))
            })
            .collect()
    }

    pub(super) fn changes(&self, position: Position, limit: usize) -> Result<Changes, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let log = read.open_table(LOG).map_err(unavailable)?;
        let listings = read.open_table(LISTINGS).map_err(unavailable)?;
        let meta = read.open_table(META).map_err(unavailable)?;
        let end = read_meta(&meta, "cursor")?;
        let oldest = log.first().map_err(unavailable)?.map_or(end + 1, |(cursor, _)| cursor.value());
        let known = position.epoch == read_meta(&meta, "epoch")?;
        if !known || position.cursor > end || position.cursor + 1 < oldest {
            return Ok(Changes::Gone);
        }
        let mut subjects = Vec::new();
        let mut reached = position;
        for entry in log.range(position.cursor + 1..).map_err(unavailable)? {
            let (cursor, keys) = entry.map_err(unavailable)?;
            subjects.extend(read_log_entry(keys.value())?);
            reached.cursor = cursor.value();
            if subjects.len() >= limit {
                break;
            }
        }
        subjects.sort_unstable();
        subjects.dedup();
        let now = subjects.into_iter().map(|subject| Ok((subject, read_one(&listings, subject)?)));
        Ok(Changes::Next(now.collect::<Result<_, StoreError>>()?, reached))
    }

    pub(super) fn report(&self, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(unavailable)?;
        {
            let mut table = write.open_table(OUTCOMES).map_err(unavailable)?;
            let next = table.last().map_err(unavailable)?.map_or(1, |(last, _)| last.value() + 1);
            for (id, outcome) in (next..).zip(outcomes) {
                table.insert(id, outcome_bytes(outcome).as_slice()).map_err(unavailable)?;
            }
        }
        write.commit().map_err(unavailable)
    }

    pub(super) fn stats(&self) -> Result<StoreStats, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let meta = read.open_table(META).map_err(unavailable)?;
        let outcomes = read.open_table(OUTCOMES).map_err(unavailable)?;
        Ok(StoreStats {
            numbers: read_meta(&meta, "numbers")?,
            ranges: read_meta(&meta, "ranges")?,
            outcomes: outcomes.len().map_err(unavailable)?,
            position: Position { epoch: read_meta(&meta, "epoch")?, cursor: read_meta(&meta, "cursor")? },
        })
    }
}

/// Makes the tables and the epoch of a new store; answers the end of the log.
fn first_start(database: &Database) -> Result<Position, StoreError> {
    let write = database.begin_write().map_err(unavailable)?;
    let position = {
        write.open_table(LISTINGS).map_err(unavailable)?;
        write.open_table(LOG).map_err(unavailable)?;
        write.open_table(OUTCOMES).map_err(unavailable)?;
        let mut meta = write.open_table(META).map_err(unavailable)?;
        if read_meta(&meta, "epoch")? == 0 {
            // Any number that another store is unlikely to have; never 0.
            meta.insert("epoch", RandomState::new().build_hasher().finish() | 1).map_err(unavailable)?;
        }
        Position { epoch: read_meta(&meta, "epoch")?, cursor: read_meta(&meta, "cursor")? }
    };
    write.commit().map_err(unavailable)?;
    Ok(position)
}

enum Effect {
    Added,
    Changed,
    Deleted,
}

fn apply_one(
    listings: &mut Table<'_, &'static [u8], &'static [u8]>,
    change: &Change,
    fresh: bool,
    buffer: &mut Vec<u8>,
) -> Result<Effect, StoreError> {
    let key = codec::subject_key(change.subject());
    buffer.clear();
    match change {
        Change::Delete(_) => {
            let removed = listings.remove(key.as_slice()).map_err(unavailable)?;
            Ok(if removed.is_some() { Effect::Deleted } else { Effect::Changed })
        }
        Change::Merge(_, listing) if fresh => {
            // The table was empty: look only at what this very batch put there.
            codec::write_listing(listing, buffer);
            let old = listings.insert(key.as_slice(), buffer.as_slice()).map_err(unavailable)?;
            let Some(old) = old.map(|old| codec::read_listing(old.value())).transpose()? else {
                return Ok(Effect::Added);
            };
            merge_into(listings, &key, old, listing, buffer)
        }
        Change::Merge(_, listing) => {
            let old = listings.get(key.as_slice()).map_err(unavailable)?;
            match old.map(|old| codec::read_listing(old.value())).transpose()? {
                Some(old) => merge_into(listings, &key, old, listing, buffer),
                None => {
                    codec::write_listing(listing, buffer);
                    listings.insert(key.as_slice(), buffer.as_slice()).map_err(unavailable)?;
                    Ok(Effect::Added)
                }
            }
        }
    }
}

fn merge_into(
    listings: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    mut old: Listing,
    more: &Listing,
    buffer: &mut Vec<u8>,
) -> Result<Effect, StoreError> {
    old.merge(more);
    buffer.clear();
    codec::write_listing(&old, buffer);
    listings.insert(key, buffer.as_slice()).map_err(unavailable)?;
    Ok(Effect::Changed)
}

fn read_one(
    listings: &impl ReadableTable<&'static [u8], &'static [u8]>,
    subject: Subject,
) -> Result<Option<Listing>, StoreError> {
    let value = listings.get(codec::subject_key(subject).as_slice()).map_err(unavailable)?;
    Ok(value.map(|value| codec::read_listing(value.value())).transpose()?)
}

fn read_meta(meta: &impl ReadableTable<&'static str, u64>, key: &str) -> Result<u64, StoreError> {
    Ok(meta.get(key).map_err(unavailable)?.map_or(0, |value| value.value()))
}

fn log_entry(subjects: impl Iterator<Item = Subject>) -> Vec<u8> {
    let mut entry = Vec::new();
    for subject in subjects {
        let key = codec::subject_key(subject);
        entry.push(key.len() as u8);
        entry.extend(key);
    }
    entry
}

fn read_log_entry(mut entry: &[u8]) -> Result<Vec<Subject>, StoreError> {
    let mut subjects = Vec::new();
    while let Some((&length, rest)) = entry.split_first() {
        let key = rest.split_at_checked(usize::from(length));
        let (key, rest) = key.ok_or_else(|| StoreError::Damaged("change log is cut".to_owned()))?;
        subjects.push(codec::read_subject(key)?);
        entry = rest;
    }
    Ok(subjects)
}

/// Version, kind, time, number, then the two ids with a length byte each.
fn outcome_bytes(outcome: &Outcome) -> Vec<u8> {
    let kind = match outcome.kind {
        OutcomeKind::Verified => 1,
        OutcomeKind::AbuseConfirmed => 2,
        OutcomeKind::FalsePositive => 3,
    };
    let mut bytes = vec![1, kind];
    bytes.extend(outcome.occurred_at.0.to_be_bytes());
    bytes.extend(outcome.number.key().to_be_bytes());
    for id in [&outcome.check_id, &outcome.correlation_id] {
        bytes.push(id.len().min(255) as u8);
        bytes.extend(id.bytes().take(255));
    }
    bytes
}
