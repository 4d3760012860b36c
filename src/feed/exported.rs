//! One JSON object per line, lossless: what `numguard export` writes and `numguard import` reads.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::core::listing::{Action, Decision, Listing, Sighting, SightingState, Subject, UnixTime};

use super::row::without_digits;
use super::text_lines::for_each_line;
use super::{BadLine, FileError, Reading, Row};

/// A listing as a line of JSON. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedListing {
    /// A number or range.
    pub subject: String,
    /// One per feed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sightings: Vec<ExportedSighting>,
    /// The operator's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<ExportedDecision>,
}

/// A sighting in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedSighting {
    /// Name of the feed.
    pub feed: String,
    /// Earliest time.
    pub first_seen: String,
    /// Latest time.
    pub last_seen: String,
    /// Reports.
    pub count: u32,
    /// The latest day before that of `last_seen` on which the feed saw it; absent: that of `first_seen`,
    /// if that is an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_day: Option<String>,
    /// The feed's run that last saw it; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u32>,
    /// What the site said of it: `online` or `archived`; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// A decision in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedDecision {
    /// `ALLOW` or `BLOCK`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub author: String,
    /// When.
    pub decided_at: String,
    /// Until when; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

pub(super) fn read(
    input: impl BufRead,
    reading: &Reading,
    each: &mut dyn FnMut(Result<Row, BadLine>),
) -> Result<(), FileError> {
    read_lines(input, &mut |line, listing| {
        let row = listing.and_then(|listing| row(&listing, reading.now));
        each(row.map_err(|reason| BadLine { line, reason }));
    })
}

pub(super) fn read_subjects(
    input: impl BufRead,
    each: &mut dyn FnMut(Result<&str, BadLine>),
) -> Result<(), FileError> {
    read_lines(input, &mut |line, listing| match listing {
        Ok(listing) => each(Ok(&listing.subject)),
        Err(reason) => each(Err(BadLine { line, reason })),
    })
}

/// Hands over every line; one that ends early means that the file is cut.
fn read_lines(
    input: impl BufRead,
    each: &mut dyn FnMut(u64, Result<ExportedListing, String>),
) -> Result<(), FileError> {
    let mut cut = None;
    for_each_line(input, &mut |line, text| {
        let listing = match text {
            Ok("") => return,
            Ok(text) => serde_json::from_str(text).map_err(|error| {
                if error.is_eof() {
                    cut = Some(line);
                }
                without_digits(&error.to_string())
            }),
            Err(reason) => Err(reason),
        };
        each(line, listing);
    })?;
    match cut {
        Some(line) => {
            Err(FileError::Form { line, reason: "EOF while parsing: the export is cut".to_owned() })
        }
        None => Ok(()),
    }
}

fn row(exported: &ExportedListing, now: UnixTime) -> Result<Row, String> {
    let subject: Subject = exported.subject.parse().map_err(|error| format!("subject: {error}"))?;
    let mut listing = Listing::default();
    for sighting in &exported.sightings {
        let sighting = sighting.sighting()?;
        sighting.check(now)?;
        listing.merge(&Listing::seen(sighting));
    }
    if listing == Listing::default() && exported.decision.is_none() {
        return Err("expected a sighting or a decision".to_owned());
    }
    if let Some(decision) = &exported.decision {
        let decision = read_decision(decision)?;
        decision.check(now)?;
        listing.merge(&Listing::decided(decision));
    }
    Ok(Row { subject, listing })
}

fn read_decision(decision: &ExportedDecision) -> Result<Decision, String> {
    let expires_at = decision.expires_at.as_deref().map(str::parse).transpose();
    Ok(Decision {
        action: match decision.action.as_str() {
            "ALLOW" => Action::Allow,
            "BLOCK" => Action::Block,
            _ => return Err("action: expected ALLOW or BLOCK".to_owned()),
        },
        reason: decision.reason.clone(),
        author: decision.author.clone(),
        decided_at: decision.decided_at.parse().map_err(|error| format!("decided_at: {error}"))?,
        expires_at: expires_at.map_err(|error| format!("expires_at: {error}"))?,
    })
}

