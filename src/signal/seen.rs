//! The number or its range was seen by feeds: weight by age, ceiling by confirmation.

use crate::index::{Index, RangeEntry, Seen};
use crate::listing::{ReasonCode, UnixTime};

use super::{Context, Decay, Evidence, Fact, Weights};

/// The number itself was seen on public-inbox sites. Whoever proved to hold it long after the last
/// sighting is likely its next holder, so the sighting weighs less; a proof from before the sighting
/// speaks of a former holder and changes nothing.
pub(super) fn number<'a>(
    index: &'a Index,
    weights: &Weights,
    seen: Seen,
    context: &Context,
    now: UnixTime,
) -> Fact<'a> {
    let provenance = index.provenance(seen);
    let mut probability = aged(&weights.public_inbox, seen, now);
    let mut verified = None;
    if let (Some(day), Some(since)) = (context.last_verified, &weights.verified_since)
        && seen.last.days_until(day) >= since.after_days.max(1)
    {
        probability *= since.keep;
        verified = Some(day);
    }
    Fact {
        code: ReasonCode::PublicInbox,
        probability,
        // One glance of one feed may be an invented number: challenge its owner, do not block him.
        blocking: if provenance.confirmed { probability } else { 0.0 },
        shadow: false,
        evidence: Evidence::Seen { provenance, first: seen.first, last: seen.last, range: None, verified },
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
        evidence: Evidence::Seen {
            provenance,
            first: seen.first,
            last: seen.last,
            range: Some(entry.range),
            verified: None,
        },
    })
}

fn aged(decay: &Decay, seen: Seen, now: UnixTime) -> f32 {
    decay.probability(seen.last.days_until(now.day()))
}
