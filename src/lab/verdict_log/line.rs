//! A decision as a line of the verdict log (JSON), and back.
//!
//! Must not write digits: a platform's own id that holds the number is left out.

use serde::{Deserialize, Serialize};

use crate::core::listing::ReasonCode;
use crate::core::number::{HolderClass, LineType, Number, Region};
use crate::core::signal::Basis;

use super::decision::Weighed;
use super::{Decision, Numbers};

/// A logged decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, such as `2026-05-31T12:00:00Z`.
    pub at: String,
    /// The answer's id.
    pub check_id: String,
    /// The platform's id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correlation_id: String,
    /// Hashed or masked; absent if the text was no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// ISO 3166.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// ALLOW, CHALLENGE or BLOCK.
    pub verdict: String,
    /// 0 to 100.
    pub risk_score: u8,
    /// The same over what may block.
    pub block_score: u8,
    /// Name of the policy; empty for the usual one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Its version.
    pub policy_version: String,
    /// Nobody registered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What it rests on.
    pub facts: Vec<FactLine>,
}

/// A logged fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactLine {
    code: String,
    weight: f32,
    block_weight: f32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
    /// Class of the holder, line type, or both regions (`GB/NG`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// Days since the last sighting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age_days: Option<u16>,
    /// Days from there to a verification that weakened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verified_days: Option<u16>,
}

/// Why a line cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not a line of the decision log.
    #[error("is no line of the decision log: {0}")]
    Form(String),
    /// From a later version.
    #[error("has the reason code {0}, which this version does not know")]
    Code(String),
}

impl Line {
    pub(super) fn of(decision: &Decision, numbers: &Numbers) -> Self {
        let number = decision.number.map(|number| match numbers {
            Numbers::Hashed(key) => key.hash(number),
            Numbers::Masked => number.to_string(),
        });
        Self {
            at: decision.at.to_string(),
            check_id: decision.check_id.clone(),
            correlation_id: without_digits(&decision.correlation_id, decision.number),
            number,
            region: decision.region.as_str().to_owned(),
            verdict: decision.verdict.as_str().to_owned(),
            risk_score: decision.risk_score,
            block_score: decision.block_score,
            policy: decision.policy.clone(),
            policy_version: decision.policy_version.clone(),
            dry_run: decision.dry_run,
            facts: decision.facts.iter().map(FactLine::of).collect(),
        }
    }

    /// Reads a line of the log.
    pub fn read(text: &str) -> Result<Self, LineError> {
        serde_json::from_str(text).map_err(|error| LineError::Form(error.to_string()))
    }

    pub(super) fn weighed(&self) -> Result<Vec<Weighed>, LineError> {
        self.facts.iter().map(FactLine::weighed).collect()
    }
}

impl FactLine {
    fn of(fact: &Weighed) -> Self {
        let (mut of, mut age_days, mut verified_days) = (None, None, None);
        match fact.basis {
            Basis::Code => {}
            Basis::Aged(age, verified) => (age_days, verified_days) = (Some(age), verified),
            Basis::Holder(class) => of = Some(class.as_str().to_owned()),
            Basis::LineType(line_type) => of = Some(line_type.as_str().to_owned()),
            Basis::Regions(number, ip) => of = Some(format!("{}/{}", number.as_str(), ip.as_str())),
        }
        let (weight, block_weight) = (fact.probability, fact.blocking);
        Self {
            code: fact.code.as_str().to_owned(),
            weight,
            block_weight,
            shadow: fact.shadow,
            of,
            age_days,
            verified_days,
        }
    }

    fn weighed(&self) -> Result<Weighed, LineError> {
        let code = ReasonCode::named(&self.code).ok_or_else(|| LineError::Code(self.code.clone()))?;
        let of = self.of.as_deref().unwrap_or_default();
        let basis = match (code, self.age_days) {
            (_, Some(age)) => Basis::Aged(age, self.verified_days),
            (ReasonCode::RangeHolder, _) => HolderClass::ALL
                .into_iter()
                .find(|class| class.as_str() == of)
                .map_or(Basis::Code, Basis::Holder),
            (ReasonCode::LineType, _) => LineType::ALL
                .into_iter()
                .find(|kind| kind.as_str() == of)
                .map_or(Basis::Code, Basis::LineType),
            (ReasonCode::RegionMismatch, _) => match of.split_once('/') {
                Some((number, ip)) => Basis::Regions(
                    Region::new(number).unwrap_or_default(),
                    Region::new(ip).unwrap_or_default(),
                ),
                None => Basis::Code,
            },
            _ => Basis::Code,
        };
        Ok(Weighed {
            code,
            probability: self.weight,
            blocking: self.block_weight,
            shadow: self.shadow,
            basis,
        })
    }
}

/// Digits of a number's end that give it away.
const TELLING: usize = 7;

/// A platform's id, unless it is made of the number.
fn without_digits(id: &str, number: Option<Number>) -> String {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    let own = number.map(|number| number.key().to_string()).unwrap_or_default();
    let tail = &own[own.len().saturating_sub(TELLING)..];
    if tail.len() == TELLING && digits.contains(tail) {
        "left out: holds the number".to_owned()
    } else {
        id.to_owned()
    }
}
