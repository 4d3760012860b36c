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

/// What a sighting counts by its age, in percent of a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fading {
    /// First day of each age, youngest first; what was last seen before all of them counts nothing.
    since: [u16; AGES],
    /// What each age counts above the next older one.
    more: [u16; AGES],
    /// The most that one 10,000-block counts among the 100,000.
    crowd: u32,
}

impl Fading {
    /// From the first day of each age, youngest first, and its percentage, which never rises; `crowd`
    /// is the most fresh numbers that one 10,000-block counts for among the 100,000 around it.
    pub fn new(ages: [(Day, u8); AGES], crowd: u16) -> Self {
        let older = |at: usize| ages.get(at + 1).map_or(0, |age| age.1);
        Self {
            since: ages.map(|(since, _)| since.0),
            more: std::array::from_fn(|at| u16::from(ages[at].1.saturating_sub(older(at)))),
            crowd: u32::from(crowd) * 100,
        }
    }

    fn percent(&self, last: u16) -> u16 {
        let ages = self.since.iter().zip(self.more);
        ages.map(|(&since, more)| if last >= since { more } else { 0 }).sum()
    }

    fn counts(&self, last: Day) -> bool {
        last.0 >= self.since[AGES - 1]
    }
}

/// What the other listed numbers of a block are worth together, in percent of a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockWeight {
    /// All that count.
    pub seen: u32,
    /// Those seen on more than one day: one run of one feed cannot raise it.
    pub confirmed: u32,
}

/// Weights for [`BLOCK_SIZES`], in that order.
pub type BlockWeights = [BlockWeight; 5];

/// One block's other listed numbers that still count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockCount {
    /// How many.
    pub count: u32,
    /// Latest day among them.
    pub newest: Day,
}

/// The neighbours of a number, weighed apart.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// The four smaller blocks around the number.
    pub(super) near: [BlockWeight; 4],
    /// The other 10,000-blocks of its 100,000, by their last digit.
    pub(super) far: [BlockWeight; 10],
}

impl Neighbours {
    /// Adds a neighbour of `number`; another number, or one farther away, adds nothing.
    pub(super) fn add(&mut self, number: Number, other: Number, seen: Seen, fading: &Fading) {
        let shared = |size: u64| other.key() / size == number.key() / size;
        if other == number || !shared(100_000) {
            return;
        }
        if shared(BLOCK) {
            let near = self.near.iter_mut().zip(BLOCK_SIZES).filter(|(_, size)| shared(*size));
            near.for_each(|(weight, _)| weight.add(seen, fading));
        } else {
            self.far[(other.key() / BLOCK % 10) as usize].add(seen, fading);
        }
    }

    /// The weights of all blocks. A crowded 10,000-block says little about its nine neighbours, so
    /// each counts up to a limit among the 100,000.
    pub(super) fn weights(&self, fading: &Fading) -> BlockWeights {
        let limited = |weight: &BlockWeight| BlockWeight {
            seen: weight.seen.min(fading.crowd),
            confirmed: weight.confirmed.min(fading.crowd),
        };
        let [ten, hundred, thousand, block] = self.near;
        let mut all = limited(&block);
        for weight in self.far.iter().map(limited) {
            all.seen += weight.seen;
            all.confirmed += weight.confirmed;
        }
        [ten, hundred, thousand, block, all]
    }
}

impl BlockWeight {
    pub(super) fn add(&mut self, seen: Seen, fading: &Fading) {
        let percent = u32::from(fading.percent(seen.last.0));
        self.seen += percent;
        self.confirmed += if seen.first < seen.last { percent } else { 0 };
    }
}

impl BlockCount {
    pub(super) fn add(&mut self, seen: Seen, fading: &Fading) {
        if fading.counts(seen.last) {
            self.count += 1;
            self.newest = self.newest.max(seen.last);
        }
    }
}

/// The bounds, within its 10,000-block, of the block of `size` around `key`.
pub(super) fn bounds(key: u16, size: u64) -> Range<u16> {
    let size = size as u16;
    let first = key - key % size;
    first..first + size
}

impl Numbers {
    /// Weighs the neighbours of `number`, itself left out; nothing if there are none.
    pub(super) fn neighbours(&self, number: Number, fading: &Fading) -> Option<Neighbours> {
        let (blocks, low) = self.blocks_near(number)?;
        let mut neighbours = Neighbours::default();
        for at in blocks {
            let entries = self.block_starts[at] as usize..self.block_starts[at + 1] as usize;
            if self.blocks[at] == low {
                self.weigh_near(number, entries, fading, &mut neighbours.near);
            } else {
                let far = &mut neighbours.far[usize::from(self.blocks[at] % 10)];
                self.weigh(entries, fading, far);
            }
        }
        Some(neighbours)
    }

