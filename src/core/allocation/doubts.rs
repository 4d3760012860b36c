//! Whether a regulator's file is believed: one that has shrunk much, or is not that country's, is held
//! back as a whole, and what was loaded before stays.

use crate::core::number::{MAX_DIGITS, Validity, plan};

use super::Allocation;

/// Less than this share of what was held before is no change of a week.
const LEAST_PERCENT: u64 = 80;
/// At least this share of what is held must be in the country's numbering plan.
const LEAST_IN_PLAN_PERCENT: usize = 50;
/// So many ranges are tried.
const TRIED: usize = 1_000;

/// Why a load is held back, in words; none if it is not. `before` is what is loaded now.
pub fn doubts(new: &Allocation, before: Option<&Allocation>) -> Vec<String> {
    let mut doubts = Vec::new();
    let held = |allocation: &Allocation| allocation.held().map(|(_, length)| length).sum::<u64>();
    let (now, then) = (held(new), before.map_or(0, held));
    if now == 0 {
        doubts.push("no range is in anybody's hands".to_owned());
    } else if u128::from(now) * 100 < u128::from(then) * u128::from(LEAST_PERCENT) {
        let percent = u128::from(now) * 100 / u128::from(then.max(1));
        doubts.push(format!(
            "{percent} % of the numbers that were in somebody's hands still are: at least {LEAST_PERCENT} % must be"
        ));
    }
    let starts: Vec<u64> = new.held().map(|(start, _)| start).collect();
    let tried: Vec<u64> = starts.iter().step_by(starts.len().div_ceil(TRIED).max(1)).copied().collect();
    let known = tried.iter().filter(|start| is_in_plan(**start)).count();
    if known * 100 < tried.len() * LEAST_IN_PLAN_PERCENT {
        doubts.push(format!(
            "{known} of {} ranges are in the country's numbering plan: at least {LEAST_IN_PLAN_PERCENT} % must be",
            tried.len()
        ));
    }
    doubts
}

/// Whether a number of some length that begins like this aligned one is in the plan.
fn is_in_plan(start: u64) -> bool {
    (7..=MAX_DIGITS).any(|length| {
        let digits = (start / 10u64.pow(MAX_DIGITS - length)).to_string();
        plan::look_up(digits.as_bytes()).is_none_or(|facts| facts.validity == Validity::Valid)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::built;
    use super::*;

    #[test]
    fn a_file_that_shrank_or_is_of_nowhere_is_held_back() {
        let ten: Vec<String> = (0..10).map(|at| format!("+44740{at}*")).collect();
        let of = |ranges: &[String]| {
            let rows: Vec<(&str, &str)> = ranges.iter().map(|range| (range.as_str(), "X")).collect();
            built("a", &["+447*"], &rows)
        };
        let whole = of(&ten);
        for (new, before, expected) in [
            (of(&ten), None, ""),
            (of(&ten[..8]), Some(&whole), ""),
            (of(&ten[..7]), Some(&whole), "70 % of the numbers"),
            (of(&[]), Some(&whole), "no range is in anybody's hands"),
            // Of no plan: the country code is not given to anybody.
            (of(&["+999123*".to_owned()]), None, "0 of 1 ranges are in the country's"),
        ] {
            let doubts = doubts(&new, before).join("; ");
            assert!(
                if expected.is_empty() { doubts.is_empty() } else { doubts.contains(expected) },
                "{doubts}"
            );
        }
    }
}
