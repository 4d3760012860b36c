//! Ranges: a prefix (`+4477009*`) or first..last (`+447700900000..+447700900999`).
//!
//! Must not know what is listed about a range.

use std::fmt;
use std::str::FromStr;

use super::Number;
use super::e164::MAX_DIGITS;

/// The beginning of numbers: 1 to 14 digits. It holds numbers of any length that begin so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(u64);

/// Consecutive numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Range {
    /// All numbers that begin with these digits.
    Prefix(Prefix),
    /// From the first to the last, both included, both of the same length.
    Span(Number, Number),
}

/// Why a text is not a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Neither of the two forms.
    #[error(
        "expected a range: a prefix such as +4477009* or first..last such as +447700900000..+447700900999"
    )]
    Form,
    /// First and last of different lengths.
    #[error("first and last of a range must have the same number of digits")]
    Lengths,
    /// Last before first.
    #[error("the last number of a range must not be below the first")]
    Order,
}

/// A key of so many digits in the space of numbers aligned to the left, 15 digits long, where all that
/// begin with the same digits stand side by side.
pub fn aligned(key: u64, digits: u32) -> u64 {
    key * 10u64.pow(MAX_DIGITS - digits)
}

impl Prefix {
    /// Takes 1 to 14 digits that do not begin with 0.
    pub fn from_digits(digits: u64) -> Result<Self, RangeError> {
        if (1..10u64.pow(MAX_DIGITS - 1)).contains(&digits) {
            Ok(Self(digits))
        } else {
            Err(RangeError::Form)
        }
    }

    /// The digits as an integer.
    pub fn key(self) -> u64 {
        self.0
    }

    /// How many digits it has.
    pub fn digits(self) -> u32 {
        self.0.ilog10() + 1
    }
}

impl Range {
    /// A checked span.
    pub fn span(first: Number, last: Number) -> Result<Self, RangeError> {
        if first.len() != last.len() {
            Err(RangeError::Lengths)
        } else if last < first {
            Err(RangeError::Order)
        } else {
            Ok(Self::Span(first, last))
        }
    }

    /// The range among [`aligned`] numbers; a span holds longer ones that begin so as well.
    pub fn aligned(self) -> std::ops::Range<u64> {
        let (first, last, digits) = match self {
            Self::Prefix(prefix) => (prefix.key(), prefix.key(), prefix.digits()),
            Self::Span(first, last) => (first.key(), last.key(), first.len()),
        };
        aligned(first, digits)..aligned(last + 1, digits)
    }

    /// Whether `number` lies in the range.
    pub fn contains(self, number: Number) -> bool {
        match self {
            Self::Span(first, last) => (first..=last).contains(&number),
            Self::Prefix(prefix) => {
                number.len() > prefix.digits()
                    && number.key() / 10u64.pow(number.len() - prefix.digits()) == prefix.key()
            }
        }
    }

    /// How many numbers of `length` digits the range holds; the smaller is the more specific.
    pub fn size(self, length: u32) -> u64 {
        match self {
            Self::Span(first, last) => last.key() - first.key() + 1,
            Self::Prefix(prefix) => 10u64.pow(length.saturating_sub(prefix.digits())),
        }
    }

    /// The text form that [`Range::from_str`] reads, digits in full.
    pub fn as_e164(self) -> String {
        match self {
            Self::Prefix(prefix) => format!("+{}*", prefix.0),
            Self::Span(first, last) => format!("{}..{}", first.as_e164(), last.as_e164()),
        }
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        if let Some(prefix) = text.strip_suffix('*') {
            let digits = prefix.strip_prefix('+').ok_or(RangeError::Form)?;
            let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
            let digits = digits.parse().map_err(|_| RangeError::Form)?;
            return if plain { Prefix::from_digits(digits).map(Self::Prefix) } else { Err(RangeError::Form) };
        }
        let (first, last) = text.split_once("..").ok_or(RangeError::Form)?;
        let end = |text: &str| text.trim().parse::<Number>().map_err(|_| RangeError::Form);
        Self::span(end(first)?, end(last)?)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A prefix is a plan fact, not a person's number, unless it is nearly whole.
            Self::Prefix(prefix) if prefix.digits() <= 9 => write!(out, "+{}*", prefix.0),
            Self::Prefix(prefix) => write!(out, "+{}**", prefix.0 / 10u64.pow(prefix.digits() - 7)),
            Self::Span(first, last) => write!(out, "{first}..{last}"),
        }
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Range::Prefix(*self), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn both_forms_read_and_print_back() {
        for text in ["+4*", "+4477009*", "+447700900000..+447700900999", "+12025550100..+12025550100"] {
            assert_eq!(text.parse::<Range>().map(Range::as_e164).as_deref(), Ok(text));
        }
        for (text, error) in [
            ("", RangeError::Form),
            ("*", RangeError::Form),
            ("+*", RangeError::Form),
            ("+0*", RangeError::Form),
            ("44*", RangeError::Form),
            ("+44+1*", RangeError::Form),
            ("+123456789012345*", RangeError::Form),
            ("+447700900000", RangeError::Form),
            ("+447700900000..+44770090099", RangeError::Lengths),
            ("+447700900009..+447700900000", RangeError::Order),
        ] {
            assert_eq!(text.parse::<Range>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_prefix_holds_every_length_a_span_only_its_own() {
        let prefix: Range = "+4477*".parse().unwrap_or_else(|e| panic!("{e}"));
        assert!(prefix.contains(number("+447700900123")) && prefix.contains(number("+44771")));
        assert!(!prefix.contains(number("+4477")) && !prefix.contains(number("+447800900123")));
        let span: Range = "+44770000..+44770099".parse().unwrap_or_else(|e| panic!("{e}"));
        assert!(span.contains(number("+44770050")) && !span.contains(number("+447700501")));
        assert_eq!((span.size(8), prefix.size(12)), (100, 100_000_000));
    }
}
