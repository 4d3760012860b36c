//! `OutcomeService`: what clients reported, undone and reviewed by operators.
//!
//! What an operator undoes or decides is on record before the store is asked.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::clock::now;
use crate::core::index::{Position, Published};
use crate::core::listing::Subject;
use crate::core::number::Number;
use crate::operate::audit::{Asked, Audit, Order, Verb};
use crate::operate::outcomes::{Outcomes, Which};
use crate::store::Store;
use crate::sync::Progress;

use super::messages::listings::LONGEST_REASON;
use super::messages::{listings, outcomes};
use super::once::written;
use super::recorded::Turns;
use super::status::{invalid, not_found, of_store};
use super::{pb, recorded};

/// Outcomes of one answer: the most, and when none is asked for.
const LIMIT: (u32, u32) = (10_000, 1_000);

/// Serves operators' view of outcomes.
#[derive(Clone)]
pub struct OutcomeRpc {
    outcomes: Outcomes,
    store: Arc<dyn Store>,
    audit: Arc<Audit>,
    published: Arc<Published>,
    progress: Progress,
    turns: Turns,
}

impl OutcomeRpc {
    /// Shows and undoes `outcomes`, which are kept on `store`, and records that in `audit`.
    pub fn new(
        outcomes: Outcomes,
        store: Arc<dyn Store>,
        audit: Arc<Audit>,
        published: Arc<Published>,
        progress: Progress,
        turns: Turns,
    ) -> Self {
        Self { outcomes, store, audit, published, progress, turns }
    }

    /// The revision from which on checks see what is stored up to `position`.
    async fn seen(&self, position: Option<&Position>) -> u64 {
        if let Some(position) = position {
            self.progress.clone().reached(position).await;
        }
        self.published.load().revision()
    }

    async fn undo(
        self,
        request: pb::UndoOutcomesRequest,
        asked: Asked,
    ) -> Result<pb::UndoOutcomesResponse, Status> {
        let which = outcomes::which(request.filter)?;
        if which.client.is_empty() {
            return Err(invalid(
                "filter.client",
                "is required: what one client reported is undone at a time",
            ));
        }
        let (outcomes, meant) = (self.outcomes.clone(), which.clone());
        let undo = async move {
            let undone = outcomes.undo(&meant, request.dry_run).await.map_err(|error| of_store(&error))?;
            let after = format!("{} undone, changing {} numbers", undone.outcomes, undone.numbers);
            Ok((undone, after))
        };
        let undone = if request.dry_run {
            undo.await?.0
        } else {
            let before = in_words(&which);
            let order = Order { verb: Verb::UndoOutcomes, feed: String::new(), run: None, before };
            recorded::order(&self.audit, asked, order, undo).await?
        };
        let revision = self.seen(undone.position.as_ref()).await;
        Ok(pb::UndoOutcomesResponse { outcomes: undone.outcomes, numbers: undone.numbers, revision })
    }

    async fn decide(
        self,
        request: pb::DecideReviewRequest,
        asked: Asked,
    ) -> Result<pb::DecideReviewResponse, Status> {
        if request.reason.len() > LONGEST_REASON {
            let long = format!("is {} bytes long: expected at most {LONGEST_REASON}", request.reason.len());
            return Err(invalid("reason", long));
        }
        let number: Number = request.number.parse().map_err(|error| invalid("number", error))?;
        let open = self.outcomes.reviews().await.map_err(|error| of_store(&error))?;
        if !open.iter().any(|review| review.number == number) {
            return Err(not_found("no review of this number is open"));
        }
        let reason = request.reason.clone();
        let position = if request.allow {
            let decision = pb::Decision {
                action: pb::Action::Allow.into(),
                reason: request.reason,
                author: request.author,
                decided_at: None,
                expires_at: request.expires_at,
            };
            let decision = listings::decision("request", &decision, Some(now()))?;
            let subject = Subject::Number(number);
            let (store, audit, turns) = (&self.store, &self.audit, &self.turns);
            Some(recorded::decide(store, audit, turns, asked.clone(), subject, decision).await?)
        } else {
            None
        };
        let outcomes = self.outcomes.clone();
        let close = async move {
            outcomes.close_review(number).await.map_err(|error| of_store(&error))?;
            Ok(((), reason))
        };
        let verb = if request.allow { Verb::AcceptReview } else { Verb::DismissReview };
        let before = format!("review of {}", number.as_e164());
        let order = Order { verb, feed: String::new(), run: None, before };
        recorded::order(&self.audit, asked, order, close).await?;
        let revision = self.seen(position.as_ref()).await;
        Ok(pb::DecideReviewResponse { revision })
    }
}

/// Which outcomes are meant, in words.
fn in_words(which: &Which) -> String {
    let number = which.number.map(|number| format!(" about {}", number.as_e164())).unwrap_or_default();
    let until = which.until.map(|until| format!(" to {until}")).unwrap_or_default();
    format!("outcomes of {}{number} from {}{until}", which.client, which.since)
}

#[tonic::async_trait]
impl pb::outcome_service_server::OutcomeService for OutcomeRpc {
    async fn list_outcomes(
        &self,
        request: Request<pb::ListOutcomesRequest>,
    ) -> Result<Response<pb::ListOutcomesResponse>, Status> {
        let pb::ListOutcomesRequest { filter, limit } = request.into_inner();
        let limit = match limit {
            0 => LIMIT.1,
            limit if limit <= LIMIT.0 => limit,
            limit => return Err(invalid("limit", format!("is {limit}: expected at most {}", LIMIT.0))),
        };
        let which = outcomes::which(filter)?;
        let (outcomes, more) =
            self.outcomes.list(&which, limit as usize).await.map_err(|error| of_store(&error))?;
        let outcomes = outcomes.iter().map(outcomes::kept).collect();
        Ok(Response::new(pb::ListOutcomesResponse { outcomes, more }))
    }

    async fn undo_outcomes(
        &self,
        request: Request<pb::UndoOutcomesRequest>,
    ) -> Result<Response<pb::UndoOutcomesResponse>, Status> {
        let rpc = self.clone();
        written(&self.store, request, |request, asked| rpc.undo(request, asked)).await
    }

    async fn list_reviews(
        &self,
        _: Request<pb::ListReviewsRequest>,
    ) -> Result<Response<pb::ListReviewsResponse>, Status> {
        let reviews = self.outcomes.reviews().await.map_err(|error| of_store(&error))?;
        let reviews = reviews.iter().map(outcomes::review).collect();
        Ok(Response::new(pb::ListReviewsResponse { reviews }))
    }

    async fn decide_review(
        &self,
        request: Request<pb::DecideReviewRequest>,
    ) -> Result<Response<pb::DecideReviewResponse>, Status> {
        let rpc = self.clone();
        written(&self.store, request, |request, asked| rpc.decide(request, asked)).await
    }
}
