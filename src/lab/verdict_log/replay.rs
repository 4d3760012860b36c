//! Judging the verdict log again: which decisions would flip under other policies, and why.
//!
//! By the same `Policy::judge` as serving, on the facts as they were. What a line does not hold cannot
//! change: neighbours' odds and ages (`backtest` tells about those), and facts that had no weight then.

use std::collections::BTreeMap;

use crate::core::listing::ReasonCode;
use crate::core::policy::{Policies, Verdict};
use crate::core::signal::{Evidence, Fact, Facts};

use super::{Line, LineError};

/// Decisions that would flip one way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flip {
    /// How many.
    pub count: u64,
    /// How many of them rest on each reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The first ones.
    pub examples: Vec<Example>,
}

/// A decision that would flip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The answer's id.
    pub check_id: String,
    /// The platform's id.
    pub correlation_id: String,
    /// When.
    pub at: String,
    /// Score then and now.
    pub scores: (u8, u8),
}

/// What other policies would have decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// Decisions that were judged anew.
    pub decisions: u64,
    /// Decisions of policies that the new file does not have, judged by its usual one.
    pub renamed: u64,
    /// Those that would flip, by verdict then and now.
    pub flips: BTreeMap<(String, &'static str), Flip>,
}

impl Replay {
    /// Judges one line by the policy of its name; keeps up to `examples` of each flip.
    pub fn add(&mut self, line: &Line, policies: &Policies, examples: usize) -> Result<(), LineError> {
        let named = policies.get(&line.policy);
        self.renamed += u64::from(named.is_none());
        let policy = named.unwrap_or(policies.usual());
        let mut facts = Facts::new();
        for fact in line.weighed()? {
            let (probability, shadow) = policy.weights.again(fact.code, fact.basis, fact.probability);
            // What might not block then may not now.
            let blocking = match fact.code {
                ReasonCode::InferredRange => fact.blocking,
                _ if fact.blocking > 0.0 => probability,
                _ => 0.0,
            };
            facts.push(Fact { code: fact.code, probability, blocking, shadow, evidence: Evidence::Logged });
        }
        let judged = policy.judge(facts);
        self.decisions += 1;
        let now = Verdict::as_str(judged.verdict);
        if now == line.verdict {
            return Ok(());
        }
        let flip = self.flips.entry((line.verdict.clone(), now)).or_default();
        flip.count += 1;
        for fact in &judged.facts {
            *flip.reasons.entry(fact.code.as_str()).or_default() += 1;
        }
        if flip.examples.len() < examples {
            flip.examples.push(Example {
                check_id: line.check_id.clone(),
                correlation_id: line.correlation_id.clone(),
                at: line.at.clone(),
                scores: (line.risk_score, judged.risk_score),
            });
        }
        Ok(())
    }
}
