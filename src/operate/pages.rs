//! Pages of listings: filter, page token, and skipping what cannot match.

use std::str::FromStr;

use crate::core::listing::{Action, FeedName, Listing, Subject, codec};
use crate::core::number::{Number, Range};
use crate::store::ListingStore;

use super::OperateError;

/// Listings that one call looks at before it answers with what it has.
const LONGEST_LOOK: usize = 200_000;

/// Listings read from the store at once.
const SCAN: usize = 2_000;

/// Bytes of a page token that bind it to its query.
const SEAL: usize = 8;

/// Listings per page: the most, and when no number is asked for.
const PAGE: (u32, u32) = (1_000, 100);

/// The kind of subjects that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Any.
    #[default]
    All,
    /// Single numbers.
    Numbers,
    /// Ranges.
    Ranges,
}

/// Which listings are wanted. `None` restricts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Kind,
    /// Whose number, or the first one of whose range, begins with these digits.
    pub prefix: Option<Prefix>,
    /// That this feed saw.
    pub feed: Option<FeedName>,
    /// That an operator decided about so.
    pub action: Option<Action>,
    /// Ranges that this number is in.
    pub covering: Option<Number>,
    /// The filter as it was asked for, to which page tokens are bound.
    pub asked: Vec<u8>,
}

/// The first digits of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix(u64);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_prefix(text).map(Self).ok_or("expected + and 1 to 15 digits")
    }
}

/// One page, and where to go on if there may be more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// What matches.
    pub listings: Vec<(Subject, Listing)>,
    /// The subject behind which the next page begins.
    pub next: Option<Subject>,
}

/// How many listings a page has, if so many are asked for; 0 means the default.
pub fn size(asked: u32) -> Result<usize, OperateError> {
    let (largest, usual) = PAGE;
    match asked {
        0 => Ok(usual as usize),
        size if size <= largest => Ok(size as usize),
        size => Err(OperateError::invalid("page_size", format!("is {size}: expected at most {largest}"))),
    }
}

impl Filter {
    /// The first bytes of a token: a hash over method, filter and last subject, whose key is `key`. No secret; it
    /// detects a token of another query, or one altered or cut.
    fn seal(&self, key: &[u8]) -> [u8; SEAL] {
        let mut hasher = blake3::Hasher::new_derive_key("numguard 2026-11 page token of ListListings");
        hasher.update(&(self.asked.len() as u64).to_le_bytes()).update(&self.asked).update(key);
        let mut seal = [0; SEAL];
        hasher.finalize_xof().fill(&mut seal);
        seal
    }

    fn matches(&self, subject: Subject, listing: &Listing) -> bool {
        let kind = match self.kind {
            Kind::All => true,
            Kind::Numbers => matches!(subject, Subject::Number(_)),
            Kind::Ranges => matches!(subject, Subject::Range(_)),
        };
        let covers = |number| matches!(subject, Subject::Range(range) if range.contains(number));
        kind && self.covering.is_none_or(covers)
            && self.prefix.is_none_or(|prefix| begins_with(first_digits(subject), prefix.0))
            && self.feed.as_ref().is_none_or(|feed| listing.sightings().iter().any(|s| s.feed == *feed))
            && self.action.is_none_or(|action| listing.decision().is_some_and(|d| d.action == action))
    }

    /// A subject behind which to go on: `after`, or one nearer to the next match.
    fn skip(&self, after: Option<Subject>) -> Option<Subject> {
        let numbers_end = Number::from_digits(999_999_999_999_999).ok().map(Subject::Number);
        let below = |from: u64, prefix: u64| match before_next(prefix, from) {
            Some(number) => Number::from_digits(number).ok().map(Subject::Number),
            None => numbers_end,
        };
        let ranges = self.covering.is_some() || self.kind == Kind::Ranges;
        let wanted = match (self.prefix, after) {
            _ if ranges => numbers_end,
            (Some(prefix), None) => below(9, prefix.0),
            (Some(prefix), Some(Subject::Number(after))) => below(after.key(), prefix.0),
            _ => None,
        };
        after.max(wanted)
    }
}

fn read_prefix(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') && digits.len() <= 15;
    if plain { digits.parse().ok() } else { None }
}

