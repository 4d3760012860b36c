//! What operators do about clients' reports: look at them, undo them, decide reviews.
//!
//! What an operator undoes or decides is on record before the store is changed.

use crate::core::listing::{Decision, Subject};
use crate::core::number::Number;
use crate::store::Outcome;

use super::super::audit::{Asked, Order, Verb};
use super::super::{LONGEST_REASON, OperateError, Pipeline, Seen, at_most};
use super::{Outcomes, Review, Which};

/// Outcomes of one answer: the most, and when no number is asked for.
const LIMIT: (u32, u32) = (10_000, 1_000);

/// Orders of operators about outcomes. Clones are the same one.
#[derive(Clone)]
pub struct OutcomeOrders {
    outcomes: Outcomes,
    pipeline: Pipeline,
    seen: Seen,
}

/// A review that was open when an operator came to decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenReview(Number);

/// What an undo did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndoneOutcomes {
    /// Outcomes that are forgotten.
    pub outcomes: u64,
    /// Numbers of which the client now says something else, or nothing.
    pub numbers: u64,
    /// The index from which on checks see it.
    pub revision: u64,
}

impl OutcomeOrders {
    /// Orders about `outcomes` go through `pipeline`; `seen` knows when checks see what they changed.
    pub fn new(outcomes: Outcomes, pipeline: Pipeline, seen: Seen) -> Self {
        Self { outcomes, pipeline, seen }
    }

    /// The pipeline that requests go through.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Up to `limit` outcomes, oldest report first, and whether there are more.
    pub async fn list(&self, which: &Which, limit: usize) -> Result<(Vec<Outcome>, bool), OperateError> {
        Ok(self.outcomes.list(which, limit).await?)
    }

    /// Open reviews, the oldest first.
    pub async fn reviews(&self) -> Result<Vec<Review>, OperateError> {
        Ok(self.outcomes.reviews().await?)
    }

    /// Undoes what a client reported; a trial only answers what that would do.
    pub async fn undo(
        &self,
        asked: Asked,
        which: Which,
        dry_run: bool,
    ) -> Result<UndoneOutcomes, OperateError> {
        if which.client.is_empty() {
            let expected = "is required: what one client reported is undone at a time";
            return Err(OperateError::invalid("filter.client", expected));
        }
        let before = in_words(&which);
        let outcomes = self.outcomes.clone();
        let undo = async move {
            let undone = outcomes.undo(&which, dry_run).await?;
            let after = format!("{} undone, changing {} numbers", undone.outcomes, undone.numbers);
            Ok((undone, after))
        };
        let undone = if dry_run {
            undo.await?.0
        } else {
            let order = Order { verb: Verb::UndoOutcomes, feed: String::new(), run: None, before };
            self.pipeline.order(asked, order, undo).await?
        };
        let revision = self.seen.revision(undone.position.as_ref()).await;
        Ok(UndoneOutcomes { outcomes: undone.outcomes, numbers: undone.numbers, revision })
    }

    /// The review of a number, if it is open.
    pub async fn open(&self, number: Number) -> Result<OpenReview, OperateError> {
        let open = self.outcomes.reviews().await?;
        if !open.iter().any(|review| review.number == number) {
            return Err(OperateError::not_found("no review of this number is open"));
        }
        Ok(OpenReview(number))
    }

    /// Accepts a review by an allow listing, or dismisses it, and closes it. Answers the revision from which
    /// on checks see the listing.
    pub async fn decide(
        &self,
        asked: Asked,
        OpenReview(number): OpenReview,
        allow: Option<Decision>,
        reason: String,
    ) -> Result<u64, OperateError> {
        let verb = if allow.is_some() { Verb::AcceptReview } else { Verb::DismissReview };
        let position = match allow {
            Some(decision) => {
                Some(self.pipeline.decide(asked.clone(), Subject::Number(number), decision).await?)
            }
            None => None,
        };
        let outcomes = self.outcomes.clone();
        let close = async move {
            outcomes.close_review(number).await?;
            Ok(((), reason))
        };
        let before = format!("review of {}", number.as_e164());
        let order = Order { verb, feed: String::new(), run: None, before };
        self.pipeline.order(asked, order, close).await?;
        Ok(self.seen.revision(position.as_ref()).await)
    }
}

/// How many outcomes an answer has at most, if so many are asked for; 0 means the default.
pub fn limit(asked: u32) -> Result<usize, OperateError> {
    match asked {
        0 => Ok(LIMIT.1 as usize),
        limit if limit <= LIMIT.0 => Ok(limit as usize),
        limit => Err(OperateError::invalid("limit", format!("is {limit}: expected at most {}", LIMIT.0))),
    }
}

/// Refuses a reason that is too long.
pub fn check_reason(reason: &str) -> Result<(), OperateError> {
    at_most("reason", reason, LONGEST_REASON)
}

/// Which outcomes are meant, in words.
fn in_words(which: &Which) -> String {
    let number = which.number.map(|number| format!(" about {}", number.as_e164())).unwrap_or_default();
    let until = which.until.map(|until| format!(" to {until}")).unwrap_or_default();
    format!("outcomes of {}{number} from {}{until}", which.client, which.since)
}
