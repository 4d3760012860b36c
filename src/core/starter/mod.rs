//! The starter list: real public-inbox numbers, so that the first check answers without a network or a store.
//!
//! `make` in this folder writes the list; NOTICE has its licence and provenance. It ends in 2024, so it must not
//! be taken for a current list.

use std::io::Read;

use crate::core::index::{Builder, Index, Position};
use crate::core::listing::{FeedName, Listing, Sighting, Subject, UnixTime};
use crate::core::number::{self, Validity};

/// Gzip of CSV: `e164,last_seen`.
static LIST: &[u8] = include_bytes!("starter.csv.gz");

/// The feed that its sightings carry.
pub const FEED: &str = "ip1sms-starter";

/// The list that is shipped cannot be read: a fault of the build.
#[derive(Debug, thiserror::Error)]
#[error("the starter list cannot be read: {0}")]
pub struct StarterError(String);

/// All listings of the starter list, each number once. Numbers no longer in the numbering plan are skipped, and so are
/// sightings dated more than a day after `now` (a clock that is years behind).
pub fn listings(now: UnixTime) -> Result<Vec<(Subject, Listing)>, StarterError> {
    let wrong = |error: &dyn std::fmt::Display| StarterError(error.to_string());
    let feed: FeedName = FEED.parse().map_err(|error| wrong(&error))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(LIST).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    let mut listings: Vec<_> = text.lines().skip(1).filter_map(|line| listing(line, &feed, now)).collect();
    // The list is in order of number, and has some numbers twice.
    listings.dedup_by(|(subject, listing), (before, merged)| {
        let same = subject == before;
        if same {
            merged.merge(listing);
        }
        same
    });
    Ok(listings)
}

/// The index of the starter list alone.
pub fn index(now: UnixTime) -> Result<Index, StarterError> {
    let mut builder = Builder::default();
    listings(now)?.iter().for_each(|(subject, listing)| builder.add(*subject, listing));
    Ok(builder.finish(Position::default()))
}

fn listing(line: &str, feed: &FeedName, now: UnixTime) -> Option<(Subject, Listing)> {
    let (number, seen) = line.split_once(',')?;
    let parsed = number::parse(number, None).ok()?;
    let seen = seen.parse().ok()?;
    let sighting = Sighting::new(feed.clone(), seen, seen, 1);
    let believed = parsed.facts.validity == Validity::Valid && sighting.check(now).is_ok();
    believed.then(|| (Subject::Number(parsed.number), Listing::seen(sighting)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_of_the_93_288_numbers_are_valid_today() {
        let listings = listings(UnixTime(1_780_272_000)).unwrap_or_else(|e| panic!("{e}"));
        assert!((93_000..=93_288).contains(&listings.len()), "{}", listings.len());
        assert!(LIST.len() < 1_000_000);
    }

    #[test]
    fn the_plan_knows_every_number_so_a_first_start_loads_no_library() {
        let mut text = String::new();
        flate2::read::GzDecoder::new(LIST).read_to_string(&mut text).unwrap_or_else(|e| panic!("{e}"));
        let numbers = text.lines().skip(1).filter_map(|line| line.strip_prefix('+')?.split(',').next());
        let (mut count, mut unsure) = (0, 0);
        for digits in numbers {
            count += 1;
            unsure += usize::from(number::plan::look_up(digits.as_bytes()).is_none());
        }
        assert_eq!((count, unsure), (93_288, 0), "`make` writes them in the form that the plan knows");
    }

    #[test]
    fn a_clock_that_is_years_behind_lists_nothing_from_the_future() {
        let early = UnixTime(1_500_000_000);
        let listings = listings(early).unwrap_or_else(|e| panic!("{e}"));
        assert!(listings.iter().all(|(_, listing)| {
            listing.seen_between().is_some_and(|(_, last)| last <= early.next_day())
        }));
    }
}
