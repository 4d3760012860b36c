//! Tables for people, JSON lines for programs, questions before what cannot be undone.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdin, stdout};

use anyhow::{Result, bail};
use clap::ValueEnum;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableStyle};
use serde::Serialize;

use crate::clock::now;
use crate::core::listing::{FeedName, UnixTime};
use crate::rpc::pb;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A table that fits the terminal
    Table,
    /// One JSON object per line
    Json,
}

/// `--output`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OutputArg {
    /// Form of the output
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
}

/// A table without borders, as wide as the terminal.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    if !stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// A column of no more characters, such as a time, is not broken as long as the others have room.
const NARROW: u16 = 20;

/// Characters that a column needs to be of use.
const ROOM: u16 = 12;

/// Prints a table without the spaces at line ends.
pub(super) fn print_table(table: &Table) -> Result<()> {
    let mut out = stdout().lock();
    for line in fitted(table.clone()).lines() {
        writeln!(out, "{}", visible(line.trim_end()))?;
    }
    Ok(())
}

/// A table that breaks its widest columns only, as far as that makes it fit the terminal.
fn fitted(mut table: Table) -> Table {
    let Some(terminal) = table.width() else { return table };
    let mut widths: Vec<(u16, usize)> = table.column_max_content_widths().into_iter().zip(0..).collect();
    widths.sort_unstable();
    // A space on each side of each column.
    let mut left = terminal.saturating_sub(2 * widths.len() as u16);
    for (at, (width, column)) in widths.iter().enumerate() {
        let others = (widths.len() - at - 1) as u16;
        if *width > NARROW || width + others * ROOM > left {
            break;
        }
        left -= width;
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// Says something on stderr. Unlike `eprintln!`, one that nobody reads is no panic.
pub(super) fn to_stderr(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// `to_stderr` with the arguments of `format!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::output::to_stderr(format_args!($($text)*)) };
}
pub(super) use tell;

/// Prints a line. Unlike `println!`, a closed or full stdout is an error and not a panic.
pub(super) fn say(line: impl Display) -> Result<()> {
    Ok(writeln!(stdout().lock(), "{line}")?)
}

/// A text from outside, fit for a terminal: what would move, colour or turn round what stands there is
/// made visible.
pub(super) fn visible(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

/// Prints one JSON object as a line.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    say(serde_json::to_string(value)?)
}

/// Whether whoever read the output has gone, which is no failure (`| head`).
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

/// Asks before something that cannot be undone; without a terminal, `--yes` must be given.
pub(super) fn confirm(question: &str, yes: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !stdin().is_terminal() {
        bail!("{question} Add --yes to do it without being asked");
    }
    let _ = write!(stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A message's time as a day, or empty.
pub(super) fn day(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| UnixTime::from_seconds(time.seconds).ok());
    time.map(|time| time.day().to_string()).unwrap_or_default()
}

/// A message's time, or empty.
pub(super) fn time(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| UnixTime::from_seconds(time.seconds).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// Seconds from `now` to a message's time, below 0 if it is past.
fn seconds_until(time: Option<&prost_types::Timestamp>, now: UnixTime) -> Option<i64> {
    time.map(|time| time.seconds - i64::from(now.0))
}

/// How long ago a message's time was, or empty: `2 h ago`.
pub(super) fn age(time: Option<&prost_types::Timestamp>, now: UnixTime) -> String {
    match seconds_until(time, now) {
        None => String::new(),
        // Clocks differ a little.
        Some(seconds) if seconds > -60 => "just now".to_owned(),
        Some(seconds) => format!("{} ago", span(seconds.unsigned_abs())),
    }
}

/// How long it is until a message's time, or empty: `in 2 h`; `now` once it is reached.
pub(super) fn until(time: Option<&prost_types::Timestamp>, now: UnixTime) -> String {
    match seconds_until(time, now) {
        None => String::new(),
        Some(seconds) if seconds <= 0 => "now".to_owned(),
        Some(seconds) => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// 7300 -> `2 h`; what is less than two of a unit is told in the smaller one.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// What one feed said about a subject, in words.
pub(super) fn sighting(sighting: &pb::Sighting) -> String {
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
pub(super) fn feed(name: &str) -> String {
    visible(name.parse::<FeedName>().as_ref().map_or(name, FeedName::own))
}

/// `1 page`, `2 pages`.
pub(super) fn plural(count: u64, word: &str) -> String {
    format!("{} {word}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// An operator's decision in a few words, or empty.
pub(super) fn decision(decision: Option<&pb::Decision>) -> String {
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
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_not_broken() {
        let time = "2026-11-22T14:56:46Z";
        let mut rows = Table::new();
        rows.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
        rows.add_row([
            time,
            "ann",
            "a long reason that must be broken somewhere, because it is longer than it all",
        ]);
        for (width, whole) in [(200, true), (80, true), (45, true), (30, false)] {
            rows.set_width(width);
            let shown = fitted(rows.clone()).to_string();
            assert_eq!(shown.contains(time), whole, "{width}:\n{shown}");
            assert!(shown.lines().all(|line| line.len() <= width.into()), "{width}:\n{shown}");
        }
    }

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
