//! Snapshots: an index as bytes, so that it can be saved and loaded before any store answers.
//!
//! A snapshot ends in its digest; one that is cut, altered or of another version is refused whole. Must not be
//! trusted beyond its digest: who can write the file can write listings as well. Must not open files: the caller
//! gives a reader or a writer.

use std::io::{Read, Write};
use std::sync::Arc;

use bytemuck::Pod;

use crate::core::allocation::Allocations;
use crate::core::listing::{Confirmation, Day, Decision, Listing, Subject, codec};

use super::numbers::Numbers;
use super::provenance::{Provenance, Provenances};
use super::verified::{Row, Verified};
use super::{Index, Mark, Position, RangeEntry, Ranges, Seen};

/// Eight bytes at the head: name and version of the format. A file of another version is refused: the
/// store has all that it holds.
const MAGIC: &[u8; 8] = b"NGSNAP05";

/// No column may claim more elements than this (a number space of 4 billion listings).
const LONGEST: u64 = u32::MAX as u64;

/// Why a snapshot file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Reading or writing failed.
    #[error("snapshot file: {0}")]
    Io(#[from] std::io::Error),
    /// Another version, or not a snapshot.
    #[error("not a snapshot file of this version")]
    Foreign,
    /// Cut or altered.
    #[error("snapshot file is damaged: {0}")]
    Damaged(&'static str),
}

impl Index {
    /// Writes the index as a snapshot, overlay included. `out` takes many small writes: buffer it.
    pub fn write_snapshot(&self, out: impl Write) -> Result<(), SnapshotError> {
        let compacted;
        let index = if self.overlay.len() == 0 {
            self
        } else {
            compacted = self.compacted();
            &compacted
        };
        let mut writer = Writer { out, digest: blake3::Hasher::new() };
        writer.index(index)?;
        let digest = writer.digest.finalize();
        writer.out.write_all(digest.as_bytes())?;
        Ok(writer.out.flush()?)
    }

    /// Reads what [`Index::write_snapshot`] wrote. `length` is that of the input in bytes: no column is believed to be
    /// longer. `input` is read in many small parts: buffer it.
    pub fn read_snapshot(input: impl Read, length: u64) -> Result<Self, SnapshotError> {
        let mut reader = Reader { left: length, input, digest: blake3::Hasher::new() };
        let index = reader.index()?;
        let digest = reader.digest.finalize();
        let mut stored = [0; 32];
        reader.input.read_exact(&mut stored).map_err(|_| SnapshotError::Damaged("the digest is missing"))?;
        if digest != stored || reader.input.read(&mut [0])? != 0 {
            return Err(SnapshotError::Damaged("the digest does not match"));
        }
        Ok(index)
    }
}

struct Writer<W> {
    out: W,
    digest: blake3::Hasher,
}

impl<W: Write> Writer<W> {
    fn index(&mut self, index: &Index) -> Result<(), SnapshotError> {
        let numbers = &index.numbers;
        self.bytes(MAGIC)?;
        self.column(&position_column(&index.position))?;
        self.column(&numbers.supers)?;
        self.column(&numbers.super_starts)?;
        self.column(&numbers.blocks)?;
        self.column(&numbers.block_starts)?;
        self.column(&numbers.keys)?;
        self.column(&numbers.last)?;
        self.column(&numbers.spans)?;
        self.column(&numbers.provenance)?;
        self.column(&pairs_column(&numbers.rare))?;
        self.column(&pairs_column(&numbers.long_spans))?;
        self.column(&pairs_column(&numbers.lone_reports))?;
        self.column(&provenance_text(&index.provenances).into_bytes())?;
        self.column(&decision_records(index))?;
        let ranges: Vec<u32> = index.ranges.entries().iter().flat_map(range_seen).collect();
        self.column(&ranges)?;
        self.column(&index.allocations.to_bytes())?;
        let verified: Vec<u64> = index.verified.rows().flat_map(Row::packed).collect();
        self.column(&verified)
    }

    fn column<T: Pod>(&mut self, column: &[T]) -> Result<(), SnapshotError> {
        self.bytes(&(column.len() as u64).to_le_bytes())?;
        self.bytes(bytemuck::cast_slice(column))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.digest.update(bytes);
        Ok(self.out.write_all(bytes)?)
    }
}

/// Entry and value of each pair.
fn pairs_column(pairs: &[(u32, u16)]) -> Vec<u32> {
    pairs.iter().flat_map(|&(entry, value)| [entry, value.into()]).collect()
}

fn read_pairs(column: &[u32]) -> Vec<(u32, u16)> {
    column.chunks_exact(2).map(|pair| (pair[0], pair[1] as u16)).collect()
}

/// The epoch, then cursor and stamp per mark.
fn position_column(position: &Position) -> Vec<u64> {
    let marks = position.marks.iter().flat_map(|mark| [mark.cursor, mark.stamp]);
    std::iter::once(position.epoch).chain(marks).collect()
}

fn read_position(column: &[u64]) -> Option<Position> {
    let (&epoch, marks) = column.split_first()?;
    let marks = marks.chunks(2).map(|pair| Some(Mark { cursor: *pair.first()?, stamp: *pair.get(1)? }));
    Some(Position { epoch, marks: marks.collect::<Option<_>>()? })
}

/// The signs of confirmations, at the head of each provenance.
const SIGNS: [(Confirmation, char); 3] =
    [(Confirmation::None, '-'), (Confirmation::Independent, '+'), (Confirmation::TrustedClient, '!')];

/// One line per provenance: the sign of its confirmation, then the feeds.
fn provenance_text(provenances: &Provenances) -> String {
    let line = |p: &Provenance| {
        let feeds: Vec<&str> = p.feeds.iter().map(|feed| feed.as_str()).collect();
        let sign = SIGNS.iter().find(|(confirmed, _)| *confirmed == p.confirmed).map_or('-', |sign| sign.1);
        format!("{sign}{}\n", feeds.join(" "))
    };
    provenances.list().iter().map(line).collect()
}

fn decision_records(index: &Index) -> Vec<u8> {
    let listing = |decision: Option<&Decision>| decision.cloned().map(Listing::decided).unwrap_or_default();
    let mut records = Vec::new();
    for (number, decision) in index.decisions.iter() {
        codec::write_record(Subject::Number(*number), &listing(Some(decision)), &mut records);
    }
    for entry in index.ranges.entries() {
        codec::write_record(Subject::Range(entry.range), &listing(entry.decision.as_ref()), &mut records);
    }
    records
}

/// Fields of [`range_seen`].
const RANGE_SEEN: usize = 6;

/// Per range, in order: whether feeds saw it; its four days, 0 for none; provenance.
fn range_seen(entry: &RangeEntry) -> [u32; RANGE_SEEN] {
    let Some(seen) = entry.seen else { return [0; RANGE_SEEN] };
    let days = [Some(seen.first), Some(seen.last), seen.corroborated, seen.without_lone_report];
    let [first, last, corroborated, without] = days.map(|day| day.unwrap_or_default().0.into());
    [1, first, last, corroborated, without, seen.provenance.into()]
}

struct Reader<R> {
    input: R,
    digest: blake3::Hasher,
    /// Bytes that the input still has; no column can be longer.
    left: u64,
}

impl<R: Read> Reader<R> {
    fn index(&mut self) -> Result<Index, SnapshotError> {
        let mut magic = [0; 8];
        self.bytes(&mut magic)?;
        if &magic != MAGIC {
            return Err(SnapshotError::Foreign);
        }
        let position: Vec<u64> = self.column()?;
        let position = read_position(&position).ok_or(SnapshotError::Damaged("position"))?;
        let numbers = self.numbers()?;
        let provenances = self.provenances()?;
        let (decisions, ranges) = self.decisions()?;
        let allocations = self.allocations()?;
        let verified: Vec<u64> = self.column()?;
        let verified = verified.as_chunks().0.iter().map(|&row| Row::unpacked(row)).collect();
        Ok(Index {
            numbers: Arc::new(numbers),
            decisions: Arc::new(decisions),
            ranges: Arc::new(Ranges::build(ranges)),
            provenances: Arc::new(provenances),
            allocations: Arc::new(allocations),
            verified: Verified::of(verified),
            position,
            ..Index::default()
        })
    }

    fn numbers(&mut self) -> Result<Numbers, SnapshotError> {
        let numbers = Numbers {
            supers: self.column()?,
            super_starts: self.column()?,
            blocks: self.column()?,
            block_starts: self.column()?,
            keys: self.column()?,
            last: self.column()?,
            spans: self.column()?,
            provenance: self.column()?,
            rare: read_pairs(&self.column::<u32>()?),
            long_spans: read_pairs(&self.column::<u32>()?),
            lone_reports: read_pairs(&self.column::<u32>()?),
        };
        if numbers.is_consistent() { Ok(numbers) } else { Err(SnapshotError::Damaged("columns do not fit")) }
    }

    fn provenances(&mut self) -> Result<Provenances, SnapshotError> {
        let damaged = SnapshotError::Damaged("provenance");
        let text = String::from_utf8(self.column()?).map_err(|_| SnapshotError::Damaged("provenance"))?;
        let mut provenances = Provenances::default();
        for line in text.lines() {
            let (sign, feeds) = line.split_at_checked(1).ok_or(SnapshotError::Damaged("provenance"))?;
            let feeds: Result<Vec<_>, _> = feeds.split_terminator(' ').map(str::parse).collect();
            let feeds = feeds.map_err(|_| SnapshotError::Damaged("provenance"))?;
            let known = SIGNS.iter().find(|(_, known)| sign.starts_with(*known));
            let (confirmed, _) = *known.ok_or(SnapshotError::Damaged("provenance"))?;
            provenances.intern(Provenance { feeds, confirmed });
        }
        if provenances.list().len() == text.lines().count() { Ok(provenances) } else { Err(damaged) }
    }

    fn allocations(&mut self) -> Result<Allocations, SnapshotError> {
        let bytes: Vec<u8> = self.column()?;
        Allocations::from_bytes(&bytes).map_err(|_| SnapshotError::Damaged("allocations"))
    }

    #[allow(clippy::type_complexity)] // two lists, named where they are taken apart
    fn decisions(
        &mut self,
    ) -> Result<(Vec<(crate::core::number::Number, Decision)>, Vec<RangeEntry>), SnapshotError> {
        let records: Vec<u8> = self.column()?;
        let seen: Vec<u32> = self.column()?;
        let mut seen = seen.chunks_exact(RANGE_SEEN);
        let (mut decisions, mut ranges) = (Vec::new(), Vec::new());
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let record = codec::read_record(&mut rest).map_err(|_| SnapshotError::Damaged("listings"))?;
            let decision = record.1.decision().cloned();
            match record.0 {
                Subject::Number(number) => decisions.extend(decision.map(|decision| (number, decision))),
                Subject::Range(range) => {
                    let seen = seen.next().ok_or(SnapshotError::Damaged("ranges"))?;
                    ranges.push(RangeEntry { range, seen: read_seen(seen), decision });
                }
            }
        }
        Ok((decisions, ranges))
    }

    fn column<T: Pod>(&mut self) -> Result<Vec<T>, SnapshotError> {
        let mut length = [0; 8];
        self.bytes(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST || length * size_of::<T>() as u64 > self.left {
            return Err(SnapshotError::Damaged("a column is longer than the file"));
        }
        let mut column = vec![T::zeroed(); length as usize];
        self.bytes(bytemuck::cast_slice_mut(&mut column))?;
        Ok(column)
    }

    fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        self.input.read_exact(bytes).map_err(|_| SnapshotError::Damaged("it is cut short"))?;
        self.digest.update(bytes);
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok(())
    }
}

