//! One policy's settings and the bounds they have to keep.
//!
//! Unknown and missing settings are refused by their names. Must not judge whether a setting makes sense
//! beside the others: that is `doubt`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::core::index::LONGEST_AGE;
use crate::core::listing::ReasonCode;
use crate::core::signal::{Age, Decay, InferredRange, Weights};

use super::problem::Complaints;

/// The default policy's text: every setting, commented.
pub const DEFAULT: &str = include_str!("default.toml");

/// Rules of judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Comes back in every answer.
    pub version: String,
    /// Signals on trial: computed and told, without a say in the verdict.
    #[serde(default, deserialize_with = "codes", serialize_with = "names")]
    pub shadow: Vec<ReasonCode>,
    /// Scores from which a verdict holds.
    pub thresholds: Thresholds,
    /// How much each signal weighs.
    pub weights: Weights,
}

/// Scores, 0 to 100, from which a verdict holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// CHALLENGE from here on.
    pub challenge: u8,
    /// BLOCK from here on; [`NEVER`]: no score blocks.
    pub block: u8,
}

/// The threshold that no score reaches.
pub const NEVER: u8 = 101;

impl Policy {
    /// All settings in force, as TOML without comments.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// Complains about what is out of its bounds.
pub(super) fn check(policy: &Policy, complaints: &mut Complaints<'_, '_>) {
    let Thresholds { challenge, block } = policy.thresholds;
    complaints.bounds("thresholds.challenge", challenge, (1..=100).contains(&challenge), "1 to 100");
    let above = challenge <= block && block <= NEVER;
    let expected = "at least thresholds.challenge, and at most 100 (101: no score blocks)";
    complaints.bounds("thresholds.block", block, above, expected);
    for (at, code) in policy.shadow.iter().enumerate() {
        use ReasonCode::{AllowListed, BlockListed, InvalidNumber};
        let signal = !matches!(code, AllowListed | BlockListed | InvalidNumber);
        complaints.bounds(
            &format!("shadow[{at}]"),
            code.as_str(),
            signal,
            "codes of signals: decisions always count",
        );
    }
    let weights = &policy.weights;
    let mut probability = |setting: &str, value: f32| {
        complaints.bounds(setting, value, (0.0..=1.0).contains(&value), "a probability from 0 to 1");
    };
    probability("weights.not_in_plan", weights.not_in_plan);
    probability("weights.not_allocated", weights.not_allocated);
    probability("weights.foreign_business_range", weights.foreign_business_range);
    if let Some(since) = &weights.verified_since {
        probability("weights.verified_since.keep", since.keep);
    }
    for (at, pair) in weights.region_mismatch.iter().enumerate() {
        probability(&format!("weights.region_mismatch[{at}].weight"), pair.weight);
    }
    for (name, value) in weights.range_holder.all() {
        probability(&format!("weights.range_holder.{name}"), value);
    }
    for (name, value) in weights.line_types.all() {
        probability(&format!("weights.line_types.{name}"), value);
    }
    for (name, burst) in weights.bursts.all() {
        probability(&format!("weights.bursts.{name}.probability"), burst.probability);
    }
    for (setting, parts) in
        [("weights.public_inbox", &weights.public_inbox), ("weights.listed_range", &weights.listed_range)]
    {
        probability(&format!("{setting}.fresh"), parts.fresh);
        probability(&format!("{setting}.floor"), parts.floor);
    }
    probability("weights.inferred_range.least", weights.inferred_range.least);
    decay("weights.public_inbox", &weights.public_inbox, complaints);
    decay("weights.listed_range", &weights.listed_range, complaints);
    inferred_range(&weights.inferred_range, complaints);
    let percent = weights.bursts.other_client_percent;
    complaints.bounds("weights.bursts.other_client_percent", percent, percent <= 100, "0 to 100");
}

/// Reason codes by their names.
fn codes<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<ReasonCode>, D::Error> {
    let names = Vec::<String>::deserialize(list)?;
    let code = |name: &String| {
        let known = || ReasonCode::ALL.map(ReasonCode::as_str).join(", ");
        let unknown =
            || de::Error::custom(format!("unknown reason code {name}: expected some of {}", known()));
        ReasonCode::named(name).ok_or_else(unknown)
    };
    names.iter().map(code).collect()
}

fn names<S: Serializer>(codes: &[ReasonCode], out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(codes.iter().map(|code| code.as_str()))
}

fn decay(setting: &str, decay: &Decay, complaints: &mut Complaints<'_, '_>) {
    let half_life = decay.half_life_days;
    complaints.bounds(&format!("{setting}.half_life_days"), half_life, half_life > 0, "1 or more");
    complaints.bounds(&format!("{setting}.floor"), decay.floor, decay.floor <= decay.fresh, "at most fresh");
}

fn inferred_range(model: &InferredRange, complaints: &mut Complaints<'_, '_>) {
    let named = |part: &str| format!("weights.inferred_range.{part}");
    let mut younger = Age { within_days: 0, percent: 100 };
    for (at, age) in model.ages.iter().enumerate() {
        let (days, percent) = (age.within_days, age.percent);
        let older = at == 0 || days > younger.within_days;
        complaints.bounds(
            &named(&format!("ages[{at}].within_days")),
            days,
            older,
            "more than in the age before",
        );
        // What the index keeps of corroborations reaches no further back.
        complaints.bounds(
            &named(&format!("ages[{at}].within_days")),
            days,
            days <= LONGEST_AGE,
            "at most 496",
        );
        let less = percent <= younger.percent;
        complaints.bounds(
            &named(&format!("ages[{at}].percent")),
            percent,
            less,
            "at most that of the age before",
        );
        younger = *age;
    }
    for (at, odds) in model.odds.into_iter().enumerate() {
        complaints.bounds(&named(&format!("odds[{at}]")), odds, (0.0..1e6).contains(&odds), "0 to 1e6");
    }
    complaints.bounds(&named("doubted"), model.doubted, (0.0..1e6).contains(&model.doubted), "0 or more");
    let verified = &model.verified;
    let each = (0.0..=1.0).contains(&verified.each);
    complaints.bounds(&named("verified.each"), verified.each, each, "0 to 1");
    complaints.bounds(&named("verified.most"), verified.most, verified.most <= 100, "at most 100");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::{Policies, Problem, read};

    fn refused(from: &str, to: &str) -> String {
        assert!(DEFAULT.contains(from), "{from}");
        match Policies::parse(&DEFAULT.replacen(from, to, 1)) {
            Ok(_) => panic!("{to} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_default_parses_and_wrong_settings_are_named() {
        let default = read(DEFAULT);
        assert_eq!(default.problems, Vec::<Problem>::new());
        assert_eq!(
            default.policies.map(|policies| policies.usual().version.clone()).as_deref(),
            Some("default-3")
        );
        for (from, to, named) in [
            ("challenge = 50", "challenge = 0", "thresholds.challenge is 0: expected 1 to 100"),
            ("block = 85", "block = 40", "thresholds.block is 40"),
            ("fresh = 0.97", "fresh = 1.2", "weights.public_inbox.fresh is 1.2"),
            ("floor = 0.6", "floor = 0.98", "weights.public_inbox.floor is 0.98"),
            ("half_life_days = 180", "half_life_days = 0", "weights.public_inbox.half_life_days"),
            ("within_days = 30", "within_days = 9", "weights.inferred_range.ages[1].within_days is 9"),
            (
                "within_days = 365, percent",
                "within_days = 497, percent",
                "ages[3].within_days is 497: expected at most 496",
            ),
            ("percent = 20", "percent = 90", "weights.inferred_range.ages[2].percent is 90"),
            ("odds = [220.0, ", "odds = [-1.0, ", "weights.inferred_range.odds[0] is -1"),
            ("odds = [220.0, ", "odds = [", "invalid length 4"),
            ("doubted = 1.0", "doubted = -1.0", "weights.inferred_range.doubted is -1"),
            ("each = 0.5", "each = 9.0", "weights.inferred_range.verified.each is 9"),
            ("most = 10", "most = 101", "weights.inferred_range.verified.most is 101"),
            ("CPAAS = 0.5", "CPAAS = 5", "weights.range_holder.CPAAS is 5"),
            ("WHOLESALE = 0.2", "MVNO = 0.2", "unknown field `MVNO`"),
            ("VOIP = 0.15", "VOIP = -1", "weights.line_types.VOIP is -1"),
            ("shadow = []", "shadow = [\"RANGE\"]", "unknown reason code RANGE"),
            ("shadow = []", "shadow = [\"ALLOW_LISTED\"]", "shadow[0] is ALLOW_LISTED"),
            ("VOIP = 0.15", "VIOP = 0.15", "unknown field `VIOP`"),
            ("other_client_percent = 50", "other_client_percent = 101", "other_client_percent is 101"),
            (
                "run = { from = 5, probability = 0.6 }",
                "run = { from = 5, probability = 6.0 }",
                "run.probability",
            ),
            ("not_in_plan = 0.7", "", "missing field `not_in_plan`"),
            ("version = \"default-3\"", "version = 1", "invalid type"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(named), "{error}");
        }
    }
}
