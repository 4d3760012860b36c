//! Many listed numbers close by: the number is likely from the same virtual range.
//!
//! First version: the strongest of a few steps. The blocks nest, so their counts are one piece of
//! evidence, never several.

use crate::index::{BLOCK_SIZES, Index};
use crate::listing::{Day, ReasonCode, UnixTime};
use crate::number::Number;

use super::{Evidence, Fact, Step, Weights};

/// The strongest step that the blocks around `number` reach.
pub fn range(index: &Index, weights: &Weights, number: Number, now: UnixTime) -> Option<Fact<'static>> {
    let memory = weights.inferred_range.memory_days;
    let since = Day(now.day().0.saturating_sub(memory));
    let counts = index.block_counts(number, since);
    if counts[BLOCK_SIZES.len() - 1].count == 0 {
        return None;
    }
    let today = now.day();
    let mut strongest: Option<(&Step, Evidence<'static>)> = None;
    for step in &weights.inferred_range.steps {
        let Some(at) = BLOCK_SIZES.iter().position(|&size| size == step.block) else { continue };
        let block = counts[at];
        let stronger = strongest.is_none_or(|(best, _)| step.probability > best.probability);
        let fresh = step.within_days.is_none_or(|days| block.newest.days_until(today) <= days);
        // An invented number is cheap; where it could block strangers it must be seen on two days.
        let count = if step.may_block || step.confirmed { block.confirmed } else { block.count };
        if count >= step.at_least && fresh && stronger {
            strongest = Some((step, Evidence::Block { size: step.block, count, newest: block.newest }));
        }
    }
    strongest.map(|(step, evidence)| Fact {
        code: ReasonCode::InferredRange,
        probability: step.probability,
        may_block: step.may_block,
        evidence,
    })
}