impl ExportedListing {
    /// A listing in its exported form.
    pub fn of(subject: Subject, listing: &Listing) -> Self {
        Self {
            subject: subject.as_e164(),
            sightings: listing.sightings().iter().map(ExportedSighting::of).collect(),
            decision: listing.decision().map(exported_decision),
        }
    }
}

impl ExportedSighting {
    /// A sighting in its exported form.
    pub fn of(sighting: &Sighting) -> Self {
        Self {
            feed: sighting.feed.to_string(),
            first_seen: sighting.first_seen.to_string(),
            last_seen: sighting.last_seen.to_string(),
            count: sighting.count,
            previous_day: sighting.previous_day_after_first().map(|day| day.to_string()),
            run: (sighting.run > 0).then_some(sighting.run),
            state: (sighting.state != SightingState::Unknown).then(|| sighting.state.as_str().to_owned()),
        }
    }

    /// Reads it back; the error names the field.
    pub fn sighting(&self) -> Result<Sighting, String> {
        let feed = self.feed.parse().map_err(|error| format!("feed: {error}"))?;
        let first_seen = self.first_seen.parse().map_err(|error| format!("first_seen: {error}"))?;
        let last_seen = self.last_seen.parse().map_err(|error| format!("last_seen: {error}"))?;
        let mut seen = Sighting::new(feed, first_seen, last_seen, self.count);
        if let Some(day) = &self.previous_day {
            let day: UnixTime = day.parse().map_err(|error| format!("previous_day: {error}"))?;
            seen =
                seen.with_previous_day(day.day()).map_err(|expected| format!("previous_day: {expected}"))?;
        }
        let state = match self.state.as_deref() {
            None => SightingState::Unknown,
            Some(word) => {
                SightingState::named(word).ok_or("state: expected \"online\", \"archived\" or \"unknown\"")?
            }
        };
        Ok(Sighting { run: self.run.unwrap_or_default(), state, ..seen })
    }
}

fn exported_decision(decision: &Decision) -> ExportedDecision {
    ExportedDecision {
        action: decision.action.as_str().to_owned(),
        reason: decision.reason.clone(),
        author: decision.author.clone(),
        decided_at: decision.decided_at.to_string(),
        expires_at: decision.expires_at.map(|end| end.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_780_272_000);

    fn row_of(line: &str) -> Result<Row, String> {
        row(&serde_json::from_str(line).map_err(|error| error.to_string())?, NOW)
    }

    #[test]
    fn an_exported_line_reads_back_as_it_was() {
        let line = r#"{"subject":"+4474*","sightings":[{"feed":"a","first_seen":"2026-05-01T00:00:00Z","last_seen":"2026-05-02T10:00:00Z","count":3},{"feed":"b","first_seen":"2026-05-01T00:00:00Z","last_seen":"2026-05-09T10:00:00Z","count":3,"previous_day":"2026-05-08","run":7,"state":"online"}],"decision":{"action":"BLOCK","reason":"\"why\"","author":"who","decided_at":"2026-05-03T00:00:00Z","expires_at":"2027-01-01T00:00:00Z"}}"#;
        let row = row_of(line).unwrap_or_else(|e| panic!("{e}"));
        let again = serde_json::to_string(&ExportedListing::of(row.subject, &row.listing));
        assert_eq!(again.ok().as_deref(), Some(line));
    }

    #[test]
    fn wrong_fields_are_named() {
        for (line, named) in [
            ("{}", "missing field `subject`"),
            (r#"{"subject":"+44"}"#.replace("+44", "44").as_str(), "subject: expected an E.164 number"),
            (r#"{"subject":"+4474*"}"#, "expected a sighting or a decision"),
            (r#"{"subject":"+4474*","extra":1}"#, "unknown field `extra`"),
            (
                r#"{"subject":"+4474*","sightings":[{"feed":"A","first_seen":"x","last_seen":"x","count":1}]}"#,
                "feed: expected a feed name",
            ),
            (
                r#"{"subject":"+4474*","sightings":[{"feed":"a","first_seen":"2026-05-01","last_seen":"2026-05-03","previous_day":"2026-05-03","count":1}]}"#,
                "previous_day: expected a day from that of first_seen to the one before that of last_seen",
            ),
        ] {
            let error = row_of(line).err().unwrap_or_default();
            assert!(error.contains(named), "{error:?} does not say {named:?}");
        }
    }
}
