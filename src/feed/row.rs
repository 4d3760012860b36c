//! One row of a list, and how its fields become a listing.

use crate::core::listing::{FeedName, Listing, Sighting, Subject, UnixTime};
use crate::core::number::{self, Region, Validity};

/// What is the same for all rows of one reading.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The feed that the rows belong to.
    pub feed: FeedName,
    /// Region of numbers in national form.
    pub default_region: Option<Region>,
    /// The time of rows that have none, and the latest that a row may have (and one day for
    /// clocks that are ahead).
    pub now: UnixTime,
}

/// A good row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub subject: Subject,
    /// What it says.
    pub listing: Listing,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Line in the file, from 1.
    pub line: u64,
    /// Why; never repeats the number.
    pub reason: String,
}

/// Why a file as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Reading failed, or compressed data is cut.
    #[error("cannot be read to its end: {0}")]
    Io(std::io::Error),
    /// Not in the form that it seems to have.
    #[error("line {line}: {reason}")]
    Form {
        /// Line in the file, from 1.
        line: u64,
        /// What is wrong and what was expected.
        reason: String,
    },
}

// Not a source: the message has it already, and chains of causes would tell it twice.
impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// The fields of a row as text; absent ones are empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields<'a> {
    pub(super) subject: &'a str,
    pub(super) first_seen: &'a str,
    pub(super) last_seen: &'a str,
    pub(super) count: &'a str,
}

/// A parser's message, which may quote the input, with longer runs of digits hidden.
pub(super) fn without_digits(message: &str) -> String {
    let runs = message.split_inclusive(|c: char| !c.is_ascii_digit());
    let hide = |run: &str| {
        let digits = run.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 4 { format!("...{}", &run[digits..]) } else { run.to_owned() }
    };
    runs.map(hide).collect()
}

/// Digits alone: lists leave out the plus.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes the line number and the fields of a row, or why it has none.
pub(super) type EachRow<'a> = dyn FnMut(u64, Result<Fields<'_>, String>) + 'a;

impl Reading {
    /// A row of its fields, or why not.
    pub(super) fn row(&self, fields: Fields<'_>) -> Result<Row, String> {
        let subject = self.subject(fields.subject.trim())?;
        let last_seen = match fields.last_seen.trim() {
            "" => self.now,
            text => text.parse().map_err(|error| format!("last seen: {error}"))?,
        };
        let first_seen = match fields.first_seen.trim() {
            "" => last_seen,
            text => text.parse().map_err(|error| format!("first seen: {error}"))?,
        };
        let count = match fields.count.trim() {
            "" => 1,
            text => text.parse().map_err(|_| "count: expected a whole number".to_owned())?,
        };
        let sighting = Sighting::new(self.feed.clone(), first_seen, last_seen, count);
        sighting.check(self.now).map_err(str::to_owned)?;
        Ok(Row { subject, listing: Listing::seen(sighting) })
    }

    fn subject(&self, text: &str) -> Result<Subject, String> {
        if text.ends_with('*') || text.contains("..") {
            return text.parse().map_err(|error| format!("{error}"));
        }
        // Lists write the digits with their country code, with or without the plus.
        let parsed = match self.default_region {
            Some(_) => number::parse(text, self.default_region),
            None if is_digits(text) => number::parse_digits(text),
            None => number::parse(text, None),
        };
        let parsed = parsed.map_err(|error| format!("{}: {error}", error.name()))?;
        match parsed.facts.validity {
            Validity::Valid => Ok(Subject::Number(parsed.number)),
            other => Err(format!("{}: the numbering plan has no such number", other.as_str())),
        }
    }
}
