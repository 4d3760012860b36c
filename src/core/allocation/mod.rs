//! Allocations: whom a regulator gave which ranges, and which it gave to nobody, as its files say.
//!
//! One [`Allocation`] per file, by the name of its feed; [`Allocations`] are all that are loaded. Pure.
//! Must not know where files come from or how they look (`feed/holders.rs` reads them), and must not
//! weigh: a class of holders is the policy's business.

mod codec;
mod doubts;

use std::sync::Arc;

use crate::core::listing::{FeedName, UnixTime};
use crate::core::number::{Holder, HolderClass, Number, Prefix, Range, Segments, aligned, classify};

pub use codec::AllocationError;
pub use doubts::doubts;

/// Whose a number's range is.
#[derive(Debug, Clone, Copy)]
pub enum Allocated<'a> {
    /// Somebody's.
    To(Holder<'a>),
    /// Nobody's, by this file.
    Nobody(&'a Allocation),
}

impl<'a> Allocated<'a> {
    /// Who holds the range, if anybody does.
    pub fn holder(self) -> Option<Holder<'a>> {
        match self {
            Self::To(holder) => Some(holder),
            Self::Nobody(_) => None,
        }
    }
}

/// What one regulator's file says.
#[derive(Debug, Clone)]
pub struct Allocation {
    source: FeedName,
    loaded_at: UnixTime,
    /// Name and class of each holder; a segment's owner is 0 for nobody, or one more than a place here.
    holders: Vec<(String, HolderClass)>,
    segments: Segments,
    /// Digest of its bytes: tells one load from another.
    id: u64,
}

/// How much a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllocationStats {
    /// Runs of consecutive numbers in one hand.
    pub held_ranges: u64,
    /// Runs of consecutive numbers in nobody's.
    pub free_ranges: u64,
    /// Different holders.
    pub holders: u64,
}

impl Allocation {
    /// From the rows of a file: ranges with the name of who has them, or nothing if nobody does. Of
    /// ranges that overlap the narrower counts. What lies in `covers` and in no row is nobody's; of
    /// numbers outside of both the file says nothing.
    pub fn build<'a>(
        source: FeedName,
        loaded_at: UnixTime,
        covers: &[Prefix],
        rows: impl Iterator<Item = (Range, Option<&'a str>)>,
    ) -> Self {
        const NOBODY: u32 = 0;
        let mut holders: Vec<(String, HolderClass)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let mut intervals: Vec<_> =
            covers.iter().map(|prefix| (Range::Prefix(*prefix).aligned(), NOBODY)).collect();
        for (range, name) in rows {
            let owner = name.map_or(NOBODY, |name| {
                let class = classify(name, first_digits(range).as_str());
                *places.entry((name, class)).or_insert_with(|| {
                    holders.push((name.to_owned(), class));
                    u32::try_from(holders.len()).unwrap_or(NOBODY)
                })
            });
            intervals.push((range.aligned(), owner));
        }
        let segments = Segments::build(intervals.into_iter());
        let mut built = Self { source, loaded_at, holders, segments, id: 0 };
        built.id = codec::id(&built.to_bytes());
        built
    }

    /// The feed whose definition read the file.
    pub fn source(&self) -> &FeedName {
        &self.source
    }

    /// When it was loaded.
    pub fn loaded_at(&self) -> UnixTime {
        self.loaded_at
    }

    /// Tells this load from another of the same feed.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How much it holds.
    pub fn stats(&self) -> AllocationStats {
        let owners = || self.segments.iter().filter_map(|(_, owner)| owner);
        AllocationStats {
            held_ranges: owners().filter(|owner| *owner > 0).count() as u64,
            free_ranges: owners().filter(|owner| *owner == 0).count() as u64,
            holders: self.holders.len() as u64,
        }
    }

    fn find(&self, key: u64) -> Option<Allocated<'_>> {
        match self.segments.find(key)? {
            0 => Some(Allocated::Nobody(self)),
            owner => {
                let (name, class) = self.holders.get(owner as usize - 1)?;
                Some(Allocated::To(Holder { name, class: *class }))
            }
        }
    }

    /// Start and length, among aligned numbers, of what is in somebody's hands.
    fn held(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let ends = self.segments.iter().map(|(start, _)| start).skip(1);
        let held = self.segments.iter().zip(ends).filter(|((_, owner), _)| owner.is_some_and(|by| by > 0));
        held.map(|((start, _), end)| (start, end - start))
    }

    fn bytes(&self) -> usize {
        let names = self.holders.iter().map(|(name, _)| name.capacity() + size_of::<(String, HolderClass)>());
        self.segments.bytes() + names.sum::<usize>()
    }
}

