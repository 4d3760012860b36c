//! Line types and validities, in the order in which `compile.py` numbers them.
//!
//! Must stay in step with `TYPES` and `VALIDITIES` there.

/// libphonenumber's line types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the variants are libphonenumber's own names
pub enum LineType {
    FixedLine,
    Mobile,
    FixedLineOrMobile,
    TollFree,
    PremiumRate,
    SharedCost,
    Voip,
    PersonalNumber,
    Pager,
    Uan,
    Voicemail,
    Unknown,
}

impl LineType {
    /// All line types, in the order of the compiled plan.
    pub const ALL: [Self; 12] = [
        Self::FixedLine,
        Self::Mobile,
        Self::FixedLineOrMobile,
        Self::TollFree,
        Self::PremiumRate,
        Self::SharedCost,
        Self::Voip,
        Self::PersonalNumber,
        Self::Pager,
        Self::Uan,
        Self::Voicemail,
        Self::Unknown,
    ];

    /// The name in policy files, answers and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedLine => "FIXED_LINE",
            Self::Mobile => "MOBILE",
            Self::FixedLineOrMobile => "FIXED_LINE_OR_MOBILE",
            Self::TollFree => "TOLL_FREE",
            Self::PremiumRate => "PREMIUM_RATE",
            Self::SharedCost => "SHARED_COST",
            Self::Voip => "VOIP",
            Self::PersonalNumber => "PERSONAL_NUMBER",
            Self::Pager => "PAGER",
            Self::Uan => "UAN",
            Self::Voicemail => "VOICEMAIL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Whether the numbering plan has such a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// The plan assigns this number to a line type.
    Valid,
    /// A possible length, but no range of the plan holds it.
    NotAssigned,
    /// Shorter than any number of its country code.
    TooShort,
    /// Longer than any number of its country code.
    TooLong,
    /// Between the shortest and the longest, but no number has this length.
    InvalidLength,
}

impl Validity {
    /// All validities, in the order of the compiled plan.
    pub const ALL: [Self; 5] =
        [Self::Valid, Self::NotAssigned, Self::TooShort, Self::TooLong, Self::InvalidLength];

    /// The name in answers and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::NotAssigned => "NOT_ASSIGNED",
            Self::TooShort => "TOO_SHORT",
            Self::TooLong => "TOO_LONG",
            Self::InvalidLength => "INVALID_LENGTH",
        }
    }
}
