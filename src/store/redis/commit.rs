//! Changes of one shard: read the pages, merge here, swap them in if nobody was faster.
//!
//! A write that touches one shard and few pages is one script. Anything larger goes through
//! `bulk`, which carries out parts of this size.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use redis::{ScriptInvocation, cmd};

use crate::listing::{Subject, digest};
use crate::store::{Applied, Change, StoreError};

use super::keys::{GroupId, LAYOUT, PageId};
use super::page::{self, Listings};
use super::{Redis, bulk, failure, log, read, scripts};

/// Most changes and most pages of one script: about two milliseconds of Redis's time.
const LARGEST: (usize, usize) = (4_096, 512);

/// How often a write is tried again because others changed the same page meanwhile.
const ATTEMPTS: u32 = 100;

/// Changes of one shard, sorted by subject, that fit one script.
pub(super) type Part = (usize, Vec<Change>);

/// A part of a decided large write.
#[derive(Debug, Clone, Copy)]
pub(super) struct BulkPart<'a> {
    pub(super) id: &'a str,
    pub(super) part: usize,
}

/// What committing a part did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) added: u64,
    pub(super) deleted: u64,
}

/// Applies all changes or none.
pub(super) async fn apply(store: &Redis, changes: Vec<Change>) -> Result<Applied, StoreError> {
    let by_operator = changes.iter().any(|change| match change {
        Change::Merge(_, listing) => listing.decision().is_some(),
        Change::Delete(_) => true,
    });
    let parts = parts(changes);
    let mut shards: Vec<usize> = parts.iter().map(|(shard, _)| *shard).collect();
    shards.dedup();
    let done = match parts.as_slice() {
        [] => Done::default(),
        [part] => commit(store, part, None).await?,
        _ => bulk::apply(store, parts).await?,
    };
    if by_operator {
        confirm(store, &shards).await?;
    }
    let position = read::position(store).await?;
    Ok(Applied { position, added: done.added, deleted: done.deleted })
}

/// Cuts changes into parts, which keep the order of changes to one subject.
fn parts(mut changes: Vec<Change>) -> Vec<Part> {
    let place = |change: &Change| (PageId::of(change.subject()).group.shard(), change.subject());
    changes.sort_by_cached_key(place);
    let mut parts: Vec<Part> = Vec::new();
    let (mut pages, mut last) = (0, None);
    for change in changes {
        let page = PageId::of(change.subject());
        let shard = page.group.shard();
        let new_page = last != Some(page);
        pages += usize::from(new_page);
        match parts.last_mut() {
            // A page is never cut in two: the next part would have to wait for this one.
            Some((of, part))
                if *of == shard && (!new_page || part.len() < LARGEST.0 && pages <= LARGEST.1) =>
            {
                part.push(change);
            }
            _ => {
                pages = 1;
                parts.push((shard, vec![change]));
            }
        }
        last = Some(page);
    }
    parts
}

/// Commits one part; `None` of it or all.
pub(super) async fn commit(
    store: &Redis,
    (shard, changes): &Part,
    bulk: Option<BulkPart<'_>>,
) -> Result<Done, StoreError> {
    let route = store.route(*shard);
    for attempt in 0..ATTEMPTS {
        let swap = Swap::plan(store, changes).await?;
        if swap.pages.is_empty() && bulk.is_none() {
            return Ok(swap.done);
        }
        let answer: Vec<String> = route.writes.run_script(&swap.script(store, *shard, bulk)).await?;
        match answer.first().map(String::as_str) {
            Some("done") => return Ok(swap.done),
            Some("already") => return Ok(Done::default()),
            Some("conflict") => tokio::time::sleep(Duration::from_micros(50) * (attempt + 1).min(40)).await,
            _ => return Err(failure::odd("answer to a commit")),
        }
    }
    Err(StoreError::Unavailable("others change the same listings all the time: try again".to_owned()))
}

/// One page before and after.
struct Swapped {
    page: PageId,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// Pages to be swapped in, and what that does.
#[derive(Default)]
struct Swap {
    pages: Vec<Swapped>,
    subjects: Vec<Subject>,
    numbers: i64,
    ranges: i64,
    digest: u64,
    done: Done,
}

impl Swap {
    /// Reads the pages of `changes` and merges.
    async fn plan(store: &Redis, changes: &[Change]) -> Result<Self, StoreError> {
        let mut by_page: BTreeMap<PageId, Vec<&Change>> = BTreeMap::new();
        for change in changes {
            by_page.entry(PageId::of(change.subject())).or_default().push(change);
        }
        let pages: Vec<PageId> = by_page.keys().copied().collect();
        let stored = read::pages(store, |route| &route.writes, &pages).await?;
        let mut swap = Self::default();
        for ((page, changes), old) in by_page.into_iter().zip(stored) {
            swap.add(store, page, &changes, old)?;
        }
        Ok(swap)
    }