/// All files that are loaded, at most one of each feed.
#[derive(Debug, Clone, Default)]
pub struct Allocations(Vec<Arc<Allocation>>);

impl Allocations {
    /// These, and `allocation` in place of what its feed said before.
    pub fn with(&self, allocation: Allocation) -> Self {
        let mut all = self.without(&allocation.source);
        let at = all.0.partition_point(|other| other.source < allocation.source);
        all.0.insert(at, Arc::new(allocation));
        all
    }

    /// These without what a feed said.
    pub fn without(&self, source: &FeedName) -> Self {
        Self(self.0.iter().filter(|allocation| allocation.source != *source).cloned().collect())
    }

    /// What a feed says.
    pub fn get(&self, source: &FeedName) -> Option<&Allocation> {
        self.0.iter().find(|allocation| allocation.source == *source).map(Arc::as_ref)
    }

    /// All of them, by the name of the feed.
    pub fn iter(&self) -> impl Iterator<Item = &Allocation> {
        self.0.iter().map(Arc::as_ref)
    }

    /// Whose the number's range is; nothing if no file speaks of it.
    pub fn find(&self, number: Number) -> Option<Allocated<'_>> {
        if self.0.is_empty() {
            return None;
        }
        let key = aligned(number.key(), number.len());
        self.0.iter().find_map(|allocation| allocation.find(key))
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|allocation| allocation.bytes()).sum()
    }
}

/// What all numbers of the range begin with.
fn first_digits(range: Range) -> String {
    match range {
        Range::Prefix(prefix) => prefix.key().to_string(),
        Range::Span(first, _) => first.key().to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn range(text: &str) -> Range {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    /// Rows as `range holder`; `-` is nobody.
    pub(crate) fn built(source: &str, covers: &[&str], rows: &[(&str, &str)]) -> Allocation {
        let prefix = |text: &&str| match range(text) {
            Range::Prefix(prefix) => prefix,
            Range::Span(..) => panic!("{text} is no prefix"),
        };
        let covers: Vec<Prefix> = covers.iter().map(prefix).collect();
        let rows = rows.iter().map(|(text, name)| (range(text), Some(*name).filter(|name| *name != "-")));
        let source = source.parse().unwrap_or_else(|e| panic!("{e}"));
        Allocation::build(source, UnixTime(86_400), &covers, rows)
    }

    fn told(all: &Allocations, number: &str) -> String {
        match all.find(number.parse().unwrap_or_else(|e| panic!("{number}: {e}"))) {
            None => "nothing".to_owned(),
            Some(Allocated::Nobody(by)) => format!("nobody, says {}", by.source()),
            Some(Allocated::To(holder)) => format!("{} {}", holder.name, holder.class.as_str()),
        }
    }

    #[test]
    fn whose_a_range_is() {
        let gb = built(
            "ofcom-s7",
            &["+447*"],
            &[
                ("+4474001*", "Hutchison 3G UK Ltd"),
                ("+44740015*", "Citrus Telecommunications Ltd"),
                ("+4474002*", "-"),
                ("+4474003*", ""),
            ],
        );
        let fr = built("arcep-majnum", &[], &[("+33757000000..+33757009999", "TWIL")]);
        let all = Allocations::default().with(fr).with(gb);
        for (number, expected) in [
            ("+447400123456", "Hutchison 3G UK Ltd UNCLASSIFIED"),
            ("+447400159999", "Citrus Telecommunications Ltd WHOLESALE"),
            ("+447400160000", "Hutchison 3G UK Ltd UNCLASSIFIED"),
            ("+447400200000", "nobody, says ofcom-s7"),
            // In no row of the file, which speaks of all numbers that begin so.
            ("+447999123456", "nobody, says ofcom-s7"),
            ("+447400312345", " UNCLASSIFIED"),
            // Neither file speaks of these.
            ("+442071838750", "nothing"),
            ("+33612345678", "nothing"),
            ("+33757009999", "TWIL CPAAS"),
            ("+33757010000", "nothing"),
            ("+12025550123", "nothing"),
        ] {
            assert_eq!(told(&all, number), expected, "{number}");
        }
        let source = "ofcom-s7".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(all.get(&source).map(Allocation::stats).map(|s| (s.held_ranges, s.holders)), Some((4, 3)));
        assert_eq!(told(&all.without(&source), "+447400200000"), "nothing");
    }

    #[test]
    fn a_newer_file_takes_the_place_of_the_older() {
        let first = built("a", &[], &[("+4474*", "X")]);
        let second = built("a", &[], &[("+4474*", "Y")]);
        assert_ne!(first.id(), second.id());
        let all = Allocations::default().with(first).with(second);
        assert_eq!((told(&all, "+447400123456"), all.iter().count()), ("Y UNCLASSIFIED".to_owned(), 1));
    }
}
