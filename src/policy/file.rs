//! The policy file: TOML in, a checked [`Policy`] out. A setting that is unknown, missing or out of
//! its bounds is refused by name.

use serde::{Deserialize, Deserializer, de};

use crate::listing::ReasonCode;
use crate::signal::{Age, Decay, InferredRange, Weights};

/// The default policy's text: every setting, commented.
pub const DEFAULT: &str = include_str!("default.toml");

/// Rules of judgement.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Comes back in every answer.
    pub version: String,
    /// Scores from which a verdict holds.
    pub thresholds: Thresholds,
    /// Signals on trial: computed and told, without a say in the verdict.
    #[serde(default, deserialize_with = "codes")]
    pub shadow: Vec<ReasonCode>,
    /// How much each signal weighs.
    pub weights: Weights,
}

/// Scores, 0 to 100, from which a verdict holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// CHALLENGE from here on.
    pub challenge: u8,
    /// BLOCK from here on.
    pub block: u8,
}

/// Why a policy file is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or a setting that is unknown, missing or of the wrong kind.
    #[error("policy: {0}")]
    Form(String),
    /// A setting out of its bounds.
    #[error("policy: {setting} is {found}: expected {expected}")]
    Bounds {
        /// The setting's path.
        setting: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
}

impl Default for Policy {
    fn default() -> Self {
        match Self::parse(DEFAULT) {
            Ok(policy) => policy,
            // The text is part of the program and a test parses it.
            Err(error) => unreachable!("the default policy does not parse: {error}"),
        }
    }
}

impl Policy {
    /// Reads a policy file's text.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.lines().count().max(1);
            PolicyError::Form(format!("line {line}: {}", error.message().replace('\n', " ")))
        })?;
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), PolicyError> {
        let Thresholds { challenge, block } = self.thresholds;
        bounds("thresholds.challenge", challenge, (1..=100).contains(&challenge), "1 to 100")?;
        let above = challenge <= block && block <= 100;
        bounds("thresholds.block", block, above, "at least thresholds.challenge and at most 100")?;
        for code in &self.shadow {
            use ReasonCode::{AllowListed, BlockListed, InvalidNumber};
            let signal = !matches!(code, AllowListed | BlockListed | InvalidNumber);
            bounds("shadow", code.as_str(), signal, "codes of signals: decisions always count")?;
        }
        let weights = &self.weights;
        probability("weights.not_in_plan", weights.not_in_plan)?;
        decay("weights.public_inbox", &weights.public_inbox)?;
        decay("weights.listed_range", &weights.listed_range)?;
        inferred_range(&weights.inferred_range)?;
        for (name, value) in weights.range_holder.all() {
            probability(&format!("weights.range_holder.{name}"), value)?;
        }
        for (name, value) in weights.line_types.all() {
            probability(&format!("weights.line_types.{name}"), value)?;
        }
        let percent = weights.bursts.other_client_percent;
        bounds("weights.bursts.other_client_percent", percent, percent <= 100, "0 to 100")?;
        for (name, burst) in weights.bursts.all() {
            probability(&format!("weights.bursts.{name}.probability"), burst.probability)?;
        }
        Ok(())
    }
}

/// Reason codes by their names.
fn codes<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<ReasonCode>, D::Error> {
    let names = Vec::<String>::deserialize(list)?;
    let code = |name: &String| {
        ReasonCode::named(name).ok_or_else(|| de::Error::custom(format!("unknown reason code {name}")))
    };
    names.iter().map(code).collect()
}

fn decay(setting: &str, decay: &Decay) -> Result<(), PolicyError> {
    probability(&format!("{setting}.fresh"), decay.fresh)?;
    probability(&format!("{setting}.floor"), decay.floor)?;
    let half_life = decay.half_life_days;
    bounds(&format!("{setting}.half_life_days"), half_life, half_life > 0, "1 or more")?;
    bounds(&format!("{setting}.floor"), decay.floor, decay.floor <= decay.fresh, "at most fresh")
}

