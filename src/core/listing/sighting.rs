//! Sightings: one feed saw one subject, and how two reports of it become one. Must not weigh them.

use super::{Day, FeedName, UnixTime};

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

    pub(super) fn spans_an_hour(&self) -> bool {
        const HOUR: u32 = 3_600;
        self.last_seen.0.saturating_sub(self.first_seen.0) >= HOUR
    }

    /// Takes in what `other` says: another report of the same feed about the same subject.
    pub(super) fn merge(&mut self, other: &Self) {
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
