//! Exact numbers in three levels of four digits: 10^8 super-blocks, 10,000-blocks, keys.
//!
//! 7 bytes per number for key, last day, first day and day of corroboration, and feeds, and 6 bytes per
//! 10,000-block that is not empty. Sorted arrays only: no pointers, loads from a file
//! as it is, and the numbers around a number lie next to each other, which is what the block
//! counts need. Must not know listings; [`super::Builder`] fills it.

use std::ops::Range;

use crate::core::listing::Day;
use crate::core::number::Number;

use super::Seen;

/// Numbers per block of the middle level.
pub(super) const BLOCK: u64 = 10_000;

/// The provenance byte that sends to `rare`.
const RARE: u8 = u8::MAX;

/// Days from first to last day in the upper bits of a span; this many or more are in `long_spans`.
const LONG_SPAN: u16 = 1_023;

/// The lower six bits of a span say how many times eight days before the last day the number was
/// corroborated. Eight days are as exact as six bits allow for [`LONGEST_AGE`]. On a grid of days, so that a
/// fresher sighting never makes an older day of the same.
const CORROBORATED_BITS: u32 = 6;
/// These bits of a number that was corroborated never, or longer before.
const NEVER: u16 = (1 << CORROBORATED_BITS) - 1;
const GRID: u16 = 8;

/// The most days back that the tables know a corroboration: no age of a policy may be longer.
pub(crate) const LONGEST_AGE: u16 = (NEVER - 1) * GRID;

/// First day and day of corroboration as one word.
fn span_of(seen: Seen) -> u16 {
    let days = seen.first.days_until(seen.last).min(LONG_SPAN);
    let steps = seen.corroborated.map_or(NEVER, |day| seen.last.0 / GRID - day.0 / GRID);
    days << CORROBORATED_BITS | steps.min(NEVER)
}

/// The step of the grid in which a number was corroborated; 0: never.
pub(super) fn corroborated(span: u16, last: u16) -> u16 {
    let steps = span & NEVER;
    if steps == NEVER { 0 } else { (last / GRID).wrapping_sub(steps) }
}

/// The first step of the grid that has no day before `day`.
pub(super) fn step(day: u16) -> u16 {
    // 0 is "never".
    day.div_ceil(GRID).max(1)
}

/// The first day of a step: what is rounded counts as older, never as fresher.
fn day_of(step: u16) -> Option<Day> {
    (step > 0).then(|| Day(step.saturating_mul(GRID)))
}

/// Sorted columns; see the file's head. `*_starts` have one element more than what they index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) supers: Vec<u32>,
    pub(super) super_starts: Vec<u32>,
    pub(super) blocks: Vec<u16>,
    pub(super) block_starts: Vec<u32>,
    pub(super) keys: Vec<u16>,
    pub(super) last: Vec<u16>,
    /// First day and day of corroboration, both by their distance from the last day ([`span_of`]).
    pub(super) spans: Vec<u16>,
    pub(super) provenance: Vec<u8>,
    /// First days of entries that are too early for `spans`, by entry.
    pub(super) long_spans: Vec<(u32, u16)>,
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
        let (span, last) = (self.spans[at], self.last[at]);
        let first = match span >> CORROBORATED_BITS {
            LONG_SPAN => self.long_spans.binary_search_by_key(&(at as u32), |(entry, _)| *entry).ok(),
            _ => None,
        };
        Seen {
            first: Day(
                first.map_or(last.saturating_sub(span >> CORROBORATED_BITS), |long| self.long_spans[long].1)
            ),
            last: Day(last),
            corroborated: day_of(corroborated(span, last)),
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
        let entry = (self.keys.len() - 1) as u32;
        self.last.push(seen.last.0);
        self.spans.push(span_of(seen));
        if seen.first.days_until(seen.last) >= LONG_SPAN {
            self.long_spans.push((entry, seen.first.0));
        }
        self.provenance.push(u8::try_from(seen.provenance).unwrap_or(RARE));
        if seen.provenance >= u16::from(RARE) {
            self.rare.push((entry, seen.provenance));
        }
        if seen.without_lone_report != Some(seen.last) {
            let day = seen.without_lone_report.unwrap_or_default().0;
            self.lone_reports.push((entry, day));
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
        self.last.shrink_to_fit();
        self.spans.shrink_to_fit();
        self.provenance.shrink_to_fit();
        self.rare.shrink_to_fit();
        self.long_spans.shrink_to_fit();
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
        let days = self.last.capacity() + self.spans.capacity();
        let halves = self.blocks.capacity() + self.keys.capacity() + days;
        let pairs = self.rare.capacity() + self.long_spans.capacity() + self.lone_reports.capacity();
        words * 4 + halves * 2 + self.provenance.capacity() + pairs * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(first: u16, last: u16, corroborated: Option<u16>) -> Seen {
        Seen {
            first: Day(first),
            last: Day(last),
            corroborated: corroborated.map(Day),
            without_lone_report: Some(Day(last)),
            provenance: 0,
        }
    }

    fn kept(first: u16, last: u16, day: Option<u16>) -> Seen {
        let mut numbers = Numbers::default();
        numbers.push(447_400_123_456, seen(first, last, day));
        numbers.finish();
        numbers.entry(0)
    }

    #[test]
    fn days_come_back_and_that_of_corroboration_to_the_week() {
        for last in [20_500, 20_501, 20_507, 20_508] {
            assert_eq!(kept(last, last, None), seen(last, last, None));
            assert_eq!(kept(last, last, Some(last)).corroborated, Some(Day(last / GRID * GRID)));
            for span in [1, 365, 1_022, 1_023, 1_024, 8_000] {
                let first = last - span;
                assert_eq!(kept(first, last, None), seen(first, last, None));
                for day in first.max(last - 365)..=last {
                    let now = kept(first, last, Some(day)).corroborated.unwrap_or_default().0;
                    assert!(now <= day && day < now + GRID, "{day} became {now}");
                    let before = kept(first, last - 1, Some(day.min(last - 1))).corroborated;
                    assert!(Some(Day(now)) >= before, "a fresher sighting makes it no older");
                }
                assert_eq!(kept(first, last, Some(last - 505)).corroborated, None, "long before the last");
            }
        }
    }
}
