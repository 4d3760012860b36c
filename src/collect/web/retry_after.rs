//! `Retry-After`: how long a site asks to be left alone, in seconds or as a date.
//!
//! A date is measured against the answer's own `Date`, so that clocks that differ do not matter.
//! Must not read a clock.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::core::listing::UnixTime;

/// Whoever asks for more gets this; it also keeps sums of times far from their end.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// What the answer says; `now` serves if it has no date of its own.
pub(crate) fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are still a number.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST));
    }
    let sent = headers.get(DATE).and_then(|date| seconds(date.to_str().ok()?));
    let until = seconds(text)?;
    Some(Duration::from_secs(until.saturating_sub(sent.unwrap_or(u64::from(now.0)))).min(LONGEST))
}

/// Seconds since 1970 of an HTTP date in any of its three forms.
fn seconds(date: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(date).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates_of_all_forms() {
        const NOON: &str = "Sun, 04 Oct 2026 12:00:00 GMT";
        let wait = |text: &'static str, date: Option<&'static str>, now: u32| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            date.map(|date| headers.insert(DATE, HeaderValue::from_static(date)));
            retry_after(&headers, UnixTime(now)).map(|wait| wait.as_secs())
        };
        for (text, date, now, expected) in [
            ("120", None, 0, Some(120)),
            (" 0 ", None, 0, Some(0)),
            ("99999999999999999999999999", None, 0, Some(30 * 86_400)),
            ("Sun, 04 Oct 2026 12:10:00 GMT", Some(NOON), 0, Some(600)),
            ("Sunday, 04-Oct-26 12:10:00 GMT", Some(NOON), 0, Some(600)),
            ("Sun Oct  4 12:10:00 2026", Some(NOON), 0, Some(600)),
            ("Sun, 04 Oct 2026 12:10:00 GMT", None, 1_791_115_200, Some(600)),
            ("Sun, 04 Oct 2026 11:00:00 GMT", Some(NOON), 0, Some(0)),
            ("soon", Some(NOON), 0, None),
            ("-5", None, 0, None),
            ("1.5", None, 0, None),
            ("", None, 0, None),
        ] {
            assert_eq!(wait(text, date, now), expected, "{text}");
        }
    }
}
