//! What changed since the large tables were built: a short sorted list that shadows them.
//!
//! Copied on every change, so it must stay short; [`super::Index::compacted`] empties it. Weighing the
//! neighbours of a number must cost little more with an overlay than without: the tables are weighed as
//! they are, what they say of the changed numbers is taken away, what is true of these now is added.

use std::sync::Arc;

use crate::core::listing::{Day, Decision};
use crate::core::number::Number;

use super::Seen;
use super::blocks::{BlockCount, BlockWeights, Fading};
use super::numbers::Numbers;

/// The present state of one changed number; neither seen nor decided about: it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: Number,
    pub(super) seen: Option<Seen>,
    pub(super) decision: Option<Arc<Decision>>,
    /// What the tables say of it.
    pub(super) was: Option<Seen>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Overlay {
    entries: Arc<[Entry]>,
    /// The changed numbers as they are now, in the form of the tables, so that they are weighed as fast.
    now: Arc<Numbers>,
    /// The changed numbers as the tables have them.
    was: Arc<Numbers>,
}

impl Overlay {
    fn new(entries: Vec<Entry>) -> Self {
        let table = |seen: fn(&Entry) -> Option<Seen>| {
            let mut numbers = Numbers::default();
            for (key, seen) in entries.iter().filter_map(|entry| Some((entry.number.key(), seen(entry)?))) {
                numbers.push(key, seen);
            }
            numbers.finish();
            Arc::new(numbers)
        };
        let (now, was) = (table(|entry| entry.seen), table(|entry| entry.was));
        Self { entries: entries.into(), now, was }
    }

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
        size_of_val(self.entries.as_ref()) + self.now.bytes() + self.was.bytes()
    }

    /// A copy with `changed` in it; of several entries for one number the last counts.
    pub(super) fn with(&self, mut changed: Vec<Entry>) -> Self {
        if changed.is_empty() {
            return self.clone();
        }
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
        Self::new(merged)
    }

    /// Weighs the neighbours of `number` in tables and overlay together.
    pub(super) fn weigh(&self, number: Number, fading: &Fading, base: &Numbers) -> BlockWeights {
        let mut all = base.neighbours(number, fading);
        if let Some(was) = self.was.neighbours(number, fading) {
            all.get_or_insert_default().take(&was);
        }
        if let Some(now) = self.now.neighbours(number, fading) {
            all.get_or_insert_default().add(&now);
        }
        all.map_or_else(BlockWeights::default, |all| all.weights(fading))
    }

    /// Counts the other numbers in the block of `BLOCK_SIZES[at]`, in tables and overlay together.
    pub(super) fn count(&self, number: Number, at: usize, fading: &Fading, base: &Numbers) -> BlockCount {
        let [all, was, now] = [base, &*self.was, &*self.now].map(|table| table.count(number, at, fading));
        let unchanged = if all.newest > was.newest {
            all.newest
        } else if now.newest >= all.newest {
            // It makes no difference.
            now.newest
        } else {
            // A number of the newest day was deleted, or a run of today undone.
            self.newest_unchanged(number, at, fading, base, all.newest)
        };
        BlockCount { count: all.count - was.count + now.count, newest: unchanged.max(now.newest) }
    }

    /// The latest day in the block of numbers that have not changed, which is `newest` at most.
    fn newest_unchanged(
        &self,
        number: Number,
        at: usize,
        fading: &Fading,
        base: &Numbers,
        newest: Day,
    ) -> Day {
        let mut changed = self.was.around(number, at).peekable();
        let mut found = BlockCount::default();
        for (other, seen) in base.around(number, at) {
            // Both are in order of number, so one walk finds what has changed.
            while changed.next_if(|(changed, _)| *changed < other).is_some() {}
            if changed.peek().is_none_or(|(changed, _)| *changed != other) {
                found.add(seen, at, fading);
            }
            if found.newest == newest {
                break;
            }
        }
        found.newest
    }

    /// How many listed numbers tables and overlay hold together.
    pub(super) fn count_with(&self, base: &Numbers) -> u64 {
        (base.len() + self.now.len() - self.was.len()) as u64
    }
}
