//! What changed since the large tables were built: a short sorted list that shadows them.
//!
//! Copied on every change, so it must stay short; [`super::Index::compacted`] empties it.

use std::sync::Arc;

use crate::listing::Decision;
use crate::number::Number;

use super::Seen;
use super::blocks::{BLOCK_SIZES, BlockCount, BlockWeights, Fading, Neighbours};
use super::numbers::Numbers;

const LARGEST: u64 = BLOCK_SIZES[BLOCK_SIZES.len() - 1];

/// The present state of one changed number; all empty is a number that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: Number,
    pub(super) seen: Option<Seen>,
    pub(super) decision: Option<Arc<Decision>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Overlay {
    entries: Arc<[Entry]>,
}

impl Overlay {
    pub(super) fn get(&self, number: Number) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        self.entries.get(at)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.entries.as_ref())
    }

    /// A copy with `changed` in it; of several entries for one number the last counts.
    pub(super) fn with(&self, mut changed: Vec<Entry>) -> Self {
        changed.reverse();
        changed.sort_by_key(|entry| entry.number);
        changed.dedup_by_key(|entry| entry.number);
        let mut merged = Vec::with_capacity(self.entries.len() + changed.len());
        let mut old = self.entries.iter().peekable();
        for entry in changed {
            while let Some(kept) = old.next_if(|old| old.number < entry.number) {
                merged.push(kept.clone());
            }
            old.next_if(|old| old.number == entry.number);
            merged.push(entry);
        }
        merged.extend(old.cloned());
        Self { entries: merged.into() }
    }

    /// Weighs the neighbours of `number` in tables and overlay together.
    pub(super) fn weigh(&self, number: Number, fading: &Fading, base: &Numbers) -> BlockWeights {
        let near = self.near(number);
        // Where an entry of the tables has changed, what they weigh is wrong: anew.
        let stale = near.iter().any(|entry| base.get(entry.number).is_some());
        let kept = if stale { None } else { base.neighbours(number, fading) };
        let mut neighbours = match (kept, near.is_empty()) {
            (Some(neighbours), true) => return neighbours.weights(fading),
            (None, true) => return BlockWeights::default(),
            (Some(neighbours), false) => neighbours,
            (None, false) => Neighbours::default(),
        };
        if stale {
            for (other, seen) in base.around(number).filter(|(other, _)| self.get(*other).is_none()) {
                neighbours.add(number, other, seen, fading);
            }
        }
        for entry in near {
            if let Some(seen) = entry.seen {
                neighbours.add(number, entry.number, seen, fading);
            }
        }
        neighbours.weights(fading)
    }

    /// Counts tables and overlay together; nothing if the tables alone are right.
    pub(super) fn count(
        &self,
        number: Number,
        at: usize,
        fading: &Fading,
        base: &Numbers,
    ) -> Option<BlockCount> {
        let near = self.near(number);
        if near.is_empty() {
            return None;
        }
        let unchanged = base.around(number).filter(|(other, _)| self.get(*other).is_none());
        let changed = near.iter().filter_map(|entry| Some((entry.number, entry.seen?)));
        let shared = |other: Number| other.key() / BLOCK_SIZES[at] == number.key() / BLOCK_SIZES[at];
        let mut count = BlockCount::default();
        for (other, seen) in unchanged.chain(changed) {
            if other != number && shared(other) {
                count.add(seen, fading);
            }
        }
        Some(count)
    }

    /// Entries in the largest block around `number`.
    fn near(&self, number: Number) -> &[Entry] {
        let block = number.key() / LARGEST;
        let from = self.entries.partition_point(|entry| entry.number.key() / LARGEST < block);
        let count = self.entries[from..].partition_point(|entry| entry.number.key() / LARGEST == block);
        &self.entries[from..from + count]
    }

    /// How many listed numbers tables and overlay hold together.
    pub(super) fn count_with(&self, base: &Numbers) -> u64 {
        let listed = |entry: &&Entry| entry.seen.is_some();
        let shadowed = self.entries.iter().filter(|entry| base.get(entry.number).is_some()).count();
        (base.len() + self.entries.iter().filter(listed).count() - shadowed) as u64
    }
}
