//! Listed ranges, longest match first.
//!
//! Allow listings, block listings and feeds' reports are matched apart, so that a narrow range of one
//! kind never hides a wide one of another. Must not weigh one against the other.

use crate::core::listing::{Action, Decision, UnixTime};
use crate::core::number::{MAX_DIGITS, Number, Prefix, Range, Segments, aligned};

use super::Seen;
use super::spans::Spans;

/// One listed range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeEntry {
    /// The range.
    pub range: Range,
    /// Feeds reported it.
    pub seen: Option<Seen>,
    /// An operator decided about it.
    pub decision: Option<Decision>,
}

impl RangeEntry {
    fn action(&self) -> Option<Action> {
        self.decision.as_ref().map(|decision| decision.action)
    }
}

/// All listed ranges.
#[derive(Debug, Clone, Default)]
pub struct Ranges {
    entries: Vec<RangeEntry>,
    allowed: Matcher,
    blocked: Matcher,
    seen: Matcher,
}

/// Prefixes in the space of left-aligned numbers, spans per length of number.
#[derive(Debug, Clone, Default)]
struct Matcher {
    prefixes: Segments,
    spans: Vec<(u32, Segments, Spans)>,
}

impl Matcher {
    fn build(entries: &[RangeEntry], wanted: impl Fn(&RangeEntry) -> bool) -> Self {
        let chosen: Vec<(Range, u32)> = (0u32..)
            .zip(entries)
            .filter(|(_, entry)| wanted(entry))
            .map(|(at, entry)| (entry.range, at))
            .collect();
        let prefixes = chosen.iter().filter_map(|&(range, at)| match range {
            Range::Prefix(prefix) => {
                let (key, digits) = (prefix.key(), prefix.digits());
                Some((aligned(key, digits)..aligned(key + 1, digits), at))
            }
            Range::Span(..) => None,
        });
        let prefixes = Segments::build(prefixes);
        let spans = |length| {
            chosen.iter().filter_map(move |&(range, at)| match range {
                Range::Span(first, last) if first.len() == length => Some((first.key()..last.key() + 1, at)),
                _ => None,
            })
        };
        let lengths = (2..=MAX_DIGITS).filter(|&length| spans(length).next().is_some());
        let spans = lengths
            .map(|length| (length, Segments::build(spans(length)), Spans::build(spans(length))))
            .collect();
        Self { prefixes, spans }
    }

    fn is_empty(&self) -> bool {
        self.prefixes.starts().is_empty() && self.spans.is_empty()
    }

    fn find<'a>(&self, entries: &'a [RangeEntry], number: Number) -> Option<&'a RangeEntry> {
        let length = number.len();
        let entry = |owner: u32| entries.get(owner as usize);
        let prefix = self.prefixes.find(aligned(number.key(), length)).and_then(entry);
        let spans = self.spans.iter().find(|(of, ..)| *of == length);
        let span = spans.and_then(|(_, spans, _)| spans.find(number.key())).and_then(entry);
        prefix.into_iter().chain(span).min_by_key(|entry| entry.range.size(length))
    }

    /// The narrowest of all ranges that hold the number and count; how many were looked at.
    fn find_among_all<'a>(
        &self,
        entries: &'a [RangeEntry],
        number: Number,
        counts: impl Fn(&&'a RangeEntry) -> bool,
    ) -> (Option<&'a RangeEntry>, usize) {
        let (length, mut looked) = (number.len(), 0);
        let mut best: Option<&RangeEntry> = None;
        let mut take = |entry: &'a RangeEntry| {
            let narrower = best.is_none_or(|best| entry.range.size(length) < best.range.size(length));
            if narrower && counts(&entry) {
                best = Some(entry);
            }
        };
        // At most 14 prefixes, each shorter than it, hold a number.
        for cut in 1..length {
            let Ok(prefix) = Prefix::from_digits(number.key() / 10u64.pow(cut)) else { continue };
            let range = Range::Prefix(prefix);
            let from = entries.partition_point(|entry| entry.range < range);
            let same = entries[from..].iter().take_while(|entry| entry.range == range);
            same.for_each(&mut take);
            looked += 1;
        }
        if let Some((.., spans)) = self.spans.iter().find(|(of, ..)| *of == length) {
            looked += spans.holding(number.key(), &mut |owner| {
                entries.get(owner as usize).into_iter().for_each(&mut take);
            });
        }
        (best, looked)
    }

    fn bytes(&self) -> usize {
        let spans = self.spans.iter().map(|(_, segments, spans)| segments.bytes() + spans.bytes());
        self.prefixes.bytes() + spans.sum::<usize>()
    }
}

impl Ranges {
    pub(super) fn build(mut entries: Vec<RangeEntry>) -> Self {
        entries.sort_by_key(|entry| entry.range);
        let decided = |action| Matcher::build(&entries, |entry| entry.action() == Some(action));
        let (allowed, blocked) = (decided(Action::Allow), decided(Action::Block));
        let seen = Matcher::build(&entries, |entry| entry.seen.is_some());
        Self { entries, allowed, blocked, seen }
    }

    /// The most specific range in force on which an operator took this action.
    #[inline]
    pub(super) fn decided(&self, number: Number, action: Action, now: UnixTime) -> Option<&RangeEntry> {
        let matcher = match action {
            Action::Allow => &self.allowed,
            Action::Block => &self.blocked,
        };
        let in_force = |decision: &Decision| decision.action == action && decision.in_force(now);
        self.matching(matcher, number, |entry| entry.decision.as_ref().is_some_and(in_force))
    }