    fn add(
        &mut self,
        store: &Redis,
        page: PageId,
        changes: &[&Change],
        old: Vec<u8>,
    ) -> Result<(), StoreError> {
        let key = || store.keys().group(page.group);
        let mut listings = Listings::new();
        if !old.is_empty() {
            listings = page::read(page, &old).map_err(|error| failure::unreadable(&key(), error))?;
        }
        let mut touched: Vec<Subject> = changes.iter().map(|change| change.subject()).collect();
        touched.dedup();
        let before: Vec<_> = touched.iter().map(|subject| listings.get(subject).cloned()).collect();
        for change in changes {
            self.change(&mut listings, change);
        }
        for (subject, before) in touched.iter().zip(&before) {
            let after = listings.get(subject);
            if before.as_ref() != after {
                self.subjects.push(*subject);
                self.digest ^= before
                    .iter()
                    .chain(after)
                    .fold(0, |sum, listing| sum ^ digest(*subject, listing.days(), listing.decision()));
            }
        }
        let new = if listings.is_empty() { Vec::new() } else { page::write(page, &listings) };
        if new != old {
            self.pages.push(Swapped { page, old, new });
        }
        Ok(())
    }

    fn change(&mut self, listings: &mut Listings, change: &Change) {
        let count = match change.subject() {
            Subject::Number(_) => &mut self.numbers,
            Subject::Range(_) => &mut self.ranges,
        };
        match change {
            Change::Merge(subject, listing) => match listings.get_mut(subject) {
                Some(known) => known.merge(listing),
                None => {
                    listings.insert(*subject, listing.clone());
                    (self.done.added, *count) = (self.done.added + 1, *count + 1);
                }
            },
            Change::Delete(subject) => {
                if listings.remove(subject).is_some() {
                    (self.done.deleted, *count) = (self.done.deleted + 1, *count - 1);
                }
            }
        }
    }

    /// The script call that swaps the pages in.
    fn script(&self, store: &Redis, shard: usize, bulk: Option<BulkPart<'_>>) -> ScriptInvocation<'static> {
        let mut groups: Vec<GroupId> = self.pages.iter().map(|swapped| swapped.page.group).collect();
        groups.dedup();
        let keys = store.keys();
        let mut script = scripts::COMMIT.prepare_invoke();
        script.key(keys.meta(shard)).key(keys.log(shard)).key(keys.groups(shard));
        for &group in &groups {
            script.key(keys.group(group));
        }
        script.arg(LAYOUT).arg(random().to_string()).arg(store.0.options.log_entries);
        script.arg(bulk.map_or("", |bulk| bulk.id)).arg(bulk.map_or(0, |bulk| bulk.part));
        script.arg(self.numbers).arg(self.ranges);
        script.arg(self.digest >> 32).arg(self.digest & 0xffff_ffff);
        script.arg(log::write(&self.subjects));
        for swapped in &self.pages {
            let at = groups.binary_search(&swapped.page.group).unwrap_or_default();
            script.arg(at + 4).arg(swapped.page.group.name()).arg(swapped.page.page);
            script.arg(swapped.old.as_slice()).arg(swapped.new.as_slice());
        }
        script
    }
}

/// Returns once enough replicas have what was written, or fails.
async fn confirm(store: &Redis, shards: &[usize]) -> Result<(), StoreError> {
    let options = &store.0.options;
    let wanted = options.wait_replicas;
    if wanted == 0 {
        return Ok(());
    }
    for &shard in shards.iter().take(if store.0.routes.len() == 1 { 1 } else { shards.len() }) {
        let patience = options.timeout / 2;
        let mut wait = cmd("WAIT");
        wait.arg(wanted).arg(patience.as_millis() as u64);
        let have: u32 = store.route(shard).writes.run(&wait).await?;
        if have < wanted {
            return Err(StoreError::Unconfirmed(format!(
                "stored by the Redis master, but only {have} of {wanted} replicas have it: it is lost if the \
                 master fails now; try again, or replay the audit record"
            )));
        }
    }
    Ok(())
}

/// Any number that another is unlikely to be; never 0.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish() | 1
}
