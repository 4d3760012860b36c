//! Every Redis key that numguard uses, and which listing lives where.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `numguard:{3}:meta` | hash | `layout`, `cursor`, `stamp`, `numbers`, `ranges`, `digest.high`, `digest.low`, `confirmed` |
//! | `numguard:{3}:log` | stream | changed subjects, entry `<cursor>-1` |
//! | `numguard:{3}:groups` | sorted set, all scores 0 | the names of the shard's groups |
//! | `numguard:{3}:g:1:0000447400` | hash | one group: page -> packed listings (see `page`) |
//! | `numguard:{0}:bulks` | hash | large writes that are decided and not yet carried out: id -> parts |
//! | `numguard:{0}:bulk:<id>` | list | the parts of one large write |
//! | `numguard:{0}:bulk:<id>:worker` | string, expires | who carries it out now |
//! | `numguard:{3}:done:<id>` | string, expires an hour after the end | the last part that the shard has taken |
//! | `numguard:{0}:outcomes-by-time` | sorted set, all scores 0 | reported outcomes: id, then its bytes |
//! | `numguard:{0}:notes`, `:note-revisions` | hash | name -> text, name -> revision |
//! | `numguard:{0}:lease:<name>` | hash, expires | `holder`, `token` |
//! | `numguard:{0}:tokens` | hash | name of a lease -> its last token |
//! | `numguard:{0}:board:<name>` | hash, expires | what processes tell each other: seat -> bytes |
//! | `numguard:{0}:shrink-accepted` | string, expires | an operator accepts that listings were lost |
//!
//! `numguard` is the prefix; `{3}` the shard, a hash tag: what changes together lies in one slot of
//! a cluster. A *page* holds the listings of 10,000 consecutive numbers, or of the ranges that
//! begin there; a *group* is 10,000 consecutive pages. Pages, groups and subjects have one order.
//! Must not be changed without a new [`LAYOUT`].

use std::fmt::Write;

use crate::core::listing::Subject;
use crate::core::number::Range;

/// The version of all this; a store of another one is refused.
pub(super) const LAYOUT: u32 = 1;

/// Shards of every store. One number for all, so that processes cannot disagree.
pub(super) const SHARDS: usize = 8;

/// Numbers per page, and pages per group.
const PAGE: u64 = 10_000;

/// Where a listing lives. Ordered as subjects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PageId {
    pub(super) group: GroupId,
    /// 0 to 9,999.
    pub(super) page: u16,
}

/// 10,000 consecutive pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupId {
    /// 1 number, 2 prefix, 3 span; as in subject keys.
    kind: u8,
    first_digits: u64,
}

impl PageId {
    /// The page of a subject.
    pub(super) fn of(subject: Subject) -> Self {
        let (kind, key) = kind_and_key(subject);
        let page = key / PAGE;
        Self { group: GroupId { kind, first_digits: page / PAGE }, page: (page % PAGE) as u16 }
    }

    /// The first key of the page: what its listings' keys are counted from.
    pub(super) fn base(self) -> u64 {
        (self.group.first_digits * PAGE + u64::from(self.page)) * PAGE
    }

    /// Whether its listings are ranges.
    pub(super) fn kind(self) -> u8 {
        self.group.kind
    }
}

/// The kind of a subject, and the digits that order it among its kind.
pub(super) fn kind_and_key(subject: Subject) -> (u8, u64) {
    match subject {
        Subject::Number(number) => (1, number.key()),
        Subject::Range(Range::Prefix(prefix)) => (2, prefix.key()),
        Subject::Range(Range::Span(first, _)) => (3, first.key()),
    }
}

impl GroupId {
    /// The shard of the group. Neighbouring groups go to different shards.
    pub(super) fn shard(self) -> usize {
        ((self.first_digits + u64::from(self.kind)) % SHARDS as u64) as usize
    }

    /// The name in the shard's set of groups; sorts as groups do.
    pub(super) fn name(self) -> String {
        format!("{}:{:010}", self.kind, self.first_digits)
    }

    /// Reads [`GroupId::name`].
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (kind, digits) = name.split_once(':')?;
        let id = Self { kind: kind.parse().ok()?, first_digits: digits.parse().ok()? };
        (1..=3).contains(&id.kind).then_some(id)
    }
}

