//! Check answers, contexts, listings and times <-> messages. No rules: what is out of form is refused with the field's
//! name.

use std::borrow::Cow;

use prost_types::Timestamp;
use tonic::Status;

use crate::core::check::{Answer, explain};
use crate::core::listing::{
    Action, Decision, Listing, ReasonCode, Sighting, SightingState, Subject, UnixTime,
};
use crate::core::number::Region;
use crate::core::policy::{Policy, Verdict};
use crate::core::signal::Context;
use crate::feed::ExportedListing;
use crate::operate::{LONGEST_AUTHOR, LONGEST_REASON, OperateError, at_most, to_come};
use crate::store::OutcomeKind;
use crate::sync::IndexAge;

use super::super::pb;
use super::super::status::Wrong;

/// Longest id that a platform may give, in bytes.
pub(crate) const LONGEST_ID: usize = 128;
/// Seconds by which a platform's clock may be ahead.
const CLOCK_SKEW: u32 = 300;

pub(crate) fn answer(
    answer: &Answer<'_>,
    check_id: String,
    policy_version: &str,
    freshness: pb::Freshness,
) -> pb::CheckNumberResponse {
    let judgement = &answer.judgement;
    let reasons = judgement.facts.iter().map(|fact| pb::Reason {
        code: fact.code.as_str().to_owned(),
        weight: rounded(fact.probability),
        evidence: fact.evidence.to_string(),
        shadow: fact.shadow,
    });
    let parsed = answer.parsed.as_ref().ok();
    pb::CheckNumberResponse {
        check_id,
        number: parsed.map(|parsed| parsed.number.as_e164()).unwrap_or_default(),
        verdict: verdict(judgement.verdict).into(),
        risk_score: judgement.risk_score.into(),
        reasons: reasons.collect(),
        number_facts: parsed.map(|parsed| pb::NumberFacts {
            country_code: parsed.facts.country_code.into(),
            region: parsed.facts.region.as_str().to_owned(),
            line_type: parsed.facts.line_type.as_str().to_owned(),
            validity: parsed.facts.validity.as_str().to_owned(),
            range_holder: answer.holder.map(|holder| holder.name.to_owned()).unwrap_or_default(),
        }),
        freshness: Some(freshness),
        policy_version: policy_version.to_owned(),
        message_key: judgement.verdict.message_key().to_owned(),
    }
}

pub(crate) fn explanation(
    answer: &Answer<'_>,
    policy: &Policy,
    response: pb::CheckNumberResponse,
) -> pb::ExplainNumberResponse {
    let parts = explain(policy, &answer.judgement);
    let missing = |code: &ReasonCode| parts.iter().all(|part| part.fact.code != *code);
    pb::ExplainNumberResponse {
        block_score: answer.judgement.block_score.into(),
        challenge_from: policy.thresholds.challenge.into(),
        block_from: policy.thresholds.block.into(),
        not_found: ReasonCode::ALL
            .iter()
            .filter(|code| missing(code))
            .map(|c| c.as_str().to_owned())
            .collect(),
        parts: parts
            .iter()
            .map(|part| pb::ReasonPart {
                code: part.fact.code.as_str().to_owned(),
                block_weight: rounded(part.fact.blocking),
                verdict_without: verdict(part.verdict_without).into(),
                risk_score_without: part.risk_score_without.into(),
                verdict_if_enforced: part
                    .if_enforced
                    .map_or(pb::Verdict::Unspecified, |(of, _)| verdict(of))
                    .into(),
                risk_score_if_enforced: part.if_enforced.map_or(0, |(_, score)| score.into()),
            })
            .collect(),
        response: Some(response),
    }
}