fn read_seen(fields: &[u32]) -> Option<Seen> {
    let &[1, first, last, corroborated, without, provenance] = fields else { return None };
    let [first, last, corroborated, without] =
        [first, last, corroborated, without].map(|field| Day(field as u16));
    let known = |day: Day| (day.0 > 0).then_some(day);
    let (corroborated, without_lone_report) = (known(corroborated), known(without));
    Some(Seen { first, last, corroborated, without_lone_report, provenance: provenance as u16 })
}

impl Numbers {
    /// Whether look-ups stay within the columns. The digest has vouched for their content.
    fn is_consistent(&self) -> bool {
        let entries = self.keys.len();
        let covers = |starts: &[u32], items: usize, end: usize| {
            starts.len() == items + 1 && starts.is_sorted() && starts.last() == Some(&(end as u32))
        };
        let empty = entries == 0 && self.supers.is_empty() && self.blocks.is_empty();
        let levels = covers(&self.super_starts, self.supers.len(), self.blocks.len())
            && covers(&self.block_starts, self.blocks.len(), entries);
        let columns = [self.last.len(), self.spans.len(), self.provenance.len()];
        (levels || empty) && columns.iter().all(|&length| length == entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::index::Builder;
    use crate::core::listing::{Action, Sighting, UnixTime};

    fn example() -> Index {
        let mut builder = Builder::default();
        for (i, subject) in
            ["+447400000001", "+447400000002", "+12025550123", "+4477*", "+331..+339"].iter().enumerate()
        {
            let mut listing = Listing::seen(Sighting::new(
                format!("feed-{}", i % 2).parse().unwrap_or_else(|e| panic!("{e}")),
                UnixTime(86_400 * 20_000),
                UnixTime(86_400 * (20_100 + i as u32)),
                1,
            ));
            if i % 2 == 0 {
                listing.merge(&Listing::decided(Decision {
                    decided_at: UnixTime(9),
                    action: Action::Block,
                    expires_at: None,
                    reason: "why".into(),
                    author: "who".into(),
                }));
            }
            builder.add(subject.parse().unwrap_or_else(|e| panic!("{subject}: {e}")), &listing);
        }
        let feed = "client.acme__verified".parse().unwrap_or_else(|e| panic!("{e}"));
        let (number, at) =
            ("+447400000003".parse().unwrap_or_else(|e| panic!("{e}")), UnixTime(86_400 * 20_000));
        builder.add(number, &Listing::seen(Sighting::new(feed, at, at, 1)));
        let feed = "client.acme__reports".parse().unwrap_or_else(|e| panic!("{e}"));
        let number = "+447400000004".parse().unwrap_or_else(|e| panic!("{e}"));
        builder.add(number, &Listing::seen(Sighting::new(feed, at, at, 1)));
        builder.finish(Position { epoch: 7, marks: vec![Mark { cursor: 5, stamp: 9 }; 2] })
    }

    fn saved(index: &Index) -> Vec<u8> {
        let mut bytes = Vec::new();
        index.write_snapshot(&mut bytes).unwrap_or_else(|e| panic!("{e}"));
        bytes
    }

    fn load(bytes: &[u8]) -> Result<Index, SnapshotError> {
        Index::read_snapshot(bytes, bytes.len() as u64)
    }

    #[test]
    fn what_is_saved_loads_again() {
        for index in [Index::default(), example()] {
            let loaded = load(&saved(&index)).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(loaded.numbers, index.numbers);
            assert_eq!(loaded.decisions, index.decisions);
            assert_eq!(loaded.ranges.entries(), index.ranges.entries());
            assert_eq!(loaded.provenances.list(), index.provenances.list());
            assert_eq!(loaded.verified, index.verified);
            assert_eq!(loaded.position(), index.position());
        }
    }

    #[test]
    fn a_cut_or_altered_file_is_refused() {
        let good = saved(&example());
        for cut in 0..good.len() {
            assert!(load(&good[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(load(&bad).is_err(), "altered at {at}");
        }
    }
}
