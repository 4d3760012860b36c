//! Outcomes and reviews <-> messages. No rules.

use crate::core::listing::{Decision, UnixTime};
use crate::core::number::Number;
use crate::operate::outcomes::{Review, Which};
use crate::operate::{OperateError, at_most};
use crate::store::{Counted, Outcome, OutcomeKind};

use super::super::pb;
use super::listings;
use super::listings::LONGEST_ID;

/// A reported outcome of `client`.
pub(crate) fn read(
    at: usize,
    outcome: pb::Outcome,
    client: &str,
    now: UnixTime,
) -> Result<Outcome, OperateError> {
    let named = |part: &str| format!("outcomes[{at}].{part}");
    let number: Number =
        outcome.number.parse().map_err(|error| OperateError::invalid(named("number"), error))?;
    let kind = listings::outcome_kind(outcome.kind)
        .ok_or_else(|| OperateError::invalid(named("kind"), "is required"))?;
    if outcome.check_id.is_empty() && outcome.correlation_id.is_empty() {
        return Err(OperateError::invalid(named("check_id"), "expected a check_id or a correlation_id"));
    }
    for (part, id) in [("check_id", &outcome.check_id), ("correlation_id", &outcome.correlation_id)] {
        at_most(named(part), id, LONGEST_ID)?;
    }
    let occurred_at = listings::time(&named("occurred_at"), outcome.occurred_at.as_ref())?.unwrap_or(now);
    Ok(Outcome {
        client: client.to_owned(),
        number,
        kind,
        check_id: outcome.check_id,
        correlation_id: outcome.correlation_id,
        occurred_at,
        reported_at: now,
        counted: Counted::No,
    })
}

pub(crate) fn kept(outcome: &Outcome) -> pb::KeptOutcome {
    let kind = match outcome.kind {
        OutcomeKind::Verified => pb::OutcomeKind::Verified,
        OutcomeKind::AbuseConfirmed => pb::OutcomeKind::AbuseConfirmed,
        OutcomeKind::FalsePositive => pb::OutcomeKind::FalsePositive,
    };
    pb::KeptOutcome {
        outcome: Some(pb::Outcome {
            number: outcome.number.as_e164(),
            kind: kind.into(),
            check_id: outcome.check_id.clone(),
            correlation_id: outcome.correlation_id.clone(),
            occurred_at: Some(listings::timestamp(outcome.occurred_at)),
        }),
        client: outcome.client.clone(),
        reported_at: Some(listings::timestamp(outcome.reported_at)),
        counted: outcome.counted != Counted::No,
    }
}

pub(crate) fn review(review: &Review) -> pb::Review {
    let report = |report: &crate::operate::outcomes::ReviewReport| pb::KeptOutcome {
        outcome: Some(pb::Outcome {
            number: review.number.as_e164(),
            kind: pb::OutcomeKind::FalsePositive.into(),
            check_id: report.check_id.clone(),
            correlation_id: report.correlation_id.clone(),
            occurred_at: None,
        }),
        client: report.client.clone(),
        reported_at: Some(listings::timestamp(report.reported_at())),
        counted: false,
    };
    pb::Review { number: review.number.as_e164(), reports: review.reports.iter().map(report).collect() }
}

pub(crate) fn which(filter: Option<pb::OutcomeFilter>) -> Result<Which, OperateError> {
    let filter = filter.unwrap_or_default();
    let number = Some(&filter.number).filter(|number| !number.is_empty()).map(|number| number.parse());
    Ok(Which {
        client: filter.client,
        number: number.transpose().map_err(|error| OperateError::invalid("filter.number", error))?,
        since: listings::time("filter.since", filter.since.as_ref())?.unwrap_or_default(),
        until: listings::time("filter.until", filter.until.as_ref())?,
    })
}

/// The allow listing by which a review is accepted.
pub(crate) fn allowed(request: pb::DecideReviewRequest, now: UnixTime) -> Result<Decision, OperateError> {
    let decision = pb::Decision {
        action: pb::Action::Allow.into(),
        reason: request.reason,
        author: request.author,
        decided_at: None,
        expires_at: request.expires_at,
    };
    listings::decision("request", &decision, Some(now))
}
