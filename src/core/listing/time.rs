//! Seconds and days since 1970 UTC, and their text forms.
//!
//! Must not read the clock: pure rooms get the time as an argument.

use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

const SECONDS_PER_DAY: u32 = 86_400;

/// A clock that goes back by more seconds than this was wrong before, and is believed.
const FARTHEST_BACK: u32 = SECONDS_PER_DAY;

/// Seconds since 1970-01-01T00:00:00Z, good until 2106.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(pub u32);

/// Days since 1970-01-01, good until 2149. What the index keeps: half the bytes of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub u16);

/// Why a text is not a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a date such as 2026-05-31 or a time such as 2026-05-31T12:00:00Z, from 1970 to 2105")]
pub struct TimeError;

impl UnixTime {
    /// From seconds, refusing what 32 bits cannot hold.
    pub fn from_seconds(seconds: i64) -> Result<Self, TimeError> {
        u32::try_from(seconds).map(Self).map_err(|_| TimeError)
    }

    /// A day later.
    pub fn next_day(self) -> Self {
        Self(self.0.saturating_add(SECONDS_PER_DAY))
    }

    /// The time that a clock which told `latest` before is taken to tell now: where it was set back it stands
    /// still until it has caught up, so that what goes by it stays in order.
    pub fn in_order_after(self, latest: Self) -> Self {
        if latest.0.saturating_sub(self.0) <= FARTHEST_BACK { self.max(latest) } else { self }
    }

    /// The UTC day it falls on.
    pub fn day(self) -> Day {
        Day(u16::try_from(self.0 / SECONDS_PER_DAY).unwrap_or(u16::MAX))
    }
}

impl Day {
    /// Midnight UTC at its beginning.
    pub fn start(self) -> UnixTime {
        UnixTime(u32::from(self.0).saturating_mul(SECONDS_PER_DAY))
    }

    /// Whole days from `self` to `later`, 0 if it is not later.
    pub fn days_until(self, later: Day) -> u16 {
        later.0.saturating_sub(self.0)
    }
}

impl FromStr for UnixTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let timestamp = match text.parse::<Date>() {
            Ok(date) if text.len() == 10 => date.to_zoned(TimeZone::UTC).map_err(|_| TimeError)?.timestamp(),
            _ => text.parse::<Timestamp>().map_err(|_| TimeError)?,
        };
        Self::from_seconds(timestamp.as_second())
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(i64::from(self.0)) {
            Ok(timestamp) => write!(out, "{timestamp}"),
            Err(_) => write!(out, "{}", self.0),
        }
    }
}

impl fmt::Display for Day {
    /// `2026-05-31`. Civil-from-days arithmetic (Hinnant, "chrono-compatible low-level date
    /// algorithms"): this is printed on the check path, where a calendar library would cost more
    /// than the check.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = u32::from(self.0) + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = era * 400 + year_of_era + u32::from(month <= 2);
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_read_and_print() {
        for (text, seconds, day) in [
            ("1970-01-01", 0, "1970-01-01"),
            ("2024-02-29", 1_709_164_800, "2024-02-29"),
            ("2026-05-31T12:00:00Z", 1_780_228_800, "2026-05-31"),
            ("2026-05-31T23:30:00-02:00", 1_780_277_400, "2026-06-01"),
        ] {
            let time: UnixTime = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((time.0, time.day().to_string().as_str()), (seconds, day));
        }
        for bad in ["", "yesterday", "2026-02-30", "1969-12-31", "2107-01-01", "2026-5-1", "20260531"] {
            assert_eq!(bad.parse::<UnixTime>(), Err(TimeError), "{bad}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_stands_still_for_a_day_at_most() {
        for (latest, now, taken) in [
            (0, 5, 5),
            (90_000, 90_001, 90_001),
            (90_000, 86_400, 90_000),
            (90_000, 3_600, 90_000),
            (90_000, 3_599, 3_599),
        ] {
            assert_eq!(UnixTime(now).in_order_after(UnixTime(latest)), UnixTime(taken), "{latest} {now}");
        }
    }

    #[test]
    fn every_day_prints_as_the_calendar_library_prints_it() {
        let mut date = jiff::civil::date(1970, 1, 1);
        for day in 0..=u16::MAX {
            assert_eq!(Day(day).to_string(), date.to_string());
            date = date.tomorrow().unwrap_or_else(|e| panic!("{e}"));
        }
    }
}
