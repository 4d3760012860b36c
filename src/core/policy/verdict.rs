//! From facts to a verdict: allow listing, then block listing, then the score.

use crate::core::listing::ReasonCode;
use crate::core::signal::{Fact, Facts};

use super::Policy;

/// What to do with the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Let it pass.
    Allow,
    /// Ask for a second step.
    Challenge,
    /// Refuse.
    Block,
}

impl Verdict {
    /// The name in answers and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Challenge => "CHALLENGE",
            Self::Block => "BLOCK",
        }
    }

    /// The key of a text that a sign-up form can show; stable, never says why.
    pub fn message_key(self) -> &'static str {
        match self {
            Self::Allow => "",
            Self::Challenge => "number.challenge",
            Self::Block => "number.block",
        }
    }
}

/// A verdict with its score and the facts it rests on: operators' decisions, then the strongest.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement<'a> {
    /// What to do.
    pub verdict: Verdict,
    /// Percent chance that the number is virtual or disposable, 0 to 100.
    pub risk_score: u8,
    /// The same over what may block: BLOCK is judged on it.
    pub block_score: u8,
    /// Why.
    pub facts: Facts<'a>,
}

impl Policy {
    /// Judges the facts of one number.
    pub fn judge<'a>(&self, mut facts: Facts<'a>) -> Judgement<'a> {
        facts.sort_by(|a, b| rank(a).cmp(&rank(b)).then(b.probability.total_cmp(&a.probability)));
        for fact in &mut facts {
            fact.shadow |= self.shadow.contains(&fact.code);
        }
        let has = |code| facts.iter().any(|fact: &Fact<'_>| fact.code == code);
        let (verdict, risk_score, block_score) = if has(ReasonCode::AllowListed) {
            (Verdict::Allow, 0, 0)
        } else if has(ReasonCode::BlockListed) {
            (Verdict::Block, 100, 100)
        } else {
            self.by_score(&facts)
        };
        Judgement { verdict, risk_score, block_score, facts }
    }

    fn by_score(&self, facts: &[Fact<'_>]) -> (Verdict, u8, u8) {
        let counted = || facts.iter().filter(|fact| !fact.shadow);
        let risk = score(counted().map(|fact| fact.probability));
        let blocking = score(counted().map(|fact| fact.blocking));
        let verdict = if blocking >= self.thresholds.block {
            Verdict::Block
        } else if risk >= self.thresholds.challenge {
            Verdict::Challenge
        } else {
            Verdict::Allow
        };
        (verdict, risk, blocking)
    }
}

/// What decides stands first among the reasons.
fn rank(fact: &Fact<'_>) -> u8 {
    match fact.code {
        ReasonCode::AllowListed => 0,
        ReasonCode::BlockListed => 1,
        _ => 2,
    }
}

/// Noisy-or: the facts as independent evidence.
pub(super) fn score(probabilities: impl Iterator<Item = f32>) -> u8 {
    let open: f32 = probabilities.map(|probability| 1.0 - probability).product();
    ((1.0 - open) * 100.0).round() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::listing::ReasonCode as Code;
    use crate::core::number::LineType;
    use crate::core::signal::Evidence;

    fn fact(code: Code, probability: f32, may_block: bool) -> Fact<'static> {
        let blocking = if may_block { probability } else { 0.0 };
        Fact { code, probability, blocking, shadow: false, evidence: Evidence::LineType(LineType::Voip) }
    }

    fn judged(facts: &[Fact<'static>]) -> (Verdict, u8) {
        let policy = Policy::default();
        let judgement = policy.judge(facts.iter().copied().collect());
        (judgement.verdict, judgement.risk_score)
    }

    #[test]
    fn precedence_and_thresholds() {
        let seen = |p| fact(Code::PublicInbox, p, true);
        let glimpsed = |p| fact(Code::PublicInbox, p, false);
        let near = fact(Code::InferredRange, 0.65, false);
        let allow = fact(Code::AllowListed, 0.0, true);
        let block = fact(Code::BlockListed, 1.0, true);
        for (facts, verdict, score) in [
            (vec![], Verdict::Allow, 0),
            (vec![seen(0.49)], Verdict::Allow, 49),
            (vec![seen(0.5)], Verdict::Challenge, 50),
            (vec![seen(0.97)], Verdict::Block, 97),
            (vec![glimpsed(0.97)], Verdict::Challenge, 97),
            (vec![glimpsed(0.97), near], Verdict::Challenge, 99),
            (vec![seen(0.84), fact(Code::LineType, 0.15, true)], Verdict::Block, 86),
            (vec![block], Verdict::Block, 100),
            (vec![allow, seen(0.97), block], Verdict::Allow, 0),
        ] {
            assert_eq!(judged(&facts), (verdict, score), "{facts:?}");
        }
    }

    proptest! {
        #[test]
        fn a_signal_on_trial_changes_nothing_but_is_told(
            facts in proptest::collection::vec((0f32..=1.0, any::<bool>()), 0..5),
            trial in (0f32..=1.0, any::<bool>()),
        ) {
            let facts: Vec<_> = facts.into_iter().map(|(p, b)| fact(Code::PublicInbox, p, b)).collect();
            let with = [facts.clone(), vec![fact(Code::RangeHolder, trial.0, trial.1)]].concat();
            let policy = Policy { shadow: vec![Code::RangeHolder], ..Policy::default() };
            let (before, after) = (policy.judge(facts.into()), policy.judge(with.into()));
            prop_assert_eq!((before.verdict, before.risk_score), (after.verdict, after.risk_score));
            prop_assert!(after.facts.iter().any(|fact| fact.shadow && fact.code == Code::RangeHolder));
        }

        #[test]
        fn one_more_fact_never_lowers_verdict_or_score_and_allow_always_wins(
            facts in proptest::collection::vec((0f32..=1.0, any::<bool>()), 0..5),
            more in (0f32..=1.0, any::<bool>()),
        ) {
            let mut facts: Vec<_> = facts.into_iter().map(|(p, b)| fact(Code::PublicInbox, p, b)).collect();
            let before = judged(&facts);
            facts.push(fact(Code::InferredRange, more.0, more.1));
            let after = judged(&facts);
            prop_assert!(after >= before, "{before:?} {after:?}");
            facts.push(fact(Code::AllowListed, 0.0, true));
            prop_assert_eq!(judged(&facts), (Verdict::Allow, 0));
        }
    }
}
