//! Reading listings: some, all in order, and how many there are.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use redis::{cmd, pipe};

use crate::core::index::{Mark, Position};
use crate::core::listing::{Listing, Subject};
use crate::store::{ListingCounts, ShardDigest, StoreError};

use super::keys::{GroupId, LAYOUT, PageId, SHARDS};
use super::link::Link;
use super::page::{self, Listings};
use super::{Redis, Route, failure};

/// Pages asked for at once.
const PAGES: usize = 1_000;

/// Pages asked for while nothing is known of how full they are.
const FEW: usize = 8;

/// The bytes of pages, empty where there is none, in the order asked. `pages` is sorted.
pub(super) async fn pages(
    store: &Redis,
    link: fn(&Route) -> &Link,
    pages: &[PageId],
) -> Result<Vec<Vec<u8>>, StoreError> {
    // One command per group; groups lie in different shards, so each goes its own way.
    let groups = pages.chunk_by(|a, b| a.group == b.group).flat_map(|group| group.chunks(PAGES));
    let asked = groups.map(|pages| async move {
        let group = pages[0].group;
        let mut get = cmd("HMGET");
        get.arg(store.keys().group(group));
        for page in pages {
            get.arg(page.page);
        }
        let found: Vec<Option<Vec<u8>>> = link(store.route(group.shard())).run(&get).await?;
        Ok::<_, StoreError>(found.into_iter().map(Option::unwrap_or_default))
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// The listings of a page's bytes.
pub(super) fn listings(store: &Redis, page: PageId, bytes: &[u8]) -> Result<Listings, StoreError> {
    if bytes.is_empty() {
        return Ok(Listings::new());
    }
    page::read(page, bytes).map_err(|error| failure::unreadable(&store.keys().group(page.group), error))
}

/// The listings of some subjects, in the order asked.
pub(super) async fn get(store: &Redis, subjects: &[Subject]) -> Result<Vec<Option<Listing>>, StoreError> {
    let wanted: BTreeSet<PageId> = subjects.iter().map(|&subject| PageId::of(subject)).collect();
    let wanted: Vec<PageId> = wanted.into_iter().collect();
    let bytes = pages(store, |route| &route.reads, &wanted).await?;
    let mut found = Listings::new();
    for (&page, bytes) in wanted.iter().zip(&bytes) {
        found.append(&mut listings(store, page, bytes)?);
    }
    Ok(subjects.iter().map(|subject| found.get(subject).cloned()).collect())
}

/// Up to `limit` listings in order of subject, beginning after `after`.
pub(super) async fn scan(
    store: &Redis,
    after: Option<Subject>,
    limit: usize,
) -> Result<Vec<(Subject, Listing)>, StoreError> {
    let from = after.map(PageId::of);
    let mut found = Vec::new();
    // Pages, and the listings in them.
    let mut seen = (0, 0);
    for group in groups(store).await? {
        if from.is_some_and(|from| group < from.group) {
            continue;
        }
        let mut rest = &pages_of(store, group, from).await?[..];
        while !rest.is_empty() {
            // Pages may be full or nearly empty: ask for as many as the ones before let expect.
            let more = (limit - found.len()).saturating_mul(seen.0) / seen.1.max(1) + FEW;
            let (wanted, others) = rest.split_at(rest.len().min(more).min(PAGES));
            rest = others;
            let bytes = pages(store, |route| &route.reads, wanted).await?;
            let before = found.len();
            for (&page, bytes) in wanted.iter().zip(&bytes).filter(|(_, bytes)| !bytes.is_empty()) {
                let take = |subject, listing| {
                    if after.is_none_or(|after| subject > after) {
                        found.push((subject, listing));
                    }
                };
                page::each(page, bytes, take)
                    .map_err(|error| failure::unreadable(&store.keys().group(group), error))?;
            }
            seen = (seen.0 + wanted.len(), seen.1 + found.len() - before);
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// All groups, in order.
async fn groups(store: &Redis) -> Result<Vec<GroupId>, StoreError> {
    let asked = (0..SHARDS).map(|shard| async move {
        let range = cmd("ZRANGE").arg(store.keys().groups(shard)).arg(0).arg(-1).to_owned();
        store.route(shard).reads.run::<Vec<String>>(&range).await
    });
    let names = try_join_all(asked).await?;
    let mut groups: Vec<GroupId> = names
        .iter()
        .flatten()
        .map(|name| GroupId::parse(name).ok_or_else(|| failure::odd("name of a group")))
        .collect::<Result<_, _>>()?;
    groups.sort_unstable();
    Ok(groups)
}

/// The pages of a group, in order, from `from` on.
async fn pages_of(store: &Redis, group: GroupId, from: Option<PageId>) -> Result<Vec<PageId>, StoreError> {
    let names = cmd("HKEYS").arg(store.keys().group(group)).to_owned();
    let numbers: Vec<u16> = store.route(group.shard()).reads.run(&names).await?;
    let mut pages: Vec<PageId> = numbers.into_iter().map(|page| PageId { group, page }).collect();
    pages.retain(|page| from.is_none_or(|from| *page >= from));
    pages.sort_unstable();
    Ok(pages)
}

/// What the meta hash of a shard says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meta {
    pub(super) mark: Mark,
    numbers: u64,
    ranges: u64,
    digest: u64,
}

/// The fields that [`read_meta`] reads.
const META: [&str; 7] = ["layout", "cursor", "stamp", "numbers", "ranges", "digest.high", "digest.low"];

/// Those of them that tell where the log ends.
pub(super) const END: [&str; 3] = ["layout", "cursor", "stamp"];

/// Reads the answer to an `HMGET` of [`META`], or of its beginning.
pub(super) fn read_meta(fields: &[Option<u64>]) -> Result<Meta, StoreError> {
    let mut fields = fields.iter().copied();
    let mut next = || fields.next().flatten();
    let (layout, cursor, stamp, numbers, ranges, high, low) =
        (next(), next(), next(), next(), next(), next(), next());
    if let Some(other) = layout.filter(|&layout| layout != u64::from(LAYOUT)) {
        return Err(StoreError::Unavailable(format!(
            "Redis holds data of layout {other}, and this numguard reads layout {LAYOUT}: upgrade numguard, or \
             use another redis.prefix"
        )));
    }
    Ok(Meta {
        mark: Mark { cursor: cursor.unwrap_or(0), stamp: stamp.unwrap_or(0) },
        numbers: numbers.unwrap_or(0),
        ranges: ranges.unwrap_or(0),
        digest: high.unwrap_or(0) << 32 | low.unwrap_or(0),
    })
}

async fn metas(store: &Redis, wanted: &[&str]) -> Result<Vec<Meta>, StoreError> {
    let asked = store.0.routes.iter().map(|route| async move {
        let mut all = pipe();
        for &shard in &route.shards {
            all.cmd("HMGET").arg(store.keys().meta(shard)).arg(wanted);
        }
        route.reads.run_all::<Vec<Vec<Option<u64>>>>(&all).await
    });
    // Routes are in order of their shards.
    try_join_all(asked).await?.iter().flatten().map(|fields| read_meta(fields)).collect()
}

/// The end of the log.
pub(super) async fn position(store: &Redis) -> Result<Position, StoreError> {
    Ok(Position { epoch: 0, marks: metas(store, &END).await?.iter().map(|meta| meta.mark).collect() })
}

/// Counts, and the end of the log.
pub(super) async fn counts(store: &Redis) -> Result<ListingCounts, StoreError> {
    let metas = metas(store, &META).await?;
    Ok(ListingCounts {
        numbers: metas.iter().map(|meta| meta.numbers).sum(),
        ranges: metas.iter().map(|meta| meta.ranges).sum(),
        position: Position { epoch: 0, marks: metas.iter().map(|meta| meta.mark).collect() },
    })
}

/// Count and digest of each shard.
pub(super) async fn digests(store: &Redis) -> Result<Vec<ShardDigest>, StoreError> {
    let digest = |meta: &Meta| ShardDigest {
        mark: meta.mark,
        listings: meta.numbers + meta.ranges,
        digest: meta.digest,
    };
    Ok(metas(store, &META).await?.iter().map(digest).collect())
}
