//! Evidence: what a fact rests on, borrowed from the index and put into words only in an answer.
//!
//! Must not print a number's digits.

use std::fmt;

use crate::core::index::Provenance;
use crate::core::listing::{Day, Decision, FeedName, ReasonCode};
use crate::core::number::{Holder, HolderClass, LineType, ParseError, Range, Region, Validity};

/// What was found. `Display` is the text in answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence<'a> {
    /// An operator's decision, about the number or the range.
    Decided(&'a Decision, Option<Range>),
    /// Feeds saw the number, or reported the range.
    Seen {
        /// Who.
        provenance: &'a Provenance,
        /// Earliest day.
        first: Day,
        /// Latest day.
        last: Day,
        /// The range, if it was not the number itself.
        range: Option<Range>,
        /// When the platform verified the number since, if that lowers the weight.
        verified: Option<Day>,
    },
    /// Listed numbers in a block around the number.
    Block {
        /// Numbers in the block.
        size: u64,
        /// Listed ones, not counting the number itself.
        count: u32,
        /// Latest day on which one of them was seen.
        newest: Day,
        /// Verified numbers among the 1,000 around it that speak against it.
        verified: u32,
    },
    /// Why the plan has no such number.
    Plan(Validity),
    /// The line type.
    LineType(LineType),
    /// Who holds the range.
    Holder(Holder<'a>),
    /// The file by which nobody holds the range, and the day on which it was loaded.
    NotAllocated(&'a FeedName, Day),
    /// Region of the number and of the client's address.
    Regions {
        /// The number's.
        number: Region,
        /// The address's.
        ip: Region,
    },
    /// A business from elsewhere, on a range that another signal calls virtual.
    Abroad {
        /// Region of the client's address.
        ip: Region,
        /// That signal.
        over: ReasonCode,
    },
    /// None: the verdict log keeps none.
    Logged,
    /// Why the text is no number.
    NotANumber(ParseError),
    /// Checks of the number within so many minutes.
    Asked {
        /// How many.
        count: u32,
        /// Within so many minutes.
        minutes: u32,
    },
    /// Different numbers of a block that were asked about.
    AskedOfBlock {
        /// Numbers in the block.
        size: u64,
        /// How many were asked about.
        count: u32,
        /// Within so many minutes.
        minutes: u32,
    },
    /// Consecutive numbers that were asked about.
    Run {
        /// How many.
        count: u32,
        /// Within so many minutes.
        minutes: u32,
    },
    /// All checks of the client.
    AskedByClient {
        /// How many.
        count: u32,
        /// Within so many minutes.
        minutes: u32,
    },
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decided(decision, range) => decided(out, decision, *range),
            Self::Seen { provenance, first, last, range, verified } => {
                seen(out, provenance, *range)?;
                if first == last {
                    write!(out, " on {last}")?;
                } else {
                    write!(out, " from {first} to {last}")?;
                }
                match verified {
                    Some(day) => write!(out, " (verified since, on {day})"),
                    None => Ok(()),
                }
            }
            Self::Block { size, count, newest, verified } => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(out, "{count} listed number{plural} among the {size} around it, latest {newest}")?;
                if *verified == 0 { Ok(()) } else { write!(out, "; lowered by {verified} verified") }
            }
            Self::Plan(Validity::TooShort) => out.write_str("too short for its country code"),
            Self::Plan(Validity::TooLong) => out.write_str("too long for its country code"),
            Self::Plan(Validity::InvalidLength) => {
                out.write_str("no number of its country code has this length")
            }
            Self::Plan(_) => out.write_str("no range of the numbering plan holds it"),
            Self::LineType(line_type) => out.write_str(line_type.as_str()),
            Self::Holder(holder) => held(out, holder),
            Self::NotAllocated(source, day) => {
                write!(out, "nobody holds its range, says {source} as loaded on {day}")
            }
            Self::Regions { number, ip } => {
                write!(out, "a number of {} from an address in {}", number.as_str(), ip.as_str())
            }
            Self::Abroad { ip, over } => {
                write!(out, "a business in {} on a foreign virtual range ({})", ip.as_str(), over.as_str())
            }
            Self::Logged => out.write_str("as logged"),
            Self::NotANumber(error) => write!(out, "{}: {error}", error.name()),
            Self::Asked { count, minutes } => {
                write!(out, "asked about {count} times within {minutes} minutes")
            }
            Self::AskedOfBlock { size, count, minutes } => {
                write!(out, "{count} numbers of its {size} asked about within {minutes} minutes")
            }
            Self::Run { count, minutes } => {
                write!(out, "{count} numbers in a row asked about within {minutes} minutes")
            }
            Self::AskedByClient { count, minutes } => {
                write!(out, "{count} checks of this client within {minutes} minutes")
            }
        }
    }
}

/// Longest author and reason, in characters, that evidence repeats; the listing has them whole. A
/// batch of 10,000 must stay below the 4 MiB that clients take by default.
const LONGEST: (usize, usize) = (32, 80);

/// Feeds that evidence names.
const MOST_FEEDS: usize = 5;

fn shortened(text: &str, longest: usize) -> (&str, &str) {
    match text.char_indices().nth(longest) {
        Some((end, _)) => (&text[..end], "\u{2026}"),
        None => (text, ""),
    }
}

fn decided(out: &mut fmt::Formatter<'_>, decision: &Decision, range: Option<Range>) -> fmt::Result {
    let author = if decision.author.is_empty() { "an operator" } else { &decision.author };
    let (author, more) = shortened(author, LONGEST.0);
    let what = match range {
        Some(range) => range.as_e164(),
        None => "the number".to_owned(),
    };
    write!(
        out,
        "{} for {what} by {author}{more} on {}",
        decision.action.as_str(),
        decision.decided_at.day()
    )?;
    if !decision.reason.is_empty() {
        let (reason, more) = shortened(&decision.reason, LONGEST.1);
        write!(out, ": {reason}{more}")?;
    }
    match decision.expires_at {
        Some(end) => write!(out, " (until {end})"),
        None => Ok(()),
    }
}

fn held(out: &mut fmt::Formatter<'_>, holder: &Holder<'_>) -> fmt::Result {
    let name = if holder.name.is_empty() { "a holder" } else { holder.name };
    let does = match holder.class {
        HolderClass::Unclassified => "",
        HolderClass::A2p => ": numbers for messages of applications",
        HolderClass::Cpaas => ": rents numbers by API",
        HolderClass::Wholesale => ": sells ranges on",
        HolderClass::Mvno => ": a network without masts",
        HolderClass::App => ": an app that gives numbers to whoever asks",
    };
    write!(out, "range of {name}{does}")
}

fn seen(out: &mut fmt::Formatter<'_>, provenance: &Provenance, range: Option<Range>) -> fmt::Result {
    if let Some(range) = range {
        write!(out, "range {} ", range.as_e164())?;
    }
    out.write_str("seen by ")?;
    for (at, feed) in provenance.feeds.iter().take(MOST_FEEDS).enumerate() {
        out.write_str(if at == 0 { "" } else { ", " })?;
        match feed.report() {
            Some((client, _)) => write!(out, "client {client}")?,
            None => out.write_str(feed.own())?,
        }
    }
    match provenance.feeds.len() {
        0 => out.write_str("many feeds"),
        count if count > MOST_FEEDS => write!(out, " and {} more", count - MOST_FEEDS),
        _ => Ok(()),
    }
}
