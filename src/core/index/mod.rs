//! The index: everything a verdict needs to know about listed numbers and ranges, in memory.
//!
//! Immutable: a change makes a new [`Index`] that shares the large parts with the old one, and
//! [`Published`] swaps it in. Must not do I/O on a look-up, and must not decide anything.

mod blocks;
mod build;
mod census;
mod digests;
mod file;
mod numbers;
mod overlay;
mod position;
mod provenance;
mod published;
mod ranges;
mod spans;
mod verified;

use std::sync::Arc;

use crate::core::allocation::{Allocated, Allocations};
use crate::core::listing::{Action, Day, Decision, UnixTime};
use crate::core::number::{self, Number};

pub(crate) use numbers::LONGEST_AGE;

pub use blocks::{AGES, BLOCK_SIZES, BlockCount, BlockWeight, BlockWeights, Fading};
pub use build::Builder;
pub use census::Census;
pub use file::SnapshotError;
pub use position::{Mark, Position};
pub use provenance::Provenance;
pub use published::{Guard, Published};
pub use ranges::{RangeEntry, Ranges};
pub use verified::VerifiedLimits;

use numbers::Numbers;
use overlay::Overlay;
use provenance::Provenances;
use verified::Verified;

/// When a subject was seen, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Earliest day over all feeds.
    pub first: Day,
    /// Latest day over all feeds.
    pub last: Day,
    /// The day of the second independent sighting ([`Listing::corroborated_on`](crate::core::listing::Listing)),
    /// in the tables up to seven days earlier, and lacking if it is long before the last.
    corroborated: Option<Day>,
    /// The latest day without what only one client reported
    /// ([`Listing::seen_by_more_than_one_client`](crate::core::listing::Listing)).
    without_lone_report: Option<Day>,
    /// Resolved by [`Index::provenance`].
    provenance: u16,
}

impl Seen {
    /// The latest day without what only one client reported; the latest of all if nobody else saw it.
    pub fn last_of_others(&self) -> Day {
        self.without_lone_report.unwrap_or(self.last)
    }
}

/// What the index knows about one number.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Feeds saw the number itself.
    pub seen: Option<Seen>,
    /// An operator decided about the number itself.
    pub decision: Option<&'a Decision>,
    /// The most specific range in force that an operator allowed.
    pub range_allowed: Option<&'a RangeEntry>,
    /// The most specific range in force that an operator blocked.
    pub range_blocked: Option<&'a RangeEntry>,
    /// The most specific range that feeds reported.
    pub range_seen: Option<&'a RangeEntry>,
    /// Who holds the number's range, or that nobody does.
    pub allocated: Option<Allocated<'a>>,
}

/// How much the index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexStats {
    /// Listed numbers.
    pub numbers: u64,
    /// Listed ranges.
    pub ranges: u64,
    /// Bytes of memory of the tables.
    pub bytes: u64,
    /// Changes waiting in the overlay for the next rebuild.
    pub overlay: u64,
}

/// An immutable index: large tables, and a small overlay of what changed since they were built.
#[derive(Debug, Clone, Default)]
pub struct Index {
    numbers: Arc<Numbers>,
    decisions: Arc<Vec<(Number, Decision)>>,
    ranges: Arc<Ranges>,
    provenances: Arc<Provenances>,
    allocations: Arc<Allocations>,
    verified: Verified,
    overlay: Overlay,
    position: Position,
    revision: u64,
}

