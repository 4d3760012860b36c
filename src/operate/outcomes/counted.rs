//! From outcomes that count to what a client says about a number: one fold, for reports and undos.

use crate::core::listing::{FeedName, Report, Sighting, UnixTime};
use crate::store::{Counted, Outcome, OutcomeKind};

/// What an outcome counts as; `None`: it does not count.
pub(super) fn as_report(outcome: &Outcome) -> Option<Report> {
    match (outcome.kind, outcome.counted) {
        (_, Counted::No) | (OutcomeKind::FalsePositive, _) => None,
        (OutcomeKind::AbuseConfirmed, _) => Some(Report::Abuse),
        (OutcomeKind::Verified, Counted::Normal) => Some(Report::Verified),
        (OutcomeKind::Verified, Counted::High) => Some(Report::Vouched),
    }
}

/// What the client says after one more outcome. The times are the server's: a client's own word about
/// the past is no evidence. One of normal trust never spans any time, so it never confirms alone.
pub(super) fn told(before: Option<&Sighting>, feed: &FeedName, at: UnixTime, counted: Counted) -> Sighting {
    let Some(before) = before else { return Sighting::new(feed.clone(), at, at, 1) };
    let last_seen = before.last_seen.max(at);
    let first_seen = match counted {
        Counted::High => before.first_seen.min(at),
        _ => last_seen,
    };
    Sighting::new(feed.clone(), first_seen, last_seen, before.count.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_high_trust_spans_time() {
        let feed = FeedName::of_client("acme", Report::Abuse);
        let after = |counted: Counted| {
            let told = [10, 5_000, 9_000].into_iter().fold(None, |before: Option<Sighting>, at| {
                Some(told(before.as_ref(), &feed, UnixTime(at), counted))
            });
            told.map(|told| (told.first_seen.0, told.last_seen.0, told.count))
        };
        assert_eq!(after(Counted::Normal), Some((9_000, 9_000, 3)));
        assert_eq!(after(Counted::High), Some((10, 9_000, 3)));
    }
}