/// Makes keys under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// Keys that begin with `prefix` and a colon.
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    fn key(&self, shard: usize, rest: &str) -> String {
        let mut key = String::with_capacity(self.prefix.len() + rest.len() + 6);
        // Writing to a String cannot fail.
        let _ = write!(key, "{}:{{{shard}}}:{rest}", self.prefix);
        key
    }

    pub(super) fn meta(&self, shard: usize) -> String {
        self.key(shard, "meta")
    }

    pub(super) fn log(&self, shard: usize) -> String {
        self.key(shard, "log")
    }

    pub(super) fn groups(&self, shard: usize) -> String {
        self.key(shard, "groups")
    }

    pub(super) fn group(&self, group: GroupId) -> String {
        self.key(group.shard(), &format!("g:{}", group.name()))
    }

    pub(super) fn bulks(&self) -> String {
        self.key(0, "bulks")
    }

    pub(super) fn bulk(&self, id: &str) -> String {
        self.key(0, &format!("bulk:{id}"))
    }

    pub(super) fn bulk_worker(&self, id: &str) -> String {
        self.key(0, &format!("bulk:{id}:worker"))
    }

    pub(super) fn bulk_done(&self, shard: usize, id: &str) -> String {
        self.key(shard, &format!("done:{id}"))
    }

    pub(super) fn outcomes(&self) -> String {
        self.key(0, "outcomes-by-time")
    }

    pub(super) fn notes(&self) -> String {
        self.key(0, "notes")
    }

    pub(super) fn note_revisions(&self) -> String {
        self.key(0, "note-revisions")
    }

    pub(super) fn lease(&self, name: &str) -> String {
        self.key(0, &format!("lease:{name}"))
    }

    pub(super) fn tokens(&self) -> String {
        self.key(0, "tokens")
    }

    pub(super) fn board(&self, name: &str) -> String {
        self.key(0, &format!("board:{name}"))
    }

    pub(super) fn shrink_accepted(&self) -> String {
        self.key(0, "shrink-accepted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(subject: &str) -> PageId {
        PageId::of(subject.parse().unwrap_or_else(|e| panic!("{subject}: {e}")))
    }

    #[test]
    fn the_shape_of_every_key() {
        let keys = Keys::new("numguard");
        let number = page("+447400123456").group;
        assert_eq!(
            [
                keys.meta(3),
                keys.log(3),
                keys.groups(3),
                keys.group(number),
                keys.group(page("+4477*").group),
                keys.group(page("+447700900000..+447700900999").group),
                keys.bulks(),
                keys.bulk("7f"),
                keys.bulk_worker("7f"),
                keys.bulk_done(3, "7f"),
                keys.outcomes(),
                keys.notes(),
                keys.note_revisions(),
                keys.lease("feed:quackr"),
                keys.tokens(),
                keys.board("bursts:7"),
                keys.shrink_accepted(),
            ],
            [
                "numguard:{3}:meta",
                "numguard:{3}:log",
                "numguard:{3}:groups",
                "numguard:{3}:g:1:0000004474",
                "numguard:{2}:g:2:0000000000",
                "numguard:{0}:g:3:0000004477",
                "numguard:{0}:bulks",
                "numguard:{0}:bulk:7f",
                "numguard:{0}:bulk:7f:worker",
                "numguard:{3}:done:7f",
                "numguard:{0}:outcomes-by-time",
                "numguard:{0}:notes",
                "numguard:{0}:note-revisions",
                "numguard:{0}:lease:feed:quackr",
                "numguard:{0}:tokens",
                "numguard:{0}:board:bursts:7",
                "numguard:{0}:shrink-accepted",
            ]
        );
    }

    #[test]
    fn pages_and_group_names_sort_as_subjects_do() {
        let mut subjects: Vec<Subject> =
            ["+12", "+447400123456", "+447400123457", "+448000000000000", "+1*", "+4477009*", "+331..+339"]
                .iter()
                .map(|text| text.parse().unwrap_or_else(|e| panic!("{text}: {e}")))
                .collect();
        subjects.sort();
        assert!(subjects.is_sorted_by_key(|&subject| PageId::of(subject)));
        assert!(subjects.is_sorted_by_key(|&subject| PageId::of(subject).group.name()));
        for subject in subjects {
            let group = PageId::of(subject).group;
            assert_eq!(GroupId::parse(&group.name()), Some(group));
        }
        assert_eq!((page("+447400123456").page, page("+447400123456").base()), (12, 447_400_120_000));
    }
}
