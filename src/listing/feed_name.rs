//! The name of a feed: lower-case, short, fit for keys, files and metric labels.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

/// The longest feed name, in bytes.
const LONGEST: usize = 48;

/// A checked feed name such as `ip1sms`. Up to 24 bytes live inline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedName(CompactString);

/// Why a text is not a feed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a feed name of 1 to {LONGEST} characters out of a-z 0-9 . _ -")]
pub struct FeedNameError;

impl FeedName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FeedName {
    type Err = FeedNameError;

    fn from_str(text: &str) -> Result<Self, FeedNameError> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.into()))
        } else {
            Err(FeedNameError)
        }
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_fit_for_keys_and_labels() {
        assert!("receive-smss.com".parse::<FeedName>().is_ok());
        for bad in ["", "Ip1", "a b", "é", "a/b", &"x".repeat(49)] {
            assert_eq!(bad.parse::<FeedName>(), Err(FeedNameError), "{bad}");
        }
    }
}
