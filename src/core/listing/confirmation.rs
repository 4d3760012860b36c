//! Which sightings confirm each other: whether a second look, by another feed or another client, is behind a
//! listing, and on which day. Must not say what follows for a risk: that is the policy's.

use super::{Day, Listing, Sighting};

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

impl Listing {
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

    /// Whether more than one look is behind it: a second feed of another family ([`super::FeedName::family`]), or
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
    use super::super::{FeedName, UnixTime};
    use super::*;

    fn merged(a: &Listing, b: &Listing) -> Listing {
        let mut out = a.clone();
        out.merge(b);
        out
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
}
