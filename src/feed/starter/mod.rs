//! The starter list: real public-inbox numbers, so that the first command answers without a network.
//!
//! `make` beside this file writes it; licence and provenance stand in NOTICE.

use crate::listing::UnixTime;

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
    use super::*;

    #[test]
    fn nearly_all_of_the_93_288_numbers_are_valid_today() {
        let rows = rows(UnixTime(1_780_272_000)).unwrap_or_else(|e| panic!("{e}"));
        assert!((93_000..=93_288).contains(&rows.len()), "{}", rows.len());
        assert!(LIST.len() < 1_000_000);
    }
}
