//! How many listed numbers stand around a number: in its block of 10, 100, 1,000,
//! 10,000 and 100,000.
//!
//! Counted by scanning the neighbours, which lie side by side; nothing is stored for it, so a new
//! listing changes the counts at once. Must not judge what a count means.

use std::ops::Range;

use crate::listing::Day;
use crate::number::Number;

use super::Seen;
use super::numbers::{BLOCK, Numbers};

/// Sizes of the blocks that are counted, smallest first.
pub const BLOCK_SIZES: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];

/// One block's count of other active listed numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockCount {
    /// Other numbers in the block, seen on or after the given day.
    pub count: u32,
    /// Those among them that were seen on more than one day: one run of one feed cannot raise it.
    pub confirmed: u32,
    /// Latest day among them.
    pub newest: Day,
}

/// Counts for [`BLOCK_SIZES`], in that order.
pub type BlockCounts = [BlockCount; 5];

impl BlockCount {
    pub(super) fn add(&mut self, first: Day, last: Day) {
        self.count += 1;
        self.confirmed += u32::from(first < last);
        self.newest = self.newest.max(last);
    }
}

/// The bounds, within its 10,000-block, of the block of `size` around `key`.
pub(super) fn bounds(key: u16, size: u64) -> Range<u16> {
    let size = size as u16;
    let first = key - key % size;
    first..first + size
}

impl Numbers {
    /// Counts the active neighbours of `number`, itself left out.
    pub(super) fn block_counts(&self, number: Number, since: Day) -> BlockCounts {
        let mut counts = BlockCounts::default();
        let Some((near, block)) = self.neighbourhood(number) else { return counts };
        let key = (number.key() % BLOCK) as u16;
        let keys = &self.keys[block.clone()];
        if !keys.is_empty() {
            for (count, size) in counts.iter_mut().zip(BLOCK_SIZES).take(4) {
                let bounds = bounds(key, size);
                let from = keys.partition_point(|&other| other < bounds.start);
                let to = keys.partition_point(|&other| other < bounds.end);
                // The number itself does not count.
                let own = keys[from..to].binary_search(&key).map_or(to, |at| from + at);
                let after = (own + 1).min(to);
                let at = block.start;
                *count =
                    join(self.active(at + from..at + own, since), self.active(at + after..at + to, since));
            }
        }
        let before = self.active(near.start..block.start, since);
        let after = self.active(block.end..near.end, since);
        counts[4] = join(counts[3], join(before, after));
        counts
    }

    /// Entries of the 100,000-block around `number`.
    pub(super) fn around(&self, number: Number) -> impl Iterator<Item = (Number, Seen)> + '_ {
        let (blocks, low) = self.blocks_of(number).unwrap_or((0..0, 0));
        let top = number.key() / BLOCK / BLOCK * BLOCK;
        blocks.filter(move |&block| self.blocks[block] / 10 == low / 10).flat_map(move |block| {
            let base = (top + u64::from(self.blocks[block])) * BLOCK;
            let entries = self.block_starts[block] as usize..self.block_starts[block + 1] as usize;
            entries.filter_map(move |entry| {
                Some((Number::from_digits(base + u64::from(self.keys[entry])).ok()?, self.entry(entry)))
            })
        })
    }

    /// The active ones among some entries.
    fn active(&self, entries: Range<usize>, since: Day) -> BlockCount {
        let (first, last) = (&self.first[entries.clone()], &self.last[entries]);
        // Plain folds: the compiler makes vector code of them.
        let count = last.iter().map(|&day| u32::from(day >= since.0)).sum();
        if count == 0 {
            return BlockCount::default();
        }
        let days = first.iter().zip(last);
        let confirmed = days.map(|(&first, &last)| u32::from((last >= since.0) & (first < last))).sum();
        BlockCount { count, confirmed, newest: Day(last.iter().copied().max().unwrap_or(0)) }
    }

    /// Entries of the 100,000-block around `number`, and of its own 10,000-block within them;
    /// nothing if there are none.
    fn neighbourhood(&self, number: Number) -> Option<(Range<usize>, Range<usize>)> {
        let (blocks, low) = self.blocks_of(number)?;
        let lows = &self.blocks[blocks.clone()];
        let first = blocks.start + lows.partition_point(|&other| other / 10 < low / 10);
        let near = self.blocks[first..blocks.end].iter().take_while(|&&other| other / 10 == low / 10);
        let (below, own, all) = near.fold((0, 0, 0), |(below, own, all), &other| {
            (below + usize::from(other < low), own + usize::from(other == low), all + 1)
        });
        let entry = |block: usize| self.block_starts[block] as usize;
        Some((entry(first)..entry(first + all), entry(first + below)..entry(first + below + own)))
    }
}

fn join(a: BlockCount, b: BlockCount) -> BlockCount {
    BlockCount {
        count: a.count + b.count,
        confirmed: a.confirmed + b.confirmed,
        newest: a.newest.max(b.newest),
    }
}
