//! Times on pages: "3 hours ago", "2 小时前", a date, seconds or milliseconds.
//!
//! Must not know what time it is: an age stays an age.

use crate::core::listing::UnixTime;

use super::When;

const UNITS: [(&[&str], u32); 7] = [
    (&["second", "sec", "seconds", "secs", "秒"], 1),
    (&["minute", "min", "minutes", "mins", "分钟", "分"], 60),
    (&["hour", "hours", "hr", "hrs", "小时"], 3_600),
    (&["day", "days", "天", "日"], 86_400),
    (&["week", "weeks", "周"], 7 * 86_400),
    (&["month", "months", "个月", "月"], 30 * 86_400),
    (&["year", "years", "年"], 365 * 86_400),
];

/// The time or age in a text that may say more ("NEW Added 53 minutes ago").
pub(super) fn read(text: &str) -> Option<When> {
    let text = text.trim().to_lowercase();
    if let Some(time) = date(&text) {
        return Some(When::At(time));
    }
    if ["just now", "刚刚"].iter().any(|now| text.contains(now)) {
        return Some(When::Ago(0));
    }
    if text.contains("yesterday") {
        return Some(When::Ago(86_400));
    }
    let before = text.split_once(" ago").or_else(|| text.split_once('前')).map(|(before, _)| before)?;
    let word = before.trim_end().rsplit([' ', '\u{a0}']).next().unwrap_or_default();
    // "3小时" is one word, "3 hours" are two.
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let (_, seconds) = UNITS.into_iter().find(|(names, _)| names.contains(&unit))?;
    let count = before.trim_end().strip_suffix(unit).unwrap_or_default().trim_end();
    let digits: String = count.chars().rev().take_while(char::is_ascii_digit).collect();
    let digits: String = digits.chars().rev().collect();
    let count: u32 = if digits.is_empty() { 1 } else { digits.parse().ok()? };
    count.checked_mul(seconds).map(When::Ago)
}

/// A whole text that is a date, a time, or seconds or milliseconds since 1970.
fn date(text: &str) -> Option<UnixTime> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return number(text.parse().ok()?);
    }
    let time = text.parse().ok().or_else(|| {
        let (day, time) = text.split_once(' ')?;
        format!("{day}T{time}Z").parse().ok()
    });
    time.filter(|time: &UnixTime| time.0 >= EARLIEST)
}

/// 2000-01-01: what lies before it is a default and no time.
const EARLIEST: u32 = 946_684_800;

/// Seconds or milliseconds since 1970, whichever lies in this century and before 2105.
fn number(value: u64) -> Option<UnixTime> {
    let seconds = if value >= 100_000_000_000 { value / 1_000 } else { value };
    let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds >= i64::from(EARLIEST))?;
    UnixTime::from_seconds(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sites_write() {
        for (text, expected) in [
            ("31 min ago", Some(When::Ago(31 * 60))),
            ("NEW Added 53 minutes ago", Some(When::Ago(53 * 60))),
            ("month ago", Some(When::Ago(30 * 86_400))),
            ("an hour ago", Some(When::Ago(3_600))),
            (" 3 days ago ", Some(When::Ago(3 * 86_400))),
            ("2 小时前", Some(When::Ago(7_200))),
            ("5分钟前", Some(When::Ago(300))),
            ("Just now", Some(When::Ago(0))),
            ("yesterday", Some(When::Ago(86_400))),
            ("2026-01-02", Some(When::At(UnixTime(1_767_312_000)))),
            ("2026-01-02 03:04:05", Some(When::At(UnixTime(1_767_323_045)))),
            ("1767312000", Some(When::At(UnixTime(1_767_312_000)))),
            ("1767312000123", Some(When::At(UnixTime(1_767_312_000)))),
            ("4294967295 years ago", None),
            ("99999999999999999999", None),
            ("1", None),
            ("1970-01-01", None),
            ("1999-12-31 23:59:59", None),
            ("long ago", None),
            ("ago", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
