//! Which of many nested intervals holds a key, most specific first: flattened into disjoint
//! segments behind a direct index on the key's first digits.
//!
//! Must not know what the intervals are; owners are positions in the caller's list.

use std::collections::BTreeSet;
use std::ops::Range;

/// Below this many segments a binary search fits a few cache lines and a direct index costs more.
const SMALLEST_DIRECT: usize = 1_024;

/// Slots of the direct index: the first six digits of a key.
const SLOTS: usize = 1_000_000;

const NOBODY: u32 = u32::MAX;

/// Disjoint segments with their owners, ascending.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    starts: Vec<u64>,
    owners: Vec<u32>,
    /// For each slot, the first segment that starts in or after it; empty when there are few.
    direct: Vec<u32>,
    scale: u64,
}

impl Segments {
    /// Flattens `intervals` of keys with `digits` digits; where several hold a key, the one with
    /// fewest keys owns it, then the later one.
    pub fn build(intervals: impl Iterator<Item = (Range<u64>, u32)>, digits: u32) -> Self {
        let mut edges = Vec::new();
        for (keys, owner) in intervals.filter(|(keys, _)| !keys.is_empty()) {
            let rank = (keys.end - keys.start, NOBODY - owner);
            edges.push((keys.start, true, rank));
            edges.push((keys.end, false, rank));
        }
        edges.sort_unstable();
        let mut segments = Self { scale: 10u64.pow(digits.saturating_sub(6)), ..Self::default() };
        let mut open = BTreeSet::new();
        for group in edges.chunk_by(|a, b| a.0 == b.0) {
            for &(_, opens, rank) in group {
                if opens {
                    open.insert(rank)
                } else {
                    open.remove(&rank)
                };
            }
            let owner = open.first().map_or(NOBODY, |&(_, rank)| NOBODY - rank);
            if segments.owners.last() != Some(&owner) {
                segments.starts.push(group[0].0);
                segments.owners.push(owner);
            }
        }
        segments.index();
        segments
    }

    fn index(&mut self) {
        if self.starts.len() < SMALLEST_DIRECT {
            return;
        }
        let mut direct = Vec::with_capacity(SLOTS + 1);
        for (at, start) in self.starts.iter().enumerate() {
            let slot = (start / self.scale) as usize;
            while direct.len() <= slot.min(SLOTS) {
                direct.push(at as u32);
            }
        }
        direct.resize(SLOTS + 1, self.starts.len() as u32);
        self.direct = direct;
    }

    /// The owner of the most specific interval that holds `key`.
    pub fn find(&self, key: u64) -> Option<u32> {
        let (from, to) = match self.slot(key) {
            Some(bounds) => bounds,
            None => (0, self.starts.len()),
        };
        let after = from + self.starts[from..to].partition_point(|&start| start <= key);
        let owner = *self.owners.get(after.checked_sub(1)?)?;
        (owner != NOBODY).then_some(owner)
    }

    fn slot(&self, key: u64) -> Option<(usize, usize)> {
        if self.direct.is_empty() {
            return None;
        }
        let slot = (key / self.scale) as usize;
        Some((*self.direct.get(slot)? as usize, *self.direct.get(slot + 1)? as usize))
    }

    /// Where the segments start; what a plain binary search would look through.
    pub fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.starts.capacity() * 8 + (self.owners.capacity() + self.direct.capacity()) * 4
    }
}
