//! How much of a region's number space the inferred ranges challenge: what a policy costs people
//! who are in no list.
//!
//! Counted: every 10,000-block with a listed number in it; in each, one number of every 10 stands
//! for its ten (all unlisted numbers of a block of 10 have the same neighbours, give or take
//! themselves). It counts if it is a valid MOBILE or FIXED_LINE_OR_MOBILE number and the
//! INFERRED_RANGE fact alone would be challenged. The share is of all valid numbers of those two
//! line types that the numbering plan has for the region, however many are in use.

use std::collections::BTreeMap;

use crate::index::Index;
use crate::listing::{Day, ReasonCode};
use crate::number::{self, LineType, Number, Region, plan};
use crate::policy::{Policy, Verdict};
use crate::signal;

const BLOCK: u64 = 10_000;
const STEP: u64 = 10;

fn mobile(line_type: LineType) -> bool {
    matches!(line_type, LineType::Mobile | LineType::FixedLineOrMobile)
}

/// Share, 0 to 1, per region with at least one challenged number.
pub(super) fn challenged(index: &Index, policy: &Policy, day: Day) -> BTreeMap<String, f64> {
    let mut challenged: BTreeMap<Region, u64> = BTreeMap::new();
    for block in index.listed_blocks() {
        // A block that its own largest count does not move cannot be moved by a part of it.
        for key in (block * BLOCK..(block + 1) * BLOCK).step_by(STEP as usize) {
            if let Some(region) = region_if_challenged(index, policy, key, day) {
                *challenged.entry(region).or_default() += STEP;
            }
        }
    }
    let sizes = plan::number_space(mobile);
    let share = |(region, count): (Region, u64)| {
        let size = *sizes.get(&region)? as f64;
        Some((region.as_str().to_owned(), count as f64 / size))
    };
    challenged.into_iter().filter_map(share).collect()
}

fn region_if_challenged(index: &Index, policy: &Policy, key: u64, day: Day) -> Option<Region> {
    let number = Number::from_digits(key).ok()?;
    let fact = signal::inferred(index, &policy.weights, number, day.start())?;
    debug_assert_eq!(fact.code, ReasonCode::InferredRange);
    let alone = policy.judge([fact].into_iter().collect());
    if alone.verdict == Verdict::Allow {
        return None;
    }
    let facts = number::parse(&number.as_e164(), None).ok()?.facts;
    mobile(facts.line_type).then_some(facts.region)
}
