//! Parts of a write: what changes in one shard, cut so that each fits one script.
//!
//! Listings to be merged are packed by page at once: where the store has nothing in that page yet,
//! which is most of a first load, the packed bytes are what is stored.

use crate::core::listing::codec::{self, Input, put_varint};
use crate::core::listing::{FeedName, Listing, Sighting, Subject, UnixTime, digest};
use crate::store::{Change, StoreError};

use super::failure;
use super::keys::{PageId, SHARDS};
use super::page;

/// Most listings and most pages of one script: about two milliseconds of Redis's time.
const LARGEST: (usize, usize) = (4_096, 512);

/// Changes of one shard that fit one script.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) shard: usize,
    pub(super) pages: Vec<PageChange>,
}

/// What changes in one page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PageChange {
    pub(super) page: PageId,
    pub(super) work: Work,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    /// Merge these listings.
    Merge(Packed),
    /// Do all this, in order.
    Each(Vec<Change>),
}

/// Listings of one page, packed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) subjects: Vec<Subject>,
    /// Of all listings, combined.
    pub(super) digest: u64,
}

impl Packed {
    /// Packs listings that are sorted and distinct.
    fn new(page: PageId, listings: &[(Subject, Listing)]) -> Self {
        Self {
            bytes: page::write(page, listings.iter().map(|(subject, listing)| (*subject, listing))),
            subjects: listings.iter().map(|(subject, _)| *subject).collect(),
            digest: listings.iter().fold(0, |sum, (subject, listing)| sum ^ of(*subject, listing)),
        }
    }

    fn read(page: PageId, bytes: Vec<u8>) -> Result<Self, StoreError> {
        let (mut subjects, mut combined) = (Vec::new(), 0);
        let add = |subject, listing: Listing| {
            subjects.push(subject);
            combined ^= of(subject, &listing);
        };
        page::each(page, &bytes, add).map_err(|error| failure::unreadable("of a large write", error))?;
        Ok(Self { bytes, subjects, digest: combined })
    }
}

fn nothing(feed: FeedName) -> Sighting {
    Sighting::new(feed, UnixTime(0), UnixTime(0), 0)
}

/// The digest of a listing.
pub(super) fn of(subject: Subject, listing: &Listing) -> u64 {
    digest(subject, listing.days(), listing.decision())
}

/// Cuts changes into parts. Changes to one subject keep their order.
pub(super) fn parts(mut changes: Vec<Change>) -> Vec<Part> {
    in_order(&mut changes);
    let mut shards = if changes.len() < WORTH_TWO { by_shard(changes) } else { by_two(changes) };
    let pages = shards.iter_mut().map(std::mem::take).enumerate();
    pages.flat_map(|(shard, pages)| cut(shard, pages)).collect()
}

/// Changes that are worth a second thread.
const WORTH_TWO: usize = 20_000;

/// Pages of changes, by shard.
type ByShard = [Vec<PageChange>; SHARDS];

