//! Making an index: from all listings, or from an older index and some changes.
//!
//! Runs off the check path. Must not read a store: listings are handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::listing::{Decision, Listing, Subject};
use crate::core::number::{Number, Range};

use super::numbers::Numbers;
use super::overlay::{Entry, Overlay};
use super::provenance::{Provenance, Provenances};
use super::verified::{self, Verified};
use super::{Index, Position, RangeEntry, Ranges, Seen};

/// Collects listings in any order and makes an index of them.
#[derive(Debug, Default)]
pub struct Builder {
    seen: Vec<(u64, Seen)>,
    decisions: Vec<(Number, Decision)>,
    ranges: Vec<RangeEntry>,
    provenances: Provenances,
    verified: Vec<verified::Row>,
}

impl Builder {
    /// Takes in one listing; each subject once.
    pub fn add(&mut self, subject: Subject, listing: &Listing) {
        let seen = seen(listing, |provenance| self.provenances.intern(provenance));
        match subject {
            Subject::Number(number) => {
                self.seen.extend(seen.map(|seen| (number.key(), seen)));
                self.decisions.extend(listing.decision().map(|decision| (number, decision.clone())));
                self.verified.extend(verified::rows(number, listing));
            }
            Subject::Range(range) => {
                self.ranges.push(RangeEntry { range, seen, decision: listing.decision().cloned() });
            }
        }
    }

    /// The index of all that was added, complete up to `position`.
    pub fn finish(mut self, position: Position) -> Index {
        self.seen.sort_unstable_by_key(|(number, _)| *number);
        self.decisions.sort_unstable_by_key(|(number, _)| *number);
        let (provenances, ids) = ranked(&self.provenances, self.seen.iter().map(|(_, seen)| seen.provenance));
        let renamed = |seen: Seen| Seen { provenance: ids[usize::from(seen.provenance)], ..seen };
        let mut numbers = Numbers::default();
        for (number, seen) in self.seen.drain(..) {
            numbers.push(number, renamed(seen));
        }
        numbers.finish();
        for entry in &mut self.ranges {
            entry.seen = entry.seen.map(renamed);
        }
        Index {
            numbers: Arc::new(numbers),
            decisions: Arc::new(self.decisions),
            ranges: Arc::new(Ranges::build(self.ranges)),
            provenances: Arc::new(provenances),
            allocations: Arc::default(),
            verified: Verified::of(self.verified),
            overlay: Overlay::default(),
            position,
            revision: 0,
        }
    }
}

fn seen(listing: &Listing, intern: impl FnOnce(Provenance) -> u16) -> Option<Seen> {
    let (first, last) = listing.days()?;
    Some(Seen {
        first,
        last,
        corroborated: listing.corroborated_on(),
        without_lone_report: listing.seen_by_more_than_one_client(),
        provenance: intern(Provenance::of(listing)),
    })
}

/// Renumbers provenances by how often they are used, so that the frequent ones fit a byte.
fn ranked(old: &Provenances, used: impl Iterator<Item = u16>) -> (Provenances, Vec<u16>) {
    let mut uses = vec![0u64; usize::from(u16::MAX) + 1];
    used.for_each(|id| uses[usize::from(id)] += 1);
    let mut order: Vec<u16> = (0..old.list().len()).filter_map(|id| u16::try_from(id).ok()).collect();
    order.sort_by_key(|&id| std::cmp::Reverse(uses[usize::from(id)]));
    let mut ranked = Provenances::default();
    // Ids beyond the table, shared by what did not fit, stay as they are.
    let mut ids: Vec<u16> = (0..=u16::MAX).collect();
    for id in order {
        ids[usize::from(id)] = ranked.intern(old.get(id).clone());
    }
    (ranked, ids)
}

impl Index {
    /// This index with `changes` in it, complete up to `position`; `None` is a deleted listing.
    /// The large tables are shared. Costs as much as the overlay is long.
    pub fn with_changes(&self, changes: &[(Subject, Option<Listing>)], position: Position) -> Self {
        let mut provenances = Arc::clone(&self.provenances);
        let mut numbers = Vec::new();
        let mut ranges = Vec::new();
        let mut verified = Vec::new();
        for (subject, listing) in changes {
            let seen = listing.as_ref().and_then(|listing| {
                // The table is shared with the old index and copied only for a new set of feeds.
                seen(listing, |provenance| match provenances.id(&provenance) {
                    Some(id) => id,
                    None => Arc::make_mut(&mut provenances).intern(provenance),
                })
            });
            let decision = listing.as_ref().and_then(Listing::decision);
            match *subject {
                Subject::Number(number) => {
                    let rows = listing.iter().flat_map(|listing| verified::rows(number, listing)).collect();
                    verified.push((number, rows));
                    let was = self.numbers.get(number);
                    // A list that is read every hour mostly says what is known: nothing has to wait for that.
                    let known = seen == was && decision == self.base_decision(number);
                    if !known || self.overlay.get(number).is_some() {
                        numbers.push(Entry { number, seen, decision: decision.cloned().map(Arc::new), was });
                    }
                }
                Subject::Range(range) => ranges.push(RangeEntry { range, seen, decision: decision.cloned() }),
            }
        }
        Self {
            numbers: Arc::clone(&self.numbers),
            decisions: Arc::clone(&self.decisions),
            ranges: if ranges.is_empty() { Arc::clone(&self.ranges) } else { self.changed_ranges(ranges) },
            provenances,
            allocations: Arc::clone(&self.allocations),
            verified: self.verified.with(&verified),
            overlay: self.overlay.with(numbers),
            position,
            revision: self.revision,
        }
    }

