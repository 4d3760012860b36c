//! The redb tables and every transaction on them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `listings` | subject key (see `listing::codec`) | listing |
//! | `stamped_log` | cursor | a random stamp, then the subject keys of one chunk of changes, each with a length byte |
//! | `notes` | name | revision, text (see `notes.rs`) |
//! | `outcomes_by_time` | id | outcome |
//! | `meta` | `epoch`, `cursor`, `numbers`, `ranges` | integer |

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    StorageError, Table, TableDefinition,
};

use crate::core::index::{Mark, Position};
use crate::core::listing::{Listing, Subject, codec};
use crate::random;
use crate::store::{Applied, Change, Changes, ListingCounts, StoreError};

const LISTINGS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("listings");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("stamped_log");
pub(super) const NOTES: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("notes");
pub(super) const OUTCOMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("outcomes_by_time");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Subjects per log entry.
const CHUNK: usize = 1_024;

/// Log entries that are kept; who is further behind loads everything.
const LOG_ENTRIES: u64 = 4_096;

#[derive(Debug)]
pub(super) struct Tables {
    pub(super) database: Database,
    epoch: u64,
    /// The end of the log.
    end: Mutex<Mark>,
}

pub(super) fn unavailable(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        // redb refuses everything after a failed write until it is opened anew.
        redb::Error::PreviousIo => StoreError::Unavailable(
            "an earlier write failed (is the disk full?): mend that, then restart numguard; checks go on"
                .to_owned(),
        ),
        error => StoreError::Unavailable(error.to_string()),
    }
}

/// Why a file or its folder cannot be opened, and what to do.
pub(super) fn cannot_open(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::StorageFull => format!("{error}: make room"),
        _ => {
            format!("{error}: give the user of numguard the right to write there, or name another --data-dir")
        }
    }
}

impl Tables {
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let database = Database::builder().set_cache_size(cache_bytes).create(path);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { place },
            DatabaseError::Storage(StorageError::Io(error)) => {
                StoreError::Open { place, reason: cannot_open(&error) }
            }
            other => StoreError::Open { place, reason: other.to_string() },
        })?;
        let (epoch, end) = first_start(&database)?;
        Ok(Self { database, epoch, end: Mutex::new(end) })
    }

    /// The last change of the log.
    pub(super) fn cursor(&self) -> u64 {
        self.end().cursor
    }

    fn end(&self) -> Mark {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn position(&self, mark: Mark) -> Position {
        Position { epoch: self.epoch, marks: vec![mark] }
    }

    /// What was done, and the last change of the log.
    pub(super) fn apply(&self, mut changes: Vec<Change>) -> Result<(Applied, u64), StoreError> {
        // Ascending keys write each page once; the sort keeps the order of changes to one subject.
        changes.sort_by_key(Change::subject);
        let mut applied = Applied::default();
        if changes.is_empty() {
            applied.position = self.position(self.end());
            return Ok((applied, self.cursor()));
        }
        let mut reached = Mark { cursor: 0, stamp: random() };
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
                let keys = log_entry(reached.stamp, chunk.iter().map(Change::subject));
                log.insert(cursor, keys.as_slice()).map_err(unavailable)?;
                if cursor > LOG_ENTRIES {
                    log.remove(cursor - LOG_ENTRIES).map_err(unavailable)?;
                }
            }
            for (key, value) in [("cursor", cursor), ("numbers", numbers), ("ranges", ranges)] {
                meta.insert(key, value).map_err(unavailable)?;
            }
            reached.cursor = cursor;
        }
        write.commit().map_err(unavailable)?;
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = reached;
        applied.position = self.position(reached);
        Ok((applied, reached.cursor))
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

    pub(super) fn changes(&self, position: &Position, limit: usize) -> Result<Changes, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let log = read.open_table(LOG).map_err(unavailable)?;
        let listings = read.open_table(LISTINGS).map_err(unavailable)?;
        let &[from] = position.marks.as_slice() else { return Ok(Changes::Gone) };
        let oldest = log.first().map_err(unavailable)?.map_or(1, |(cursor, _)| cursor.value());
        let trimmed = from.cursor + 1 < oldest;
        if position.epoch != self.epoch || trimmed || from != mark_at(&log, from.cursor)? {
            return Ok(Changes::Gone);
        }
        let mut subjects = Vec::new();
        let mut reached = from;
        for entry in log.range(from.cursor + 1..).map_err(unavailable)? {
            let (cursor, keys) = entry.map_err(unavailable)?;
            let (stamp, keys) = read_log_entry(keys.value())?;
            subjects.extend(keys);
            reached = Mark { cursor: cursor.value(), stamp };
            if subjects.len() >= limit {
                break;
            }
        }
        subjects.sort_unstable();
        subjects.dedup();
        let now = subjects.into_iter().map(|subject| Ok((subject, read_one(&listings, subject)?)));
        Ok(Changes::Next(now.collect::<Result<_, StoreError>>()?, self.position(reached)))
    }

    pub(super) fn counts(&self) -> Result<ListingCounts, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let meta = read.open_table(META).map_err(unavailable)?;
        let log = read.open_table(LOG).map_err(unavailable)?;
        Ok(ListingCounts {
            numbers: read_meta(&meta, "numbers")?,
            ranges: read_meta(&meta, "ranges")?,
            position: self.position(mark_at(&log, read_meta(&meta, "cursor")?)?),
        })
    }
}