fn inferred_range(model: &InferredRange) -> Result<(), PolicyError> {
    let named = |part: &str| format!("weights.inferred_range.{part}");
    let mut younger = Age { within_days: 0, percent: 100 };
    for (at, age) in model.ages.iter().enumerate() {
        let (days, percent) = (age.within_days, age.percent);
        let older = at == 0 || days > younger.within_days;
        bounds(&named(&format!("ages[{at}].within_days")), days, older, "more than in the age before")?;
        let less = percent <= younger.percent;
        bounds(&named(&format!("ages[{at}].percent")), percent, less, "at most that of the age before")?;
        younger = *age;
    }
    for (at, odds) in model.odds.into_iter().enumerate() {
        bounds(&named(&format!("odds[{at}]")), odds, (0.0..1e6).contains(&odds), "0 to 1e6")?;
    }
    bounds(&named("doubted"), model.doubted, (0.0..1e6).contains(&model.doubted), "0 or more")?;
    probability(&named("least"), model.least)
}

fn probability(setting: &str, value: f32) -> Result<(), PolicyError> {
    bounds(setting, value, (0.0..=1.0).contains(&value), "a probability from 0 to 1")
}

fn bounds(
    setting: &str,
    found: impl ToString,
    good: bool,
    expected: &'static str,
) -> Result<(), PolicyError> {
    if good {
        return Ok(());
    }
    Err(PolicyError::Bounds { setting: setting.to_owned(), found: found.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(from: &str, to: &str) -> String {
        assert!(DEFAULT.contains(from), "{from}");
        match Policy::parse(&DEFAULT.replacen(from, to, 1)) {
            Ok(_) => panic!("{to} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_default_parses_and_wrong_settings_are_named() {
        assert_eq!(Policy::parse(DEFAULT).map(|p| p.version), Ok("default-2".to_owned()));
        for (from, to, named) in [
            ("challenge = 50", "challenge = 0", "thresholds.challenge is 0: expected 1 to 100"),
            ("block = 85", "block = 40", "thresholds.block is 40"),
            ("fresh = 0.97", "fresh = 1.2", "weights.public_inbox.fresh is 1.2"),
            ("floor = 0.6", "floor = 0.98", "weights.public_inbox.floor is 0.98"),
            ("half_life_days = 180", "half_life_days = 0", "weights.public_inbox.half_life_days"),
            ("within_days = 30", "within_days = 9", "weights.inferred_range.ages[1].within_days is 9"),
            ("percent = 20", "percent = 90", "weights.inferred_range.ages[2].percent is 90"),
            ("odds = [220.0, ", "odds = [-1.0, ", "weights.inferred_range.odds[0] is -1"),
            ("odds = [220.0, ", "odds = [", "invalid length 4"),
            ("doubted = 1.0", "doubted = -1.0", "weights.inferred_range.doubted is -1"),
            ("CPAAS = 0.5", "CPAAS = 5", "weights.range_holder.CPAAS is 5"),
            ("WHOLESALE = 0.2", "MVNO = 0.2", "unknown field `MVNO`"),
            ("VOIP = 0.15", "VOIP = -1", "weights.line_types.VOIP is -1"),
            ("shadow = []", "shadow = [\"RANGE\"]", "unknown reason code RANGE"),
            ("shadow = []", "shadow = [\"ALLOW_LISTED\"]", "shadow is ALLOW_LISTED"),
            ("VOIP = 0.15", "VIOP = 0.15", "unknown field `VIOP`"),
            ("other_client_percent = 50", "other_client_percent = 101", "other_client_percent is 101"),
            (
                "run = { from = 5, probability = 0.6 }",
                "run = { from = 5, probability = 6.0 }",
                "run.probability",
            ),
            ("not_in_plan = 0.7", "", "missing field `not_in_plan`"),
            ("version = \"default-2\"", "version = 1", "invalid type"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(named), "{error}");
        }
    }
}
