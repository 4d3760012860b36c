//! The number or its range was seen by feeds: weight by age, ceiling by confirmation.

use crate::index::{Index, RangeEntry, Seen};
use crate::listing::{ReasonCode, UnixTime};

use super::{Decay, Evidence, Fact, Weights};

/// The number itself was seen on public-inbox sites.
pub(super) fn number<'a>(index: &'a Index, weights: &Weights, seen: Seen, now: UnixTime) -> Fact<'a> {
    let provenance = index.provenance(seen);
    let probability = aged(&weights.public_inbox, seen, now);
    Fact {
        code: ReasonCode::PublicInbox,
        probability,
        // One glance of one feed may be an invented number: challenge its owner, do not block him.
        blocking: if provenance.confirmed { probability } else { 0.0 },
        shadow: false,
        evidence: Evidence::Seen { provenance, first: seen.first, last: seen.last, range: None },
    }
}

/// A range around the number was reported by feeds.
pub(super) fn range<'a>(
    index: &'a Index,
    weights: &Weights,
    entry: &'a RangeEntry,
    now: UnixTime,
) -> Option<Fact<'a>> {
    let seen = entry.seen?;
    let provenance = index.provenance(seen);
    let probability = aged(&weights.listed_range, seen, now);
    Some(Fact {
        code: ReasonCode::ListedRange,
        probability,
        blocking: if provenance.confirmed { probability } else { 0.0 },
        shadow: false,
        evidence: Evidence::Seen { provenance, first: seen.first, last: seen.last, range: Some(entry.range) },
    })
}

fn aged(decay: &Decay, seen: Seen, now: UnixTime) -> f32 {
    decay.probability(seen.last.days_until(now.day()))
}