/// Makes the tables and the epoch of a new store; answers epoch and end of the log.
fn first_start(database: &Database) -> Result<(u64, Mark), StoreError> {
    let write = database.begin_write().map_err(unavailable)?;
    let known = {
        write.open_table(LISTINGS).map_err(unavailable)?;
        let log = write.open_table(LOG).map_err(unavailable)?;
        write.open_table(OUTCOMES).map_err(unavailable)?;
        write.open_table(NOTES).map_err(unavailable)?;
        let mut meta = write.open_table(META).map_err(unavailable)?;
        if read_meta(&meta, "epoch")? == 0 {
            meta.insert("epoch", random()).map_err(unavailable)?;
        }
        (read_meta(&meta, "epoch")?, mark_at(&log, read_meta(&meta, "cursor")?)?)
    };
    write.commit().map_err(unavailable)?;
    Ok(known)
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
        Change::Restate(..) | Change::Withdraw(_) => {
            let old = listings.get(key.as_slice()).map_err(unavailable)?;
            let old = old.map(|old| codec::read_listing(old.value())).transpose()?;
            let mut new = old.clone().unwrap_or_default();
            match change {
                Change::Restate(_, feed, sighting) => new.restate(feed, sighting.as_ref()),
                _ => new.withdraw(),
            }
            if new.is_empty() {
                listings.remove(key.as_slice()).map_err(unavailable)?;
                return Ok(if old.is_some() { Effect::Deleted } else { Effect::Changed });
            }
            codec::write_listing(&new, buffer);
            listings.insert(key.as_slice(), buffer.as_slice()).map_err(unavailable)?;
            Ok(if old.is_some() { Effect::Changed } else { Effect::Added })
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

/// Any number that another is unlikely to be; never 0.
fn random() -> u64 {
    random::number() | 1
}

/// The mark of a change that the log still has; one without a stamp, which is no one's, if not.
fn mark_at(log: &impl ReadableTable<u64, &'static [u8]>, cursor: u64) -> Result<Mark, StoreError> {
    let entry = log.get(cursor).map_err(unavailable)?;
    let stamp = entry.map(|entry| read_log_entry(entry.value())).transpose()?.map_or(0, |(stamp, _)| stamp);
    Ok(Mark { cursor, stamp })
}

fn log_entry(stamp: u64, subjects: impl Iterator<Item = Subject>) -> Vec<u8> {
    let mut entry = stamp.to_be_bytes().to_vec();
    for subject in subjects {
        let key = codec::subject_key(subject);
        entry.push(key.len() as u8);
        entry.extend(key);
    }
    entry
}

fn read_log_entry(entry: &[u8]) -> Result<(u64, Vec<Subject>), StoreError> {
    let cut = || StoreError::Damaged("change log is cut".to_owned());
    let (stamp, mut entry) = entry.split_first_chunk().ok_or_else(cut)?;
    let mut subjects = Vec::new();
    while let Some((&length, rest)) = entry.split_first() {
        let key = rest.split_at_checked(usize::from(length));
        let (key, rest) = key.ok_or_else(cut)?;
        subjects.push(codec::read_subject(key)?);
        entry = rest;
    }
    Ok((u64::from_be_bytes(*stamp), subjects))
}
