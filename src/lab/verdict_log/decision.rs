//! One decision on its way from a check to the verdict log: owned, small, without evidence.

use smallvec::SmallVec;

use crate::core::check::Answer;
use crate::core::listing::{ReasonCode, UnixTime};
use crate::core::number::{Number, Region};
use crate::core::policy::{Policy, Verdict};
use crate::core::signal::Basis;

/// What was decided about one number, and on which facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub(super) at: UnixTime,
    pub(super) check_id: String,
    pub(super) correlation_id: String,
    pub(super) number: Option<Number>,
    pub(super) region: Region,
    pub(super) verdict: Verdict,
    pub(super) risk_score: u8,
    pub(super) block_score: u8,
    /// Name of the policy, as the check gave it.
    pub(super) policy: String,
    pub(super) policy_version: String,
    pub(super) dry_run: bool,
    pub(super) facts: SmallVec<[Weighed; 6]>,
}

/// A fact without its evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weighed {
    pub(super) code: ReasonCode,
    pub(super) probability: f32,
    pub(super) blocking: f32,
    pub(super) shadow: bool,
    pub(super) basis: Basis,
}

impl Decision {
    /// What `answer` decided at `now` by `policy`.
    pub fn of(answer: &Answer<'_>, policy: &Policy, check_id: &str, now: UnixTime) -> Self {
        let judgement = &answer.judgement;
        let parsed = answer.parsed.as_ref().ok();
        let weighed = judgement.facts.iter().map(|fact| Weighed {
            code: fact.code,
            probability: fact.probability,
            blocking: fact.blocking,
            shadow: fact.shadow,
            basis: fact.basis(now.day()),
        });
        Self {
            at: now,
            check_id: check_id.to_owned(),
            correlation_id: String::new(),
            number: parsed.map(|parsed| parsed.number),
            region: parsed.map(|parsed| parsed.facts.region).unwrap_or_default(),
            verdict: judgement.verdict,
            risk_score: judgement.risk_score,
            block_score: judgement.block_score,
            policy: String::new(),
            policy_version: policy.version.clone(),
            dry_run: false,
            facts: weighed.collect(),
        }
    }

    /// What the platform said about the check: its own id, the policy's name, whether somebody registers.
    pub fn asked(mut self, correlation_id: &str, policy: &str, dry_run: bool) -> Self {
        (self.correlation_id, self.policy) = (correlation_id.to_owned(), policy.to_owned());
        self.dry_run = dry_run;
        self
    }
}
