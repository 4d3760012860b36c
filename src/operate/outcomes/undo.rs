//! Undo: all that one client reported within some time, as if it had never been.

use std::collections::BTreeMap;

use crate::core::listing::{FeedName, Report, Subject, UnixTime};
use crate::core::number::Number;
use crate::store::{Change, Outcome, OutcomeId, OutcomeKind, StoreError};

use super::counted::as_report;
use super::report::fold;
use super::{Outcomes, Undone};

/// Outcomes read at once.
const PAGE: usize = 1_000;

/// Which outcomes are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Which {
    /// Of this client; of all, if empty.
    pub client: String,
    /// About this number; about all, if absent.
    pub number: Option<Number>,
    /// Reported at this time or later.
    pub since: UnixTime,
    /// Reported at this time or earlier.
    pub until: Option<UnixTime>,
}

impl Which {
    fn is(&self, outcome: &Outcome) -> bool {
        (self.client.is_empty() || self.client == outcome.client)
            && self.number.is_none_or(|number| number == outcome.number)
            && outcome.reported_at >= self.since
            && self.until.is_none_or(|until| outcome.reported_at <= until)
    }
}

impl Outcomes {
    /// Up to `limit` outcomes, oldest report first, and whether there are more.
    pub async fn list(&self, which: &Which, limit: usize) -> Result<(Vec<Outcome>, bool), StoreError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.outcomes(after, PAGE).await?;
            after = page.last().map(|(id, _)| *id);
            let is_last = page.len() < PAGE;
            found.extend(page.into_iter().map(|(_, outcome)| outcome).filter(|outcome| which.is(outcome)));
            if is_last || found.len() > limit {
                let more = found.len() > limit;
                found.truncate(limit);
                return Ok((found, more));
            }
        }
    }

    /// Undoes what a client reported, or only tells what that would do. What the client reported
    /// before and after stays, as far as it is still kept.
    pub async fn undo(&self, which: &Which, dry_run: bool) -> Result<Undone, StoreError> {
        let (mut gone, mut kept) = (Vec::<(OutcomeId, Outcome)>::new(), Vec::new());
        let mut after = None;
        loop {
            let page = self.store.outcomes(after, PAGE).await?;
            after = page.last().map(|(id, _)| *id);
            let is_last = page.len() < PAGE;
            for (id, outcome) in page.into_iter().filter(|(_, outcome)| outcome.client == which.client) {
                if which.is(&outcome) { gone.push((id, outcome)) } else { kept.push(outcome) }
            }
            if is_last {
                break;
            }
        }
        let mut left: BTreeMap<(Number, Report), Vec<&Outcome>> = BTreeMap::new();
        for (_, outcome) in &gone {
            as_report(outcome).map(|report| left.entry((outcome.number, report)).or_default());
        }
        for outcome in &kept {
            let key = as_report(outcome).map(|report| (outcome.number, report));
            if let Some(outcomes) = key.and_then(|key| left.get_mut(&key)) {
                outcomes.push(outcome);
            }
        }
        let numbers = left.keys().map(|(number, _)| number).collect::<std::collections::BTreeSet<_>>().len();
        let mut undone = Undone { outcomes: gone.len() as u64, numbers: numbers as u64, position: None };
        if dry_run || gone.is_empty() {
            return Ok(undone);
        }
        let change = |((number, report), outcomes): ((Number, Report), Vec<&Outcome>)| {
            let feed = FeedName::of_client(&which.client, report);
            let says = fold(None, &feed, outcomes.into_iter());
            Change::Restate(Subject::Number(number), feed, says)
        };
        let changes: Vec<Change> = left.into_iter().map(change).collect();
        undone.position = Some(self.store.apply(changes).await?.position);
        for (_, outcome) in gone.iter().filter(|(_, outcome)| outcome.kind == OutcomeKind::FalsePositive) {
            self.take_from_review(outcome).await?;
        }
        self.store.forget_outcomes(gone.into_iter().map(|(id, _)| id).collect()).await?;
        Ok(undone)
    }
}
