//! Following the change log: one stream per shard.
//!
//! Entry `<cursor>-1` names its own stamp and that of the entry before it. So a log that was
//! trimmed past us, emptied, restored from a backup, or carried on by a master that had not got our
//! last change is told from one that leads on, also when the cursors fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{select_all, try_join_all};
use redis::{Value, cmd, pipe};

use crate::core::index::{Mark, Position};
use crate::core::listing::{Listing, Subject};
use crate::store::{Changes, StoreError};

use super::keys::{PageId, SHARDS};
use super::link::NEWS_WAIT;
use super::page::Listings;
use super::{Redis, Route, failure, log, read};

/// Log entries of a shard taken at once.
const ENTRIES: usize = 256;

/// What a shard's log has after a mark.
enum News {
    Next(Vec<Subject>, Mark),
    Gone,
}

/// One log entry.
struct Entry {
    mark: Mark,
    before: u64,
    subjects: Vec<u8>,
}

/// What changed after `position`: the subjects as they stand now.
pub(super) async fn changes(store: &Redis, position: &Position, limit: usize) -> Result<Changes, StoreError> {
    if position.marks.len() != SHARDS {
        return Ok(Changes::Gone);
    }
    let asked = store.0.routes.iter().map(|route| ask(store, route, &position.marks, limit));
    let mut subjects = Vec::new();
    let mut reached = position.clone();
    for (shard, news) in try_join_all(asked).await?.into_iter().flatten().enumerate() {
        match news {
            News::Gone => return Ok(Changes::Gone),
            News::Next(mut changed, mark) => {
                subjects.append(&mut changed);
                reached.marks[shard] = mark;
            }
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    Ok(Changes::Next(as_they_stand(store, subjects).await?, reached))
}

async fn as_they_stand(
    store: &Redis,
    subjects: Vec<Subject>,
) -> Result<Vec<(Subject, Option<Listing>)>, StoreError> {
    let mut pages: Vec<PageId> = subjects.iter().map(|&subject| PageId::of(subject)).collect();
    pages.dedup();
    let bytes = read::pages(store, |route| &route.reads, &pages).await?;
    let mut known: BTreeMap<PageId, Listings> = BTreeMap::new();
    for (page, bytes) in pages.into_iter().zip(bytes) {
        known.insert(page, read::listings(store, page, &bytes)?);
    }
    let now = subjects.into_iter().map(|subject| {
        let page = known.get_mut(&PageId::of(subject));
        (subject, page.and_then(|listings| listings.remove(&subject)))
    });
    Ok(now.collect())
}

/// The news of a route's shards. The end of a log is read before its entries: an empty answer then
/// means that nothing came after it.
async fn ask(store: &Redis, route: &Route, marks: &[Mark], limit: usize) -> Result<Vec<News>, StoreError> {
    let mut all = pipe();
    for &shard in &route.shards {
        all.cmd("HMGET").arg(store.keys().meta(shard)).arg(&read::END);
        let after = format!("({}-1", marks[shard].cursor);
        all.cmd("XRANGE").arg(store.keys().log(shard)).arg(after).arg("+").arg("COUNT").arg(ENTRIES);
    }
    let answers: Vec<(Vec<Option<u64>>, Value)> = route
        .reads
        .run_all::<Vec<Value>>(&all)
        .await?
        .chunks_exact(2)
        .map(|pair| {
            let fields = redis::from_redis_value_ref(&pair[0]).map_err(|_| failure::odd("meta hash"))?;
            Ok::<_, StoreError>((fields, pair[1].clone()))
        })
        .collect::<Result<_, _>>()?;
    let shards = route.shards.iter().zip(answers);
    shards
        .map(|(&shard, (fields, entries))| {
            let end = read::read_meta(&fields)?.mark;
            news(marks[shard], end, read_entries(&entries)?, limit / route.shards.len())
        })
        .collect()
}

fn news(from: Mark, end: Mark, entries: Vec<Entry>, limit: usize) -> Result<News, StoreError> {
    if entries.is_empty() {
        return Ok(if end == from { News::Next(Vec::new(), from) } else { News::Gone });
    }
    let (mut subjects, mut reached) = (Vec::new(), from);
    for entry in entries {
        if entry.mark.cursor != reached.cursor + 1 || entry.before != reached.stamp {
            return Ok(News::Gone);
        }
        let changed =
            log::read(&entry.subjects).map_err(|error| failure::unreadable("of the change log", error))?;
        subjects.extend(changed);
        reached = entry.mark;
        if subjects.len() >= limit {
            break;
        }
    }
    Ok(News::Next(subjects, reached))
}

/// The entries of an `XRANGE` answer.
fn read_entries(answer: &Value) -> Result<Vec<Entry>, StoreError> {
    let odd = || failure::odd("change log");
    type Fields = Vec<(String, Vec<u8>)>;
    let entries: Vec<(String, Fields)> = redis::from_redis_value_ref(answer).map_err(|_| odd())?;
    entries
        .into_iter()
        .map(|(id, fields)| {
            let mut entry = Entry { mark: Mark::default(), before: 0, subjects: Vec::new() };
            entry.mark.cursor =
                id.split('-').next().and_then(|cursor| cursor.parse().ok()).ok_or_else(odd)?;
            let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse().ok();
            for (name, value) in fields {
                match name.as_str() {
                    "b" => entry.before = number(&value).ok_or_else(odd)?,
                    "s" => entry.mark.stamp = number(&value).ok_or_else(odd)?,
                    "k" => entry.subjects = value,
                    _ => return Err(odd()),
                }
            }
            Ok(entry)
        })
        .collect()
}

/// Returns when a log has something after `position`, or after some seconds.
pub(super) async fn changed(store: &Redis, position: &Position) -> Result<(), StoreError> {
    if position.marks.len() != SHARDS {
        return Ok(());
    }
    let waiting = store.0.routes.iter().map(|route| {
        Box::pin(async move {
            // A question that nobody waits for any more is still on the server's list, and the next
            // one would stand in line behind it. So each is asked to its end, one at a time.
            let turn = Arc::clone(&route.news_turn).lock_owned().await;
            let mut read = cmd("XREAD");
            read.arg("COUNT").arg(1).arg("BLOCK").arg(NEWS_WAIT.as_millis() as u64).arg("STREAMS");
            for &shard in &route.shards {
                read.arg(store.keys().log(shard));
            }
            for &shard in &route.shards {
                read.arg(format!("{}-1", position.marks[shard].cursor));
            }
            let (news, limit) = (Arc::clone(&route.news), NEWS_WAIT + store.0.options.timeout);
            let asked = tokio::spawn(async move {
                let answer = news.run_within::<Value>(limit, &read).await.map(drop);
                drop(turn);
                answer
            });
            asked.await.map_err(|error| {
                StoreError::Unavailable(format!("a question for news ended early: {error}"))
            })?
        })
    });
    let (first, _, _) = select_all(waiting).await;
    first
}
