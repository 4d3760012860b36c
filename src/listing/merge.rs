//! Sightings, listings, and the laws by which they merge.

use super::{Day, Decision, FeedName, UnixTime};

/// One feed saw a subject: from when to when, and how often.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sighting {
    /// Who saw it.
    pub feed: FeedName,
    /// Earliest time.
    pub first_seen: UnixTime,
    /// Latest time.
    pub last_seen: UnixTime,
    /// The latest day before that of `last_seen` on which the feed saw it; `None` only if it saw it on
    /// one day. The day of `first_seen` where no later one is known.
    pub previous_day: Option<Day>,
    /// How many reports this feed made in all. A feed counts for itself and reports its total, so
    /// that merging takes the greater and a report that arrives twice changes nothing.
    pub count: u32,
    /// The feed's run that last saw it; 0: not known, as of imports.
    pub run: u32,
    /// What the site said of it then.
    pub state: SightingState,
}

/// What a site said of a number that it showed. Numbers that are offline, hidden, or for those who pay
/// are not listed, so there is no word for them here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SightingState {
    /// Nothing.
    #[default]
    Unknown,
    /// In the site's archive.
    Archived,
    /// Anybody can read its messages now.
    Online,
}

impl SightingState {
    /// All states, in the order of the byte codecs: only ever added to.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Archived, Self::Online];

    /// The word in exports and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Archived => "archived",
            Self::Online => "online",
        }
    }

    /// The state of a word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What confirms that a subject was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confirmation {
    /// Nothing: one feed looked once.
    None,
    /// A second look, by another feed or by the same one.
    Independent,
    /// A client of high trust: only its reports span an hour.
    TrustedClient,
}

/// All that is known about one subject: at most one sighting per feed, and the operator's decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Listing {
    sightings: Vec<Sighting>,
    /// Rare, and long: beside the others it would make every listing three times as large.
    decision: Option<Box<Decision>>,
}

impl Sighting {
    /// A sighting of which neither run nor state is known.
    pub fn new(feed: FeedName, first_seen: UnixTime, last_seen: UnixTime, count: u32) -> Self {
        let previous_day = Some(first_seen.day()).filter(|first| *first < last_seen.day());
        Self { feed, first_seen, last_seen, previous_day, count, run: 0, state: SightingState::Unknown }
    }

    /// This sighting of a feed that also saw the subject on `day`. A day before the first or not before
    /// the last changes nothing.
    pub fn also_seen_on(mut self, day: Day) -> Self {
        if self.first_seen.day() <= day && day < self.last_seen.day() {
            self.previous_day = self.previous_day.max(Some(day));
        }
        self
    }

    /// The previous day, unless it is the day of `first_seen`, which [`Sighting::new`] takes it to be.
    pub fn previous_day_after_first(&self) -> Option<Day> {
        self.previous_day.filter(|day| *day > self.first_seen.day())
    }

