//! What the owner of a number may know: whether and by whom the number is listed, and since when.
//!
//! Must not show neighbours, policies, scores, names or reasons of operators, nor which lists there are other than
//! public pages.

use std::collections::BTreeSet;

use crate::core::index::{Found, Index, Seen};
use crate::core::listing::{Action, Day, FeedName};

/// Who lists a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListerKind<'a> {
    /// A page that anybody can read, by its name.
    PublicPage(&'a str),
    /// A list that is not public.
    List,
    /// An operator's block listing.
    Operator,
}

/// One lister, and the first day on which it listed the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lister<'a> {
    /// Who.
    pub kind: ListerKind<'a>,
    /// Since when.
    pub since: Day,
}

/// Who lists the number that the index has `found`: each lister once, with its earliest day. `public` are the names of
/// the feeds that anybody can read. Nobody, where an operator allowed the number.
pub fn listers<'a>(index: &'a Index, found: &Found<'a>, public: &BTreeSet<String>) -> Vec<Lister<'a>> {
    let allowed = found.decision.is_some_and(|decision| decision.action == Action::Allow);
    if allowed || (found.decision.is_none() && found.range_allowed.is_some()) {
        return Vec::new();
    }
    let mut listers = Vec::new();
    for seen in [found.seen, found.range_seen.and_then(|entry| entry.seen)].into_iter().flatten() {
        add_feeds(&mut listers, index, seen, public);
    }
    let range = found.range_blocked.and_then(|entry| entry.decision.as_ref());
    let blocked = [found.decision, range].into_iter().flatten();
    if let Some(since) = blocked.map(|decision| decision.decided_at.day()).min() {
        add(&mut listers, ListerKind::Operator, since);
    }
    listers
}

fn add_feeds<'a>(listers: &mut Vec<Lister<'a>>, index: &'a Index, seen: Seen, public: &BTreeSet<String>) {
    let feeds = &index.provenance(seen).feeds;
    let pages: Vec<&str> = feeds.iter().filter_map(|feed| page(feed, public)).collect();
    for page in &pages {
        add(listers, ListerKind::PublicPage(page), seen.first);
    }
    if pages.len() < feeds.len() || feeds.is_empty() {
        add(listers, ListerKind::List, seen.first);
    }
}

/// The page behind a feed, if anybody can read it.
fn page<'a>(feed: &'a FeedName, public: &BTreeSet<String>) -> Option<&'a str> {
    let site = feed.as_str().rsplit("__").next()?;
    let site = site.strip_suffix("-starter").unwrap_or(site);
    public.contains(site).then_some(site)
}

fn add<'a>(listers: &mut Vec<Lister<'a>>, kind: ListerKind<'a>, since: Day) {
    match listers.iter_mut().find(|lister| lister.kind == kind) {
        Some(known) => known.since = known.since.min(since),
        None => listers.push(Lister { kind, since }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::index::{Builder, Position};
    use crate::core::listing::{Decision, Listing, Sighting, UnixTime};

    fn seen(feed: &str, day: u16) -> Listing {
        let feed = feed.parse().unwrap_or_else(|e| panic!("{e}"));
        Listing::seen(Sighting::new(feed, Day(day).start(), Day(day).start(), 1))
    }

    fn decided(action: Action) -> Listing {
        let (reason, author) = ("secret".to_owned(), "ann".to_owned());
        Listing::decided(Decision { decided_at: Day(50).start(), action, expires_at: None, reason, author })
    }

    #[test]
    fn pages_have_names_and_other_lists_do_not() {
        use ListerKind::{List, Operator, PublicPage};
        let public = BTreeSet::from(["open".to_owned()]);
        for (number, range, expected) in [
            (vec![seen("open", 9)], vec![], vec![(PublicPage("open"), 9)]),
            (vec![seen("group__open", 9), seen("open-starter", 7)], vec![], vec![(PublicPage("open"), 7)]),
            (vec![seen("bought", 9)], vec![], vec![(List, 9)]),
            (vec![seen("open", 9)], vec![seen("bought", 8)], vec![(PublicPage("open"), 9), (List, 8)]),
            (vec![decided(Action::Block)], vec![], vec![(Operator, 50)]),
            (vec![seen("open", 9)], vec![decided(Action::Allow)], vec![]),
            (vec![seen("open", 9), decided(Action::Allow)], vec![], vec![]),
        ] {
            let mut builder = Builder::default();
            for (subject, listings) in [("+447400123456", &number), ("+4474001*", &range)] {
                let mut all = Listing::default();
                listings.iter().for_each(|listing| all.merge(listing));
                if !all.is_empty() {
                    builder.add(subject.parse().unwrap_or_else(|e| panic!("{e}")), &all);
                }
            }
            let index = builder.finish(Position::default());
            let number = "+447400123456".parse().unwrap_or_else(|e| panic!("{e}"));
            let found = index.find(number, UnixTime(0));
            let expected: Vec<Lister<'_>> =
                expected.into_iter().map(|(kind, day)| Lister { kind, since: Day(day) }).collect();
            assert_eq!(listers(&index, &found, &public), expected);
        }
    }
}