/// Packs the second half on a thread of its own; no page is cut in two.
fn by_two(mut changes: Vec<Change>) -> ByShard {
    let page = |change: &Change| PageId::of(change.subject());
    let half = page(&changes[changes.len() / 2]);
    let upper = changes.split_off(changes.partition_point(|change| page(change) < half));
    let (mut lower, upper) = std::thread::scope(|scope| {
        let upper = scope.spawn(|| by_shard(upper));
        (by_shard(changes), upper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    for (lower, upper) in lower.iter_mut().zip(upper) {
        lower.extend(upper);
    }
    lower
}

fn by_shard(changes: Vec<Change>) -> ByShard {
    let mut shards = ByShard::default();
    let mut changes = changes.into_iter().peekable();
    while let Some(first) = changes.next() {
        let page = PageId::of(first.subject());
        let mut of_page = vec![first];
        while let Some(change) = changes.next_if(|change| PageId::of(change.subject()) == page) {
            of_page.push(change);
        }
        shards[page.group.shard()].push(PageChange { page, work: work(page, of_page) });
    }
    shards
}

/// Sorts by subject; changes to one subject keep their order. A change is long: sorting places first
/// and moving each change once takes half the time.
fn in_order(changes: &mut Vec<Change>) {
    let mut places: Vec<(Subject, u32)> = changes.iter().map(Change::subject).zip(0..).collect();
    if places.is_sorted() {
        return;
    }
    places.sort_unstable();
    let mut taken: Vec<Option<Change>> = std::mem::take(changes).into_iter().map(Some).collect();
    changes.extend(places.iter().filter_map(|&(_, at)| taken.get_mut(at as usize)?.take()));
}

fn work(page: PageId, changes: Vec<Change>) -> Work {
    if !changes.iter().all(|change| matches!(change, Change::Merge(..))) {
        return Work::Each(changes);
    }
    let mut listings: Vec<(Subject, Listing)> = Vec::with_capacity(changes.len());
    for change in changes {
        let Change::Merge(subject, listing) = change else { continue };
        match listings.last_mut() {
            Some((same, known)) if *same == subject => known.merge(&listing),
            _ => listings.push((subject, listing)),
        }
    }
    Work::Merge(Packed::new(page, &listings))
}

fn cut(shard: usize, pages: Vec<PageChange>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut room = 0usize;
    for page in pages {
        let listings = page.listings();
        match parts.last_mut() {
            Some(part) if listings <= room && part.pages.len() < LARGEST.1 => {
                room -= listings;
                part.pages.push(page);
            }
            _ => {
                room = LARGEST.0.saturating_sub(listings);
                parts.push(Part { shard, pages: vec![page] });
            }
        }
    }
    parts
}

const MERGE: u8 = 1;
const EACH: u8 = 2;
const DELETE: u8 = 3;
const RESTATE: u8 = 4;
const UNSTATE: u8 = 5;
const WITHDRAW: u8 = 6;

impl PageChange {
    fn listings(&self) -> usize {
        match &self.work {
            Work::Merge(packed) => packed.subjects.len(),
            Work::Each(changes) => changes.len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let body = match &self.work {
            Work::Merge(packed) => {
                out.push(MERGE);
                // Any subject of the page names it.
                packed.subjects.first().iter().for_each(|&&subject| out.extend(codec::subject_key(subject)));
                &packed.bytes
            }
            Work::Each(changes) => {
                out.push(EACH);
                let mut body = Vec::new();
                for change in changes {
                    match change {
                        Change::Merge(subject, listing) => {
                            body.push(MERGE);
                            codec::write_record(*subject, listing, &mut body);
                        }
                        Change::Delete(subject) => {
                            body.push(DELETE);
                            codec::write_record(*subject, &Listing::default(), &mut body);
                        }
                        Change::Withdraw(subject) => {
                            body.push(WITHDRAW);
                            codec::write_record(*subject, &Listing::default(), &mut body);
                        }
                        Change::Restate(subject, feed, sighting) => {
                            // A feed that says nothing is written down as an empty sighting of it.
                            body.push(if sighting.is_some() { RESTATE } else { UNSTATE });
                            let sighting = sighting.clone().unwrap_or_else(|| nothing(feed.clone()));
                            codec::write_record(*subject, &Listing::seen(sighting), &mut body);
                        }
                    }
                }
                put_varint(out, body.len() as u64);
                out.extend(body);
                return;
            }
        };
        put_varint(out, body.len() as u64);
        out.extend(body);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, StoreError> {
        let damaged = |error| failure::unreadable("of a large write", error);
        let odd = || failure::odd("part of a large write");
        if input.u8().map_err(damaged)? == MERGE {
            let page = PageId::of(input.subject().map_err(damaged)?);
            let bytes = input.bytes().map_err(damaged)?.to_vec();
            return Ok(Self { page, work: Work::Merge(Packed::read(page, bytes)?) });
        }
        let mut body = input.bytes().map_err(damaged)?;
        let mut changes = Vec::new();
        while let Some((&kind, rest)) = body.split_first() {
            body = rest;
            let (subject, listing) = codec::read_record(&mut body).map_err(damaged)?;
            let said = listing.sightings().first();
            changes.push(match (kind, said) {
                (MERGE, _) => Change::Merge(subject, listing),
                (DELETE, _) => Change::Delete(subject),
                (WITHDRAW, _) => Change::Withdraw(subject),
                (RESTATE, Some(said)) => Change::Restate(subject, said.feed.clone(), Some(said.clone())),
                (UNSTATE, Some(said)) => Change::Restate(subject, said.feed.clone(), None),
                _ => return Err(odd()),
            });
        }
        let page = PageId::of(changes.first().ok_or_else(odd)?.subject());
        Ok(Self { page, work: Work::Each(changes) })
    }
}

impl Part {
    /// Bytes from which any process can carry the part out.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.shard as u8];
        self.pages.iter().for_each(|page| page.write(&mut bytes));
        bytes
    }

    /// Reads [`Part::to_bytes`].
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let (&shard, rest) = bytes.split_first().ok_or_else(|| failure::odd("part of a large write"))?;
        let mut input = Input::new(rest);
        let mut pages = Vec::new();
        while !input.is_empty() {
            pages.push(PageChange::read(&mut input)?);
        }
        Ok(Self { shard: shard.into(), pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listing::{Sighting, UnixTime};

    fn seen(text: &str, feed: &str) -> Change {
        let sighting =
            Sighting::new(feed.parse().unwrap_or_else(|e| panic!("{e}")), UnixTime(1), UnixTime(2), 3);
        Change::Merge(text.parse().unwrap_or_else(|e| panic!("{text}: {e}")), Listing::seen(sighting))
    }

    #[test]
    fn parts_come_back_and_cuts_are_refused() {
        let text = "+447400123456";
        let subject = text.parse().unwrap_or_else(|e| panic!("{e}"));
        let (gone, undecided) = (Change::Delete(subject), Change::Withdraw(subject));
        let (one, more) = (seen("+12025550123", "b"), seen("+4477*", "a"));
        let changes = vec![one, seen(text, "a"), gone, seen(text, "b"), undecided, more];
        for part in parts(changes) {
            let bytes = part.to_bytes();
            assert_eq!(Part::read(&bytes).unwrap_or_else(|e| panic!("{e}")), part);
            assert!(Part::read(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn a_part_fits_one_script_and_no_page_is_cut() {
        let changes: Vec<_> = (0..20_000).map(|i| seen(&format!("+4474{:08}", i * 397), "a")).collect();
        let parts = parts(changes);
        assert!(parts.iter().all(|part| part.pages.len() <= LARGEST.1));
        let mut pages: Vec<_> = parts.iter().flat_map(|part| &part.pages).map(|page| page.page).collect();
        let listings: usize = parts.iter().flat_map(|part| &part.pages).map(PageChange::listings).sum();
        let count = pages.len();
        pages.sort_unstable();
        pages.dedup();
        assert_eq!((pages.len(), listings), (count, 20_000));
    }
}
