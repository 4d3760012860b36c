//! Subjects and times of expiry as people type them.

use anyhow::{Context, Result};

use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::core::number::{self, Number, Region};

use super::super::output::visible;

/// Subjects as people type them.
pub(crate) fn subjects(texts: &[String], default_region: Option<Region>) -> Result<Vec<String>> {
    texts.iter().map(|text| subject(text, default_region)).collect()
}

/// A range as it is, a number as people type it.
pub(crate) fn subject(text: &str, default_region: Option<Region>) -> Result<String> {
    if text.ends_with('*') || text.contains("..") {
        let range: number::Range = text.parse().with_context(|| text.to_owned())?;
        return Ok(range.as_e164());
    }
    match number::parse(text, default_region) {
        Ok(parsed) => Ok(parsed.number.as_e164()),
        // What is listed can be named, also when the plan has dropped its country code since.
        Err(error) => {
            text.parse::<Number>().map(Number::as_e164).map_err(|_| error).with_context(|| visible(text))
        }
    }
}

/// A date, or days or hours from now: `30d`, `12h`.
pub(crate) fn expiry(text: &str) -> Result<UnixTime, String> {
    let span = |digits: &str, seconds: u32| {
        let count: u32 = digits.parse().ok()?;
        count.checked_mul(seconds)?.checked_add(now().0).map(UnixTime)
    };
    let relative = match text.chars().last() {
        Some('d') => span(&text[..text.len() - 1], 86_400),
        Some('h') => span(&text[..text.len() - 1], 3_600),
        _ => text.parse().ok(),
    };
    relative
        .ok_or_else(|| "expected a date such as 2026-12-31, or days or hours such as 30d or 12h".to_owned())
}
