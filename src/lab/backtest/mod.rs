//! Backtest: replays history day by day through the same index, signals and policy that serve.
//!
//! A positive is judged on the day it first appears, with only what was seen on strictly earlier
//! days; legitimate numbers are judged on the last day. Pure: rows come in, a report goes out. Must
//! not know a shortcut that serving does not have.

mod history;
mod plot;
mod report;
mod space;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::allocation::Allocations;
use crate::core::check::check;
use crate::core::index::Index;
use crate::core::listing::{Day, ReasonCode};
use crate::core::number::{LineType, Number, Region};
use crate::core::policy::{Policy, Verdict};
use crate::core::signal::Context;

pub use history::{History, Sightings};
pub use plot::svg;
pub use report::{Bin, Legitimate, LegitimateTally, PositiveTally, RegionTally, Report, interval};

/// What to replay.
#[derive(Debug)]
pub struct Inputs {
    /// Who saw which number on which day.
    pub history: History,
    /// Abused numbers, each with the day on which it first appears.
    pub positives: BTreeMap<Number, Day>,
    /// Real subscribers' numbers, with the line type that their file gives.
    pub legitimate: Vec<(Number, LineType)>,
    /// First and last day on which positives are judged.
    pub window: (Day, Day),
    /// Regulators' files, as they are today: they tell no past.
    pub allocations: Arc<Allocations>,
}

/// One judged number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    region: Region,
    verdict: Verdict,
    score: u8,
    listed: bool,
}

/// Replays `inputs` under `policy`; `progress` hears of every day.
pub fn run(inputs: Inputs, policy: &Policy, progress: &mut dyn FnMut(Day)) -> Report {
    let Inputs { mut history, positives, legitimate, window: (from, to), allocations } = inputs;
    let mut by_day: BTreeMap<Day, Vec<Number>> = BTreeMap::new();
    for (number, day) in positives.into_iter().filter(|(_, day)| (from..=to).contains(day)) {
        by_day.entry(day).or_default().push(number);
    }
    let mut index = history.index_before(from).with_allocations(allocations);
    let mut judged = Vec::new();
    for day in from.0..=to.0 {
        let day = Day(day);
        progress(day);
        for number in by_day.get(&day).into_iter().flatten() {
            judged.push(judge(&index, policy, *number, day));
        }
        if day < to {
            index = history.advance(&index, day);
        }
    }
    let legitimate: Vec<(Judged, LineType)> = legitimate
        .into_iter()
        .map(|(number, line_type)| (judge(&index, policy, number, to), line_type))
        .collect();
    Report::new(&judged, &legitimate, space::challenged(&index, policy, to))
}

fn judge(index: &Index, policy: &Policy, number: Number, day: Day) -> Judged {
    let answer = check(index, policy, &number.as_e164(), None, &Context::default(), day.start());
    let listed = answer.judgement.facts.iter().any(|fact| fact.code == ReasonCode::PublicInbox);
    Judged {
        region: answer.parsed.map(|parsed| parsed.facts.region).unwrap_or_default(),
        verdict: answer.judgement.verdict,
        score: answer.judgement.risk_score,
        listed,
    }
}