fn first_digits(subject: Subject) -> u64 {
    match subject {
        Subject::Number(number) | Subject::Range(Range::Span(number, _)) => number.key(),
        Subject::Range(Range::Prefix(prefix)) => prefix.key(),
    }
}

fn begins_with(mut digits: u64, prefix: u64) -> bool {
    while digits > prefix {
        digits /= 10;
    }
    digits == prefix
}

/// The number just below the first one after `after` that begins with `prefix`; numbers are in
/// order of length first. `None`: there is no such number.
fn before_next(prefix: u64, after: u64) -> Option<u64> {
    let (mut from, mut to) = (prefix, prefix + 1);
    while to <= after + 1 {
        (from, to) = (from.checked_mul(10)?, to.checked_mul(10)?);
    }
    Some(from.max(after + 1) - 1)
}

/// The next page of matches after `after`.
pub async fn page(
    store: &dyn ListingStore,
    filter: &Filter,
    mut after: Option<Subject>,
    size: usize,
) -> Result<Page, OperateError> {
    let mut found = Vec::new();
    let mut looked = 0;
    while looked < LONGEST_LOOK {
        after = filter.skip(after);
        let rows = store.scan(after, SCAN).await?;
        looked += rows.len().max(1);
        let full = rows.len() == SCAN;
        for (subject, listing) in rows {
            after = Some(subject);
            if filter.kind == Kind::Numbers && matches!(subject, Subject::Range(_)) {
                return Ok(Page { listings: found, next: None });
            }
            if filter.matches(subject, &listing) {
                found.push((subject, listing));
                if found.len() == size {
                    return Ok(Page { listings: found, next: after });
                }
            }
        }
        if !full {
            return Ok(Page { listings: found, next: None });
        }
    }
    Ok(Page { listings: found, next: after })
}

/// The page token: what the page was filtered by, and its last subject.
pub fn token(filter: &Filter, after: Option<Subject>) -> String {
    let Some(after) = after else { return String::new() };
    let key = codec::subject_key(after);
    let seal = filter.seal(key.as_ref());
    seal.into_iter().chain(key).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads what [`token`] wrote for the same filter.
pub fn read_token(filter: &Filter, token: &str) -> Result<Option<Subject>, OperateError> {
    if token.is_empty() {
        return Ok(None);
    }
    let refused = || {
        let expected = "expected the next_page_token of a ListListings call with the same filter";
        OperateError::invalid("page_token", expected)
    };
    let byte = |pair: &[u8]| {
        let digits = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
        u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|_| digits)?, 16).ok()
    };
    let bytes: Option<Vec<u8>> = token.as_bytes().chunks(2).map(byte).collect();
    let bytes = bytes.ok_or_else(refused)?;
    let (seal, key) = bytes.split_at_checked(SEAL).ok_or_else(refused)?;
    if seal != filter.seal(key) {
        return Err(refused());
    }
    codec::read_subject(key).map(Some).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_is_read_for_the_filter_that_it_was_written_for_alone() {
        let by_feed = Filter { asked: vec![1], ..Filter::default() };
        let after: Option<Subject> = "+447400123456".parse().ok();
        let written = token(&by_feed, after);
        assert_eq!(read_token(&by_feed, &written).ok(), Some(after));
        assert_eq!(token(&by_feed, None), "", "there is no next page");
        assert_eq!(read_token(&by_feed, "").ok(), Some(None), "the first page");
        for (filter, text) in [
            (&Filter::default(), written.as_str()),
            (&by_feed, &written[..written.len() - 2]),
            (&by_feed, &written.replace(&written[..2], "+1")),
            (&by_feed, "00"),
        ] {
            let error = read_token(filter, text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("page_token: expected the next_page_token of"), "{text}: {error}");
        }
    }

    #[test]
    fn a_page_has_a_thousand_listings_at_most() {
        assert_eq!((size(0).ok(), size(7).ok(), size(1_000).ok()), (Some(100), Some(7), Some(1_000)));
        let error = size(1_001).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("page_size: is 1001: expected at most 1000"));
    }

    #[test]
    fn a_prefix_is_a_plus_and_digits() {
        let read = |text: &str| text.parse::<Prefix>().ok().map(|prefix| prefix.0);
        assert_eq!((read("+44"), read("+447400123456")), (Some(44), Some(447_400_123_456)));
        for wrong in ["", "+", "44", "+0", "+44 7", "+1234567890123456"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
