//! Bytes of a page: the listings of 10,000 consecutive numbers, packed, evidence included.
//!
//! A version byte, the names of the feeds, then per listing: what it is about, counted from the one
//! before it; a head with the number of sightings and whether there is a decision; the sightings
//! with their feed by its place in the list of names. Times of whole days, as open lists have
//! them, take one or two bytes; others up to five. A page stands for itself: no table elsewhere is
//! needed to read it. An unknown version is refused. Must not be changed without a new version.

use std::collections::BTreeMap;

use crate::core::listing::codec::{self, CodecError, Input, put_text, put_varint, write_decision};
use crate::core::listing::{FeedName, Listing, Sighting, Subject, UnixTime};
use crate::core::number::{Number, Prefix, Range};

use super::keys::{PageId, kind_and_key};

/// The version byte of pages written today.
const VERSION: u8 = 3;

/// The oldest version that is still read. Sightings have run and state since 2, the previous day since 3;
/// each of the two added a bit to a sighting's head.
const OLDEST: u8 = 1;

const DAY: u32 = 86_400;

/// Days are counted from here, 2020-01-01: two bytes reach from 1997 to 2042.
const DAY_ZERO: i64 = 18_262;

/// The listings of one page.
pub(super) type Listings = BTreeMap<Subject, Listing>;

/// Packs the listings of `page`, which come in order of subject.
pub(super) fn write<'a>(
    page: PageId,
    listings: impl Iterator<Item = (Subject, &'a Listing)> + Clone,
) -> Vec<u8> {
    let mut feeds: Vec<&FeedName> = Vec::new();
    for sighting in listings.clone().flat_map(|(_, listing)| listing.sightings()) {
        if let Err(at) = feeds.binary_search(&&sighting.feed) {
            feeds.insert(at, &sighting.feed);
        }
    }
    let mut out = Vec::with_capacity(16 + listings.size_hint().0 * 16);
    out.push(VERSION);
    put_varint(&mut out, feeds.len() as u64);
    feeds.iter().for_each(|feed| put_text(&mut out, feed.as_str()));
    let mut before = page.base();
    for (subject, listing) in listings {
        let (_, key) = kind_and_key(subject);
        put_varint(&mut out, key - before);
        before = key;
        if let Subject::Range(Range::Span(first, last)) = subject {
            put_varint(&mut out, last.key() - first.key());
        }
        let decided = u64::from(listing.decision().is_some());
        put_varint(&mut out, (listing.sightings().len() as u64) << 1 | decided);
        for sighting in listing.sightings() {
            let feed = feeds.binary_search(&&sighting.feed).unwrap_or_default() as u64;
            write_sighting(&mut out, sighting, feed);
        }
        if listing.decision().is_some() {
            write_decision(listing.decision(), &mut out);
        }
    }
    out
}

fn write_sighting(out: &mut Vec<u8>, sighting: &Sighting, feed: u64) {
    let (first, last) = (sighting.first_seen.0, sighting.last_seen.0.max(sighting.first_seen.0));
    let whole_days = first % DAY == 0 && last % DAY == 0;
    let once = first == last && sighting.count == 1;
    let (latest, days_back) = (codec::latest(sighting), codec::days_back(sighting));
    let more = u64::from(days_back > 0) << 3 | u64::from(latest > 0) << 2;
    put_varint(out, feed << 4 | more | u64::from(whole_days) << 1 | u64::from(once));
    if whole_days {
        put_varint(out, zigzag(i64::from(first / DAY) - DAY_ZERO));
    } else {
        put_varint(out, u64::from(first));
    }
    if !once {
        put_varint(out, u64::from(last - first) / if whole_days { u64::from(DAY) } else { 1 });
        put_varint(out, u64::from(sighting.count));
    }
    // Imports know neither run nor state: nothing is spent on them.
    if latest > 0 {
        put_varint(out, latest);
    }
    if days_back > 0 {
        put_varint(out, days_back);
    }
}

/// As [`write`], of a map.
pub(super) fn write_all(page: PageId, listings: &Listings) -> Vec<u8> {
    write(page, listings.iter().map(|(&subject, listing)| (subject, listing)))
}

/// Reads what [`write`] wrote.
pub(super) fn read(page: PageId, bytes: &[u8]) -> Result<Listings, CodecError> {
    let mut listings = Listings::new();
    each(page, bytes, |subject, listing| {
        listings.insert(subject, listing);
    })?;
    Ok(listings)
}

