//! Exact numbers in three levels of four digits: 10^8 super-blocks, 10,000-blocks, keys.
//!
//! 9 bytes per number for key, first day, last day, day of corroboration and feeds, and 6 bytes per
//! 10,000-block that is not empty. Sorted arrays only: no pointers, loads from a file
//! as it is, and the numbers around a number lie next to each other, which is what the block
//! counts need. Must not know listings; [`super::Builder`] fills it.

use std::ops::Range;

use crate::listing::Day;
use crate::number::Number;

use super::Seen;

/// Numbers per block of the middle level.
pub(super) const BLOCK: u64 = 10_000;

/// The provenance byte that sends to `rare`.
const RARE: u8 = u8::MAX;

/// Sorted columns; see the file's head. `*_starts` have one element more than what they index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) supers: Vec<u32>,
    pub(super) super_starts: Vec<u32>,
    pub(super) blocks: Vec<u16>,
    pub(super) block_starts: Vec<u32>,
    pub(super) keys: Vec<u16>,
    pub(super) first: Vec<u16>,
    pub(super) last: Vec<u16>,
    /// 0: never.
    pub(super) corroborated: Vec<u16>,
    pub(super) provenance: Vec<u8>,
    /// Entries whose provenance id does not fit a byte, by entry.
    pub(super) rare: Vec<(u32, u16)>,
    /// Entries whose last day only one client reported, by entry, with the last day without that report;
    /// 0: there is none.
    pub(super) lone_reports: Vec<(u32, u16)>,
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Entries of the 10,000-block that `number` belongs to.
    fn block_of(&self, number: Number) -> Range<usize> {
        self.find_block(number).unwrap_or(0..0)
    }

    fn find_block(&self, number: Number) -> Option<Range<usize>> {
        let (blocks, low) = self.blocks_of(number)?;
        let at = blocks.start + self.blocks.get(blocks)?.binary_search(&low).ok()?;
        Some(*self.block_starts.get(at)? as usize..*self.block_starts.get(at + 1)? as usize)
    }

    /// The blocks of the super-block that `number` belongs to, and the low digits of its own.
    pub(super) fn blocks_of(&self, number: Number) -> Option<(Range<usize>, u16)> {
        let block = number.key() / BLOCK;
        let top = u32::try_from(block / BLOCK).ok()?;
        let low = u16::try_from(block % BLOCK).ok()?;
        let at = self.supers.binary_search(&top).ok()?;
        Some((*self.super_starts.get(at)? as usize..*self.super_starts.get(at + 1)? as usize, low))
    }

    pub(super) fn get(&self, number: Number) -> Option<Seen> {
        let block = self.block_of(number);
        let key = (number.key() % BLOCK) as u16;
        let at = self.keys.get(block.clone())?.binary_search(&key).ok()?;
        Some(self.entry(block.start + at))
    }

    pub(super) fn entry(&self, at: usize) -> Seen {
        let provenance = match self.provenance[at] {
            RARE => self.rare_provenance(at),
            id => u16::from(id),
        };
        let lone = self.lone_reports.binary_search_by_key(&(at as u32), |(entry, _)| *entry);
        let without = lone.map_or(self.last[at], |lone| self.lone_reports[lone].1);
        let day = |day: u16| (day > 0).then_some(Day(day));
        Seen {
            first: Day(self.first[at]),
            last: Day(self.last[at]),
            corroborated: day(self.corroborated[at]),
            without_lone_report: day(without),
            provenance,
        }
    }

    fn rare_provenance(&self, at: usize) -> u16 {
        let found = self.rare.binary_search_by_key(&at, |(entry, _)| *entry as usize);
        found.ok().and_then(|rare| self.rare.get(rare)).map_or(u16::MAX, |(_, id)| *id)
    }

    /// Appends an entry; numbers must come in ascending order.
    pub(super) fn push(&mut self, number: u64, seen: Seen) {
        let block = number / BLOCK;
        let (top, low) = ((block / BLOCK) as u32, (block % BLOCK) as u16);
        if self.supers.last() != Some(&top) {
            self.supers.push(top);
            self.super_starts.push(self.blocks.len() as u32);
            self.open_block(low);
        } else if self.blocks.last() != Some(&low) {
            self.open_block(low);
        }
        self.keys.push((number % BLOCK) as u16);
        self.first.push(seen.first.0);
        self.last.push(seen.last.0);
        self.corroborated.push(seen.corroborated.unwrap_or_default().0);
        self.provenance.push(u8::try_from(seen.provenance).unwrap_or(RARE));
        if seen.provenance >= u16::from(RARE) {
            self.rare.push(((self.keys.len() - 1) as u32, seen.provenance));
        }
        if seen.without_lone_report != Some(seen.last) {
            let day = seen.without_lone_report.unwrap_or_default().0;
            self.lone_reports.push(((self.keys.len() - 1) as u32, day));
        }
    }

    fn open_block(&mut self, low: u16) {
        self.blocks.push(low);
        self.block_starts.push(self.keys.len() as u32);
    }

    /// Closes the level arrays after the last push.
    pub(super) fn finish(&mut self) {
        self.super_starts.push(self.blocks.len() as u32);
        self.block_starts.push(self.keys.len() as u32);
        self.supers.shrink_to_fit();
        self.super_starts.shrink_to_fit();
        self.blocks.shrink_to_fit();
        self.block_starts.shrink_to_fit();
        self.keys.shrink_to_fit();
        self.first.shrink_to_fit();
        self.last.shrink_to_fit();
        self.corroborated.shrink_to_fit();
        self.provenance.shrink_to_fit();
        self.rare.shrink_to_fit();
        self.lone_reports.shrink_to_fit();
    }

    /// The 10,000-blocks that are not empty, ascending.
    pub(super) fn blocks(&self) -> impl Iterator<Item = u64> + '_ {
        self.supers.iter().enumerate().flat_map(move |(at, top)| {
            let blocks = self.super_starts[at] as usize..self.super_starts[at + 1] as usize;
            blocks.map(move |block| u64::from(*top) * BLOCK + u64::from(self.blocks[block]))
        })
    }

    /// All entries in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Seen)> + '_ {
        self.supers.iter().enumerate().flat_map(move |(at, top)| {
            (self.super_starts[at] as usize..self.super_starts[at + 1] as usize).flat_map(move |block| {
                let base = (u64::from(*top) * BLOCK + u64::from(self.blocks[block])) * BLOCK;
                let entries = self.block_starts[block] as usize..self.block_starts[block + 1] as usize;
                entries.map(move |entry| (base + u64::from(self.keys[entry]), self.entry(entry)))
            })
        })
    }

    /// Bytes of the columns.
    pub(super) fn bytes(&self) -> usize {
        let words = self.supers.capacity() + self.super_starts.capacity() + self.block_starts.capacity();
        let days = self.first.capacity() + self.last.capacity() + self.corroborated.capacity();
        let halves = self.blocks.capacity() + self.keys.capacity() + days;
        let pairs = self.rare.capacity() + self.lone_reports.capacity();
        words * 4 + halves * 2 + self.provenance.capacity() + pairs * 8
    }
}
