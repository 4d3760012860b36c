//! The hot path: one text in, one answer out.
//!
//! No I/O, no lock, no await; on ALLOW nothing is allocated. Number, index, signal and policy meet here:
//! serving, embedders and `lab/backtest` all judge through this room. Must stay readable in one glance.

mod explain;
mod listers;
#[cfg(test)]
mod properties;

use crate::core::allocation::Allocated;
use crate::core::burst::{self, Counts};
use crate::core::index::Index;
use crate::core::listing::UnixTime;
use crate::core::number::{self, Holder, ParseError, Parsed, Region};
use crate::core::policy::{Judgement, Policy};
use crate::core::signal::{self, Context};

pub use explain::{Part, explain};
pub use listers::{Lister, ListerKind, listers};

/// What is known about a text that was given as a number, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<'a> {
    /// The number and its plan facts, or why the text is not a number.
    pub parsed: Result<Parsed, ParseError>,
    /// Verdict, score and facts.
    pub judgement: Judgement<'a>,
    /// Who holds the number's range, if that is known.
    pub holder: Option<Holder<'a>>,
}

/// Judges `text`, as typed by a person, with what else is known about the registration, at the time
/// `now`.
pub fn check<'a>(
    index: &'a Index,
    policy: &Policy,
    text: &str,
    default_region: Option<Region>,
    context: &Context,
    now: UnixTime,
) -> Answer<'a> {
    check_parsed(index, policy, number::parse(text, default_region), context, now)
}

/// Judges a text that has been parsed already.
#[inline]
pub fn check_parsed<'a>(
    index: &'a Index,
    policy: &Policy,
    parsed: Result<Parsed, ParseError>,
    context: &Context,
    now: UnixTime,
) -> Answer<'a> {
    let (facts, holder) = match &parsed {
        Ok(parsed) => {
            let found = index.find(parsed.number, now);
            let facts = signal::of_number(index, &policy.weights, parsed, &found, context, now);
            (facts, found.allocated.and_then(Allocated::holder))
        }
        Err(error) => (signal::of_text(*error), None),
    };
    Answer { parsed, judgement: policy.judge(facts), holder }
}

/// The answer with what the windows counted. Judges anew only if that amounts to a fact.
pub fn with_bursts<'a>(policy: &Policy, mut answer: Answer<'a>, counts: &Counts) -> Answer<'a> {
    let mut bursts = burst::facts(&policy.weights.bursts, counts).peekable();
    if bursts.peek().is_some() {
        let mut facts = std::mem::take(&mut answer.judgement.facts);
        facts.extend(bursts);
        answer.judgement = policy.judge(facts);
    }
    answer
}
