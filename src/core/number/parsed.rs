//! What reading a text comes to: a number with its plan facts, or why the text is no number. Must not read.

use super::Number;
use super::plan::PlanFacts;

/// A number and what the numbering plan says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// The number in E.164 form.
    pub number: Number,
    /// Region, line type and validity.
    pub facts: PlanFacts,
}

/// Why a text is not a number. The messages never repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing but white space.
    #[error("the number is empty")]
    Empty,
    /// Letters, masks, control characters, or no digit at all.
    #[error("not a phone number: only digits, spaces and + - . / ( ) may stand in it")]
    NotANumber,
    /// National form without a default region.
    #[error("no country code: begin with + and the country code, or give a default region")]
    NoCountryCode,
    /// National form with a default region that does not exist.
    #[error("no such default region: expected an ISO 3166 code such as GB")]
    UnknownRegion,
    /// The digits after the plus begin no country code.
    #[error("no country has this country code")]
    UnknownCountryCode,
    /// Fewer digits than any number has.
    #[error("too few digits")]
    TooShort,
    /// More than the 15 digits of E.164.
    #[error("more than 15 digits")]
    TooLong,
}

impl ParseError {
    /// The stable upper-snake name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::NotANumber => "NOT_A_NUMBER",
            Self::NoCountryCode => "NO_COUNTRY_CODE",
            Self::UnknownRegion => "UNKNOWN_REGION",
            Self::UnknownCountryCode => "UNKNOWN_COUNTRY_CODE",
            Self::TooShort => "TOO_SHORT",
            Self::TooLong => "TOO_LONG",
        }
    }
}
