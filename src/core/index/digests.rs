//! Count and digest of what the index holds, per shard of its store.

use crate::core::listing::{Subject, digest};
use crate::core::number::Number;

use super::{Index, Seen};

impl Index {
    /// How many subjects are listed.
    pub fn listings(&self) -> u64 {
        let stats = self.stats();
        stats.numbers + stats.ranges
    }

    /// How many subjects an operator has decided about.
    pub fn decisions(&self) -> u64 {
        let base = self.decisions.iter().filter(|(number, _)| self.overlay.get(*number).is_none()).count();
        let changed = self.overlay.entries().iter().filter(|entry| entry.decision.is_some()).count();
        let ranges = self.ranges.entries().iter().filter(|entry| entry.decision.is_some()).count();
        (base + changed + ranges) as u64
    }

    /// Listings and combined digest of each of `shards` shards. Walks everything.
    pub fn digests(&self, shards: usize, shard_of: impl Fn(Subject) -> usize) -> Vec<(u64, u64)> {
        let mut totals = vec![(0, 0); shards];
        let mut add = |subject: Subject, seen: Option<Seen>, decision| {
            if let Some((count, combined)) = totals.get_mut(shard_of(subject)) {
                *count += 1;
                *combined ^= digest(subject, seen.map(|seen| (seen.first, seen.last)), decision);
            }
        };
        for (key, seen) in self.numbers.iter() {
            let Ok(number) = Number::from_digits(key) else { continue };
            if self.overlay.get(number).is_none() {
                add(Subject::Number(number), Some(seen), self.base_decision(number));
            }
        }
        for number in self.decided_only().filter(|&number| self.overlay.get(number).is_none()) {
            add(Subject::Number(number), None, self.base_decision(number));
        }
        self.verified_only().for_each(|number| add(Subject::Number(number), None, None));
        for entry in self.overlay.entries().iter().filter(|e| e.seen.is_some() || e.decision.is_some()) {
            add(Subject::Number(entry.number), entry.seen, entry.decision.as_deref());
        }
        for entry in self.ranges.entries() {
            add(Subject::Range(entry.range), entry.seen, entry.decision.as_ref());
        }
        totals
    }
}
