//! One part of a write, in one shard: read the pages, merge here, swap them in if nobody was faster.
//!
//! Each is one script. Must not know of the parts before and after it.

use std::sync::Arc;
use std::time::Duration;

use redis::ScriptInvocation;

use crate::core::listing::{Listing, Subject};
use crate::random;
use crate::store::{Change, StoreError};

use super::keys::{LAYOUT, PageId};
use super::page::{self, Listings};
use super::part::{Packed, PageChange, Part, Work, of};
use super::{Redis, failure, log, read, scripts};

/// How often a write is tried again because others changed the same page meanwhile.
const ATTEMPTS: u32 = 100;

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

/// Commits one part, all of it or nothing.
pub(super) async fn commit(
    store: &Redis,
    part: &Arc<Part>,
    bulk: Option<BulkPart<'_>>,
) -> Result<Done, StoreError> {
    let route = store.route(part.shard);
    // Writes of this process take turns: they would only make each other try again.
    let _turn = store.0.turns[part.shard].lock().await;
    let pages: Vec<PageId> = part.pages.iter().map(|change| change.page).collect();
    for attempt in 0..ATTEMPTS {
        let stored = read::pages(store, |route| &route.writes, &pages).await?;
        let (merging, part_of) = (store.clone(), Arc::clone(part));
        // Off the threads that answer checks: a full part is some milliseconds of work.
        let swap = off_thread(move || Swap::plan(&merging, &part_of.pages, stored)).await??;
        if swap.pages.is_empty() && bulk.is_none() {
            return Ok(swap.done);
        }
        let script = swap.script(store, part.shard, bulk);
        let answer: Vec<String> = route.writes.run_script(&script).await?;
        match answer.first().map(String::as_str) {
            Some("done") => return Ok(swap.done),
            Some("already") => return Ok(Done::default()),
            Some("conflict") => tokio::time::sleep(Duration::from_micros(50) * (attempt + 1).min(40)).await,
            _ => return Err(failure::odd("answer to a commit")),
        }
    }
    Err(StoreError::Unavailable("others change the same listings all the time: try again".to_owned()))
}

/// One page before and after; empty where there is none.
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
    /// Merges `changes` into the pages as they are stored.
    fn plan(store: &Redis, changes: &[PageChange], stored: Vec<Vec<u8>>) -> Result<Self, StoreError> {
        let mut swap = Self::default();
        for (change, old) in changes.iter().zip(stored) {
            let page = change.page;
            let new = match &change.work {
                Work::Merge(packed) if old.is_empty() => swap.take_over(packed),
                Work::Merge(packed) => {
                    let mut listings = read::listings(store, page, &old)?;
                    page::each(page, &packed.bytes, |subject, more| swap.merge(&mut listings, subject, more))
                        .map_err(|error| failure::unreadable("of a large write", error))?;
                    page::write_all(page, &listings)
                }
                Work::Each(changes) => {
                    let mut listings = read::listings(store, page, &old)?;
                    swap.each(&mut listings, changes);
                    if listings.is_empty() { Vec::new() } else { page::write_all(page, &listings) }
                }
            };
            if new != old {
                swap.pages.push(Swapped { page, old, new });
            }
        }
        Ok(swap)
    }

    /// A page that did not exist.
    fn take_over(&mut self, packed: &Packed) -> Vec<u8> {
        for &subject in &packed.subjects {
            self.count(subject, 1);
        }
        self.done.added += packed.subjects.len() as u64;
        self.subjects.extend_from_slice(&packed.subjects);
        self.digest ^= packed.digest;
        packed.bytes.clone()
    }

    fn merge(&mut self, listings: &mut Listings, subject: Subject, more: Listing) {
        let mut listing = listings.get(&subject).cloned().unwrap_or_default();
        listing.merge(&more);
        self.put(listings, subject, listing);
    }

    fn put(&mut self, listings: &mut Listings, subject: Subject, listing: Listing) {
        let after = of(subject, &listing);
        let same = listings.get(&subject) == Some(&listing);
        match listings.insert(subject, listing) {
            Some(_) if same => return,
            Some(old) => self.digest ^= of(subject, &old),
            None => {
                self.count(subject, 1);
                self.done.added += 1;
            }
        }
        self.subjects.push(subject);
        self.digest ^= after;
    }

    fn forget(&mut self, listings: &mut Listings, subject: Subject) {
        if let Some(known) = listings.remove(&subject) {
            self.count(subject, -1);
            self.done.deleted += 1;
            self.subjects.push(subject);
            self.digest ^= of(subject, &known);
        }
    }

    fn each(&mut self, listings: &mut Listings, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Merge(subject, more) => self.merge(listings, *subject, more.clone()),
                Change::Delete(subject) => self.forget(listings, *subject),
                Change::Restate(subject, feed, sighting) => {
                    let mut listing = listings.get(subject).cloned().unwrap_or_default();
                    listing.restate(feed, sighting.as_ref());
                    self.put_or_forget(listings, *subject, listing);
                }
                Change::Withdraw(subject) => {
                    let mut listing = listings.get(subject).cloned().unwrap_or_default();
                    listing.withdraw();
                    self.put_or_forget(listings, *subject, listing);
                }
            }
        }
    }

    fn put_or_forget(&mut self, listings: &mut Listings, subject: Subject, listing: Listing) {
        if listing.is_empty() {
            self.forget(listings, subject);
        } else {
            self.put(listings, subject, listing);
        }
    }

    fn count(&mut self, subject: Subject, more: i64) {
        match subject {
            Subject::Number(_) => self.numbers += more,
            Subject::Range(_) => self.ranges += more,
        }
    }

    /// The script call that swaps the pages in.
    fn script(&self, store: &Redis, shard: usize, bulk: Option<BulkPart<'_>>) -> ScriptInvocation<'static> {
        let keys = store.keys();
        let mut script = scripts::COMMIT.prepare_invoke();
        script.key(keys.meta(shard)).key(keys.log(shard)).key(keys.groups(shard));
        script.key(bulk.map_or_else(|| keys.meta(shard), |bulk| keys.bulk_done(shard, bulk.id)));
        script.arg(LAYOUT).arg(random().to_string()).arg(store.0.options.log_entries);
        script.arg(bulk.map_or("", |bulk| bulk.id)).arg(bulk.map_or(0, |bulk| bulk.part));
        script.arg(self.numbers).arg(self.ranges);
        script.arg(self.digest >> 32).arg(self.digest & 0xffff_ffff);
        script.arg(log::write(&self.subjects));
        let groups = self.pages.chunk_by(|a, b| a.page.group == b.page.group);
        for (pages, key) in groups.zip(5..) {
            let group = pages[0].page.group;
            script.key(keys.group(group));
            script.arg(key).arg(group.name()).arg(pages.len());
            for swapped in pages {
                script.arg(swapped.page.page).arg(swapped.old.as_slice()).arg(swapped.new.as_slice());
            }
        }
        script
    }
}

/// Runs work for the processor off the threads that answer checks.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(format!("work on a write ended early: {error}")))
}

/// Any number that another is unlikely to be; never 0.
pub(super) fn random() -> u64 {
    random::number() | 1
}
