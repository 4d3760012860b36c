//! Signals: what the index and the numbering plan say about one number, as weighted facts.
//!
//! Pure and allocation-free. Each fact has one reason code, the probability that a number with
//! this fact is virtual or disposable, and its evidence. Must not decide: that is `policy`.

mod basis;
mod context;
mod evidence;
mod inferred;
mod seen;
mod weights;

use smallvec::SmallVec;

use crate::core::allocation::Allocated;
use crate::core::index::{Found, Index};
use crate::core::listing::{Action, ReasonCode, UnixTime};
use crate::core::number::{LineType, ParseError, Parsed, Validity};

pub use basis::Basis;
pub use context::Context;
pub use evidence::Evidence;
pub use inferred::range as inferred;
pub use weights::{Age, Burst, Bursts, Decay, HolderClasses, InferredRange, LineTypes, Verified};
pub use weights::{RegionPair, VerifiedSince, Weights};

/// One weighted fact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fact<'a> {
    /// Its stable name.
    pub code: ReasonCode,
    /// Probability, 0 to 1, that a number with this fact alone is virtual or disposable.
    pub probability: f32,
    /// How much of the probability may contribute to BLOCK; 0 is CHALLENGE at most.
    pub blocking: f32,
    /// Told, but without a say in the verdict: on trial by itself, or by the policy's `shadow`.
    pub shadow: bool,
    /// What was found.
    pub evidence: Evidence<'a>,
}

impl<'a> Fact<'a> {
    /// A fact that counts as much towards BLOCK as towards CHALLENGE.
    pub fn certain(code: ReasonCode, probability: f32, evidence: Evidence<'a>) -> Self {
        Self { code, probability, blocking: probability, shadow: false, evidence }
    }
}

/// The facts of one number; as many as come together in practice fit without allocating.
pub type Facts<'a> = SmallVec<[Fact<'a>; 6]>;

/// The one fact of a text that is not a number.
pub fn of_text<'a>(error: ParseError) -> Facts<'a> {
    let mut facts = Facts::new();
    facts.push(Fact::certain(ReasonCode::InvalidNumber, 1.0, Evidence::NotANumber(error)));
    facts
}

/// Gathers every fact about a number of which the index has `found` what it knows.
#[inline]
pub fn of_number<'a>(
    index: &'a Index,
    weights: &Weights,
    parsed: &Parsed,
    found: &Found<'a>,
    context: &Context,
    now: UnixTime,
) -> Facts<'a> {
    let mut facts = Facts::new();
    if let Some(decision) = found.decision {
        facts.push(decided(decision.action, Evidence::Decided(decision, None)));
    }
    for entry in [found.range_allowed, found.range_blocked].into_iter().flatten() {
        if let Some(decision) = &entry.decision {
            facts.push(decided(decision.action, Evidence::Decided(decision, Some(entry.range))));
        }
    }
    if let Some(fact) = plan(weights, parsed) {
        facts.push(fact);
    }
    if let Some(seen) = found.seen {
        facts.push(seen::number(index, weights, seen, context, now));
    }
    if let Some(fact) = found.range_seen.and_then(|entry| seen::range(index, weights, entry, now)) {
        facts.push(fact);
    }
    if let Some(fact) = found.allocated.and_then(|allocated| range_holder(weights, parsed, allocated)) {
        facts.push(fact);
    }
    if let Some(fact) = inferred::range(index, weights, parsed.number, now) {
        facts.push(fact);
    }
    context::add(&mut facts, weights, parsed, context);
    facts
}

fn decided(action: Action, evidence: Evidence<'_>) -> Fact<'_> {
    let (code, probability) = match action {
        Action::Allow => (ReasonCode::AllowListed, 0.0),
        Action::Block => (ReasonCode::BlockListed, 1.0),
    };
    Fact::certain(code, probability, evidence)
}

/// Who holds the range, or that nobody does: CHALLENGE at most, because a name says what a range is for
/// and not who has this number, and a regulator's file grows old.
fn range_holder<'a>(weights: &Weights, parsed: &Parsed, allocated: Allocated<'a>) -> Option<Fact<'a>> {
    let (code, probability, evidence) = match allocated {
        Allocated::To(holder) => {
            let probability = weights.range_holder.probability(holder.class);
            (ReasonCode::RangeHolder, probability, Evidence::Holder(holder))
        }
        // What is not in the plan cannot be given to anybody: one fact is enough.
        Allocated::Nobody(_) if parsed.facts.validity != Validity::Valid => return None,
        Allocated::Nobody(file) => {
            let evidence = Evidence::NotAllocated(file.source(), file.loaded_at().day());
            (ReasonCode::NotAllocated, weights.not_allocated, evidence)
        }
    };
    (probability > 0.0).then_some(Fact { code, probability, blocking: 0.0, shadow: false, evidence })
}

fn plan(weights: &Weights, parsed: &Parsed) -> Option<Fact<'static>> {
    let validity = parsed.facts.validity;
    if validity != Validity::Valid {
        return Some(Fact::certain(ReasonCode::NotInPlan, weights.not_in_plan, Evidence::Plan(validity)));
    }
    let line_type: LineType = parsed.facts.line_type;
    let probability = weights.line_types.probability(line_type);
    (probability > 0.0)
        .then(|| Fact::certain(ReasonCode::LineType, probability, Evidence::LineType(line_type)))
}
