//! The starter list: real public-inbox numbers, so that the first command answers without a network.
//!
//! `make` beside this file writes it; licence and provenance stand in NOTICE.

use crate::core::listing::UnixTime;

use super::{FileError, Reading, Row, read};

/// Gzip of CSV: `e164,last_seen`.
static LIST: &[u8] = include_bytes!("starter.csv.gz");

/// The feed that its sightings carry.
pub const FEED: &str = "ip1sms-starter";

/// Reads the starter list; numbers that left the numbering plan since are passed over.
pub fn rows(now: UnixTime) -> Result<Vec<Row>, FileError> {
    let feed = FEED.parse().map_err(|error| FileError::Form { line: 0, reason: format!("{error}") })?;
    let mut rows = Vec::with_capacity(100_000);
    read(LIST, &Reading { feed, default_region: None, now }, &mut |row| rows.extend(row))?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn nearly_all_of_the_93_288_numbers_are_valid_today() {
        let rows = rows(UnixTime(1_780_272_000)).unwrap_or_else(|e| panic!("{e}"));
        assert!((93_000..=93_288).contains(&rows.len()), "{}", rows.len());
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
            unsure += usize::from(crate::core::number::plan::look_up(digits.as_bytes()).is_none());
        }
        assert_eq!((count, unsure), (93_288, 0), "`make` writes them in the form that the plan knows");
    }
}
