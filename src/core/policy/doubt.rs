//! Doubts about a policy whose settings are all in their bounds: verdicts that no score reaches, rules
//! that do nothing.
//!
//! Must not refuse: somebody may mean it.

use toml::de::DeValue;

use crate::core::listing::ReasonCode;
use crate::core::number::{HolderClass, LineType};
use crate::core::signal::{Burst, Bursts};

use super::problem::Complaints;
use super::verdict::score;
use super::{NEVER, Policy, Thresholds};

/// What the inferred ranges come to where everything around is listed.
const CROWDED: f32 = 0.999;

pub(super) fn check(policy: &Policy, complaints: &mut Complaints<'_, '_>) {
    thresholds(policy, complaints);
    shadow(policy, complaints);
    regions(policy, complaints);
    inferred(policy, complaints);
    let weights = &policy.weights;
    let kept = weights.verified_since.is_some_and(|since| since.keep >= 1.0);
    complaints.doubt("weights.verified_since.keep", kept, "is 1, which changes nothing: leave the table out");
    for (name, burst) in weights.bursts.all() {
        let nothing = burst.from > 0 && burst.probability == 0.0;
        let setting = format!("weights.bursts.{name}");
        complaints.doubt(&setting, nothing, "has the probability 0, which does nothing: say `from = 0`");
    }
    let line_types = LineType::ALL.map(LineType::as_str).map(|name| format!("weights.line_types.{name}"));
    let classes =
        HolderClass::ALL.map(HolderClass::as_str).map(|name| format!("weights.range_holder.{name}"));
    for setting in line_types.iter().chain(&classes) {
        complaints.doubt(
            setting,
            is_zero(complaints.written(setting)),
            "is 0, which does nothing: leave it out",
        );
    }
}

fn is_zero(written: Option<&DeValue<'_>>) -> bool {
    let number = match written {
        Some(DeValue::Integer(number)) => number.as_str(),
        Some(DeValue::Float(number)) => number.as_str(),
        _ => return false,
    };
    number.parse::<f64>().is_ok_and(|number| number == 0.0)
}

fn thresholds(policy: &Policy, complaints: &mut Complaints<'_, '_>) {
    let Thresholds { challenge, block } = policy.thresholds;
    let (risk, blocking) = highest(policy);
    complaints.doubt(
        "thresholds.challenge",
        risk < challenge,
        format!("is {challenge}, and CHALLENGE cannot be reached: all signals together come to {risk}; lower it, raise weights, or take signals off shadow"),
    );
    complaints.doubt(
        "thresholds.block",
        block < NEVER && blocking < block,
        format!("is {block}, and BLOCK cannot be reached: what may block comes to {blocking} at most; lower it, raise weights, take signals off shadow, or say {NEVER} if no score is to block"),
    );
    complaints.doubt(
        "thresholds.block",
        block == challenge,
        format!("is {block} like thresholds.challenge, and overlaps it: what may block is never challenged; raise it"),
    );
}

/// The highest score and block score that facts can add up to.
fn highest(policy: &Policy) -> (u8, u8) {
    use ReasonCode as Code;
    let weights = &policy.weights;
    let most = |all: &mut dyn Iterator<Item = f32>| all.fold(0.0, f32::max);
    let counts = |code| !policy.shadow.contains(&code);
    let near = if weights.inferred_range.odds.iter().any(|odds| *odds > 0.0) { CROWDED } else { 0.0 };
    let pairs = &mut weights.region_mismatch.iter().filter(|pair| !pair.shadow).map(|pair| pair.weight);
    // A number is either out of plan or of a line type: the higher of the two.
    let mut plan: f32 = 0.0;
    for (code, weight) in [
        (Code::NotInPlan, weights.not_in_plan),
        (Code::LineType, most(&mut weights.line_types.all().map(|(_, weight)| weight))),
    ] {
        plan = if counts(code) { plan.max(weight) } else { plan };
    }
    let may_block = [
        (Code::PublicInbox, weights.public_inbox.fresh),
        (Code::ListedRange, weights.listed_range.fresh),
        (Code::InferredRange, near),
    ];
    let burst = |burst: Burst| if burst.from > 0 { burst.probability } else { 0.0 };
    let Bursts { number, run, hundred, thousand, client, .. } = weights.bursts;
    let may_not = [
        (Code::BurstNumber, burst(number)),
        (Code::BurstRange, most(&mut [run, hundred, thousand].into_iter().map(burst))),
        (Code::BurstClient, burst(client)),
        (Code::RangeHolder, most(&mut weights.range_holder.all().map(|(_, weight)| weight))),
        (Code::NotAllocated, weights.not_allocated),
        (Code::RegionMismatch, most(pairs)),
        (Code::ForeignBusinessRange, weights.foreign_business_range),
    ];
    let counted = |facts: &[(Code, f32)]| -> Vec<f32> {
        facts.iter().filter(|(code, _)| counts(*code)).map(|(_, weight)| *weight).collect()
    };
    let (may_block, may_not) = (counted(&may_block), counted(&may_not));
    let blocking = || may_block.iter().copied().chain([plan]);
    (score(blocking().chain(may_not)), score(blocking()))
}

