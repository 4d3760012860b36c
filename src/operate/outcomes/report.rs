//! A report: kept first, then what counts of it becomes sightings, within the client's daily limit.

use std::collections::BTreeMap;

use crate::core::listing::{FeedName, Listing, Report, Sighting, Subject, UnixTime};
use crate::core::number::Number;
use crate::store::notes::{self, NoteEdit};
use crate::store::{Change, Counted, Outcome, OutcomeId, OutcomeKind, StoreError};

use super::counted::{as_report, told};
use super::{ClientTrust, Outcomes, Reported};

/// Tries to write a note that others write too.
const TRIES: usize = 20;

/// For each outcome that may count per client and day, so many that do not count are kept.
const OTHERS: u32 = 10;

/// Old outcomes that one report clears away at most.
const CLEARED: usize = 1_000;

/// What one report was granted, and what the client has used of its day with it.
struct Today {
    granted: u32,
    kept: u32,
    used: u32,
    others: u32,
}

impl Outcomes {
    /// Takes in what `client` reports at `now`.
    pub async fn report(
        &self,
        client: &str,
        mut outcomes: Vec<Outcome>,
        now: UnixTime,
    ) -> Result<Reported, StoreError> {
        self.mark(client, &mut outcomes, now).await?;
        self.store.report(outcomes.clone()).await?;
        for outcome in outcomes.iter().filter(|outcome| outcome.kind == OutcomeKind::FalsePositive) {
            self.open_review(outcome).await?;
        }
        let changes = self.changes(client, &outcomes).await?;
        let counted = outcomes.iter().filter(|outcome| as_report(outcome).is_some()).count() as u32;
        let position =
            if changes.is_empty() { None } else { Some(self.store.apply(changes).await?.position) };
        self.clear_old(now).await?;
        Ok(Reported { stored: outcomes.len() as u32, counted, position })
    }

    /// Tells of each outcome whether it counts: by trust, by whether it can matter, by the day's limit.
    /// Those that do not are kept up to a limit too, or one client could drive out what others reported.
    async fn mark(&self, client: &str, outcomes: &mut Vec<Outcome>, now: UnixTime) -> Result<(), StoreError> {
        let counted = match self.options.trust_of(client) {
            ClientTrust::Low => Counted::No,
            ClientTrust::Normal => Counted::Normal,
            ClientTrust::High => Counted::High,
        };
        let all = outcomes.len();
        let counts = |outcome: &Outcome| counted != Counted::No && self.matters(outcome, now);
        let candidates: Vec<&mut Outcome> = outcomes.iter_mut().filter(|outcome| counts(outcome)).collect();
        let (granted, mut kept) = self.grant(client, candidates.len() as u32, all as u32, now).await?;
        candidates.into_iter().take(granted as usize).for_each(|outcome| outcome.counted = counted);
        outcomes.retain(|outcome| {
            let stays = outcome.counted != Counted::No || kept > 0;
            kept -= u32::from(stays && outcome.counted == Counted::No);
            stays
        });
        Ok(())
    }

    /// Whether an outcome can change anything. A verified number matters only where listed numbers
    /// stand around it: so verifications can neither fill the store nor whitewash a range in advance.
    fn matters(&self, outcome: &Outcome, now: UnixTime) -> bool {
        match outcome.kind {
            OutcomeKind::FalsePositive => false,
            OutcomeKind::AbuseConfirmed => true,
            OutcomeKind::Verified => {
                let fading = self.policies.load().usual().weights.inferred_range.fading(now.day());
                let around = self.published.load().block_weights(outcome.number, &fading);
                around.iter().any(|weight| weight.seen > 0)
            }
        }
    }

    /// How many of `wanted` outcomes of a client may still count today, and how many of the others of
    /// `all` are kept.
    async fn grant(
        &self,
        client: &str,
        wanted: u32,
        all: u32,
        now: UnixTime,
    ) -> Result<(u32, u32), StoreError> {
        if all == 0 {
            return Ok((0, 0));
        }
        let name = format!("outcomes.today:{}", FeedName::of_client(client, Report::Abuse));
        let most = self.options.per_day.saturating_mul(OTHERS);
        let updated = notes::update(self.store.as_ref(), &name, None, TRIES, |known| {
            let (used, others) = known.map_or((0, 0), |text| used(text, now));
            let granted = wanted.min(self.options.per_day.saturating_sub(used));
            let kept = (all - granted).min(most.saturating_sub(others));
            let today = Today { granted, kept, used: used + granted, others: others + kept };
            let text = format!("{} {} {}", now.day().0, today.used, today.others).into_bytes();
            Ok::<_, StoreError>(NoteEdit::Write(text, today))
        });
        let busy = || StoreError::Unavailable("others report for this client at the same time".to_owned());
        let today = updated.await.map_err(|error| error.or_conflict(busy))?;
        // Logged for the report that reaches a limit, and not for all that come after it.
        if today.granted > 0 && today.used == self.options.per_day {
            tracing::warn!(client, limit = today.used, "a client has reached its outcomes of today");
        }
        if today.kept > 0 && today.others == most {
            let why = "no more is kept today of what a client reports and changes nothing";
            tracing::warn!(client, limit = most, "{why}");
        }
        Ok((today.granted, today.kept))
    }

