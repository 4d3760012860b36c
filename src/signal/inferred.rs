//! Listed numbers close by: the number is likely from the same virtual range.
//!
//! Odds that add up: every listed number around adds to the odds that this one is virtual, more the
//! smaller the block that both share and the fresher it was seen. See `policy/default.toml` for where
//! the odds come from. The blocks nest, so this is one piece of evidence, never several.

use crate::index::{BLOCK_SIZES, Index};
use crate::listing::{ReasonCode, UnixTime};
use crate::number::Number;

use super::{Evidence, Fact, Weights};

/// What the listed numbers around `number` say.
pub fn range(index: &Index, weights: &Weights, number: Number, now: UnixTime) -> Option<Fact<'static>> {
    let model = &weights.inferred_range;
    let counts = index.block_counts(number, &model.since(now.day()));
    let (mut odds, mut odds_to_block) = (0.0, 0.0);
    let (mut strongest, mut strongest_odds) = (0, 0.0);
    for (at, (count, per_number)) in counts.iter().zip(model.odds).enumerate() {
        let of_block = per_number * model.weigh(&count.seen);
        odds += of_block;
        // An invented number is cheap. Where strangers could be blocked, only numbers that were seen
        // on two days count, and it must hold even if some of those are wrong.
        odds_to_block += per_number * (model.weigh(&count.confirmed) - model.doubted).max(0.0);
        if of_block > strongest_odds {
            (strongest, strongest_odds) = (at, of_block);
        }
    }
    let probability = odds / (1.0 + odds);
    if probability < model.least {
        return None;
    }
    let block = counts[strongest];
    Some(Fact {
        code: ReasonCode::InferredRange,
        probability,
        blocking: odds_to_block / (1.0 + odds_to_block),
        evidence: Evidence::Block {
            size: BLOCK_SIZES[strongest],
            count: block.count(),
            newest: block.newest,
        },
    })
}
