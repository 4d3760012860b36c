//! What a backtest found: counts, confidence intervals, calibration.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::core::number::LineType;
use crate::core::policy::Verdict;

use super::Judged;

/// Positives: how many were judged, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PositiveTally {
    /// Judged.
    pub count: u64,
    /// Listed themselves when they were judged.
    pub listed_exact: u64,
    /// CHALLENGE or BLOCK.
    pub challenge_or_block: u64,
    /// BLOCK.
    pub block: u64,
}

/// Legitimate numbers: how many were judged, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LegitimateTally {
    /// Judged.
    pub count: u64,
    /// CHALLENGE or BLOCK: false positives.
    pub challenge_or_block: u64,
    /// BLOCK: the worst of them.
    pub block: u64,
}

/// All legitimate numbers, and the mobile ones among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Legitimate {
    /// All.
    #[serde(flatten)]
    pub all: LegitimateTally,
    /// Those whose line type is MOBILE.
    pub mobile: LegitimateTally,
}

/// Positives of one region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RegionTally {
    /// Judged.
    pub positives: u64,
    /// CHALLENGE or BLOCK.
    pub challenge_or_block: u64,
    /// BLOCK.
    pub block: u64,
}

/// Numbers of one band of scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Mean score, as a probability.
    pub predicted: f64,
    /// Share of positives among them.
    pub observed: f64,
    /// Numbers in the band.
    pub count: u64,
}

/// The outcome of a backtest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Abused numbers.
    pub positives: PositiveTally,
    /// Real subscribers' numbers.
    pub legitimate: Legitimate,
    /// Positives per ISO region.
    pub by_region: BTreeMap<String, RegionTally>,
    /// Share of a region's mobile number space that inferred ranges challenge.
    pub number_space: BTreeMap<String, f64>,
    /// Predicted against observed; over positives and legitimate numbers together, so it depends on
    /// their mix.
    pub calibration: Vec<Bin>,
    /// Share of positives and of legitimate numbers with at least each score, 0 to 100.
    #[serde(skip)]
    pub curve: Vec<(f64, f64)>,
    /// How long it took; filled in by the caller, who has a clock.
    pub seconds: f64,
}

impl Report {
    pub(super) fn new(
        positives: &[Judged],
        legitimate: &[(Judged, LineType)],
        number_space: BTreeMap<String, f64>,
    ) -> Self {
        let mut report = Self {
            positives: PositiveTally::default(),
            legitimate: Legitimate::default(),
            by_region: BTreeMap::new(),
            number_space,
            calibration: calibration(positives, legitimate),
            curve: curve(positives, legitimate),
            seconds: 0.0,
        };
        for judged in positives {
            report.add_positive(judged);
        }
        for (judged, line_type) in legitimate {
            add_legitimate(&mut report.legitimate.all, judged);
            if *line_type == LineType::Mobile {
                add_legitimate(&mut report.legitimate.mobile, judged);
            }
        }
        report
    }

    fn add_positive(&mut self, judged: &Judged) {
        let flagged = u64::from(judged.verdict > Verdict::Allow);
        let blocked = u64::from(judged.verdict == Verdict::Block);
        self.positives.count += 1;
        self.positives.listed_exact += u64::from(judged.listed);
        self.positives.challenge_or_block += flagged;
        self.positives.block += blocked;
        let region = self.by_region.entry(judged.region.as_str().to_owned()).or_default();
        region.positives += 1;
        region.challenge_or_block += flagged;
        region.block += blocked;
    }

    /// The mean gap between predicted and observed, weighted by count.
    pub fn calibration_gap(&self) -> f64 {
        let count: u64 = self.calibration.iter().map(|bin| bin.count).sum();
        let gaps = self.calibration.iter().map(|bin| (bin.predicted - bin.observed).abs() * bin.count as f64);
        gaps.sum::<f64>() / (count.max(1)) as f64
    }
}

fn add_legitimate(tally: &mut LegitimateTally, judged: &Judged) {
    tally.count += 1;
    tally.challenge_or_block += u64::from(judged.verdict > Verdict::Allow);
    tally.block += u64::from(judged.verdict == Verdict::Block);
}

fn calibration(positives: &[Judged], legitimate: &[(Judged, LineType)]) -> Vec<Bin> {
    let mut bands = [(0u64, 0u64, 0u64); 10];
    let scored = positives.iter().map(|judged| (judged.score, true));
    let scored = scored.chain(legitimate.iter().map(|(judged, _)| (judged.score, false)));
    for (score, positive) in scored {
        let band = &mut bands[usize::from(score.min(99)) / 10];
        *band = (band.0 + 1, band.1 + u64::from(score), band.2 + u64::from(positive));
    }
    let bin = |&(count, scores, positives): &(u64, u64, u64)| Bin {
        predicted: scores as f64 / count as f64 / 100.0,
        observed: positives as f64 / count as f64,
        count,
    };
    bands.iter().filter(|band| band.0 > 0).map(bin).collect()
}

fn curve(positives: &[Judged], legitimate: &[(Judged, LineType)]) -> Vec<(f64, f64)> {
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    (0..=100)
        .map(|least| {
            let found = positives.iter().filter(|judged| judged.score >= least).count();
            let wrong = legitimate.iter().filter(|(judged, _)| judged.score >= least).count();
            (share(found, positives.len()), share(wrong, legitimate.len()))
        })
        .collect()
}

/// The 95 % Wilson score interval of `hits` out of `count`.
pub fn interval(hits: u64, count: u64) -> (f64, f64) {
    if count == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.96;
    let (hits, count) = (hits as f64, count as f64);
    let share = hits / count;
    let middle = share + Z * Z / (2.0 * count);
    let reach = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + Z * Z / count;
    (((middle - reach) / scale).max(0.0), ((middle + reach) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_as_the_textbook_has_them() {
        for (hits, count, low, high) in [(0, 0, 0.0, 1.0), (0, 2_241, 0.0, 0.0017), (50, 100, 0.4038, 0.5962)]
        {
            let (found_low, found_high) = interval(hits, count);
            assert!((found_low - low).abs() < 1e-4 && (found_high - high).abs() < 1e-4, "{hits}/{count}");
        }
    }
}
