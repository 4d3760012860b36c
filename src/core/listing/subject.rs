//! What a listing is about: a number or a range.

use std::fmt;
use std::str::FromStr;

use crate::core::number::{Number, Range, RangeError};

/// A number or a range. Numbers sort before ranges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One number.
    Number(Number),
    /// A prefix or first..last.
    Range(Range),
}

/// Why a text is not a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Looks like a range and is not one.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// Not a number in E.164 form.
    #[error("expected an E.164 number such as +447700900123, or a range such as +4477009*")]
    Number,
}

impl Subject {
    /// The text form, digits in full.
    pub fn as_e164(&self) -> String {
        match self {
            Self::Number(number) => number.as_e164(),
            Self::Range(range) => range.as_e164(),
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        if text.ends_with('*') || text.contains("..") {
            return Ok(Self::Range(text.parse()?));
        }
        text.parse().map(Self::Number).map_err(|_| SubjectError::Number)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Range(range) => write!(out, "{range}"),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
