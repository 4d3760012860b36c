//! How values read in tables and sentences: times, ages, counts, decisions, and texts from outside.

use crate::clock::now;
use crate::core::listing::{FeedName, UnixTime};
use crate::rpc::pb;

/// A text from outside, fit for a terminal: control and text-direction characters, and line and paragraph separators,
/// are replaced by U+FFFD.
pub(crate) fn visible(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

/// A message's time as a day, or empty.
pub(crate) fn day(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| UnixTime::from_seconds(time.seconds).ok());
    time.map(|time| time.day().to_string()).unwrap_or_default()
}

/// A message's time, or empty.
pub(crate) fn time(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| UnixTime::from_seconds(time.seconds).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// Seconds from `now` to a message's time, below 0 if it is past.
fn seconds_until(time: Option<&prost_types::Timestamp>, now: UnixTime) -> Option<i64> {
    time.map(|time| time.seconds - i64::from(now.0))
}

/// How long ago a message's time was, or empty: `2 h ago`.
pub(crate) fn age(time: Option<&prost_types::Timestamp>, now: UnixTime) -> String {
    match seconds_until(time, now) {
        None => String::new(),
        // Clocks differ a little.
        Some(seconds) if seconds > -60 => "just now".to_owned(),
        Some(seconds) => format!("{} ago", span(seconds.unsigned_abs())),
    }
}

/// How long it is until a message's time, or empty: `in 2 h`; `now` once it is reached.
pub(crate) fn until(time: Option<&prost_types::Timestamp>, now: UnixTime) -> String {
    match seconds_until(time, now) {
        None => String::new(),
        Some(seconds) if seconds <= 0 => "now".to_owned(),
        Some(seconds) => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// 7300 -> `2 h`; below two of a unit, the next smaller unit is used.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// What one feed said about a subject, in words.
pub(crate) fn sighting(sighting: &pb::Sighting) -> String {
    let (first, last) = (day(sighting.first_seen.as_ref()), day(sighting.last_seen.as_ref()));
    let when = if first == last { format!("on {last}") } else { format!("from {first} to {last}") };
    let often = if sighting.count == 1 { "once".to_owned() } else { format!("{} times", sighting.count) };
    let run = if sighting.run == 0 { String::new() } else { format!(", last by run {}", sighting.run) };
    let state = match sighting.state() {
        pb::SightingState::Unspecified => "",
        pb::SightingState::Archived => ", archived",
        pb::SightingState::Online => ", online",
    };
    format!("{} {when}, {often}{run}{state}", feed(&sighting.feed))
}

/// A feed by the name of its definition, without its group.
pub(crate) fn feed(name: &str) -> String {
    visible(name.parse::<FeedName>().as_ref().map_or(name, FeedName::own))
}

/// `1 page`, `2 pages`.
pub(crate) fn plural(count: u64, word: &str) -> String {
    format!("{} {word}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// An operator's decision in a few words, or empty.
pub(crate) fn decision(decision: Option<&pb::Decision>) -> String {
    let Some(decision) = decision else { return String::new() };
    let action = pb::Action::try_from(decision.action).map_or("", |action| action.as_str_name());
    let mut text = action.trim_start_matches("ACTION_").to_owned();
    if !decision.author.is_empty() {
        text = format!("{text} by {}", visible(&decision.author));
    }
    if let Some(end) = decision.expires_at.and_then(|end| UnixTime::from_seconds(end.seconds).ok()) {
        text = format!("{text} {} {end}", if end <= now() { "EXPIRED" } else { "until" });
    }
    if !decision.reason.is_empty() {
        text = format!("{text}: {}", visible(&decision.reason));
    }
    text
}

/// 12345678 -> 12,345,678.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_now() {
        let now = UnixTime(1_000_000);
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        for (seconds, ago, in_) in [
            (1_000_030, "just now", "in 30 s"),
            (999_990, "just now", "now"),
            (999_900, "100 s ago", "now"),
            (992_800, "2 h ago", "now"),
            (992_801, "119 min ago", "now"),
            (1_172_800, "just now", "in 2 d"),
        ] {
            let time = at(seconds);
            assert_eq!(
                (age(time.as_ref(), now), until(time.as_ref(), now)),
                (ago.to_owned(), in_.to_owned())
            );
        }
        assert_eq!((age(None, now), until(None, now)), (String::new(), String::new()));
    }
}