    fn changed_ranges(&self, changed: Vec<RangeEntry>) -> Arc<Ranges> {
        let old = self.ranges.entries().iter().cloned();
        // The last of several entries for one range stays.
        let mut entries: BTreeMap<Range, RangeEntry> =
            old.chain(changed).map(|entry| (entry.range, entry)).collect();
        entries.retain(|_, entry| entry.seen.is_some() || entry.decision.is_some());
        Arc::new(Ranges::build(entries.into_values().collect()))
    }

    /// Whether the overlay has grown too long: every change copies it, and every check looks into it. In
    /// proportion to the index, because so is the cost of a rebuild. `patience`, 0 to 1, is the share by
    /// which it may be longer, so that replicas that take in the same changes do not all rebuild at once.
    pub fn wants_rebuild(&self, patience: f64) -> bool {
        const SHARE: usize = 128;
        /// A shorter one is not worth a rebuild; a longer one takes a millisecond to copy.
        const BOUNDS: std::ops::RangeInclusive<usize> = 256..=16_384;
        let longest = (self.numbers.len() / SHARE).clamp(*BOUNDS.start(), *BOUNDS.end());
        self.overlay.len() as f64 > longest as f64 * (1.0 + patience)
    }

    /// The same index with an empty overlay: new large tables.
    pub fn compacted(&self) -> Self {
        let mut builder = Builder {
            seen: Vec::with_capacity(self.numbers.len() + self.overlay.len()),
            decisions: Vec::new(),
            ranges: self.ranges.entries().to_vec(),
            provenances: (*self.provenances).clone(),
            verified: Vec::new(),
        };
        // Both are in order, and so is what comes of them: sorting it again costs one look.
        let mut changed = self.overlay.entries().iter().peekable();
        for (number, seen) in self.numbers.iter() {
            while let Some(entry) = changed.next_if(|entry| entry.number.key() < number) {
                builder.seen.extend(entry.seen.map(|seen| (entry.number.key(), seen)));
            }
            match changed.next_if(|entry| entry.number.key() == number) {
                Some(entry) => builder.seen.extend(entry.seen.map(|seen| (number, seen))),
                None => builder.seen.push((number, seen)),
            }
        }
        builder.seen.extend(changed.filter_map(|entry| Some((entry.number.key(), entry.seen?))));
        let kept = self.decisions.iter().filter(|(number, _)| self.overlay.get(*number).is_none());
        builder.decisions.extend(kept.cloned());
        for entry in self.overlay.entries() {
            builder.decisions.extend(entry.decision.as_deref().map(|d| (entry.number, d.clone())));
        }
        let (allocations, verified) = (Arc::clone(&self.allocations), self.verified.clone());
        Self { revision: self.revision, allocations, verified, ..builder.finish(self.position.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::index::{BLOCK_SIZES, BlockCount, BlockWeights, Fading};
    use crate::core::listing::{Action, Day, Sighting, UnixTime};

    const NOW: UnixTime = UnixTime(400 * 86_400);

    /// Seen up to five days before `day` and then; by the feed `c`, which is a client's reports, on top
    /// of what a feed saw some days before, or not.
    fn listing(feed: &str, day: u32, decided: bool) -> Listing {
        let seen = |feed: &str, first: u32, last: u32| {
            let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            Listing::seen(Sighting::new(feed, UnixTime(first * 86_400), UnixTime(last * 86_400), 1))
        };
        let mut listing = match feed {
            "c" => seen("client.c__reports", day, day),
            _ => seen(feed, day - day % 6, day),
        };
        if feed == "c" && day.is_multiple_of(2) {
            let before = day - day % 61;
            listing.merge(&seen("a", before, before));
        }
        if decided {
            listing.merge(&Listing::decided(Decision {
                decided_at: UnixTime(1),
                action: Action::Block,
                expires_at: None,
                reason: "r".into(),
                author: "a".into(),
            }));
        }
        listing
    }

    fn fading() -> Fading {
        Fading::new([(Day(250), 100), (Day(200), 60), (Day(150), 20), (Day(100), 5)], 3)
    }

    fn naive(model: &BTreeMap<u64, Listing>, number: Number) -> (BlockWeights, [BlockCount; 5]) {
        let (mut weights, mut counts) = (BlockWeights::default(), [BlockCount::default(); 5]);
        let mut blocks = BTreeMap::<u64, (u32, u32)>::new();
        for (&other, listing) in model.iter().filter(|(other, _)| **other != number.key()) {
            let percent = |day: Option<Day>| match day.unwrap_or_default().0 {
                250.. => 100,
                200.. => 60,
                150.. => 20,
                100.. => 5,
                _ => 0,
            };
            let last = listing.days().map(|(_, last)| last);
            // As exact as the tables keep it.
            let corroborated = percent(listing.corroborated_on().map(|day| Day(day.0 / 8 * 8)));
            if other / 100_000 == number.key() / 100_000 {
                let block = blocks.entry(other / 10_000).or_default();
                let seen = percent(listing.seen_by_more_than_one_client());
                *block = (block.0 + seen, block.1 + corroborated);
            }
            for (at, size) in BLOCK_SIZES.into_iter().enumerate() {
                let counted = if size > 100 { listing.seen_by_more_than_one_client() } else { last };
                if other / size == number.key() / size {
                    weights[at].seen += percent(counted);
                    weights[at].corroborated += corroborated;
                    counts[at].count += u32::from(percent(counted) > 0);
                    let newest = counted.filter(|day| percent(Some(*day)) > 0).unwrap_or_default();
                    counts[at].newest = counts[at].newest.max(newest);
                }
            }
        }
        // No 10,000-block counts for more than three fresh numbers among the 100,000.
        weights[4].seen = blocks.values().map(|block| block.0.min(300)).sum();
        weights[4].corroborated = blocks.values().map(|block| block.1.min(300)).sum();
        (weights, counts)
    }

    fn agrees(index: &Index, model: &BTreeMap<u64, Listing>, number: Number) {
        let found = index.find(number, NOW);
        let expected = model.get(&number.key());
        let days = expected.and_then(Listing::days);
        assert_eq!(found.seen.map(|seen| (seen.first, seen.last)), days, "{number}");
        assert_eq!(found.decision, expected.and_then(Listing::decision), "{number}");
        let feeds = found.seen.map(|seen| index.provenance(seen).feeds.clone());
        let named = expected.map(|l| l.sightings().iter().map(|s| s.feed.clone()).collect::<Vec<_>>());
        assert_eq!(feeds, named, "{number}");
        let (weights, counts) = naive(model, number);
        assert_eq!(index.block_weights(number, &fading()), weights, "{number}");
        for (at, count) in counts.into_iter().enumerate() {
            assert_eq!(index.block_count(number, at, &fading()), count, "{number} {at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn index_overlay_and_rebuild_agree_with_a_map(
            base in proptest::collection::vec((0u64..30_000, "[a-c]", 0u32..300, any::<bool>()), 0..80),
            changes in proptest::collection::vec((0u64..30_000, proptest::option::of(("[a-d]", 0u32..300))), 0..40),
        ) {
            let key = |low: u64| 447_400_000_000 + low * low % 25_000;
            let mut model = BTreeMap::new();
            for (low, feed, day, decided) in base {
                model.insert(key(low), listing(&feed, day, decided));
            }
            let mut builder = Builder::default();
            let number = |key| Number::from_digits(key).unwrap_or_else(|e| panic!("{e}"));
            for (&key, listing) in &model {
                builder.add(Subject::Number(number(key)), listing);
            }
            let mut index = builder.finish(Position::default());
            for (low, change) in changes {
                let change = change.map(|(feed, day)| listing(&feed, day, day % 7 == 0));
                match &change {
                    Some(listing) => model.insert(key(low), listing.clone()),
                    None => model.remove(&key(low)),
                };
                index = index.with_changes(&[(Subject::Number(number(key(low))), change)], Position::default());
            }
            let rebuilt = index.compacted();
            prop_assert_eq!(rebuilt.stats().numbers, model.len() as u64);
            prop_assert_eq!(index.stats().numbers, model.len() as u64);
            for key in (447_400_000_000..447_400_025_000).step_by(211).chain(model.keys().copied()) {
                agrees(&index, &model, number(key));
                agrees(&rebuilt, &model, number(key));
            }
        }
    }

    #[test]
    fn more_provenances_than_a_byte_holds_keep_their_feeds() {
        let mut builder = Builder::default();
        for i in 0..700u64 {
            let number = Number::from_digits(447_400_000_000 + i).unwrap_or_else(|e| panic!("{e}"));
            builder.add(Subject::Number(number), &listing(&format!("feed-{i}"), 100, false));
        }
        let index = builder.finish(Position::default());
        for i in 0..700u64 {
            let number = Number::from_digits(447_400_000_000 + i).unwrap_or_else(|e| panic!("{e}"));
            let seen = index.find(number, NOW).seen.unwrap_or_else(|| panic!("{number} is missing"));
            assert_eq!(index.provenance(seen).feeds[0].as_str(), format!("feed-{i}"));
        }
    }
}
