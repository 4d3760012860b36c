//! Reason codes: the stable names of what a verdict rests on. Only ever added to.

/// Why a verdict is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonCode {
    /// An operator allowed the number or its range.
    AllowListed,
    /// An operator blocked the number or its range.
    BlockListed,
    /// The text is not a phone number.
    InvalidNumber,
    /// Well formed, but the numbering plan has no such number.
    NotInPlan,
    /// In the plan, but in no range that the regulator has given to anybody.
    NotAllocated,
    /// Feeds saw this very number on public-inbox sites.
    PublicInbox,
    /// Feeds report the range around it as virtual.
    ListedRange,
    /// Many listed numbers close by.
    InferredRange,
    /// A line type that real subscribers seldom register with.
    LineType,
    /// The range belongs to somebody who sells or rents numbers in bulk.
    RangeHolder,
    /// The number was asked about again and again within minutes.
    BurstNumber,
    /// Many numbers of its block, or a row of numbers, were asked about within minutes.
    BurstRange,
    /// The client asked about unusually many numbers within minutes.
    BurstClient,
    /// The number's region and that of the client's address are a pair that the policy names.
    RegionMismatch,
    /// A business account on a virtual range of another country.
    ForeignBusinessRange,
}

impl ReasonCode {
    /// All codes.
    pub const ALL: [Self; 15] = [
        Self::AllowListed,
        Self::BlockListed,
        Self::InvalidNumber,
        Self::NotInPlan,
        Self::NotAllocated,
        Self::PublicInbox,
        Self::ListedRange,
        Self::InferredRange,
        Self::LineType,
        Self::RangeHolder,
        Self::BurstNumber,
        Self::BurstRange,
        Self::BurstClient,
        Self::RegionMismatch,
        Self::ForeignBusinessRange,
    ];

    /// The code of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// The stable upper-snake name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllowListed => "ALLOW_LISTED",
            Self::BlockListed => "BLOCK_LISTED",
            Self::InvalidNumber => "INVALID_NUMBER",
            Self::NotInPlan => "NOT_IN_PLAN",
            Self::NotAllocated => "NOT_ALLOCATED",
            Self::PublicInbox => "PUBLIC_INBOX",
            Self::ListedRange => "LISTED_RANGE",
            Self::InferredRange => "INFERRED_RANGE",
            Self::LineType => "LINE_TYPE",
            Self::RangeHolder => "RANGE_HOLDER",
            Self::BurstNumber => "BURST_NUMBER",
            Self::BurstRange => "BURST_RANGE",
            Self::BurstClient => "BURST_CLIENT",
            Self::RegionMismatch => "REGION_MISMATCH",
            Self::ForeignBusinessRange => "FOREIGN_BUSINESS_RANGE",
        }
    }
}
