//! Trust rules: whether a run is stored or held back, and how far one feed's word goes.
//!
//! Pure. What a page says about the past is no evidence: else one poisoned page could claim that it
//! has shown a number for a year, and confirm it at once.

use crate::core::listing::{FeedName, Sighting, SightingState, UnixTime};
use crate::core::number::Number;
use crate::feed::definition::Band;
use crate::feed::{DropReason, Trust};

/// More than this share of rows that are no numbers, or are never listed, is no list of numbers.
const MOST_BAD_PERCENT: u64 = 20;
/// From this share of new numbers on, and this many rows, the page is not the list it was.
const ALL_NEW_PERCENT: u64 = 90;
const ALL_NEW_ROWS: u64 = 50;
/// A run may bring this many new numbers, or this share of the stored run before, where the definition
/// names no cap of its own. With more it is held back whole: to take only as many as the cap allows would
/// let the page choose which.
const MOST_NEW: u64 = 1_000;
const MOST_NEW_PERCENT: u64 = 25;
/// What confirms a listing (`Listing::confirmation`).
const HOUR: u32 = 3_600;

/// A number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) number: Number,
    /// When it was last used or seen.
    pub(super) last: UnixTime,
    /// Whether that is the page's word; else it is when the page was fetched.
    pub(super) dated: bool,
    /// What the page says of it.
    pub(super) state: SightingState,
}

/// The run whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// Its number; 0 for a trial.
    pub(super) run: u64,
    /// Seconds since the feed's last stored run.
    pub(super) since: u32,
}

/// The counts of a run by which it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) band: Band,
    /// Good numbers.
    pub(super) rows: u64,
    /// Rows looked at.
    pub(super) looked: u64,
    /// Of these, no numbers, or numbers that are never listed.
    pub(super) bad: u64,
    /// Numbers that the feed never had before.
    pub(super) new: u64,
    /// The most that may be, if the definition says.
    pub(super) most_new: Option<u64>,
    /// Numbers of the stored run before.
    pub(super) before: Option<u64>,
}

/// Why a run is held back; none if it is not.
pub(super) fn doubts(counts: &Counts) -> Vec<String> {
    let Counts { band, rows, looked, bad, new, most_new, before } = *counts;
    let mut doubts = Vec::new();
    if !band.holds(rows) {
        doubts.push(format!("{rows} numbers: the definition expects {} to {}", band.min, band.max));
    }
    if bad * 100 > looked * MOST_BAD_PERCENT {
        doubts.push(format!(
            "{bad} of {looked} rows are no numbers or are never listed: at most {MOST_BAD_PERCENT} % may be"
        ));
    }
    let Some(before) = before else { return doubts };
    if rows >= ALL_NEW_ROWS && new * 100 >= rows * ALL_NEW_PERCENT {
        doubts.push(format!("{new} of {rows} numbers are new: less than {ALL_NEW_PERCENT} % may be"));
    }
    let most = most_new.unwrap_or(MOST_NEW.max(before * MOST_NEW_PERCENT / 100));
    if new > most {
        doubts.push(format!("{new} new numbers: at most {most} may come at once"));
    }
    doubts
}

/// Whether a row that was left out speaks against the whole page.
pub(super) fn is_bad(reason: DropReason) -> bool {
    use DropReason as R;
    matches!(
        reason,
        R::NoNumber
            | R::NotANumber
            | R::NoCountryCode
            | R::NoLink
            | R::LinkDisagrees
            | R::NotInPlan
            | R::NeverListed
    )
}

