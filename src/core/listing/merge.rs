//! Listings, and the laws by which they merge. Must not weigh what they say.

use super::{Day, Decision, FeedName, Sighting, UnixTime};

/// All that is known about one subject: at most one sighting per feed, and the operator's decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Listing {
    sightings: Vec<Sighting>,
    /// Rare, and long: beside the others it would make every listing three times as large.
    decision: Option<Box<Decision>>,
}

impl Listing {
    /// A listing by one feed.
    pub fn seen(sighting: Sighting) -> Self {
        Self { sightings: vec![sighting], decision: None }
    }

    /// A listing by an operator.
    pub fn decided(decision: Decision) -> Self {
        Self { sightings: Vec::new(), decision: Some(Box::new(decision)) }
    }

    /// A listing of stored parts. Sightings that are in order, as they are stored, cost nothing.
    pub(crate) fn from_parts(sightings: Vec<Sighting>, decision: Option<Decision>) -> Self {
        let decision = decision.map(Box::new);
        if sightings.is_sorted_by(|a, b| a.feed < b.feed) {
            return Self { sightings, decision };
        }
        let mut listing = Self { sightings: Vec::new(), decision };
        sightings.into_iter().for_each(|sighting| listing.merge(&Self::seen(sighting)));
        listing
    }

    /// Sightings, ordered by feed.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// The operator's decision.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_deref()
    }

    /// Takes in what `other` knows. Commutative, associative and idempotent.
    pub fn merge(&mut self, other: &Self) {
        for sighting in &other.sightings {
            match self.sightings.binary_search_by(|mine| mine.feed.cmp(&sighting.feed)) {
                Ok(at) => self.sightings[at].merge(sighting),
                Err(at) => self.sightings.insert(at, sighting.clone()),
            }
        }
        if other.decision > self.decision {
            self.decision.clone_from(&other.decision);
        }
    }

    /// Adds one more report of a feed that is still being counted (rows of one import): unlike
    /// [`Listing::merge`], counts add up.
    pub fn add_report(&mut self, sighting: &Sighting) {
        match self.sightings.binary_search_by(|mine| mine.feed.cmp(&sighting.feed)) {
            Ok(at) => {
                let total = self.sightings[at].count.saturating_add(sighting.count);
                self.sightings[at].merge(sighting);
                self.sightings[at].count = total;
            }
            Err(at) => self.sightings.insert(at, sighting.clone()),
        }
    }

    /// Puts `sighting` in place of what `feed` said before; `None`: it says nothing.
    pub fn restate(&mut self, feed: &FeedName, sighting: Option<&Sighting>) {
        match (self.sightings.binary_search_by(|mine| mine.feed.cmp(feed)), sighting) {
            (Ok(at), Some(sighting)) => self.sightings[at].clone_from(sighting),
            (Ok(at), None) => drop(self.sightings.remove(at)),
            (Err(at), Some(sighting)) => self.sightings.insert(at, sighting.clone()),
            (Err(_), None) => {}
        }
    }

    /// Takes the operator's decision away.
    pub fn withdraw(&mut self) {
        self.decision = None;
    }

    /// Whether nobody says anything.
    pub fn is_empty(&self) -> bool {
        self.sightings.is_empty() && self.decision.is_none()
    }

    /// The sightings that say that the subject was seen: all but clients' verifications.
    pub fn seen_by(&self) -> impl Iterator<Item = &Sighting> + Clone {
        self.sightings.iter().filter(|sighting| !sighting.feed.is_verification())
    }

    /// Earliest and latest sighting over all feeds.
    pub fn seen_between(&self) -> Option<(UnixTime, UnixTime)> {
        let first = self.seen_by().map(|s| s.first_seen).min()?;
        let last = self.seen_by().map(|s| s.last_seen).max()?;
        Some((first, last))
    }

    /// Days of the earliest and latest sighting over all feeds.
    pub fn days(&self) -> Option<(Day, Day)> {
        self.seen_between().map(|(first, last)| (first.day(), last.day()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Action, SightingState};
    use super::*;

    fn any_listing() -> impl Strategy<Value = Listing> {
        let state = (0usize..3).prop_map(|at| SightingState::ALL[at]);
        let sighting = ("[ab]", 0u32..9, 0u32..9, 0u32..3, 0u32..3, state).prop_map(
            |(feed, a, b, count, run, state)| {
                let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
                // Two times a day, so that several fall on one day.
                let [first, last] = [a.min(b), a.max(b)].map(|half| UnixTime(half * 43_200));
                let seen = Sighting::new(feed, first, last, count).also_seen_on(Day((a + b) as u16 / 4));
                Sighting { run, state, ..seen }
            },
        );
        let decision = (0u32..4, any::<bool>(), proptest::option::of(0u32..3), "[xy]", "[op]").prop_map(
            |(at, allow, end, reason, author)| Decision {
                decided_at: UnixTime(at),
                action: if allow { Action::Allow } else { Action::Block },
                expires_at: end.map(UnixTime),
                reason,
                author,
            },
        );
        (proptest::collection::vec(sighting, 0..4), proptest::option::of(decision)).prop_map(
            |(sightings, decision)| {
                let mut listing = Listing { sightings: Vec::new(), decision: decision.map(Box::new) };
                sightings.into_iter().for_each(|s| listing.merge(&Listing::seen(s)));
                listing
            },
        )
    }

    fn merged(a: &Listing, b: &Listing) -> Listing {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #[test]
        fn merge_is_commutative(a in any_listing(), b in any_listing()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        }

        #[test]
        fn merge_is_associative(a in any_listing(), b in any_listing(), c in any_listing()) {
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }

        #[test]
        fn merge_is_idempotent(a in any_listing(), b in any_listing()) {
            let once = merged(&a, &b);
            prop_assert_eq!(merged(&once, &b), once.clone());
            prop_assert_eq!(merged(&once, &once), once);
        }
    }

    #[test]
    fn run_and_state_are_those_of_the_latest_report() {
        use SightingState::{Archived, Online, Unknown};
        let seen = |last, run, state| {
            let feed = "a".parse().unwrap_or_else(|e| panic!("{e}"));
            Listing::seen(Sighting { run, state, ..Sighting::new(feed, UnixTime(0), UnixTime(last), 1) })
        };
        for (one, other, expected) in [
            ((5, 7, Online), (4, 9, Archived), (7, Online)),
            ((5, 7, Online), (6, 1, Archived), (1, Archived)),
            ((5, 7, Online), (5, 8, Archived), (8, Archived)),
            ((5, 7, Archived), (5, 7, Online), (7, Online)),
            // An import of the same day knows less, and takes nothing away.
            ((5, 7, Online), (5, 0, Unknown), (7, Online)),
        ] {
            let both = merged(&seen(one.0, one.1, one.2), &seen(other.0, other.1, other.2));
            let latest = &both.sightings()[0];
            assert_eq!((latest.run, latest.state), expected, "{one:?} {other:?}");
        }
    }
}
