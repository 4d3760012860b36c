//! What a verdict hangs on: each fact, and what would be without it.
//!
//! Judges the same facts again with one left out; must not look anything up.

use crate::policy::{Judgement, Policy, Verdict};
use crate::signal::Fact;

/// One fact, and the verdict without it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// The fact.
    pub fact: Fact<'a>,
    /// What the verdict would be without it.
    pub verdict_without: Verdict,
    /// What the score would be without it.
    pub risk_score_without: u8,
}

/// Takes a judgement apart, fact by fact, in its order.
pub fn explain<'a>(policy: &Policy, judgement: &Judgement<'a>) -> Vec<Part<'a>> {
    let facts = &judgement.facts;
    let part = |(at, fact): (usize, &Fact<'a>)| {
        let others = facts.iter().enumerate().filter(|(other, _)| *other != at);
        let without = policy.judge(others.map(|(_, fact)| *fact).collect());
        Part { fact: *fact, verdict_without: without.verdict, risk_score_without: without.risk_score }
    };
    facts.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::ReasonCode as Code;
    use crate::number::LineType;
    use crate::signal::Evidence;

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
}
