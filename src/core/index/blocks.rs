//! How many listed numbers stand around a number, and how long ago they were seen: in its block of
//! 10, 100, 1,000, 10,000 and 100,000.
//!
//! Counted by scanning the neighbours, which lie side by side; nothing is stored for it, so a new
//! listing changes the counts at once. Must not judge what a count means.

use std::ops::Range;

use crate::core::listing::Day;
use crate::core::number::Number;

use super::Seen;
use super::numbers::{BLOCK, Numbers, corroborated, step};

/// Sizes of the blocks that are counted, smallest first.
pub const BLOCK_SIZES: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];

/// So many of them, the smallest, count what only one client reported: one client may ask the hundred
/// people around a number for a second step, but not the thousands in its larger blocks.
const NARROW: usize = 2;

/// How many ages are told apart.
pub const AGES: usize = 4;

/// What a sighting counts by its age, in percent of a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fading {
    /// First day of each age, youngest first; what was last seen before all of them counts nothing.
    since: [u16; AGES],
    /// The same days as steps of the grid on which the tables keep the day of corroboration.
    steps: [u16; AGES],
    /// What each age counts above the next older one.
    more: [u16; AGES],
    /// The most that one 10,000-block counts among the 100,000.
    crowd: u32,
}

impl Fading {
    /// From the first day of each age, youngest first, and its percentage, which never rises; `crowd`
    /// is the most fresh numbers that one 10,000-block counts for among the 100,000 around it.
    pub fn new(ages: [(Day, u8); AGES], crowd: u16) -> Self {
        // Day 0 is what the columns have for "never".
        let since = ages.map(|(since, _)| since.0.max(1));
        let older = |at: usize| ages.get(at + 1).map_or(0, |age| age.1);
        Self {
            since,
            steps: since.map(step),
            more: std::array::from_fn(|at| u16::from(ages[at].1.saturating_sub(older(at)))),
            crowd: u32::from(crowd) * 100,
        }
    }

    fn percent(&self, last: u16) -> u16 {
        let ages = self.since.iter().zip(self.more);
        ages.map(|(&since, more)| if last >= since { more } else { 0 }).sum()
    }

    /// The same by the day of corroboration, which is not after `last`.
    fn percent_corroborated(&self, span: u16, last: u16) -> u16 {
        let corroborated = corroborated(span, last);
        let ages = self.since.iter().zip(self.steps).zip(self.more);
        let counts = |since: u16, step: u16| last >= since && corroborated >= step;
        ages.map(|((&since, step), more)| if counts(since, step) { more } else { 0 }).sum()
    }

    fn counts(&self, last: Day) -> bool {
        last.0 >= self.since[AGES - 1]
    }
}

/// What the other listed numbers of a block are worth together, in percent of a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockWeight {
    /// All that count. In blocks of 1,000 and more, a number that only one client reported does not.
    pub seen: u32,
    /// The same numbers by the day of their second independent sighting: a feed cannot raise it on its first
    /// day, and clients cannot at all.
    pub corroborated: u32,
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
    near: [BlockWeight; 4],
    /// The other 10,000-blocks of its 100,000, by their last digit.
    far: [BlockWeight; 10],
}

impl Neighbours {
    fn each(&mut self, other: &Self, change: impl Fn(&mut u32, u32)) {
        let mine = self.near.iter_mut().chain(&mut self.far);
        for (mine, other) in mine.zip(other.near.iter().chain(&other.far)) {
            change(&mut mine.seen, other.seen);
            change(&mut mine.corroborated, other.corroborated);
        }
    }

    /// Adds other neighbours of the same number.
    pub(super) fn add(&mut self, other: &Self) {
        self.each(other, |mine, other| *mine += other);
    }

    /// Takes neighbours away that are among these.
    pub(super) fn take(&mut self, other: &Self) {
        self.each(other, |mine, other| *mine -= other);
    }

    /// The weights of all blocks. A crowded 10,000-block says little about its nine neighbours, so
    /// each counts up to a limit among the 100,000.
    pub(super) fn weights(&self, fading: &Fading) -> BlockWeights {
        let limited = |weight: &BlockWeight| BlockWeight {
            seen: weight.seen.min(fading.crowd),
            corroborated: weight.corroborated.min(fading.crowd),
        };
        let [ten, hundred, thousand, block] = self.near;
        let mut all = limited(&block);
        for weight in self.far.iter().map(limited) {
            all.seen += weight.seen;
            all.corroborated += weight.corroborated;
        }
        [ten, hundred, thousand, block, all]
    }
}

