//! Which of many nested intervals holds a key, most specific first: flattened into disjoint
//! segments behind a direct index of equal slots over the keys that they span.
//!
//! Must not know what the intervals are; owners are positions in the caller's list.

use std::collections::BTreeSet;
use std::ops::Range;

/// Below this many segments a binary search fits a few cache lines and a direct index costs more.
const SMALLEST_DIRECT: usize = 1_024;

/// At most so many slots of the direct index per segment: four bytes each.
const SLOTS_PER_SEGMENT: u64 = 4;

const NOBODY: u32 = u32::MAX;

/// Disjoint segments with their owners, ascending.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    starts: Vec<u64>,
    owners: Vec<u32>,
    /// For each slot, the first segment that starts in or after it; empty when there are few.
    direct: Vec<u32>,
    /// Slot of a key: its distance from the first start, shifted right.
    shift: u32,
}

impl Segments {
    /// Flattens `intervals`; where several hold a key, the one with fewest keys owns it, then the
    /// later one.
    pub fn build(intervals: impl Iterator<Item = (Range<u64>, u32)>) -> Self {
        let mut edges = Vec::new();
        for (keys, owner) in intervals.filter(|(keys, _)| !keys.is_empty()) {
            let rank = (keys.end - keys.start, NOBODY - owner);
            edges.push((keys.start, true, rank));
            edges.push((keys.end, false, rank));
        }
        edges.sort_unstable();
        let mut segments = Self::default();
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
        let (Some(&first), Some(&last)) = (self.starts.first(), self.starts.last()) else { return };
        if self.starts.len() < SMALLEST_DIRECT {
            return;
        }
        let most = self.starts.len() as u64 * SLOTS_PER_SEGMENT;
        while (last - first) >> self.shift >= most {
            self.shift += 1;
        }
        let mut direct = Vec::with_capacity(((last - first) >> self.shift) as usize + 2);
        for (at, start) in self.starts.iter().enumerate() {
            let slot = ((start - first) >> self.shift) as usize;
            direct.resize(direct.len().max(slot + 1), at as u32);
        }
        direct.push(self.starts.len() as u32);
        self.direct = direct;
    }

    /// The owner of the most specific interval that holds `key`.
    pub fn find(&self, key: u64) -> Option<u32> {
        let distance = key.checked_sub(*self.starts.first()?)?;
        let (from, to) = self.slot(distance);
        let after = from + self.starts[from..to].partition_point(|&start| start <= key);
        let owner = *self.owners.get(after.checked_sub(1)?)?;
        (owner != NOBODY).then_some(owner)
    }

    /// Segments that start in the slot of a key this far from the first start.
    fn slot(&self, distance: u64) -> (usize, usize) {
        let slot = (distance >> self.shift) as usize;
        match self.direct.get(slot..slot + 2) {
            Some(&[from, to]) => (from as usize, to as usize),
            // Beyond the last start, or no direct index.
            _ => (0, self.starts.len()),
        }
    }

    /// Start and owner of each segment, ascending; each goes to the next start.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Option<u32>)> + '_ {
        let owner = |&owner: &u32| (owner != NOBODY).then_some(owner);
        self.starts.iter().copied().zip(self.owners.iter().map(owner))
    }

    /// Segments as [`Segments::iter`] tells them, ascending.
    pub fn from_sorted(segments: impl Iterator<Item = (u64, Option<u32>)>) -> Self {
        let mut all = Self::default();
        for (start, owner) in segments {
            all.starts.push(start);
            all.owners.push(owner.unwrap_or(NOBODY));
        }
        all.index();
        all
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
