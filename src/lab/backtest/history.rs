//! Sightings in order of day, and the index as it stood on any morning.

use std::collections::{BTreeMap, HashMap};

use crate::core::index::{Builder, Index, Position};
use crate::core::listing::{Day, FeedName, Listing, Sighting, Subject};
use crate::core::number::Number;

/// Day, number and feed of every sighting of one feed.
pub type Sightings = Vec<(Day, Number)>;

/// All sightings by day, and what is known so far.
#[derive(Debug, Default)]
pub struct History {
    days: BTreeMap<Day, Vec<(FeedName, Number)>>,
    known: HashMap<Number, Listing>,
    count: u64,
}

impl History {
    /// Adds what one feed saw.
    pub fn add(&mut self, feed: &FeedName, sightings: Sightings) {
        self.count += sightings.len() as u64;
        for (day, number) in sightings {
            self.days.entry(day).or_default().push((feed.clone(), number));
        }
    }

    /// How many sightings there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The index of all that was seen before `day`.
    pub(super) fn index_before(&mut self, day: Day) -> Index {
        let later = self.days.split_off(&day);
        for (day, seen) in std::mem::replace(&mut self.days, later) {
            for (feed, number) in seen {
                self.see(feed, number, day);
            }
        }
        let mut builder = Builder::default();
        for (&number, listing) in &self.known {
            builder.add(Subject::Number(number), listing);
        }
        builder.finish(Position::default())
    }

    /// `index` with what was seen on `day`, as `sync` takes in changes.
    pub(super) fn advance(&mut self, index: &Index, day: Day) -> Index {
        let mut changed = Vec::new();
        for (feed, number) in self.days.remove(&day).unwrap_or_default() {
            self.see(feed, number, day);
            changed.push(number);
        }
        changed.sort_unstable();
        changed.dedup();
        let changes: Vec<_> = changed
            .into_iter()
            .map(|number| (Subject::Number(number), self.known.get(&number).cloned()))
            .collect();
        let next = index.with_changes(&changes, Position::default());
        if next.wants_rebuild(0.0) { next.compacted() } else { next }
    }

    fn see(&mut self, feed: FeedName, number: Number, day: Day) {
        let sighting = Sighting::new(feed, day.start(), day.start(), 1);
        self.known.entry(number).or_default().add_report(&sighting);
    }
}
