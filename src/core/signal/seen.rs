//! The number or its range was seen by feeds: weight by age, ceiling by confirmation.

use crate::core::index::{Index, RangeEntry, Seen};
use crate::core::listing::{Confirmation, Day, ReasonCode, UnixTime};

use super::{Context, Evidence, Fact, Weights};

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
    let fades = |day: Day| weights.public_inbox.probability(day.days_until(now.day()));
    let mut keep = 1.0;
    let mut verified = None;
    if let (Some(day), Some(since)) = (context.last_verified, &weights.verified_since)
        && seen.last.days_until(day) >= since.after_days.max(1)
    {
        keep = since.keep;
        verified = Some(day);
    }
    Fact {
        code: ReasonCode::PublicInbox,
        probability: keep * fades(seen.last),
        blocking: match provenance.confirmed {
            // One look of one feed may be an invented number: challenge its owner, do not block him.
            Confirmation::None => 0.0,
            // One client may report an old public number, which somebody else has by now: its report makes the
            // sighting no fresher.
            Confirmation::Independent => keep * fades(seen.last_of_others()),
            Confirmation::TrustedClient => keep * fades(seen.last),
        },
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
    let probability = weights.listed_range.probability(seen.last.days_until(now.day()));
    Some(Fact {
        code: ReasonCode::ListedRange,
        probability,
        blocking: if provenance.confirmed > Confirmation::None { probability } else { 0.0 },
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
