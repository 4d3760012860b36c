//! What changed since the large tables were built: a short sorted list that shadows them.
//!
//! Copied on every change, so it must stay short; [`super::Index::compacted`] empties it.

use std::sync::Arc;

use crate::listing::Decision;
use crate::number::Number;

use super::Seen;
use super::blocks::{AGES, BLOCK_SIZES, BlockCounts, Since};
use super::numbers::Numbers;

const LARGEST: u64 = BLOCK_SIZES[BLOCK_SIZES.len() - 1];

/// Counts `other` in every block that it shares with `number`, which does not count itself.
fn add(counts: &mut BlockCounts, number: Number, other: Number, seen: Seen, since: &Since) {
    for (count, size) in counts.iter_mut().zip(BLOCK_SIZES) {
        if other != number && other.key() / size == number.key() / size {
            count.add(seen.first, seen.last, since);
        }
    }
}

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

    /// Corrects counts that were taken from the tables alone.
    pub(super) fn adjust(&self, counts: &mut BlockCounts, number: Number, since: &Since, base: &Numbers) {
        let near = self.near(number);
        let active = |seen: &Seen| seen.last >= since[AGES - 1];
        if near.iter().any(|entry| base.get(entry.number).is_some_and(|seen| active(&seen))) {
            // What the tables counted has changed, and perhaps was the newest: count anew.
            *counts = BlockCounts::default();
            let kept = base.around(number).filter(|(other, _)| self.get(*other).is_none());
            for (other, seen) in kept.filter(|(_, seen)| active(seen)) {
                add(counts, number, other, seen, since);
            }
        }
        for entry in near {
            if let Some(seen) = entry.seen.filter(active) {
                add(counts, number, entry.number, seen, since);
            }
        }
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