    /// This sighting with the previous day that somebody gives; refused if it lies outside of the sighting.
    pub fn with_previous_day(self, day: Day) -> Result<Self, &'static str> {
        if day < self.first_seen.day() || self.last_seen.day() <= day {
            return Err("expected a day from that of first_seen to the one before that of last_seen");
        }
        Ok(self.also_seen_on(day))
    }

    /// Whether it can be true at `now`, give or take a day for clocks that are ahead.
    pub fn check(&self, now: UnixTime) -> Result<(), &'static str> {
        if self.first_seen > self.last_seen {
            return Err("first seen is later than last seen");
        }
        if self.last_seen > now.next_day() {
            return Err("last seen lies in the future");
        }
        if self.count == 0 { Err("count is 0: expected 1 or more") } else { Ok(()) }
    }

    fn spans_an_hour(&self) -> bool {
        const HOUR: u32 = 3_600;
        self.last_seen.0.saturating_sub(self.first_seen.0) >= HOUR
    }

    fn merge(&mut self, other: &Self) {
        let last_day = self.last_seen.max(other.last_seen).day();
        let days = [&*self, other].map(|sighting| [Some(sighting.last_seen.day()), sighting.previous_day]);
        self.previous_day = days.into_iter().flatten().flatten().filter(|day| *day < last_day).max();
        self.first_seen = self.first_seen.min(other.first_seen);
        // Run and state are those of the latest report; of two at the same time one is taken by a fixed
        // order, so that it does not matter which comes first.
        let latest = |sighting: &Self| (sighting.last_seen, sighting.run, sighting.state);
        (self.last_seen, self.run, self.state) = latest(self).max(latest(other));
        self.count = self.count.max(other.count);
    }
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

    /// The latest day by which two independent sightings had seen the subject: those of two feeds of
    /// different families, or those of one feed on two days. Reports of clients do not count: a client
    /// can invent as many as it likes. `None`: there is no second sighting.
    pub fn corroborated_on(&self) -> Option<Day> {
        let feeds = self.seen_by().filter(|sighting| sighting.feed.report().is_none());
        let family = feeds.clone().max_by_key(|sighting| sighting.last_seen)?.feed.family();
        let others = feeds.clone().filter(|sighting| sighting.feed.family() != family);
        let by_another = others.map(|sighting| sighting.last_seen.day()).max();
        feeds.filter_map(|sighting| sighting.previous_day).max().max(by_another)
    }

    /// The latest day on which the subject was seen, leaving out what a single client reported: the day
    /// of a feed, or that of the second of two clients. `None`: nobody but one client saw it.
    pub fn seen_by_more_than_one_client(&self) -> Option<Day> {
        let (mut by_feed, mut by_client, mut by_second) = (None, None, None);
        for sighting in self.seen_by() {
            let day = Some(sighting.last_seen.day());
            if sighting.feed.report().is_none() {
                by_feed = by_feed.max(day);
            } else {
                by_second = by_second.max(by_client.min(day));
                by_client = by_client.max(day);
            }
        }
        by_feed.max(by_second)
    }

    /// Whether more than one look is behind it: a second feed of another family ([`FeedName::family`]), or
    /// the same feed again at least an hour later. One poisoned run of one feed never confirms a number.
    pub fn confirmation(&self) -> Confirmation {
        if self.seen_by().any(|sighting| sighting.feed.report().is_some() && sighting.spans_an_hour()) {
            return Confirmation::TrustedClient;
        }
        let mut families = self.seen_by().map(|sighting| sighting.feed.family());
        let first = families.next();
        let confirmed =
            families.any(|family| first != Some(family)) || self.seen_by().any(Sighting::spans_an_hour);
        if confirmed { Confirmation::Independent } else { Confirmation::None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Action;
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
    fn an_hour_or_a_second_feed_confirms() {
        let seen = |feed: &str, first, last| {
            let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            Listing::seen(Sighting::new(feed, UnixTime(first), UnixTime(last), 1))
        };
        use Confirmation::{Independent, None, TrustedClient};
        assert_eq!(seen("a", 0, 3_599).confirmation(), None);
        assert_eq!(seen("a", 0, 3_600).confirmation(), Independent);
        assert_eq!(merged(&seen("a", 0, 0), &seen("b", 0, 0)).confirmation(), Independent);
        let verified = merged(&seen("a", 0, 0), &seen("client.b__verified", 0, 9_999));
        assert_eq!(verified.confirmation(), None);
        assert_eq!(verified.seen_between(), Some((UnixTime(0), UnixTime(0))));
        let [one, other] = ["client.a__reports", "client.b__reports"].map(|client| seen(client, 0, 0));
        assert_eq!(merged(&one, &other).confirmation(), Independent);
        assert_eq!(seen("client.a__reports", 0, 3_600).confirmation(), TrustedClient);
        let one_owner = merged(&seen("a.com", 0, 0), &seen("a__b.net", 9_999, 9_999));
        assert_eq!(one_owner.confirmation(), None);
    }

    #[test]
    fn only_a_second_independent_sighting_corroborates() {
        let seen = |feed: &str, days: &[u16]| {
            let feed: FeedName = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            let on = |day: &u16| {
                Listing::seen(Sighting::new(feed.clone(), Day(*day).start(), Day(*day).start(), 1))
            };
            days.iter().map(on).reduce(|all, one| merged(&all, &one)).unwrap_or_default()
        };
        for (name, sightings, expected) in [
            ("one feed, one day", vec![seen("a", &[100])], None),
            ("one feed, its day before", vec![seen("a", &[40, 99, 100])], Some(99)),
            ("the order of reports changes nothing", vec![seen("a", &[100, 40, 99])], Some(99)),
            ("long ago, and now by a new feed", vec![seen("a", &[10]), seen("b", &[100])], Some(10)),
            ("two feeds on one day", vec![seen("a", &[100]), seen("b", &[100])], Some(100)),
            ("two feeds of one owner", vec![seen("a.com", &[99]), seen("a__b.net", &[100])], None),
            ("a client's reports", vec![seen("a", &[10]), seen("client.x__reports", &[99, 100])], None),
            ("two clients", vec![seen("client.x__reports", &[99]), seen("client.y__reports", &[100])], None),
            ("the latest pair", vec![seen("a", &[10, 90]), seen("b", &[50]), seen("c", &[80])], Some(80)),
        ] {
            let listing = sightings.iter().fold(Listing::default(), |all, one| merged(&all, one));
            assert_eq!(listing.corroborated_on(), expected.map(Day), "{name}");
        }
    }

    #[test]
    fn what_one_client_reports_is_left_out() {
        let seen = |feed: &str, day: u16| {
            let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            Listing::seen(Sighting::new(feed, Day(day).start(), Day(day).start(), 1))
        };
        for (sightings, expected) in [
            (vec![("a", 10)], Some(10)),
            (vec![("client.x__reports", 10)], None),
            (vec![("client.x__reports", 10), ("client.y__reports", 7)], Some(7)),
            (vec![("client.x__reports", 5), ("client.y__reports", 7), ("client.z__reports", 6)], Some(6)),
            (vec![("a", 3), ("client.x__reports", 10)], Some(3)),
            (vec![("client.x__verified", 10)], None),
        ] {
            let listing =
                sightings.iter().fold(Listing::default(), |all, (feed, day)| merged(&all, &seen(feed, *day)));
            assert_eq!(listing.seen_by_more_than_one_client(), expected.map(Day), "{sightings:?}");
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
