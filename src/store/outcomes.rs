//! Reported outcomes: what became of checked numbers, and by whose word.
//!
//! Must not judge them: what counts of an outcome is decided before it is stored.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::core::listing::UnixTime;
use crate::core::number::Number;
use crate::random;

use super::StoreError;

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

impl OutcomeKind {
    /// All kinds, in the order of the byte codec, from 1: only ever added to.
    pub const ALL: [Self; 3] = [Self::Verified, Self::AbuseConfirmed, Self::FalsePositive];

    /// The name in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::AbuseConfirmed => "ABUSE_CONFIRMED",
            Self::FalsePositive => "FALSE_POSITIVE",
        }
    }
}

/// One reported outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Who reported it: the name of the client's key.
    pub client: String,
    /// The number.
    pub number: Number,
    /// What became of it.
    pub kind: OutcomeKind,
    /// The check or the platform's own id that it belongs to.
    pub check_id: String,
    /// The platform's own id of the registration.
    pub correlation_id: String,
    /// When it was found out, by the client's word.
    pub occurred_at: UnixTime,
    /// When it was reported.
    pub reported_at: UnixTime,
    /// Whether it changed anything.
    pub counted: Counted,
}

/// Whether an outcome changed anything: a client that is trusted, within its daily limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counted {
    /// It is only kept.
    #[default]
    No,
    /// As the word of a client of normal trust.
    Normal,
    /// As the word of a client of high trust.
    High,
}

impl Counted {
    /// All, in the order of the byte codec: only ever added to.
    const ALL: [Self; 3] = [Self::No, Self::Normal, Self::High];
}

/// Where an outcome is kept; ids sort by the time of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutcomeId(pub(super) [u8; 12]);

const VERSION: u8 = 2;

impl OutcomeId {
    /// A new id for an outcome: its time, and a number that no other of that second has.
    pub(super) fn new(at: UnixTime) -> Self {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&at.0.to_be_bytes());
        id[4..].copy_from_slice(&distinct().to_be_bytes());
        Self(id)
    }
}

/// A number that no other is likely to be, for what is kept by time.
fn distinct() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    static PROCESS: LazyLock<u64> = LazyLock::new(random::number);
    // Outcomes of one report stay in their order.
    (*PROCESS & !0xffff_ffff) ^ LAST.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff
}

/// A store of reported outcomes.
#[async_trait]
pub trait OutcomeStore: Send + Sync + 'static {
    /// Stores all outcomes or none.
    async fn report(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError>;

    /// Up to `limit` outcomes in order of report, beginning after `after`.
    async fn outcomes(
        &self,
        after: Option<OutcomeId>,
        limit: usize,
    ) -> Result<Vec<(OutcomeId, Outcome)>, StoreError>;

    /// Forgets outcomes; those that are not there do not matter.
    async fn forget_outcomes(&self, ids: Vec<OutcomeId>) -> Result<(), StoreError>;

    /// How many outcomes there are.
    async fn outcome_count(&self) -> Result<u64, StoreError>;
}

impl Outcome {
    /// Version, kind, counted, three times and numbers, then the texts with a length byte each.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let kind = OutcomeKind::ALL.iter().position(|kind| *kind == self.kind).unwrap_or_default() as u8 + 1;
        let mut bytes = vec![VERSION, kind, self.counted as u8];
        bytes.extend(self.occurred_at.0.to_be_bytes());
        bytes.extend(self.reported_at.0.to_be_bytes());
        bytes.extend(self.number.key().to_be_bytes());
        for text in [&self.client, &self.check_id, &self.correlation_id] {
            let text = &text[..text.floor_char_boundary(255)];
            bytes.push(text.len() as u8);
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// Reads what [`Outcome::to_bytes`] wrote.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::read(bytes).ok_or_else(|| StoreError::Damaged("an outcome".to_owned()))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let ([version, kind, counted], rest) = bytes.split_first_chunk()?;
        let (occurred_at, rest) = rest.split_first_chunk()?;
        let (reported_at, rest) = rest.split_first_chunk()?;
        let (number, mut rest) = rest.split_first_chunk()?;
        let mut text = || {
            let (&length, after) = rest.split_first()?;
            let (text, after) = after.split_at_checked(length.into())?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let (client, check_id, correlation_id) = (text()?, text()?, text()?);
        let kind = *OutcomeKind::ALL.get(usize::from(*kind).checked_sub(1)?)?;
        (*version == VERSION && rest.is_empty()).then_some(Self {
            client,
            number: Number::from_digits(u64::from_be_bytes(*number)).ok()?,
            kind,
            check_id,
            correlation_id,
            occurred_at: UnixTime(u32::from_be_bytes(*occurred_at)),
            reported_at: UnixTime(u32::from_be_bytes(*reported_at)),
            counted: *Counted::ALL.get(usize::from(*counted))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_nothing_cut_does() {
        for kind in OutcomeKind::ALL {
            let outcome = Outcome {
                client: "acme – x".to_owned(),
                number: Number::from_digits(447_400_123_456).unwrap_or_else(|e| panic!("{e}")),
                kind,
                check_id: "c-1".to_owned(),
                correlation_id: String::new(),
                occurred_at: UnixTime(5),
                reported_at: UnixTime(6),
                counted: Counted::High,
            };
            let bytes = outcome.to_bytes();
            assert_eq!(Outcome::read(&bytes), Some(outcome));
            assert!((0..bytes.len()).all(|cut| Outcome::read(&bytes[..cut]).is_none()));
        }
    }
}