    /// What the client now says about each number.
    async fn changes(&self, client: &str, outcomes: &[Outcome]) -> Result<Vec<Change>, StoreError> {
        let mut by_number: BTreeMap<(Number, Report), Vec<&Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            if let Some(report) = as_report(outcome) {
                by_number.entry((outcome.number, report)).or_default().push(outcome);
            }
        }
        let subjects = by_number.keys().map(|(number, _)| Subject::Number(*number)).collect();
        let listings = self.store.get(subjects).await?;
        let change = |(((number, report), outcomes), listing): ((_, Vec<&Outcome>), Option<Listing>)| {
            let feed = FeedName::of_client(client, report);
            let sightings = listing.as_ref().map(|listing| listing.sightings()).unwrap_or_default();
            let before = sightings.iter().find(|sighting| sighting.feed == feed).cloned();
            Change::Restate(Subject::Number(number), feed.clone(), fold(before, &feed, outcomes.into_iter()))
        };
        Ok(by_number.into_iter().zip(listings).map(change).collect())
    }

    /// Forgets what is too old or too much. What was verified goes with its outcome; reported abuse
    /// fades like any sighting.
    async fn clear_old(&self, now: UnixTime) -> Result<(), StoreError> {
        let count = self.store.outcome_count().await?;
        let too_many = usize::try_from(count.saturating_sub(self.options.keep)).unwrap_or(CLEARED);
        let too_old = now.0.saturating_sub(self.options.keep_days.saturating_mul(86_400));
        let oldest = self.store.outcomes(None, CLEARED.min(too_many.max(1))).await?;
        let gone = oldest.into_iter().enumerate();
        let gone = gone.filter(|(at, (_, outcome))| *at < too_many || outcome.reported_at.0 < too_old);
        let gone: Vec<(OutcomeId, Outcome)> = gone.map(|(_, gone)| gone).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let verified = gone.iter().filter(|(_, outcome)| outcome.kind == OutcomeKind::Verified);
        let verified: Vec<(&Outcome, FeedName)> = verified
            .filter_map(|(_, outcome)| {
                Some((outcome, FeedName::of_client(&outcome.client, as_report(outcome)?)))
            })
            .collect();
        let subjects = verified.iter().map(|(outcome, _)| Subject::Number(outcome.number)).collect();
        let listings = self.store.get(subjects).await?;
        let mut changes = Vec::new();
        for ((outcome, feed), listing) in verified.into_iter().zip(listings) {
            let sightings = listing.as_ref().map(|listing| listing.sightings()).unwrap_or_default();
            let mut mine = sightings.iter().filter(|sighting| sighting.feed == feed);
            if mine.any(|sighting| sighting.last_seen <= outcome.reported_at) {
                changes.push(Change::Restate(Subject::Number(outcome.number), feed, None));
            }
        }
        self.store.apply(changes).await?;
        self.store.forget_outcomes(gone.into_iter().map(|(id, _)| id).collect()).await
    }
}

/// What a client says about a number, given what it said and what came since.
pub(super) fn fold<'a>(
    before: Option<Sighting>,
    feed: &FeedName,
    outcomes: impl Iterator<Item = &'a Outcome>,
) -> Option<Sighting> {
    outcomes.fold(before, |before, outcome| {
        Some(told(before.as_ref(), feed, outcome.reported_at, outcome.counted))
    })
}

/// How many outcomes of today count by a note, and how many others are kept.
fn used(text: &[u8], now: UnixTime) -> (u32, u32) {
    let mut words =
        std::str::from_utf8(text).unwrap_or_default().split(' ').map(|word| word.parse::<u32>().unwrap_or(0));
    let mut next = || words.next().unwrap_or(0);
    if next() == u32::from(now.day().0) { (next(), next()) } else { (0, 0) }
}