    fn weigh_near(
        &self,
        number: Number,
        block: Range<usize>,
        fading: &Fading,
        weights: &mut [BlockWeight; 4],
    ) {
        let edges = self.edges(number, block);
        // Outwards from the number, so that every entry is looked at once.
        let (mut from, mut to) = self.own(number, &edges[0]);
        let mut sum = BlockWeight::default();
        for (weight, edges) in weights.iter_mut().zip(edges) {
            self.weigh(edges.start..from, fading, &mut sum);
            self.weigh(to..edges.end, fading, &mut sum);
            *weight = sum;
            (from, to) = (edges.start, edges.end);
        }
    }

    /// Counts the neighbours of `number` in its block of `BLOCK_SIZES[at]`, itself left out.
    pub(super) fn block_count(&self, number: Number, at: usize, fading: &Fading) -> BlockCount {
        let Some((near, block)) = self.neighbourhood(number) else { return BlockCount::default() };
        let edges = self.edges(number, block);
        let own = self.own(number, &edges[0]);
        let entries = edges.into_iter().chain([near]).nth(at).unwrap_or_default();
        let others = entries.filter(|entry| !(own.0..own.1).contains(entry));
        let mut count = BlockCount::default();
        others.for_each(|entry| count.add(self.entry(entry), fading));
        count
    }

    /// Entries of the four smaller blocks around `number`, given those of its 10,000-block.
    fn edges(&self, number: Number, block: Range<usize>) -> [Range<usize>; 4] {
        let key = (number.key() % BLOCK) as u16;
        let mut edges = [const { 0..0 }; 4];
        let mut outer = block;
        for (at, edges) in edges.iter_mut().enumerate().rev() {
            if at < 3 {
                let keys = &self.keys[outer.clone()];
                let bounds = bounds(key, BLOCK_SIZES[at]);
                let from = keys.partition_point(|&other| other < bounds.start);
                let count = keys[from..].partition_point(|&other| other < bounds.end);
                outer = outer.start + from..outer.start + from + count;
            }
            *edges = outer.clone();
        }
        edges
    }

    /// The entry of the number itself among those of its block of ten, or where it would stand.
    fn own(&self, number: Number, ten: &Range<usize>) -> (usize, usize) {
        let key = (number.key() % BLOCK) as u16;
        let keys = &self.keys[ten.clone()];
        let own = keys.iter().take_while(|&&other| other < key).count();
        (ten.start + own, ten.start + own + usize::from(keys.get(own) == Some(&key)))
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

    /// Adds what some entries are worth.
    fn weigh(&self, entries: Range<usize>, fading: &Fading, sum: &mut BlockWeight) {
        /// Entries whose percentages, a hundred at most, fit 16 bits together.
        const CHUNK: usize = 512;
        if entries.is_empty() {
            return;
        }
        let (first, last) = (&self.first[entries.clone()], &self.last[entries]);
        for (first, last) in first.chunks(CHUNK).zip(last.chunks(CHUNK)) {
            // A plain loop over 16-bit words: the compiler makes vector code of it.
            let (mut seen, mut confirmed) = (0u16, 0u16);
            for (&first, &last) in first.iter().zip(last) {
                let percent = fading.percent(last);
                seen += percent;
                confirmed += if first < last { percent } else { 0 };
            }
            sum.seen += u32::from(seen);
            sum.confirmed += u32::from(confirmed);
        }
    }

    /// Entries of the 100,000-block around `number`, and of its own 10,000-block within them;
    /// nothing if there are none.
    fn neighbourhood(&self, number: Number) -> Option<(Range<usize>, Range<usize>)> {
        let (blocks, low) = self.blocks_near(number)?;
        let entry = |block: usize| self.block_starts[block] as usize;
        let own = blocks.start + self.blocks[blocks.clone()].partition_point(|&other| other < low);
        let after = own + usize::from(self.blocks[own..blocks.end].first() == Some(&low));
        Some((entry(blocks.start)..entry(blocks.end), entry(own)..entry(after)))
    }

    /// The 10,000-blocks of the 100,000 around `number`, and the low digits of its own.
    fn blocks_near(&self, number: Number) -> Option<(Range<usize>, u16)> {
        let (blocks, low) = self.blocks_of(number)?;
        let lows = &self.blocks[blocks.clone()];
        let first = blocks.start + lows.partition_point(|&other| other / 10 < low / 10);
        let near = self.blocks[first..blocks.end].iter().take_while(|&&other| other / 10 == low / 10);
        Some((first..first + near.count(), low))
    }
}