impl Index {
    /// Looks up one number. Expired decisions do not count.
    #[inline]
    pub fn find(&self, number: Number, now: UnixTime) -> Found<'_> {
        let (seen, decision) = match self.overlay.get(number) {
            Some(entry) => (entry.seen, entry.decision.as_deref()),
            None => (self.numbers.get(number), self.base_decision(number)),
        };
        Found {
            seen,
            decision: decision.filter(|decision| decision.in_force(now)),
            range_allowed: self.ranges.decided(number, Action::Allow, now),
            range_blocked: self.ranges.decided(number, Action::Block, now),
            range_seen: self.ranges.seen(number),
            allocated: self.allocated(number),
        }
    }

    fn base_decision(&self, number: Number) -> Option<&Decision> {
        let at = self.decisions.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.decisions.get(at).map(|(_, decision)| decision)
    }

    /// What the other listed numbers around `number` are worth.
    pub fn block_weights(&self, number: Number, fading: &Fading) -> BlockWeights {
        self.overlay.weigh(number, fading, &self.numbers)
    }

    /// Counts the other listed numbers in the block of `BLOCK_SIZES[at]` around `number`.
    pub fn block_count(&self, number: Number, at: usize, fading: &Fading) -> BlockCount {
        self.overlay.count(number, at, fading, &self.numbers)
    }

    /// How many numbers of the 1,000 around `number` count as verified by people who hold them.
    pub fn verified(&self, number: Number, limits: &VerifiedLimits) -> u32 {
        self.verified.count(number, limits)
    }

    /// The feeds behind a [`Seen`].
    pub fn provenance(&self, seen: Seen) -> &Provenance {
        self.provenances.get(seen.provenance)
    }

    /// This index with other allocations.
    pub fn with_allocations(self, allocations: Arc<Allocations>) -> Self {
        Self { allocations, ..self }
    }

    /// What regulators' files say of ranges.
    pub fn allocations(&self) -> &Arc<Allocations> {
        &self.allocations
    }

    /// Who holds the number's range, or that nobody does: by the regulator's file if one is loaded that
    /// speaks of it, else by the names that are shipped.
    #[inline]
    fn allocated(&self, number: Number) -> Option<Allocated<'_>> {
        let by_file = self.allocations.find(number);
        by_file.or_else(|| number::holder(number).map(Allocated::To))
    }

    /// The 10,000-blocks that hold a number which feeds saw, as their first digits, ascending.
    pub fn listed_blocks(&self) -> Vec<u64> {
        let changed = self.overlay.entries().iter().filter(|entry| entry.seen.is_some());
        let changed = changed.map(|entry| entry.number.key() / numbers::BLOCK);
        let mut blocks: Vec<u64> = self.numbers.blocks().chain(changed).collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    /// Listed ranges.
    pub fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Up to which change the index is complete.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Increases with every published change of this process.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Listed numbers that no feed saw.
    fn decided_only(&self) -> impl Iterator<Item = Number> + '_ {
        let base = self.decisions.iter().map(|(number, _)| *number);
        let base = base.filter(|&n| self.overlay.get(n).is_none() && self.numbers.get(n).is_none());
        let changed = self.overlay.entries().iter().filter(|e| e.decision.is_some() && e.seen.is_none());
        base.chain(changed.map(|entry| entry.number))
    }

    /// Numbers that were verified, and that neither a feed saw nor an operator decided about.
    fn verified_only(&self) -> impl Iterator<Item = Number> + '_ {
        self.verified.numbers().into_iter().filter(|&number| match self.overlay.get(number) {
            Some(entry) => entry.seen.is_none() && entry.decision.is_none(),
            None => self.numbers.get(number).is_none() && self.base_decision(number).is_none(),
        })
    }

    /// Counts and bytes.
    pub fn stats(&self) -> IndexStats {
        let decisions = self.decisions.len() * size_of::<(Number, Decision)>();
        IndexStats {
            numbers: self.overlay.count_with(&self.numbers)
                + (self.decided_only().count() + self.verified_only().count()) as u64,
            ranges: self.ranges.len() as u64,
            bytes: (self.numbers.bytes()
                + decisions
                + self.ranges.bytes()
                + self.overlay.bytes()
                + self.allocations.bytes()
                + self.verified.bytes()) as u64,
            overlay: self.overlay.len() as u64,
        }
    }
}