/// What the platform tells about a registration; the policy's name is left to the caller.
pub(crate) fn context(told: &pb::CheckContext, now: UnixTime) -> Result<Context, Wrong> {
    let wrong = |field, expected: &'static str| (field, Cow::Borrowed(expected));
    if told.correlation_id.len() > LONGEST_ID {
        return Err(wrong("context.correlation_id", "expected at most 128 bytes"));
    }
    let letters = |text: &&str| text.len() == 2;
    let ip_region = match told.ip_region.as_str() {
        "" => Region::default(),
        text => Some(text).filter(letters).and_then(Region::new).ok_or_else(|| {
            wrong(
                "context.ip_region",
                "expected the two letters of an ISO 3166 region such as PE, or nothing",
            )
        })?,
    };
    let account = pb::AccountType::try_from(told.account_type).map_err(|_| {
        wrong("context.account_type", "expected ACCOUNT_TYPE_CONSUMER, ACCOUNT_TYPE_BUSINESS, or nothing")
    })?;
    let last_verified = match &told.last_verified_at {
        None => None,
        Some(time) => {
            let time = UnixTime::from_seconds(time.seconds)
                .map_err(|_| wrong("context.last_verified_at", "expected a time from 1970 to 2105"))?;
            if time.0 > now.0.saturating_add(CLOCK_SKEW) {
                return Err(wrong("context.last_verified_at", "lies in the future: expected when it was"));
            }
            Some(time.day())
        }
    };
    Ok(Context { ip_region, business: account == pb::AccountType::Business, last_verified })
}

fn rounded(probability: f32) -> f64 {
    (f64::from(probability) * 1e4).round() / 1e4
}

fn verdict(verdict: Verdict) -> pb::Verdict {
    match verdict {
        Verdict::Allow => pb::Verdict::Allow,
        Verdict::Challenge => pb::Verdict::Challenge,
        Verdict::Block => pb::Verdict::Block,
    }
}

pub(crate) fn outcome_kind(kind: i32) -> Option<OutcomeKind> {
    match pb::OutcomeKind::try_from(kind).ok()? {
        pb::OutcomeKind::Unspecified => None,
        pb::OutcomeKind::Verified => Some(OutcomeKind::Verified),
        pb::OutcomeKind::AbuseConfirmed => Some(OutcomeKind::AbuseConfirmed),
        pb::OutcomeKind::FalsePositive => Some(OutcomeKind::FalsePositive),
    }
}

pub(crate) fn subject(field: &str, text: &str) -> Result<Subject, OperateError> {
    text.parse().map_err(|error| OperateError::invalid(field, error))
}

pub(crate) fn time(field: &str, timestamp: Option<&Timestamp>) -> Result<Option<UnixTime>, OperateError> {
    timestamp
        .map(|timestamp| UnixTime::from_seconds(timestamp.seconds))
        .transpose()
        .map_err(|error| OperateError::invalid(field, error))
}

fn required_time(field: &str, timestamp: Option<&Timestamp>) -> Result<UnixTime, OperateError> {
    time(field, timestamp)?.ok_or_else(|| OperateError::invalid(field, "is required"))
}

pub(crate) fn freshness(age: IndexAge) -> pb::Freshness {
    pb::Freshness { revision: age.revision, staleness_seconds: age.staleness_seconds, degraded: age.degraded }
}

pub(crate) fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp { seconds: time.0.into(), nanos: 0 }
}

pub(crate) fn action(action: i32) -> Option<Action> {
    match pb::Action::try_from(action).ok()? {
        pb::Action::Unspecified => None,
        pb::Action::Block => Some(Action::Block),
        pb::Action::Allow => Some(Action::Allow),
    }
}

/// A decision whose `decided_at` is taken from `now`, or from the message where that is `None`.
pub(crate) fn decision(
    field: &str,
    decision: &pb::Decision,
    now: Option<UnixTime>,
) -> Result<Decision, OperateError> {
    let named = |part: &str| format!("{field}.{part}");
    let action = action(decision.action)
        .ok_or_else(|| OperateError::invalid(named("action"), "expected ACTION_ALLOW or ACTION_BLOCK"))?;
    for (part, text, longest) in
        [("reason", &decision.reason, LONGEST_REASON), ("author", &decision.author, LONGEST_AUTHOR)]
    {
        at_most(named(part), text, longest)?;
    }
    let expires_at = time(&named("expires_at"), decision.expires_at.as_ref())?;
    let decided_at = match now {
        Some(now) => {
            to_come(named("expires_at"), expires_at, now)?;
            now
        }
        None => required_time(&named("decided_at"), decision.decided_at.as_ref())?,
    };
    Ok(Decision {
        decided_at,
        action,
        expires_at,
        reason: decision.reason.clone(),
        author: decision.author.clone(),
    })
}

