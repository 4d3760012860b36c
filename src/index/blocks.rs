//! How many listed numbers stand around a number, and how long ago they were seen: in its block of
//! 10, 100, 1,000, 10,000 and 100,000.
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

/// How many ages are told apart.
pub const AGES: usize = 4;

/// For each age, youngest first, the first day that belongs to it. What was last seen before all of
/// them does not count.
pub type Since = [Day; AGES];

/// One block's counts of other active listed numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockCount {
    /// Other numbers in the block that were last seen on or after each day of [`Since`].
    pub seen: [u32; AGES],
    /// Those among them that were seen on more than one day: one run of one feed cannot raise it.
    pub confirmed: [u32; AGES],
    /// Latest day among them.
    pub newest: Day,
}

/// Counts for [`BLOCK_SIZES`], in that order.
pub type BlockCounts = [BlockCount; 5];

impl BlockCount {
    /// All that count, of whatever age.
    pub fn count(&self) -> u32 {
        self.seen[AGES - 1]
    }

    pub(super) fn add(&mut self, first: Day, last: Day, since: &Since) {
        for (at, &day) in since.iter().enumerate() {
            self.seen[at] += u32::from(last >= day);
            self.confirmed[at] += u32::from(last >= day && first < last);
        }
        self.newest = self.newest.max(last);
    }

    fn join(mut self, other: Self) -> Self {
        for at in 0..AGES {
            self.seen[at] += other.seen[at];
            self.confirmed[at] += other.confirmed[at];
        }
        self.newest = self.newest.max(other.newest);
        self
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
    pub(super) fn block_counts(&self, number: Number, since: &Since) -> BlockCounts {
        let mut counts = BlockCounts::default();
        let Some((near, block)) = self.neighbourhood(number) else { return counts };
        if !block.is_empty() {
            self.within_block(number, block.clone(), since, &mut counts);
        }
        let before = self.active(near.start..block.start, since);
        let after = self.active(block.end..near.end, since);
        counts[4] = counts[3].join(before).join(after);
        counts
    }

    /// The counts of the four smaller blocks, from the entries of the 10,000-block.
    fn within_block(&self, number: Number, block: Range<usize>, since: &Since, counts: &mut BlockCounts) {
        let key = (number.key() % BLOCK) as u16;
        let keys = &self.keys[block.clone()];
        // From the largest to the smallest, each within the one before.
        let mut edges = [(0, keys.len()); 4];
        for at in (0..3).rev() {
            let (from, to) = edges[at + 1];
            let bounds = bounds(key, BLOCK_SIZES[at]);
            let inner = &keys[from..to];
            edges[at] = (
                from + inner.partition_point(|&other| other < bounds.start),
                from + inner.partition_point(|&other| other < bounds.end),
            );
        }
        // The number itself does not count. Then outwards: every entry is looked at once.
        let own = edges[0].0 + keys[edges[0].0..edges[0].1].partition_point(|&other| other < key);
        let mut counted = (own, own + usize::from(keys.get(own) == Some(&key)));
        let mut sum = BlockCount::default();
        for (count, (from, to)) in counts.iter_mut().zip(edges) {
            let entry = |at: usize| block.start + at;
            sum = sum.join(self.active(entry(from)..entry(counted.0), since));
            sum = sum.join(self.active(entry(counted.1)..entry(to), since));
            *count = sum;
            counted = (from, to);
        }
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
    fn active(&self, entries: Range<usize>, since: &Since) -> BlockCount {
        let mut count = BlockCount::default();
        if entries.is_empty() {
            return count;
        }
        let (first, last) = (&self.first[entries.clone()], &self.last[entries]);
        // Plain folds: the compiler makes vector code of them.
        let seen = |day: Day| last.iter().map(|&last| u32::from(last >= day.0)).sum();
        count.seen[AGES - 1] = seen(since[AGES - 1]);
        if count.seen[AGES - 1] == 0 {
            return count;
        }
        count.newest = Day(last.iter().copied().max().unwrap_or(0));
        for (at, &day) in since.iter().enumerate() {
            count.seen[at] = seen(day);
            let days = first.iter().zip(last);
            count.confirmed[at] =
                days.map(|(&first, &last)| u32::from((last >= day.0) & (first < last))).sum();
        }
        count
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
