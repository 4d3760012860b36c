//! The E.164 number as a value: a plus and up to 15 digits, masked wherever it is printed.
//!
//! Must not decide whether a number is valid; that is the plan's business.

use std::fmt;
use std::str::FromStr;

/// The most digits that E.164 allows after the plus.
pub const MAX_DIGITS: u32 = 15;

/// An E.164 number. The digits fit 50 bits, because no country code begins with 0.
///
/// `Debug` and `Display` mask it (`+4477*****12`): numbers are personal data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

/// Why a text or integer is not in E.164 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an E.164 number: a plus and 2 to 15 digits that do not begin with 0")]
pub struct NumberError;

impl Number {
    /// Takes the digits as an integer, for example `447700900123`.
    pub fn from_digits(digits: u64) -> Result<Self, NumberError> {
        if (10..10u64.pow(MAX_DIGITS)).contains(&digits) { Ok(Self(digits)) } else { Err(NumberError) }
    }

    /// Takes ASCII digits without a plus.
    pub(super) fn from_ascii(digits: &[u8]) -> Result<Self, NumberError> {
        if digits.len() > MAX_DIGITS as usize || digits.first() == Some(&b'0') {
            return Err(NumberError);
        }
        let mut value = 0u64;
        for &byte in digits {
            if !byte.is_ascii_digit() {
                return Err(NumberError);
            }
            value = value * 10 + u64::from(byte - b'0');
        }
        Self::from_digits(value)
    }

    /// The digits as an integer: the key under which indexes and stores keep the number.
    pub fn key(self) -> u64 {
        self.0
    }

    /// How many digits the number has, 2 to 15.
    pub fn len(self) -> u32 {
        self.0.ilog10() + 1
    }

    /// Never true; it stands here because a type with `len` is expected to have it.
    pub fn is_empty(self) -> bool {
        false
    }

    /// The one way to the digits: `+` and all of them.
    pub fn as_e164(self) -> String {
        // On the check path `format!` costs more than looking the number up.
        let mut text = String::with_capacity(1 + MAX_DIGITS as usize);
        text.push('+');
        text.push_str(itoa::Buffer::new().format(self.0));
        text
    }
}

impl FromStr for Number {
    type Err = NumberError;

    /// Strict: `+` and digits, nothing else. For what people type, use [`super::parse`].
    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::from_ascii(text.strip_prefix('+').ok_or(NumberError)?.as_bytes())
    }
}

/// Keeps the first four and the last two digits; shorter numbers keep the first two only.
fn mask(number: Number, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digits = number.0.to_string();
    let (head, tail) = if digits.len() > 8 { (4, 2) } else { (2, 0) };
    let hidden = digits.len() - head - tail;
    write!(out, "+{}{}{}", &digits[..head], "*".repeat(hidden), &digits[digits.len() - tail..])
}

impl fmt::Debug for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(*self, out)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(*self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_form_only() {
        for good in ["+12", "+447700900123", "+999999999999999"] {
            assert_eq!(good.parse::<Number>().map(Number::as_e164).as_deref(), Ok(good));
        }
        for bad in ["", "+", "+1", "447700900123", "+0447700900123", "+1234567890123456", "+44 77", "+44७७"]
        {
            assert_eq!(bad.parse::<Number>(), Err(NumberError), "{bad}");
        }
    }

    #[test]
    fn printing_masks_the_digits() {
        let number: Number = "+447700900123".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(format!("{number} {number:?}"), "+4477******23 +4477******23");
        let short: Number = "+29012345".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(format!("{short}"), "+29******");
    }
}
