//! Bytes of subjects and listings, for stores and snapshot files.
//!
//! Subject keys sort as subjects do. Listing values begin with a version byte; an unknown version
//! is refused, never guessed. Must not be changed without a new version.

use crate::core::number::{Number, Prefix, Range};

use super::{Action, Day, Decision, FeedName, Listing, Sighting, SightingState, Subject, UnixTime};

/// The version byte of listing values written today.
const VERSION: u8 = 3;

/// The oldest version that is still read. Sightings have run and state since 2, the previous day since 3.
const OLDEST: u8 = 1;

const NUMBER: u8 = 1;
const PREFIX: u8 = 2;
const SPAN: u8 = 3;

/// Why bytes are not a subject or listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer numguard.
    #[error("listing codec version {0} is unknown; this numguard reads up to {VERSION}: upgrade it")]
    Version(u8),
    /// Cut or altered bytes.
    #[error("stored listing is damaged: {0}")]
    Damaged(&'static str),
}

/// The key of a subject, at most 17 bytes: a kind, then big-endian digits.
pub fn subject_key(subject: Subject) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    match subject {
        Subject::Number(number) => {
            key.push(NUMBER);
            key.extend(number.key().to_be_bytes());
        }
        Subject::Range(Range::Prefix(prefix)) => {
            key.push(PREFIX);
            key.extend(prefix.key().to_be_bytes());
        }
        Subject::Range(Range::Span(first, last)) => {
            key.push(SPAN);
            key.extend(first.key().to_be_bytes());
            key.extend(last.key().to_be_bytes());
        }
    }
    key
}

/// Reads what [`subject_key`] wrote.
pub fn read_subject(key: &[u8]) -> Result<Subject, CodecError> {
    let mut input = Input(key);
    let subject = input.subject()?;
    if input.0.is_empty() { Ok(subject) } else { Err(CodecError::Damaged("trailing bytes in a key")) }
}

/// Appends the value of a listing to `out`.
pub fn write_listing(listing: &Listing, out: &mut Vec<u8>) {
    out.push(VERSION);
    put_varint(out, listing.sightings().len() as u64);
    for sighting in listing.sightings() {
        put_text(out, sighting.feed.as_str());
        put_varint(out, u64::from(sighting.first_seen.0));
        put_varint(out, u64::from(sighting.last_seen.0.saturating_sub(sighting.first_seen.0)));
        put_varint(out, u64::from(sighting.count));
        put_varint(out, latest(sighting));
        put_varint(out, days_back(sighting));
    }
    write_decision(listing.decision(), out);
}

/// Run and state of a sighting as one integer; 0 if neither is known.
pub(crate) fn latest(sighting: &Sighting) -> u64 {
    u64::from(sighting.run) << 2 | sighting.state as u64
}

/// Reads what [`latest`] made.
pub(crate) fn read_latest(latest: u64) -> Result<(u32, SightingState), CodecError> {
    let run = u32::try_from(latest >> 2).map_err(|_| CodecError::Damaged("a run is too large"))?;
    let state = SightingState::ALL.get((latest & 3) as usize).ok_or(CodecError::Damaged("unknown state"))?;
    Ok((run, *state))
}

/// Days from the previous to the last day of a sighting; 0 if the previous day is what
/// [`Sighting::new`] takes it to be.
pub(crate) fn days_back(sighting: &Sighting) -> u64 {
    let day = sighting.previous_day_after_first();
    day.map_or(0, |day| day.days_until(sighting.last_seen.day()).into())
}

/// A sighting with the previous day that [`days_back`] took from it.
pub(crate) fn with_days_back(sighting: Sighting, days: u64) -> Result<Sighting, CodecError> {
    let before = |last: Day| u16::try_from(days).ok().and_then(|days| last.0.checked_sub(days)).map(Day);
    let day = before(sighting.last_seen.day()).ok_or(CodecError::Damaged("a previous day is too early"))?;
    Ok(sighting.also_seen_on(day))
}

pub(crate) fn write_decision(decision: Option<&Decision>, out: &mut Vec<u8>) {
    match decision {
        None => out.push(0),
        Some(decision) => {
            out.push(if decision.action == Action::Allow { 1 } else { 2 });
            put_varint(out, u64::from(decision.decided_at.0));
            // 0 stands for no expiry; others are shifted by one.
            put_varint(out, decision.expires_at.map_or(0, |end| u64::from(end.0) + 1));
            put_text(out, &decision.reason);
            put_text(out, &decision.author);
        }
    }
}

/// Reads what [`write_listing`] wrote, all of it.
pub fn read_listing(bytes: &[u8]) -> Result<Listing, CodecError> {
    let mut input = Input(bytes);
    let listing = input.listing()?;
    if input.0.is_empty() { Ok(listing) } else { Err(CodecError::Damaged("trailing bytes in a listing")) }
}

/// Appends a subject and its listing, readable by [`read_record`] from a longer text.
pub fn write_record(subject: Subject, listing: &Listing, out: &mut Vec<u8>) {
    out.extend(subject_key(subject));
    write_listing(listing, out);
}