    #[inline]
    pub(super) fn seen(&self, number: Number) -> Option<&RangeEntry> {
        self.matching(&self.seen, number, |entry| entry.seen.is_some())
    }

    #[inline]
    fn matching<'a>(
        &'a self,
        matcher: &Matcher,
        number: Number,
        counts: impl Fn(&&RangeEntry) -> bool,
    ) -> Option<&'a RangeEntry> {
        // Many have no ranges of a kind.
        if matcher.is_empty() {
            return None;
        }
        let found = matcher.find(&self.entries, number)?;
        if counts(&found) && found.range.contains(number) {
            return Some(found);
        }
        // Rare: the narrowest has expired, or is longer than the number itself.
        matcher.find_among_all(&self.entries, number, counts).0
    }

    /// All entries, in order of range.
    pub fn entries(&self) -> &[RangeEntry] {
        &self.entries
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<RangeEntry>()
            + self.allowed.bytes()
            + self.blocked.bytes()
            + self.seen.bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::listing::Day;

    fn entry(range: Range, seen: bool, expires_at: Option<u32>) -> RangeEntry {
        let decision = Decision {
            decided_at: UnixTime(1),
            action: Action::Block,
            expires_at: expires_at.map(UnixTime),
            reason: String::new(),
            author: String::new(),
        };
        let last = Day(2);
        let sighting =
            Seen { first: Day(1), last, corroborated: None, without_lone_report: Some(last), provenance: 0 };
        RangeEntry { range, seen: seen.then_some(sighting), decision: (!seen).then_some(decision) }
    }

    /// Short numbers in a narrow space, so that ranges overlap, nest and miss.
    fn any_number() -> impl Strategy<Value = Number> {
        (3u32..8).prop_flat_map(|digits| {
            let low = 10u64.pow(digits - 1);
            (4 * low..low * 46 / 10)
                .prop_map(|key| Number::from_digits(key).unwrap_or_else(|e| panic!("{e}")))
        })
    }

    fn any_range() -> impl Strategy<Value = Range> {
        prop_oneof![
            any_number().prop_map(|n| format!("{}*", n.as_e164())),
            (any_number(), 0u64..3_000).prop_map(|(n, size)| {
                let last = (n.key() + size).min(10u64.pow(n.len()) - 1);
                format!("+{}..+{last}", n.key())
            }),
        ]
        .prop_map(|text| text.parse().unwrap_or_else(|e| panic!("{text}: {e}")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn the_longest_match_is_what_a_scan_of_all_ranges_finds(
            ranges in proptest::collection::vec((any_range(), any::<bool>(), proptest::option::of(0u32..20)), 0..40),
            numbers in proptest::collection::vec(any_number(), 1..40),
        ) {
            let now = UnixTime(10);
            let entries: Vec<_> = ranges.into_iter().map(|(r, seen, end)| entry(r, seen, end)).collect();
            let built = Ranges::build(entries.clone());
            for number in numbers {
                let size = |entry: &RangeEntry| entry.range.size(number.len());
                let scan = |counts: &dyn Fn(&RangeEntry) -> bool| {
                    entries.iter().filter(|e| counts(e) && e.range.contains(number)).map(size).min()
                };
                prop_assert_eq!(built.seen(number).map(size), scan(&|e| e.seen.is_some()));
                let in_force = |e: &RangeEntry| e.decision.as_ref().is_some_and(|d| d.in_force(now));
                prop_assert_eq!(built.decided(number, Action::Block, now).map(size), scan(&in_force));
                prop_assert!(built.decided(number, Action::Allow, now).is_none());
            }
        }
    }

    #[test]
    fn an_expired_range_costs_a_few_steps_however_many_there_are() {
        let span = |first: u64, last: u64| {
            format!("+{first}..+{last}").parse().unwrap_or_else(|e| panic!("{first}: {e}"))
        };
        let base = 447_000_000_000;
        let mut entries: Vec<_> = (0..70_000)
            .map(|i| entry(span(base + i * 1_000, base + i * 1_000 + 999), false, Some(5)))
            .collect();
        entries.push(entry(span(base, base + 89_999_999), false, None));
        entries.push(entry("+4470*".parse().unwrap_or_else(|e| panic!("{e}")), false, None));
        let ranges = Ranges::build(entries);
        for i in [0, 1, 34_999, 69_999] {
            let number = Number::from_digits(base + i * 1_000 + 7).unwrap_or_else(|e| panic!("{e}"));
            let in_force = |entry: &&RangeEntry| {
                entry.decision.as_ref().is_some_and(|decision| decision.in_force(UnixTime(10)))
            };
            let (found, looked) = ranges.blocked.find_among_all(&ranges.entries, number, in_force);
            assert_eq!(found.map(|entry| entry.range), Some(span(base, base + 89_999_999)));
            assert!(looked < 60, "looked at {looked}");
        }
    }

    #[test]
    fn a_direct_index_finds_what_a_binary_search_finds() {
        let ranges = (0..5_000u64).map(|i| {
            let first = 447_000_000_000 + i * 7_919 * 11;
            (first..first + 1 + i % 90_000, i as u32)
        });
        let segments = Segments::build(ranges.clone());
        assert!(!segments.starts().is_empty());
        for key in (446_999_000_000..447_440_000_000).step_by(104_729) {
            let narrowest = ranges.clone().filter(|(keys, _)| keys.contains(&key));
            let size = |owner: u32| ranges.clone().nth(owner as usize).map(|(keys, _)| keys.end - keys.start);
            let expected = narrowest.map(|(keys, _)| keys.end - keys.start).min();
            assert_eq!(segments.find(key).and_then(size), expected, "{key}");
        }
    }
}
