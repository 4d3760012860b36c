//! How much each signal weighs. Filled from the policy file; the defaults and where they come from
//! are in `core/policy/default.toml`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::core::index::{AGES, Fading, VerifiedLimits};
use crate::core::listing::Day;
use crate::core::number::{HolderClass, LineType, Region};

/// All weights. Probabilities are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// A number that feeds saw.
    pub public_inbox: Decay,
    /// A range that feeds reported.
    pub listed_range: Decay,
    /// Listed numbers around the number.
    pub inferred_range: InferredRange,
    /// Per class of the range's holder; networks of people's phones have none.
    pub range_holder: HolderClasses,
    /// Well formed, but not in the numbering plan.
    pub not_in_plan: f32,
    /// In no range that the regulator has given to anybody, by its file.
    pub not_allocated: f32,
    /// A business on a virtual range of another country; 0 is off.
    #[serde(default)]
    pub foreign_business_range: f32,
    /// The platform verified the number long after feeds last saw it; absent: that changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_since: Option<VerifiedSince>,
    /// Per line type; absent types weigh nothing.
    pub line_types: LineTypes,
    /// Pairs of regions that are told; none unless an operator names them.
    #[serde(default)]
    pub region_mismatch: Vec<RegionPair>,
    /// Many checks within minutes; counted only where the configuration says so.
    pub bursts: Bursts,
}

/// A region of numbers and one of addresses that together are a reason.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionPair {
    /// Region of the number.
    #[serde(deserialize_with = "region", serialize_with = "code")]
    pub number: Region,
    /// Region of the client's address.
    #[serde(deserialize_with = "region", serialize_with = "code")]
    pub ip: Region,
    /// Probability.
    pub weight: f32,
    /// On trial, as every pair is until it says otherwise.
    #[serde(default = "on_trial")]
    pub shadow: bool,
}

fn on_trial() -> bool {
    true
}

fn region<'de, D: Deserializer<'de>>(text: D) -> Result<Region, D::Error> {
    let text = String::deserialize(text)?;
    let unknown = || de::Error::custom(format!("{text} is no region: expected ISO 3166 such as GB"));
    Region::known(&text).ok_or_else(unknown)
}

fn code<S: Serializer>(region: &Region, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(region.as_str())
}

/// How a number's sighting weighs once the platform has verified the number since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedSince {
    /// Least days from the last sighting to the verification.
    pub after_days: u16,
    /// What is left of the weight, 0 to 1.
    pub keep: f32,
}

/// Many checks within minutes. CHALLENGE at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// Another client's checks count up to this share of each `from`, 0 to 100 percent.
    pub other_client_percent: u8,
    /// Checks of one number.
    pub number: Burst,
    /// Consecutive numbers of one client.
    pub run: Burst,
    /// Different numbers of a block of 100.
    pub hundred: Burst,
    /// Different numbers of a block of 1,000.
    pub thousand: Burst,
    /// All checks of one client.
    pub client: Burst,
}

/// From how many checks on it is a burst, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// From so many on; 0 never.
    pub from: u32,
    /// What it then weighs.
    pub probability: f32,
}

impl Bursts {
    /// All bursts by name, for validation.
    pub fn all(&self) -> [(&'static str, Burst); 5] {
        [
            ("number", self.number),
            ("run", self.run),
            ("hundred", self.hundred),
            ("thousand", self.thousand),
            ("client", self.client),
        ]
    }
}

/// A probability that falls with age, from `fresh` towards `floor`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decay {
    /// Probability up to `full_days` after the last sighting.
    pub fresh: f32,
    /// What it falls towards, and never below.
    pub floor: f32,
    /// Days at full weight.
    pub full_days: u16,
    /// Days in which the part above the floor halves.
    pub half_life_days: u16,
}

impl Decay {
    /// The probability `age_days` after the last sighting.
    pub fn probability(&self, age_days: u16) -> f32 {
        let late = age_days.saturating_sub(self.full_days);
        if late == 0 {
            return self.fresh;
        }
        let halvings = f32::from(late) / f32::from(self.half_life_days.max(1));
        self.floor + (self.fresh - self.floor) * (-halvings).exp2()
    }
}

/// The inferred-range signal: listed numbers around a number add up to odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferredRange {
    /// What a sighting still counts by its age, youngest first; older than the last: nothing.
    pub ages: [Age; AGES],
    /// What one fresh number adds to the odds, for each of [`BLOCK_SIZES`](crate::core::index::BLOCK_SIZES)
    /// that it shares with the number in question.
    pub odds: [f32; 5],
    /// One 10,000-block counts for at most so many fresh numbers among the 100,000 around it.
    pub crowd: u16,
    /// To BLOCK, so many of the corroborated numbers around are taken to be wrong.
    pub doubted: f32,
    /// Below this probability the fact is left out.
    pub least: f32,
    /// What lowers the odds.
    pub verified: Verified,
}

