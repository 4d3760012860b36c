//! What a run would change: its rows against what is stored.
//!
//! Must not write. Numbers under an operator's allow listing are left out.

use std::collections::HashSet;

use crate::core::listing::{Action, FeedName, Listing, Sighting, Subject, UnixTime};
use crate::core::number::{Number, Range};
use crate::feed::Definition;
use crate::store::{ListingStore, StoreError};

use super::judge::{self, Row, Said};

/// Subjects of one question to the store.
const BATCH: usize = 10_000;

/// What a run would change.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Number, what the feed said before, and what it says now.
    pub(super) changes: Vec<(Number, Option<Sighting>, Sighting)>,
    /// Numbers that the feed never had before.
    pub(super) new: Vec<Number>,
    /// How many it had.
    pub(super) again: u64,
    /// How many of the stored run before are not there.
    pub(super) gone: u64,
    /// How many are under an allow listing.
    pub(super) allowed: u64,
    /// All numbers of the run that count.
    pub(super) present: Vec<Number>,
}

impl Plan {
    /// How many numbers count.
    pub(super) fn rows(&self) -> u64 {
        self.present.len() as u64
    }
}

/// The name under which the sightings of a feed are kept: one that tells its group
/// (see [`FeedName::family`]).
pub(super) fn sighting_name(definition: &Definition) -> FeedName {
    let (name, group) = (&definition.name, &definition.group);
    if name.family() == group.family() {
        return name.clone();
    }
    // Too long for both: the group alone. Then the evidence does not tell the site.
    format!("{group}__{name}").parse().unwrap_or_else(|_| group.clone())
}

/// Compares `rows`, in order of number, with the store. `previous` are the numbers of the stored run
/// before, in order; `said_by` is which run says it.
pub(super) async fn plan(
    store: &dyn ListingStore,
    definition: &Definition,
    rows: &[Row],
    previous: &[Number],
    said_by: Said,
    now: UnixTime,
) -> Result<Plan, StoreError> {
    let feed = sighting_name(definition);
    let allowed = allowed_ranges(store, now).await?;
    let mut plan = Plan::default();
    for rows in rows.chunks(BATCH) {
        let subjects = rows.iter().map(|row| Subject::Number(row.number)).collect();
        for (row, listing) in rows.iter().zip(store.get(subjects).await?) {
            let covered = allowed.iter().any(|range| range.contains(row.number));
            if covered || listing.as_ref().is_some_and(|listing| allows(listing, now)) {
                plan.allowed += 1;
                continue;
            }
            plan.present.push(row.number);
            let before = said(listing.as_ref(), &feed);
            match before {
                Some(_) => plan.again += 1,
                None => plan.new.push(row.number),
            }
            if let Some(after) = judge::sighting(&feed, definition.trust, before, row, said_by) {
                plan.changes.push((row.number, before.cloned(), after));
            }
        }
    }
    let present: HashSet<Number> = plan.present.iter().copied().collect();
    plan.gone = previous.iter().filter(|number| !present.contains(number)).count() as u64;
    Ok(plan)
}

/// The rows that a page that is as it was stands for: numbers that the last run saw itself.
pub(super) async fn seen_again(
    store: &dyn ListingStore,
    feed: &FeedName,
    previous: &[Number],
    last_run: UnixTime,
    now: UnixTime,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for numbers in previous.chunks(BATCH) {
        let subjects = numbers.iter().copied().map(Subject::Number).collect();
        for (number, listing) in numbers.iter().zip(store.get(subjects).await?) {
            // One that the page gave an older time has that time still.
            let said = said(listing.as_ref(), feed).filter(|sighting| sighting.last_seen >= last_run);
            rows.extend(said.map(|said| Row { number: *number, last: now, dated: false, state: said.state }));
        }
    }
    Ok(rows)
}

/// Every subject in which the feed says something.
pub(super) async fn all_said(store: &dyn ListingStore, feed: &FeedName) -> Result<Vec<Subject>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let listings = store.scan(after, BATCH).await?;
        let Some((last, _)) = listings.last() else { return Ok(found) };
        after = Some(*last);
        let said = listings.iter().filter(|(_, listing)| said(Some(listing), feed).is_some());
        found.extend(said.map(|(subject, _)| *subject));
    }
}

fn said<'a>(listing: Option<&'a Listing>, feed: &FeedName) -> Option<&'a Sighting> {
    listing?.sightings().iter().find(|sighting| sighting.feed == *feed)
}

fn allows(listing: &Listing, now: UnixTime) -> bool {
    listing.decision().is_some_and(|decision| decision.action == Action::Allow && decision.in_force(now))
}

/// Ranges under an allow listing: all ranges sort after the numbers.
async fn allowed_ranges(store: &dyn ListingStore, now: UnixTime) -> Result<Vec<Range>, StoreError> {
    let mut after = Number::from_digits(999_999_999_999_999).ok().map(Subject::Number);
    let mut ranges = Vec::new();
    loop {
        let listings = store.scan(after, BATCH).await?;
        let Some((last, _)) = listings.last() else { return Ok(ranges) };
        after = Some(*last);
        ranges.extend(listings.iter().filter(|(_, listing)| allows(listing, now)).filter_map(
            |(subject, _)| match subject {
                Subject::Range(range) => Some(*range),
                Subject::Number(_) => None,
            },
        ));
    }
}
