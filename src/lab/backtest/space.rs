//! How much of a region's number space the inferred ranges challenge: what a policy costs people
//! who are in no list.
//!
//! Counted: the 10,000-blocks of every 100,000-block with a listed number in it; in each, one number
//! of every 10 stands for its ten (all unlisted numbers of a block of 10 have the same neighbours,
//! give or take themselves). It counts if it is a valid MOBILE or FIXED_LINE_OR_MOBILE number and
//! the INFERRED_RANGE fact alone would be challenged. The share is of all valid numbers of those
//! two line types that the numbering plan has for the region, however many are in use; numbers
//! that only the library can judge are left out of both.

use std::collections::BTreeMap;

use crate::core::index::Index;
use crate::core::listing::Day;
use crate::core::number::{LineType, Number, Region, Validity, plan};
use crate::core::policy::{Policy, Verdict};
use crate::core::signal;

const BLOCK: u64 = 10_000;
const STEP: u64 = 10;

fn mobile(line_type: LineType) -> bool {
    matches!(line_type, LineType::Mobile | LineType::FixedLineOrMobile)
}

/// Share, 0 to 1, per region with at least one challenged number.
pub(super) fn challenged(index: &Index, policy: &Policy, day: Day) -> BTreeMap<String, f64> {
    let listed = index.listed_blocks();
    let mut challenged: BTreeMap<Region, u64> = BTreeMap::new();
    let mut count = |key: u64| {
        if let Some(region) = mobile_region(key) {
            *challenged.entry(region).or_default() += STEP;
        }
    };
    for group in listed.chunk_by(|a, b| a / 10 == b / 10) {
        for block in group[0] / 10 * 10..group[0] / 10 * 10 + 10 {
            let keys = (block * BLOCK..(block + 1) * BLOCK).step_by(STEP as usize);
            if group.binary_search(&block).is_ok() {
                keys.filter(|&key| is_challenged(index, policy, key, day)).for_each(&mut count);
            } else if is_challenged(index, policy, block * BLOCK, day) {
                // Nothing is listed in this block: what holds for one number holds for all.
                keys.for_each(&mut count);
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

fn is_challenged(index: &Index, policy: &Policy, key: u64, day: Day) -> bool {
    let Ok(number) = Number::from_digits(key) else { return false };
    let fact = signal::inferred(index, &policy.weights, number, day.start());
    fact.is_some_and(|fact| policy.judge([fact].into_iter().collect()).verdict > Verdict::Allow)
}

fn mobile_region(key: u64) -> Option<Region> {
    let facts = plan::look_up(key.to_string().as_bytes())?;
    (facts.validity == Validity::Valid && mobile(facts.line_type)).then_some(facts.region)
}