/// Calls `each` for every listing of the page, in order.
pub(super) fn each(
    page: PageId,
    bytes: &[u8],
    mut each: impl FnMut(Subject, Listing),
) -> Result<(), CodecError> {
    let mut input = Input::new(bytes);
    let version = match input.u8()? {
        version @ OLDEST..=VERSION => version,
        other => return Err(CodecError::Version(other)),
    };
    let mut feeds = Vec::new();
    for _ in 0..input.varint()? {
        let feed: FeedName = input.text()?.parse().map_err(|_| CodecError::Damaged("not a feed name"))?;
        feeds.push(feed);
    }
    let mut before = page.base();
    while !input.is_empty() {
        let key = before.checked_add(input.varint()?).ok_or(CodecError::Damaged("a key is too large"))?;
        before = key;
        let subject = read_subject(page.kind(), key, &mut input)?;
        if PageId::of(subject) != page {
            return Err(CodecError::Damaged("a listing lies in the wrong page"));
        }
        let head = input.varint()?;
        let mut sightings = Vec::with_capacity((head >> 1).min(64) as usize);
        for _ in 0..head >> 1 {
            sightings.push(read_sighting(&mut input, &feeds, version)?);
        }
        let decision = if head & 1 == 1 { input.decision()? } else { None };
        each(subject, Listing::from_parts(sightings, decision));
    }
    Ok(())
}

fn read_subject(kind: u8, key: u64, input: &mut Input<'_>) -> Result<Subject, CodecError> {
    let number = |key| Number::from_digits(key).map_err(|_| CodecError::Damaged("not an E.164 number"));
    let range = |_| CodecError::Damaged("not a range");
    match kind {
        1 => Ok(Subject::Number(number(key)?)),
        2 => Ok(Subject::Range(Range::Prefix(Prefix::from_digits(key).map_err(range)?))),
        _ => {
            let last = key.checked_add(input.varint()?).ok_or(CodecError::Damaged("not a range"))?;
            Ok(Subject::Range(Range::span(number(key)?, number(last)?).map_err(range)?))
        }
    }
}

