//! What a verdict hangs on: each fact, and what would be without it.
//!
//! Judges the same facts again with one left out; must not look anything up.

use crate::core::policy::{Judgement, Policy, Verdict};
use crate::core::signal::{Fact, Facts};

/// One fact, and the verdict without it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// The fact.
    pub fact: Fact<'a>,
    /// What the verdict would be without it.
    pub verdict_without: Verdict,
    /// What the score would be without it.
    pub risk_score_without: u8,
    /// Verdict and score if it were not on trial; only where it is.
    pub if_enforced: Option<(Verdict, u8)>,
}

/// Takes a judgement apart, fact by fact, in its order.
pub fn explain<'a>(policy: &Policy, judgement: &Judgement<'a>) -> Vec<Part<'a>> {
    let facts = &judgement.facts;
    let part = |(at, fact): (usize, &Fact<'a>)| {
        let others = facts.iter().enumerate().filter(|(other, _)| *other != at);
        let without = policy.judge(others.map(|(_, fact)| *fact).collect());
        Part {
            fact: *fact,
            verdict_without: without.verdict,
            risk_score_without: without.risk_score,
            if_enforced: fact.shadow.then(|| enforced(policy, facts, at)),
        }
    };
    facts.iter().enumerate().map(part).collect()
}

/// The verdict and score if the fact at `at` were not on trial.
fn enforced(policy: &Policy, facts: &Facts<'_>, at: usize) -> (Verdict, u8) {
    let mut policy = policy.clone();
    policy.shadow.retain(|code| facts.get(at).is_none_or(|fact| fact.code != *code));
    let mut facts = facts.clone();
    if let Some(fact) = facts.get_mut(at) {
        fact.shadow = false;
    }
    let judgement = policy.judge(facts);
    (judgement.verdict, judgement.risk_score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listing::ReasonCode as Code;
    use crate::core::number::LineType;
    use crate::core::signal::Evidence;

    #[test]
    fn every_fact_comes_with_the_verdict_without_it() {
        let policy = Policy::default();
        let fact = |code, p| Fact::certain(code, p, Evidence::LineType(LineType::Voip));
        let judgement = policy.judge(
            [fact(Code::PublicInbox, 0.9), fact(Code::LineType, 0.15), fact(Code::AllowListed, 0.0)]
                .into_iter()
                .collect(),
        );
        let parts: Vec<_> = explain(&policy, &judgement)
            .into_iter()
            .map(|part| (part.fact.code, part.verdict_without, part.risk_score_without))
            .collect();
        assert_eq!(
            parts,
            [
                (Code::AllowListed, Verdict::Block, 92),
                (Code::PublicInbox, Verdict::Allow, 0),
                (Code::LineType, Verdict::Allow, 0)
            ]
        );
    }

    #[test]
    fn what_is_on_trial_comes_with_the_verdict_if_it_were_not() {
        let policy = Policy { shadow: vec![Code::RangeHolder], ..Policy::default() };
        let fact = |code, p| Fact::certain(code, p, Evidence::LineType(LineType::Voip));
        // One by the policy, one by itself, as a pair of regions is.
        let pair = Fact { shadow: true, ..fact(Code::RegionMismatch, 0.3) };
        let judgement = policy.judge([fact(Code::RangeHolder, 0.6), pair].into_iter().collect());
        assert_eq!((judgement.verdict, judgement.risk_score), (Verdict::Allow, 0));
        let parts = explain(&policy, &judgement);
        let enforced: Vec<_> = parts.iter().map(|part| part.if_enforced).collect();
        assert_eq!(enforced, [Some((Verdict::Challenge, 60)), Some((Verdict::Allow, 30))]);
    }
}
