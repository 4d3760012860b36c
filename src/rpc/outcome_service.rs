//! `OutcomeService`: what clients reported, undone and reviewed by operators.
//!
//! Converts; the rules are those of `operate::outcomes`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::clock::now;
use crate::core::index::Published;
use crate::core::number::Number;
use crate::operate::audit::{Asked, Audit};
use crate::operate::outcomes::{self as reported, OutcomeOrders, Outcomes};
use crate::operate::{OperateError, Pipeline, Seen, Turns};
use crate::store::Store;
use crate::sync::Progress;

use super::messages::outcomes;
use super::pb;
use super::written::written;

/// Serves operators' view of outcomes.
#[derive(Clone)]
pub struct OutcomeRpc {
    orders: OutcomeOrders,
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
        let pipeline = Pipeline::new(store, audit, turns);
        Self { orders: OutcomeOrders::new(outcomes, pipeline, Seen::new(published, progress)) }
    }
}

/// Decides a review. That there is one is known before the rest of the request is read.
async fn decide(
    orders: OutcomeOrders,
    request: pb::DecideReviewRequest,
    asked: Asked,
) -> Result<pb::DecideReviewResponse, OperateError> {
    reported::check_reason(&request.reason)?;
    let number: Number = request.number.parse().map_err(|error| OperateError::invalid("number", error))?;
    let review = orders.open(number).await?;
    let reason = request.reason.clone();
    let allow = request.allow.then(|| outcomes::allowed(request, now())).transpose()?;
    let revision = orders.decide(asked, review, allow, reason).await?;
    Ok(pb::DecideReviewResponse { revision })
}

#[tonic::async_trait]
impl pb::outcome_service_server::OutcomeService for OutcomeRpc {
    async fn list_outcomes(
        &self,
        request: Request<pb::ListOutcomesRequest>,
    ) -> Result<Response<pb::ListOutcomesResponse>, Status> {
        let pb::ListOutcomesRequest { filter, limit } = request.into_inner();
        let limit = reported::limit(limit)?;
        let (found, more) = self.orders.list(&outcomes::which(filter)?, limit).await?;
        let outcomes = found.iter().map(outcomes::kept).collect();
        Ok(Response::new(pb::ListOutcomesResponse { outcomes, more }))
    }

    async fn undo_outcomes(
        &self,
        request: Request<pb::UndoOutcomesRequest>,
    ) -> Result<Response<pb::UndoOutcomesResponse>, Status> {
        let orders = self.orders.clone();
        let work = |request: pb::UndoOutcomesRequest, asked| async move {
            let which = outcomes::which(request.filter)?;
            let undone = orders.undo(asked, which, request.dry_run).await?;
            let (outcomes, numbers, revision) = (undone.outcomes, undone.numbers, undone.revision);
            Ok(pb::UndoOutcomesResponse { outcomes, numbers, revision })
        };
        written(self.orders.pipeline(), request, work).await
    }

    async fn list_reviews(
        &self,
        _: Request<pb::ListReviewsRequest>,
    ) -> Result<Response<pb::ListReviewsResponse>, Status> {
        let reviews = self.orders.reviews().await?.iter().map(outcomes::review).collect();
        Ok(Response::new(pb::ListReviewsResponse { reviews }))
    }

    async fn decide_review(
        &self,
        request: Request<pb::DecideReviewRequest>,
    ) -> Result<Response<pb::DecideReviewResponse>, Status> {
        let orders = self.orders.clone();
        written(self.orders.pipeline(), request, |request, asked| decide(orders, request, asked)).await
    }
}