fn shadow(policy: &Policy, complaints: &mut Complaints<'_, '_>) {
    let weights = &policy.weights;
    for (at, code) in policy.shadow.iter().enumerate() {
        let (setting, name) = (format!("shadow[{at}]"), code.as_str());
        let again = policy.shadow[..at].contains(code);
        complaints.doubt(&setting, again, format!("is {name} again: leave it out"));
        let off = match code {
            ReasonCode::RegionMismatch => weights.region_mismatch.is_empty(),
            ReasonCode::NotAllocated => weights.not_allocated == 0.0,
            ReasonCode::ForeignBusinessRange => weights.foreign_business_range == 0.0,
            ReasonCode::BurstClient => weights.bursts.client.from == 0,
            _ => false,
        };
        complaints.doubt(&setting, off, format!("is {name}, which has no weight: nothing is on trial"));
    }
}

fn regions(policy: &Policy, complaints: &mut Complaints<'_, '_>) {
    let pairs = &policy.weights.region_mismatch;
    for (at, pair) in pairs.iter().enumerate() {
        let setting = format!("weights.region_mismatch[{at}]");
        let same = pair.number == pair.ip;
        complaints.doubt(&setting, same, "names one region twice: that is no mismatch, leave it out");
        let again = pairs[..at].iter().any(|other| (other.number, other.ip) == (pair.number, pair.ip));
        complaints.doubt(&setting, again, "is there already, and the first one counts: leave it out");
        complaints.doubt(&setting, pair.weight == 0.0, "has the weight 0, which does nothing: leave it out");
    }
}

fn inferred(policy: &Policy, complaints: &mut Complaints<'_, '_>) {
    let model = &policy.weights.inferred_range;
    let at = |part: &str| format!("weights.inferred_range.{part}");
    complaints.doubt(
        &at("least"),
        model.least > CROWDED,
        "is so high that INFERRED_RANGE is never told: lower it",
    );
    for (index, age) in model.ages.iter().enumerate() {
        let nothing = age.percent == 0;
        complaints.doubt(&at(&format!("ages[{index}]")), nothing, "counts 0 percent, which does nothing");
    }
}

#[cfg(test)]
mod tests {
    use crate::core::policy::{DEFAULT, Policies, read};

    #[test]
    fn doubts_are_told_and_served() {
        let pair = |ip: &str, weight: &str| {
            format!(
                "[[weights.region_mismatch]]\nnumber = \"GB\"\nip = \"{ip}\"\nweight = {weight}\n\n[weights.line_types]"
            )
        };
        let silent = "shadow = [\"PUBLIC_INBOX\", \"LISTED_RANGE\", \"INFERRED_RANGE\"]";
        let all = "shadow = [\"PUBLIC_INBOX\", \"LISTED_RANGE\", \"INFERRED_RANGE\", \"LINE_TYPE\", \"NOT_IN_PLAN\", \"NOT_ALLOCATED\", \"RANGE_HOLDER\", \"FOREIGN_BUSINESS_RANGE\", \"BURST_NUMBER\", \"BURST_RANGE\"]";
        let types = "[weights.line_types]";
        for (from, to, told) in [
            ("block = 85", "block = 50", "thresholds.block is 50 like thresholds.challenge, and overlaps"),
            ("shadow = []", silent, "BLOCK cannot be reached: what may block comes to 80 at most"),
            ("shadow = []", all, "CHALLENGE cannot be reached: all signals together come to 0"),
            ("shadow = []", "shadow = [\"LINE_TYPE\", \"LINE_TYPE\"]", "shadow[1] is LINE_TYPE again"),
            ("shadow = []", "shadow = [\"REGION_MISMATCH\"]", "is REGION_MISMATCH, which has no weight"),
            ("VOIP = 0.15", "VOIP = 0.0", "weights.line_types.VOIP is 0, which does nothing"),
            ("CPAAS = 0.5", "CPAAS = 0", "weights.range_holder.CPAAS is 0"),
            ("keep = 0.5", "keep = 1", "weights.verified_since.keep is 1"),
            ("least = 0.1", "least = 1.0", "INFERRED_RANGE is never told"),
            ("percent = 5 ", "percent = 0 ", "weights.inferred_range.ages[3] counts 0 percent"),
            (types, &pair("GB", "0.1"), "weights.region_mismatch[0] names one region twice"),
            (types, &pair("NG", "0"), "weights.region_mismatch[0] has the weight 0"),
        ] {
            assert!(DEFAULT.contains(from), "{from}");
            let reading = read(&DEFAULT.replacen(from, to, 1));
            let found: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
            assert!(found.iter().any(|found| found.contains(told)), "{to}: {found:?}");
            assert!(reading.policies.is_some(), "{to} was refused");
        }
        // Who says so means it.
        let never = DEFAULT.replacen("block = 85", "block = 101", 1);
        assert!(read(&never).problems.is_empty());
        assert!(Policies::parse(&never).is_ok());
    }
}
