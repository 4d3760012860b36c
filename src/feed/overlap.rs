//! What feeds add to each other: what two of them share, what only one has, and who is first.
//!
//! Pure: listings are handed in one by one, so that a store of any size fits. Must not know where
//! they come from.

use std::collections::{BTreeMap, HashMap};

use crate::core::listing::{FeedName, Listing, Sighting};

const HOUR: i64 = 3_600;
const HOURS_PER_DAY: f64 = 24.0;

/// Counts listings as they are handed in.
#[derive(Debug, Default)]
pub struct Overlap {
    feeds: BTreeMap<FeedName, Own>,
    pairs: HashMap<FeedName, HashMap<FeedName, Leads>>,
}

/// Listings of one feed, and those that it has alone.
#[derive(Debug, Default)]
struct Own {
    listings: u64,
    unique: u64,
}

/// How often one feed saw a subject so many hours before the other. By the hour, so that memory is
/// bounded by the span of the dates and not by the listings.
#[derive(Debug, Default)]
struct Leads(BTreeMap<i64, u64>);

/// What feeds add to each other.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlapReport {
    /// Feeds that saw anything, in order of name.
    pub feeds: Vec<FeedShare>,
    /// Each two feeds that share something, most first.
    pub pairs: Vec<FeedPair>,
}

/// What one feed adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedShare {
    /// The feed.
    pub feed: FeedName,
    /// Subjects that it saw.
    pub listings: u64,
    /// Subjects that no other feed saw.
    pub unique: u64,
}

/// What two feeds share.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPair {
    /// One feed.
    pub feed: FeedName,
    /// The other, later in order of name.
    pub other: FeedName,
    /// Subjects that both saw.
    pub shared: u64,
    /// Days by which `feed` saw them before `other`: the median; below 0 if `other` was first.
    pub lead_days: f64,
}

impl Overlap {
    /// Counts one listing.
    pub fn add(&mut self, listing: &Listing) {
        // In order of feed, so each pair comes up one way round.
        let sightings: Vec<&Sighting> = listing.seen_by().collect();
        for (at, sighting) in sightings.iter().enumerate() {
            let own = self.feeds.entry(sighting.feed.clone()).or_default();
            own.listings += 1;
            own.unique += u64::from(sightings.len() == 1);
            for &other in &sightings[at + 1..] {
                self.leads(&sighting.feed, &other.feed).add(sighting, other);
            }
        }
    }

    /// The counts; names are copied only where a pair is new.
    fn leads(&mut self, feed: &FeedName, other: &FeedName) -> &mut Leads {
        if !self.pairs.get(feed).is_some_and(|others| others.contains_key(other)) {
            self.pairs.entry(feed.clone()).or_default().insert(other.clone(), Leads::default());
        }
        self.pairs.entry(feed.clone()).or_default().entry(other.clone()).or_default()
    }

    /// What was counted.
    pub fn report(self) -> OverlapReport {
        let feeds = self.feeds.into_iter();
        let feeds = feeds.map(|(feed, own)| FeedShare { feed, listings: own.listings, unique: own.unique });
        let mut pairs = Vec::new();
        for (feed, others) in self.pairs {
            for (other, leads) in others {
                let (shared, lead_days) = (leads.count(), leads.median_days());
                pairs.push(FeedPair { feed: feed.clone(), other, shared, lead_days });
            }
        }
        pairs.sort_by(|a, b| {
            b.shared.cmp(&a.shared).then_with(|| (&a.feed, &a.other).cmp(&(&b.feed, &b.other)))
        });
        OverlapReport { feeds: feeds.collect(), pairs }
    }
}

impl Leads {
    fn add(&mut self, own: &Sighting, other: &Sighting) {
        let seconds = i64::from(other.first_seen.0) - i64::from(own.first_seen.0);
        // To the nearest hour, the same on both sides of 0.
        let hours = (seconds.abs() + HOUR / 2) / HOUR * seconds.signum();
        *self.0.entry(hours).or_default() += 1;
    }

    fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The middle one, or the mean of the two in the middle.
    fn median_days(&self) -> f64 {
        let count = self.count();
        let (low, high) = (self.nth(count.saturating_sub(1) / 2), self.nth(count / 2));
        (low + high) as f64 / 2.0 / HOURS_PER_DAY
    }

    /// The value at a place in order of size.
    fn nth(&self, place: u64) -> i64 {
        let mut passed = 0;
        for (&hours, &count) in &self.0 {
            passed += count;
            if passed > place {
                return hours;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listing::UnixTime;

    const DAY: u32 = 86_400;

    fn listing(seen: &[(&str, u32)]) -> Listing {
        let mut listing = Listing::default();
        for (feed, day) in seen {
            let at = UnixTime(day * DAY);
            let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            listing.merge(&Listing::seen(Sighting::new(feed, at, at, 1)));
        }
        listing
    }

    fn report(listings: &[&[(&str, u32)]]) -> OverlapReport {
        let mut overlap = Overlap::default();
        listings.iter().for_each(|seen| overlap.add(&listing(seen)));
        overlap.report()
    }

    fn pairs(report: &OverlapReport) -> Vec<(String, u64, f64)> {
        let pair = |pair: &FeedPair| (format!("{} {}", pair.feed, pair.other), pair.shared, pair.lead_days);
        report.pairs.iter().map(pair).collect()
    }

    #[test]
    fn nothing_overlaps_in_an_empty_store() {
        assert_eq!(report(&[]), OverlapReport { feeds: Vec::new(), pairs: Vec::new() });
        let decided = report(&[&[]]);
        assert!(decided.feeds.is_empty(), "a listing that only an operator made is no feed's");
    }

    #[test]
    fn what_one_feed_has_alone_is_counted() {
        let told = report(&[&[("a", 1)], &[("a", 1), ("b", 2)], &[("b", 3)], &[("b", 3)]]);
        let own: Vec<_> = told.feeds.iter().map(|f| (f.feed.as_str(), f.listings, f.unique)).collect();
        assert_eq!(own, [("a", 2, 1), ("b", 3, 2)]);
    }

    #[test]
    fn pairs_come_most_first_with_the_median_lead() {
        let told = report(&[
            &[("a", 10), ("b", 11)],
            &[("a", 10), ("b", 13)],
            &[("a", 10), ("b", 90)],
            &[("c", 10), ("a", 20)],
            &[("b", 10), ("c", 12)],
            &[("b", 10), ("c", 13)],
        ]);
        let expected =
            [("a b", 3, 3.0), ("b c", 2, 2.5), ("a c", 1, -10.0)].map(|(p, n, d)| (p.to_owned(), n, d));
        assert_eq!(pairs(&told), expected);
    }

    #[test]
    fn hours_round_alike_on_both_sides() {
        let seen = |feed: &str, second| {
            let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            let at = UnixTime(second);
            Listing::seen(Sighting::new(feed, at, at, 1))
        };
        for (a, b, lead) in [(0, 1_000, 0.0), (0, 43_200, 0.5), (43_200, 0, -0.5), (0, 86_000, 1.0)] {
            let (mut overlap, mut both) = (Overlap::default(), seen("a", a));
            both.merge(&seen("b", b));
            overlap.add(&both);
            assert_eq!(overlap.report().pairs[0].lead_days, lead, "{a} {b}");
        }
    }
}
