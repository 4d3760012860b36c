//! Policies and complaints about them, as messages.

use crate::core::policy::{Policies, Problem, Reading};

use super::super::pb;

pub(crate) fn policies(policies: &Policies) -> pb::GetPoliciesResponse {
    let info = |(name, policy): (&str, &crate::core::policy::Policy)| pb::PolicyInfo {
        name: name.to_owned(),
        version: policy.version.clone(),
        challenge_from: policy.thresholds.challenge.into(),
        block_from: policy.thresholds.block.into(),
        shadow: policy.shadow.iter().map(|code| code.as_str().to_owned()).collect(),
        settings: policy.to_toml(),
    };
    pb::GetPoliciesResponse { policies: policies.iter().map(info).collect() }
}

pub(crate) fn reading(reading: &Reading) -> pb::ValidatePolicyResponse {
    let problem = |problem: &Problem| pb::PolicyProblem {
        line: u32::try_from(problem.line).unwrap_or(u32::MAX),
        setting: problem.setting.clone(),
        what: problem.what.clone(),
        refused: problem.refused,
    };
    pb::ValidatePolicyResponse {
        problems: reading.problems.iter().map(problem).collect(),
        policies: reading.policies.as_ref().map(|read| policies(read).policies).unwrap_or_default(),
    }
}