/// A sighting; one that cannot be true at `now` is refused, if a time is given.
pub(crate) fn sighting(
    field: &str,
    sighting: &pb::Sighting,
    now: Option<UnixTime>,
) -> Result<Sighting, OperateError> {
    let feed =
        sighting.feed.parse().map_err(|error| OperateError::invalid(format!("{field}.feed"), error))?;
    let first_seen = required_time(&format!("{field}.first_seen"), sighting.first_seen.as_ref())?;
    let last_seen = required_time(&format!("{field}.last_seen"), sighting.last_seen.as_ref())?;
    let state = match pb::SightingState::try_from(sighting.state) {
        Ok(pb::SightingState::Unspecified) => SightingState::Unknown,
        Ok(pb::SightingState::Archived) => SightingState::Archived,
        Ok(pb::SightingState::Online) => SightingState::Online,
        Err(_) => return Err(OperateError::invalid(format!("{field}.state"), "is unknown")),
    };
    let mut seen = Sighting::new(feed, first_seen, last_seen, sighting.count);
    let previous_day = format!("{field}.previous_day");
    if let Some(time) = time(&previous_day, sighting.previous_day.as_ref())? {
        seen = seen
            .with_previous_day(time.day())
            .map_err(|expected| OperateError::invalid(previous_day, expected))?;
    }
    let sighting = Sighting { run: sighting.run, state, ..seen };
    match now.map_or(Ok(()), |now| sighting.check(now)) {
        Ok(()) => Ok(sighting),
        Err(reason) => Err(OperateError::invalid(field, reason)),
    }
}

/// A listing as a message.
pub fn listing(subject: Subject, listing: &Listing) -> pb::Listing {
    pb::Listing {
        subject: subject.as_e164(),
        sightings: listing.sightings().iter().map(pb_sighting).collect(),
        decision: listing.decision().map(pb_decision),
    }
}

/// A decision as a message.
pub fn pb_decision(decision: &Decision) -> pb::Decision {
    pb::Decision {
        action: pb_action(decision.action).into(),
        reason: decision.reason.clone(),
        author: decision.author.clone(),
        decided_at: Some(timestamp(decision.decided_at)),
        expires_at: decision.expires_at.map(timestamp),
    }
}

fn pb_sighting(sighting: &Sighting) -> pb::Sighting {
    pb::Sighting {
        feed: sighting.feed.to_string(),
        first_seen: Some(timestamp(sighting.first_seen)),
        last_seen: Some(timestamp(sighting.last_seen)),
        count: sighting.count,
        previous_day: sighting.previous_day_after_first().map(|day| timestamp(day.start())),
        run: sighting.run,
        state: match sighting.state {
            SightingState::Unknown => pb::SightingState::Unspecified,
            SightingState::Archived => pb::SightingState::Archived,
            SightingState::Online => pb::SightingState::Online,
        }
        .into(),
    }
}

fn pb_action(action: Action) -> pb::Action {
    match action {
        Action::Allow => pb::Action::Allow,
        Action::Block => pb::Action::Block,
    }
}

/// A message as a listing.
pub fn read_listing(message: &pb::Listing) -> Result<(Subject, Listing), Status> {
    let mut listing = Listing::default();
    for seen in &message.sightings {
        listing.merge(&Listing::seen(sighting("sightings", seen, None)?));
    }
    if let Some(decided) = &message.decision {
        listing.merge(&Listing::decided(decision("decision", decided, None)?));
    }
    Ok((subject("subject", &message.subject)?, listing))
}

/// A listing as `numguard export` prints it.
pub fn exported(message: &pb::Listing) -> Result<ExportedListing, Status> {
    let (subject, listing) = read_listing(message)?;
    Ok(ExportedListing::of(subject, &listing))
}
