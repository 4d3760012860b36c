//! Reported outcomes: what became of checked numbers.

use crate::listing::UnixTime;
use crate::number::Number;

/// What became of a checked number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The person proved to hold it and behaved.
    Verified,
    /// The account was used for abuse.
    AbuseConfirmed,
    /// A real subscriber was challenged or blocked.
    FalsePositive,
}

/// One reported outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The number.
    pub number: Number,
    /// What became of it.
    pub kind: OutcomeKind,
    /// The check or the platform's own id that it belongs to.
    pub check_id: String,
    /// The platform's own id of the registration.
    pub correlation_id: String,
    /// When it was found out.
    pub occurred_at: UnixTime,
}

impl Outcome {
    /// Version, kind, time, number, then the two ids with a length byte each.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.kind {
            OutcomeKind::Verified => 1,
            OutcomeKind::AbuseConfirmed => 2,
            OutcomeKind::FalsePositive => 3,
        };
        let mut bytes = vec![1, kind];
        bytes.extend(self.occurred_at.0.to_be_bytes());
        bytes.extend(self.number.key().to_be_bytes());
        for id in [&self.check_id, &self.correlation_id] {
            bytes.push(id.len().min(255) as u8);
            bytes.extend(id.bytes().take(255));
        }
        bytes
    }
}