impl BlockCount {
    /// Adds a number of the block of `BLOCK_SIZES[at]`, if it counts in a block of that size.
    pub(super) fn add(&mut self, seen: Seen, at: usize, fading: &Fading) {
        let day = if at < NARROW { Some(seen.last) } else { seen.without_lone_report };
        if let Some(day) = day.filter(|day| fading.counts(*day)) {
            self.count += 1;
            self.newest = self.newest.max(day);
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
                self.weigh(entries.clone(), fading, far);
                far.seen -= self.lone_reports(&entries, &(0..0), fading);
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
        let own = self.own(number, &edges[0]);
        let (mut from, mut to) = (own.start, own.end);
        let mut sum = BlockWeight::default();
        for (at, (weight, edges)) in weights.iter_mut().zip(edges).enumerate() {
            self.weigh(edges.start..from, fading, &mut sum);
            self.weigh(to..edges.end, fading, &mut sum);
            *weight = sum;
            if at >= NARROW {
                weight.seen -= self.lone_reports(&edges, &own, fading);
            }
            (from, to) = (edges.start, edges.end);
        }
    }

    /// What reports of single clients add to `entries`, `own` left out.
    fn lone_reports(&self, entries: &Range<usize>, own: &Range<usize>, fading: &Fading) -> u32 {
        let others = self.lone_within(entries).iter().filter(|(entry, _)| !own.contains(&(*entry as usize)));
        let more = |&(entry, without): &(u32, u16)| {
            u32::from(fading.percent(self.last[entry as usize]) - fading.percent(without))
        };
        others.map(more).sum()
    }

    fn lone_within(&self, entries: &Range<usize>) -> &[(u32, u16)] {
        // None at all is the usual case.
        if self.lone_reports.is_empty() {
            return &[];
        }
        let before = |end: usize| self.lone_reports.partition_point(|(entry, _)| (*entry as usize) < end);
        &self.lone_reports[before(entries.start)..before(entries.end)]
    }

    /// Counts the numbers in the block of `BLOCK_SIZES[at]` around `number`, itself left out.
    pub(super) fn count(&self, number: Number, at: usize, fading: &Fading) -> BlockCount {
        let mut count = BlockCount::default();
        let Some((near, block)) = self.neighbourhood(number) else { return count };
        let edges = self.edges(number, block);
        let own = self.own(number, &edges[0]);
        let entries = edges.into_iter().chain([near]).nth(at).unwrap_or_default();
        let lone = if at < NARROW { &[][..] } else { self.lone_within(&entries) };
        let mut from = entries.start;
        for entry in lone.iter().map(|(entry, _)| *entry as usize) {
            self.count_days(from..entry, &own, fading, &mut count);
            if !own.contains(&entry) {
                count.add(self.entry(entry), at, fading);
            }
            from = entry + 1;
        }
        self.count_days(from..entries.end, &own, fading, &mut count);
        count
    }

    /// Counts entries by their last day, `own` left out.
    fn count_days(&self, entries: Range<usize>, own: &Range<usize>, fading: &Fading, count: &mut BlockCount) {
        let cut = |at: usize| at.clamp(entries.start, entries.end);
        for part in [entries.start..cut(own.start), cut(own.end)..entries.end] {
            // Plain loops over 16-bit words: the compiler makes vector code of them.
            let last = &self.last[part];
            let newest = Day(last.iter().copied().max().unwrap_or_default());
            if fading.counts(newest) {
                count.count += last.iter().map(|&day| u32::from(fading.counts(Day(day)))).sum::<u32>();
                count.newest = count.newest.max(newest);
            }
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
    fn own(&self, number: Number, ten: &Range<usize>) -> Range<usize> {
        let key = (number.key() % BLOCK) as u16;
        let keys = &self.keys[ten.clone()];
        let own = keys.iter().take_while(|&&other| other < key).count();
        ten.start + own..ten.start + own + usize::from(keys.get(own) == Some(&key))
    }

    /// The numbers in the block of `BLOCK_SIZES[at]` around `number`, itself left out, ascending.
    pub(super) fn around(&self, number: Number, at: usize) -> impl Iterator<Item = (u64, Seen)> + '_ {
        let first = number.key() / BLOCK_SIZES[at] * BLOCK_SIZES[at];
        let block = first..first + BLOCK_SIZES[at];
        let top = number.key() / BLOCK / BLOCK * BLOCK;
        let (blocks, _) = self.blocks_near(number).unwrap_or_default();
        blocks.flat_map(move |at| {
            let base = (top + u64::from(self.blocks[at])) * BLOCK;
            let entries = self.block_starts[at] as usize..self.block_starts[at + 1] as usize;
            // The entries of this 10,000-block that belong to the block: all, some or none.
            let position = |digits: u64| {
                let keys = &self.keys[entries.clone()];
                entries.start + keys.partition_point(|&key| base + u64::from(key) < digits)
            };
            let entries = position(block.start)..position(block.end);
            let all = entries.map(move |entry| (base + u64::from(self.keys[entry]), self.entry(entry)));
            all.filter(move |(other, _)| *other != number.key())
        })
    }

    /// Adds what some entries are worth.
    fn weigh(&self, entries: Range<usize>, fading: &Fading, sum: &mut BlockWeight) {
        /// Entries whose percentages, a hundred at most, fit 16 bits together.
        const CHUNK: usize = 512;
        if entries.is_empty() {
            return;
        }
        let (last, spans) = (&self.last[entries.clone()], &self.spans[entries]);
        for (last, spans) in last.chunks(CHUNK).zip(spans.chunks(CHUNK)) {
            // Plain loops over 16-bit words: the compiler makes vector code of them.
            let seen: u16 = last.iter().map(|&day| fading.percent(day)).sum();
            sum.seen += u32::from(seen);
            // Nothing is corroborated later than it was last seen.
            if seen > 0 {
                let percent = |(&span, &last): (&u16, &u16)| fading.percent_corroborated(span, last);
                sum.corroborated += u32::from(spans.iter().zip(last).map(percent).sum::<u16>());
            }
        }
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
