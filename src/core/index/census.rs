//! A walk over the whole index: how many listings each feed and country code has.

use std::collections::BTreeMap;

use crate::core::listing::FeedName;
use crate::core::number::{Number, plan};

use super::{Index, Seen};

/// Counts over all listings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Subjects that each feed saw.
    pub feeds: BTreeMap<FeedName, u64>,
    /// Listed numbers per country code.
    pub countries: BTreeMap<u16, u64>,
    /// Listings with an operator's decision.
    pub decisions: u64,
}

impl Index {
    /// Walks the index; some nanoseconds per listing, so not on a check.
    pub fn census(&self) -> Census {
        let mut by_provenance: BTreeMap<u16, u64> = BTreeMap::new();
        let mut census = Census::default();
        let mut blocks = CountryOfBlock::default();
        let mut count = |seen: Seen| *by_provenance.entry(seen.provenance).or_default() += 1;
        let shadowed =
            |number: u64| Number::from_digits(number).is_ok_and(|number| self.overlay.get(number).is_some());
        let changed = self.overlay.entries().iter();
        let changed = changed.filter_map(|entry| Some((entry.number.key(), entry.seen?)));
        for (number, seen) in self.numbers.iter().filter(|(number, _)| !shadowed(*number)).chain(changed) {
            count(seen);
            *census.countries.entry(blocks.country(number)).or_default() += 1;
        }
        for number in self.decided_only().chain(self.verified_only()) {
            *census.countries.entry(plan::country_code(number.key())).or_default() += 1;
        }
        self.ranges.entries().iter().filter_map(|entry| entry.seen).for_each(count);
        for (id, listings) in by_provenance {
            for feed in &self.provenances.get(id).feeds {
                *census.feeds.entry(feed.clone()).or_default() += listings;
            }
        }
        let base = self.decisions.iter().filter(|(number, _)| self.overlay.get(*number).is_none()).count();
        let overlay = self.overlay.entries().iter().filter(|entry| entry.decision.is_some()).count();
        let ranges = self.ranges.entries().iter().filter(|entry| entry.decision.is_some()).count();
        census.decisions = (base + overlay + ranges) as u64;
        census
    }
}

/// Numbers come in order, so the country code is looked up once per 10,000-block.
#[derive(Default)]
struct CountryOfBlock {
    block: u64,
    country: u16,
}

impl CountryOfBlock {
    fn country(&mut self, number: u64) -> u16 {
        let block = number / 10_000;
        if self.block != block {
            self.block = block;
            self.country = plan::country_code(number);
        }
        self.country
    }
}
