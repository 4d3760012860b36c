//! The name of a feed: lower-case, short, fit for keys, files and metric labels.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

/// The longest feed name, in bytes.
const LONGEST: usize = 48;

/// A checked feed name such as `ip1sms`. Up to 24 bytes live inline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedName(pub(super) CompactString);

/// Why a text is not a feed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a feed name of 1 to {LONGEST} characters out of a-z 0-9 . _ -")]
pub struct FeedNameError;

impl FeedName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that the feed's definition has: without the group before `__`.
    pub fn own(&self) -> &str {
        let name = self.0.as_str();
        name.split_once("__").map_or(name, |(group, own)| if group.is_empty() { name } else { own })
    }

    /// What two feeds have in common that count as one, for they copy each other or have one owner:
    /// the name up to `__`, or else up to its first dot and without an ending `-starter`. So
    /// `ip1sms` and `ip1sms-starter` are one, and so are `a.com` and `a__b.net`.
    pub fn family(&self) -> &str {
        let name = self.0.as_str();
        match name.split_once("__") {
            Some((group, _)) if !group.is_empty() => group,
            _ => {
                let name =
                    name.split_once('.').map_or(name, |(site, _)| if site.is_empty() { name } else { site });
                name.strip_suffix("-starter").filter(|rest| !rest.is_empty()).unwrap_or(name)
            }
        }
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
    fn a_group_is_no_part_of_the_own_name() -> Result<(), FeedNameError> {
        for (name, own) in [("a.com", "a.com"), ("g__a.com", "a.com"), ("__a", "__a"), ("g__a__b", "a__b")] {
            assert_eq!(name.parse::<FeedName>()?.own(), own);
        }
        Ok(())
    }

    #[test]
    fn feeds_of_one_owner_are_one_family() {
        for (name, family) in [
            ("castle", "castle"),
            ("ip1sms-starter", "ip1sms"),
            ("receive-smss.com", "receive-smss"),
            ("receive-sms-online__sms-receive.net", "receive-sms-online"),
            ("__a", "__a"),
            (".a", ".a"),
            ("-starter", "-starter"),
        ] {
            assert_eq!(name.parse::<FeedName>().as_ref().map(FeedName::family), Ok(family), "{name}");
        }
    }

    #[test]
    fn only_names_fit_for_keys_and_labels() {
        assert!("receive-smss.com".parse::<FeedName>().is_ok());
        for bad in ["", "Ip1", "a b", "é", "a/b", &"x".repeat(49)] {
            assert_eq!(bad.parse::<FeedName>(), Err(FeedNameError), "{bad}");
        }
    }
}