/// Reads one record off the front of `bytes`.
pub fn read_record(bytes: &mut &[u8]) -> Result<(Subject, Listing), CodecError> {
    let mut input = Input(bytes);
    let record = (input.subject()?, input.listing()?);
    *bytes = input.0;
    Ok(record)
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

/// Bytes that are read from the front; a cut is an error and never a panic.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(CodecError::Damaged("cut short"))?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?[0])
    }

    fn be_u64(&mut self) -> Result<u64, CodecError> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Damaged("an integer never ends"))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        u32::try_from(self.varint()?).map_err(|_| CodecError::Damaged("an integer is too large"))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError::Damaged("text is not UTF-8"))
    }

    fn number(&mut self) -> Result<Number, CodecError> {
        Number::from_digits(self.be_u64()?).map_err(|_| CodecError::Damaged("not an E.164 number"))
    }

    pub(crate) fn subject(&mut self) -> Result<Subject, CodecError> {
        let damaged = |_| CodecError::Damaged("not a range");
        match self.u8()? {
            NUMBER => Ok(Subject::Number(self.number()?)),
            PREFIX => Prefix::from_digits(self.be_u64()?)
                .map(|prefix| Subject::Range(Range::Prefix(prefix)))
                .map_err(damaged),
            SPAN => Range::span(self.number()?, self.number()?).map(Subject::Range).map_err(damaged),
            _ => Err(CodecError::Damaged("unknown kind of subject")),
        }
    }

    fn listing(&mut self) -> Result<Listing, CodecError> {
        let version = match self.u8()? {
            version @ OLDEST..=VERSION => version,
            other => return Err(CodecError::Version(other)),
        };
        let mut listing = Listing::default();
        for _ in 0..self.varint()? {
            listing.merge(&Listing::seen(self.sighting(version)?));
        }
        if let Some(decision) = self.decision()? {
            listing.merge(&Listing::decided(decision));
        }
        Ok(listing)
    }

    fn sighting(&mut self, version: u8) -> Result<Sighting, CodecError> {
        let feed: FeedName = self.text()?.parse().map_err(|_| CodecError::Damaged("not a feed name"))?;
        let first_seen = self.u32()?;
        let last_seen = first_seen.saturating_add(self.u32()?);
        let count = self.u32()?;
        let (run, state) = read_latest(if version > 1 { self.varint()? } else { 0 })?;
        let seen = Sighting::new(feed, UnixTime(first_seen), UnixTime(last_seen), count);
        let seen = with_days_back(seen, if version > 2 { self.varint()? } else { 0 })?;
        Ok(Sighting { run, state, ..seen })
    }

    pub(crate) fn decision(&mut self) -> Result<Option<Decision>, CodecError> {
        let action = match self.u8()? {
            0 => return Ok(None),
            1 => Action::Allow,
            2 => Action::Block,
            _ => return Err(CodecError::Damaged("unknown decision")),
        };
        let decided_at = UnixTime(self.u32()?);
        let expires_at = match self.varint()? {
            0 => None,
            shifted => Some(UnixTime(
                u32::try_from(shifted - 1).map_err(|_| CodecError::Damaged("an expiry is too large"))?,
            )),
        };
        let (reason, author) = (self.text()?.to_owned(), self.text()?.to_owned());
        Ok(Some(Decision { decided_at, action, expires_at, reason, author }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Listing {
        let feed = "ip1sms".parse().unwrap_or_else(|e| panic!("{e}"));
        let seen = Sighting::new(feed, UnixTime(1_700_000_000), UnixTime(1_780_000_000), 40);
        let seen = seen.also_seen_on(UnixTime(1_779_000_000).day());
        let mut listing = Listing::seen(Sighting { run: 300, state: SightingState::Online, ..seen });
        listing.merge(&Listing::decided(Decision {
            decided_at: UnixTime(1_790_000_000),
            action: Action::Allow,
            expires_at: Some(UnixTime(u32::MAX)),
            reason: "owner wrote: it is his – really".into(),
            author: "alice".into(),
        }));
        listing
    }

    #[test]
    fn subjects_and_listings_come_back_and_keys_sort_as_subjects() {
        let mut subjects: Vec<Subject> =
            ["+12", "+447700900123", "+4477*", "+5*", "+447700900000..+447700900999"]
                .iter()
                .map(|text| text.parse().unwrap_or_else(|e| panic!("{text}: {e}")))
                .collect();
        for &subject in &subjects {
            assert_eq!(read_subject(&subject_key(subject)), Ok(subject));
            let mut bytes = Vec::new();
            write_record(subject, &example(), &mut bytes);
            bytes.push(7);
            let mut rest = bytes.as_slice();
            assert_eq!(read_record(&mut rest), Ok((subject, example())));
            assert_eq!(rest, [7]);
        }
        subjects.sort();
        assert!(subjects.is_sorted_by_key(|&subject| subject_key(subject)));
    }

    #[test]
    fn listings_of_older_versions_read_without_what_they_lack() {
        let feed = "a".parse().unwrap_or_else(|e| panic!("{e}"));
        let seen = Sighting::new(feed, UnixTime(5), UnixTime(7), 9);
        assert_eq!(read_listing(&[1, 1, 1, b'a', 5, 2, 9, 0]), Ok(Listing::seen(seen.clone())));
        let seen = Sighting { run: 1, state: SightingState::Online, ..seen };
        assert_eq!(read_listing(&[2, 1, 1, b'a', 5, 2, 9, 6, 0]), Ok(Listing::seen(seen)));
    }

    #[test]
    fn every_cut_and_a_foreign_version_are_refused() {
        let mut bytes = Vec::new();
        write_listing(&example(), &mut bytes);
        assert_eq!(read_listing(&bytes), Ok(example()));
        for cut in 0..bytes.len() {
            assert!(read_listing(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        bytes[0] = 9;
        assert_eq!(read_listing(&bytes), Err(CodecError::Version(9)));
    }
}