fn read_sighting(input: &mut Input<'_>, feeds: &[FeedName], version: u8) -> Result<Sighting, CodecError> {
    let mut head = input.varint()?;
    for bits in u32::from(version)..u32::from(VERSION) {
        // A bit that version did not have, above its one or two.
        let low = (1 << (bits + 1)) - 1;
        head = (head & !low) << 1 | head & low;
    }
    let feed = usize::try_from(head >> 4).ok().and_then(|at| feeds.get(at));
    let feed = feed.ok_or(CodecError::Damaged("a feed is missing"))?.clone();
    let (whole_days, once) = (head & 2 == 2, head & 1 == 1);
    let late = || CodecError::Damaged("a time is too large");
    let unit = if whole_days { DAY } else { 1 };
    let first = match input.varint()? {
        days if whole_days => {
            let day = unzigzag(days).checked_add(DAY_ZERO).and_then(|day| u32::try_from(day).ok());
            day.and_then(|day| day.checked_mul(DAY)).ok_or_else(late)?
        }
        seconds => u32::try_from(seconds).map_err(|_| late())?,
    };
    let (span, count) = if once { (0, 1) } else { (input.u32()?, input.u32()?) };
    let last = span.checked_mul(unit).and_then(|span| first.checked_add(span)).ok_or_else(late)?;
    let (run, state) = codec::read_latest(if head & 4 == 4 { input.varint()? } else { 0 })?;
    let seen = Sighting::new(feed, UnixTime(first), UnixTime(last), count);
    let seen = codec::with_days_back(seen, if head & 8 == 8 { input.varint()? } else { 0 })?;
    Ok(Sighting { run, state, ..seen })
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::listing::{Action, Decision, SightingState};

    fn any_listing() -> impl Strategy<Value = Listing> {
        let time = prop_oneof![(0u32..49_000).prop_map(|day| day * DAY), any::<u32>()];
        let sighting = ("[a-d]{1,9}", time.clone(), time, any::<u32>(), any::<u32>(), 0usize..3).prop_map(
            |(feed, a, b, count, run, state)| {
                let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
                let seen = Sighting::new(feed, UnixTime(a.min(b)), UnixTime(a.max(b)), count);
                let seen = seen.also_seen_on(UnixTime(a / 2 + b / 2).day());
                Sighting { run, state: SightingState::ALL[state], ..seen }
            },
        );
        let decision = (any::<u32>(), any::<bool>(), proptest::option::of(any::<u32>()), ".{0,9}").prop_map(
            |(at, allow, end, reason)| Decision {
                decided_at: UnixTime(at),
                action: if allow { Action::Allow } else { Action::Block },
                expires_at: end.map(UnixTime),
                reason,
                author: "alice".to_owned(),
            },
        );
        (proptest::collection::vec(sighting, 0..4), proptest::option::of(decision)).prop_map(
            |(sightings, decision)| {
                let mut listing = decision.map(Listing::decided).unwrap_or_default();
                sightings.into_iter().for_each(|sighting| listing.merge(&Listing::seen(sighting)));
                listing
            },
        )
    }

    fn subject(kind: u8, low: u64) -> Subject {
        let number = |key| Number::from_digits(key).unwrap_or_else(|e| panic!("{e}"));
        match kind {
            1 => Subject::Number(number(447_400_120_000 + low)),
            2 => Subject::Range(Range::Prefix(
                Prefix::from_digits(447_400_120_000 + low).unwrap_or_else(|e| panic!("{e}")),
            )),
            _ => Subject::Range(
                Range::span(number(447_400_120_000 + low), number(447_400_129_999 + low * 7))
                    .unwrap_or_else(|e| panic!("{e}")),
            ),
        }
    }

    proptest! {
        #[test]
        fn pages_come_back_and_cuts_are_refused_or_shorter(
            kind in 1u8..4,
            listings in proptest::collection::btree_map(0u64..10_000, any_listing(), 1..20),
            cut in 0usize..400,
        ) {
            let listings: Listings =
                listings.into_iter().map(|(low, listing)| (subject(kind, low), listing)).collect();
            let page = PageId::of(subject(kind, 0));
            let bytes = write_all(page, &listings);
            prop_assert_eq!(read(page, &bytes), Ok(listings.clone()));
            if cut < bytes.len() {
                prop_assert!(read(page, &bytes[..cut]).map_or(true, |fewer| fewer.len() < listings.len()));
            }
        }

        #[test]
        fn hostile_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut page = vec![VERSION];
            page.extend(bytes);
            for kind in 1..4 {
                let _ = read(PageId::of(subject(kind, 0)), &page);
            }
        }
    }

    #[test]
    fn a_number_of_an_open_list_takes_seven_bytes() {
        let seen = |first, days, count| {
            let feed = "ip1sms".parse().unwrap_or_else(|e| panic!("{e}"));
            Listing::seen(Sighting::new(feed, UnixTime(first * DAY), UnixTime((first + days) * DAY), count))
        };
        let listings: Listings =
            (0..100).map(|i| (subject(1, i * 97), seen(20_500 + i as u32, 30, 25))).collect();
        assert_eq!(write_all(PageId::of(subject(1, 0)), &listings).len(), 9 + 100 * 7);
        let once: Listings = [(subject(1, 0), seen(20_500, 0, 1))].into();
        assert_eq!(write_all(PageId::of(subject(1, 0)), &once).len(), 9 + 5);
    }

    #[test]
    fn a_page_of_the_version_before_reads_without_run_and_state() {
        let page = PageId::of(subject(1, 0));
        let feed = |name: &str| name.parse().unwrap_or_else(|e| panic!("{e}"));
        let once = Sighting::new(feed("b"), UnixTime(18_262 * DAY), UnixTime(18_262 * DAY), 1);
        let often = Sighting::new(feed("a"), UnixTime(5), UnixTime(14), 8);
        // Feeds a and b; one listing, seen by a eight times within nine seconds, by b once on a day.
        let bytes = [1, 2, 1, b'a', 1, b'b', 7, 4, 0, 5, 9, 8, 1 << 2 | 3, 0];
        let listing = Listing::from_parts(vec![often, once], None);
        assert_eq!(read(page, &bytes), Ok([(subject(1, 7), listing)].into()));
    }

    #[test]
    fn a_foreign_version_is_refused() {
        let page = PageId::of(subject(1, 0));
        assert_eq!(read(page, &[9, 0]), Err(CodecError::Version(9)));
    }
}