/// What the feed now says about a number; nothing if that is what it said `before`.
///
/// A sighting that spans less than an hour
/// gains no more than the time since the feed's last stored run, whatever times the page tells: so no two runs less than an hour apart
/// confirm a number. One of low trust never spans any time.
pub(super) fn sighting(
    feed: &FeedName,
    trust: Trust,
    before: Option<&Sighting>,
    row: &Row,
    said: Said,
) -> Option<Sighting> {
    let run = u32::try_from(said.run).unwrap_or(u32::MAX);
    let sighting = |first_seen, last_seen, count| Sighting {
        run,
        state: row.state,
        ..Sighting::new(feed.clone(), first_seen, last_seen, count)
    };
    let Some(before) = before else { return Some(sighting(row.last, row.last, 1)) };
    if row.dated && row.last <= before.last_seen {
        return None;
    }
    let last_seen = row.last.max(before.last_seen);
    let span = before.last_seen.0.saturating_sub(before.first_seen.0);
    let first_seen = match trust {
        Trust::Low => last_seen,
        _ if span >= HOUR => before.first_seen,
        _ => before.first_seen.max(UnixTime(last_seen.0.saturating_sub(span.saturating_add(said.since)))),
    };
    let after = sighting(first_seen, last_seen, before.count.saturating_add(1));
    if last_seen.0.saturating_sub(first_seen.0) < HOUR {
        // Two looks within an hour are one, also around midnight.
        return Some(Sighting {
            first_seen: first_seen.max(last_seen.day().start()),
            previous_day: None,
            ..after
        });
    }
    // Days before `first_seen`, which a page may have made up, are left out by `also_seen_on`.
    let earlier = [Some(before.last_seen.day()), before.previous_day].into_iter().flatten();
    Some(earlier.fold(after, Sighting::also_seen_on))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listing::Day;

    fn held(rows: u64, looked: u64, bad: u64, new: u64, before: Option<u64>) -> usize {
        let band = Band { min: 10, max: 20_000 };
        doubts(&Counts { band, rows, looked, bad, new, most_new: None, before }).len()
    }

    #[test]
    fn what_is_held_back() {
        for (rows, looked, bad, new, before, expected) in [
            (100, 100, 0, 100, None, 0),
            (9, 9, 0, 9, None, 1),
            (20_001, 20_001, 0, 0, Some(20_000), 1),
            (100, 125, 25, 0, Some(100), 0),
            (100, 126, 26, 0, Some(100), 1),
            (49, 49, 0, 49, Some(49), 0),
            (50, 50, 0, 45, Some(50), 1),
            (50, 50, 0, 44, Some(50), 0),
            (5_000, 5_000, 0, 1_000, Some(10), 0),
            (5_000, 5_000, 0, 1_001, Some(4_000), 1),
            (9_000, 9_000, 0, 2_000, Some(8_000), 0),
            (0, 0, 0, 0, Some(100), 1),
        ] {
            assert_eq!(
                held(rows, looked, bad, new, before),
                expected,
                "{rows} {looked} {bad} {new} {before:?}"
            );
        }
    }

    #[test]
    fn a_definition_may_name_the_cap_of_new_numbers() {
        let held = |new, most_new, before| {
            let band = Band { min: 10, max: 20_000 };
            !doubts(&Counts { band, rows: 5_000, looked: 5_000, bad: 0, new, most_new, before }).is_empty()
        };
        for (new, most_new, before, expected) in [
            (40, Some(40), Some(5_000), false),
            (41, Some(40), Some(5_000), true),
            (1, Some(0), Some(5_000), true),
            // More than without a cap of its own, and nothing is known of the first run.
            (2_000, Some(3_000), Some(5_000), false),
            (5_000, Some(40), None, false),
        ] {
            assert_eq!(held(new, most_new, before), expected, "{new} {most_new:?} {before:?}");
        }
    }

    #[test]
    fn no_page_confirms_a_number_by_its_own_word() -> Result<(), Box<dyn std::error::Error>> {
        let feed: FeedName = "a".parse()?;
        let number: Number = "+12025550101".parse()?;
        let state = SightingState::Online;
        let row = |last, dated| Row { number, last: UnixTime(last), dated, state };
        let said = |since| Said { run: 7, since };
        let first = sighting(&feed, Trust::Normal, None, &row(1_000, true), said(0)).ok_or("none")?;
        assert_eq!((first.run, first.state), (7, SightingState::Online));
        assert_eq!((first.first_seen, first.last_seen, first.count), (UnixTime(1_000), UnixTime(1_000), 1));
        let again = |trust, before: &Sighting, at, dated, since| {
            sighting(&feed, trust, Some(before), &row(at, dated), said(since))
                .map(|s| (s.last_seen.0 - s.first_seen.0, s.last_seen.0, s.count))
        };
        assert_eq!(again(Trust::Normal, &first, 1_000, true, 9_999), None, "the same report");
        assert_eq!(again(Trust::Normal, &first, 900_000, true, 3_599), Some((3_599, 900_000, 2)));
        assert_eq!(again(Trust::Normal, &first, 900_000, false, 3_600), Some((3_600, 900_000, 2)));
        assert_eq!(again(Trust::Low, &first, 900_000, false, 99_999), Some((0, 900_000, 2)));
        let long = Sighting::new(feed.clone(), UnixTime(0), UnixTime(9_999), 3);
        assert_eq!(again(Trust::Normal, &long, 900_000, false, 60), Some((900_000, 900_000, 4)));
        // The same of days: those of runs count, those that only a page names do not.
        let days = |trust, before: &Sighting, at, since| {
            let after = sighting(&feed, trust, Some(before), &row(at, true), said(since))?;
            after.previous_day.map(|day| day.0)
        };
        const DAY: u32 = 86_400;
        let made_up = sighting(&feed, Trust::Normal, None, &row(5 * DAY, true), said(0)).ok_or("none")?;
        assert_eq!(days(Trust::Normal, &made_up, 20 * DAY + 7_200, 3_600), None);
        assert_eq!(days(Trust::Normal, &made_up, 20 * DAY + 7_200, DAY), Some(19));
        let long = Sighting::new(feed.clone(), UnixTime(0), UnixTime(9 * DAY), 3);
        assert_eq!(days(Trust::Normal, &long, 20 * DAY, 60), Some(9));
        assert_eq!(days(Trust::Normal, &long.clone().also_seen_on(Day(8)), 9 * DAY + 60, 60), Some(8));
        assert_eq!(days(Trust::Low, &long, 20 * DAY, DAY), None);
        let at_night =
            sighting(&feed, Trust::Normal, None, &row(9 * DAY - 60, false), said(0)).ok_or("none")?;
        assert_eq!(days(Trust::Normal, &at_night, 9 * DAY + 60, 120), None, "two minutes around midnight");
        assert_eq!(days(Trust::Normal, &at_night, 9 * DAY + 3_540, 3_600), Some(8));
        Ok(())
    }
}
