//! What a fact's weight was read by, so that a logged fact can be weighed anew under another policy.
//!
//! Must stay in step with the signals: both ask the same [`Weights`].

use crate::core::listing::{Day, ReasonCode};
use crate::core::number::{HolderClass, LineType, Region};

use super::{Evidence, Fact, Weights};

/// What the weight hangs on, beside the reason code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Basis {
    /// Nothing else, or nothing that is kept (the neighbours of an inferred range).
    Code,
    /// Days since the last sighting, and from there to a verification that weakened it.
    Aged(u16, Option<u16>),
    /// The class of the range's holder.
    Holder(HolderClass),
    /// The line type.
    LineType(LineType),
    /// Regions of the number and of the client's address.
    Regions(Region, Region),
}

impl Fact<'_> {
    /// What this fact's weight hangs on.
    pub fn basis(&self, today: Day) -> Basis {
        match self.evidence {
            Evidence::Seen { last, verified, .. } => {
                Basis::Aged(last.days_until(today), verified.map(|day| last.days_until(day)))
            }
            Evidence::Holder(holder) => Basis::Holder(holder.class),
            Evidence::LineType(line_type) => Basis::LineType(line_type),
            Evidence::Regions { number, ip } => Basis::Regions(number, ip),
            _ => Basis::Code,
        }
    }
}

impl Weights {
    /// The weight that these weights give to a fact, and whether it is on trial by itself; `before` is
    /// answered where the basis does not tell (inferred ranges, bursts, operators' decisions).
    pub fn again(&self, code: ReasonCode, basis: Basis, before: f32) -> (f32, bool) {
        use ReasonCode::{ForeignBusinessRange, ListedRange, NotInPlan, PublicInbox};
        let weight = match (code, basis) {
            (PublicInbox, Basis::Aged(days, verified)) => {
                let kept = self
                    .verified_since
                    .filter(|since| verified.is_some_and(|days| days >= since.after_days.max(1)));
                self.public_inbox.probability(days) * kept.map_or(1.0, |since| since.keep)
            }
            (ListedRange, Basis::Aged(days, _)) => self.listed_range.probability(days),
            (_, Basis::Holder(class)) => self.range_holder.probability(class),
            (_, Basis::LineType(line_type)) => self.line_types.probability(line_type),
            (_, Basis::Regions(number, ip)) => {
                let pair = self.region_mismatch.iter().find(|pair| (pair.number, pair.ip) == (number, ip));
                return pair.map_or((0.0, true), |pair| (pair.weight, pair.shadow));
            }
            (NotInPlan, _) => self.not_in_plan,
            (ForeignBusinessRange, _) => self.foreign_business_range,
            _ => before,
        };
        (weight, false)
    }
}