/// Numbers that people proved to hold, among the same 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Days for which a verification counts.
    pub within_days: u16,
    /// Most that count of one client and day.
    pub per_day: u32,
    /// Most that count of one client of normal trust.
    pub per_client: u32,
    /// The odds are divided by 1 and this much for each number.
    pub each: f32,
    /// Most numbers that count.
    pub most: u32,
}

impl Verified {
    /// What counts today.
    pub fn limits(&self, today: Day) -> VerifiedLimits {
        let since = Day(today.0.saturating_sub(self.within_days));
        VerifiedLimits { since, per_day: self.per_day, per_client: self.per_client }
    }
}

/// "Last seen within so many days": how much it still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Age {
    /// Days since the last sighting.
    pub within_days: u16,
    /// Percent of what a fresh sighting counts.
    pub percent: u8,
}

impl InferredRange {
    /// What a sighting counts today.
    pub fn fading(&self, today: Day) -> Fading {
        let ages = self.ages.map(|age| (Day(today.0.saturating_sub(age.within_days)), age.percent));
        Fading::new(ages, self.crowd)
    }
}

/// Probability per line type.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // the fields are libphonenumber's line types
pub struct LineTypes {
    pub fixed_line: f32,
    pub mobile: f32,
    pub fixed_line_or_mobile: f32,
    pub toll_free: f32,
    pub premium_rate: f32,
    pub shared_cost: f32,
    pub voip: f32,
    pub personal_number: f32,
    pub pager: f32,
    pub uan: f32,
    pub voicemail: f32,
}

/// Probability per class of range holder. MVNOs and networks have no place here: people are never
/// judged by whose customers they are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "SCREAMING_SNAKE_CASE")]
pub struct HolderClasses {
    /// Numbers for messages of applications.
    pub a2p: f32,
    /// Platforms that rent numbers by API.
    pub cpaas: f32,
    /// Those who sell ranges on.
    pub wholesale: f32,
    /// Apps that give numbers to whoever asks.
    pub app: f32,
}

impl Serialize for LineTypes {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.all().filter(|(_, weight)| *weight > 0.0))
    }
}

impl Serialize for HolderClasses {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.all().filter(|(_, weight)| *weight > 0.0))
    }
}

impl HolderClasses {
    /// The probability of one class.
    pub fn probability(&self, class: HolderClass) -> f32 {
        match class {
            HolderClass::A2p => self.a2p,
            HolderClass::Cpaas => self.cpaas,
            HolderClass::Wholesale => self.wholesale,
            HolderClass::App => self.app,
            HolderClass::Mvno | HolderClass::Unclassified => 0.0,
        }
    }

    /// All probabilities, for validation.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, f32)> {
        let classes = *self;
        HolderClass::ALL.into_iter().map(move |class| (class.as_str(), classes.probability(class)))
    }
}

impl LineTypes {
    /// The probability of one line type.
    pub fn probability(&self, line_type: LineType) -> f32 {
        match line_type {
            LineType::FixedLine => self.fixed_line,
            LineType::Mobile => self.mobile,
            LineType::FixedLineOrMobile => self.fixed_line_or_mobile,
            LineType::TollFree => self.toll_free,
            LineType::PremiumRate => self.premium_rate,
            LineType::SharedCost => self.shared_cost,
            LineType::Voip => self.voip,
            LineType::PersonalNumber => self.personal_number,
            LineType::Pager => self.pager,
            LineType::Uan => self.uan,
            LineType::Voicemail => self.voicemail,
            LineType::Unknown => 0.0,
        }
    }

    /// All probabilities, for validation.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, f32)> {
        let types = *self;
        LineType::ALL.into_iter().map(move |line_type| (line_type.as_str(), types.probability(line_type)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_falls_with_age_but_not_below_the_floor() {
        let decay = Decay { fresh: 0.9, floor: 0.5, full_days: 30, half_life_days: 100 };
        assert_eq!(decay.probability(0), 0.9);
        assert_eq!(decay.probability(30), 0.9);
        assert!((decay.probability(130) - 0.7).abs() < 1e-6);
        assert!((decay.probability(u16::MAX) - 0.5).abs() < 1e-6);
        assert!((0..2_000).is_sorted_by(|a, b| decay.probability(*a) >= decay.probability(*b)));
    }
}
