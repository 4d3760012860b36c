//! All of many overlapping intervals that hold a key, in a tree that lies in one sorted list.
//!
//! For the rare look-up that cannot take the most specific one. Must not allocate on a look-up.

use std::ops::Range;

/// Intervals by their first key; the middle of each part of the list is its root.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    /// First key, key after the last, owner.
    list: Vec<(u64, u64, u32)>,
    /// For the root of a part: the highest end in that part.
    highest: Vec<u64>,
}

impl Spans {
    pub(super) fn build(intervals: impl Iterator<Item = (Range<u64>, u32)>) -> Self {
        let mut list: Vec<_> = intervals.map(|(keys, owner)| (keys.start, keys.end, owner)).collect();
        list.sort_unstable();
        let mut highest = vec![0; list.len()];
        fill(&list, &mut highest);
        Self { list, highest }
    }

    /// Calls `each` with the owner of every interval that holds `key`; answers how many intervals were
    /// looked at: some per interval that holds it, and the depth of the tree.
    pub(super) fn holding(&self, key: u64, each: &mut impl FnMut(u32)) -> usize {
        self.look(0..self.list.len(), key, each)
    }

    fn look(&self, part: Range<usize>, key: u64, each: &mut impl FnMut(u32)) -> usize {
        let middle = part.start + part.len() / 2;
        if part.is_empty() || self.highest[middle] <= key {
            return 0;
        }
        let mut looked = 1 + self.look(part.start..middle, key, each);
        let (first, end, owner) = self.list[middle];
        if first <= key {
            if key < end {
                each(owner);
            }
            looked += self.look(middle + 1..part.end, key, each);
        }
        looked
    }

    pub(super) fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<(u64, u64, u32)>() + self.highest.capacity() * size_of::<u64>()
    }
}

/// Fills in the highest ends of a part; answers that of its root.
fn fill(list: &[(u64, u64, u32)], highest: &mut [u64]) -> u64 {
    if list.is_empty() {
        return 0;
    }
    let middle = list.len() / 2;
    let (left, right) = highest.split_at_mut(middle);
    let (root, right) = right.split_at_mut(1);
    root[0] = list[middle].1.max(fill(&list[..middle], left)).max(fill(&list[middle + 1..], right));
    root[0]
}
