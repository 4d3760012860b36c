//! Store -> index: load at start, follow changes, rebuild when the overlay is long, save.
//!
//! The only publisher of indexes. Must not be awaited by a check.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::index::{Builder, Index, Position, Published};
use crate::listing::UnixTime;
use crate::store::{Changes, Store, StoreError};

/// Listings per page of a full load.
const PAGE: usize = 20_000;

/// Changed subjects taken in at once while following.
const BATCH: usize = 8_192;

/// Pause before a failed store call is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Keeps the published index in step with a store.
pub struct Sync {
    store: Arc<dyn Store>,
    published: Arc<Published>,
    snapshot: PathBuf,
    reached: watch::Sender<Position>,
    freshness: Arc<Freshness>,
    clock: fn() -> UnixTime,
}

/// How the index came to be at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// From the saved snapshot, and the changes since.
    Snapshot,
    /// Every listing from the store.
    Store,
}

/// Whether the index follows the store, for the answers.
#[derive(Debug, Default)]
pub struct Freshness {
    /// Since when the store cannot be followed; 0 while it can.
    behind_since: AtomicU32,
}

/// What an answer says about the index behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexAge {
    /// Number of the index.
    pub revision: u64,
    /// Seconds since the index was last known to be complete.
    pub staleness_seconds: u32,
    /// The store is out of reach.
    pub degraded: bool,
}

impl Freshness {
    /// The age of `index` at `now`.
    pub fn of(&self, index: &Index, now: UnixTime) -> IndexAge {
        let behind_since = self.behind_since.load(Ordering::Relaxed);
        let degraded = behind_since > 0;
        let staleness_seconds = if degraded { now.0.saturating_sub(behind_since) } else { 0 };
        IndexAge { revision: index.revision(), staleness_seconds, degraded }
    }

    fn follows(&self) {
        self.behind_since.store(0, Ordering::Relaxed);
    }

    fn fell_behind(&self, now: UnixTime) {
        let _ = self.behind_since.compare_exchange(0, now.0.max(1), Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Lets others wait until the index includes a change.
#[derive(Debug, Clone)]
pub struct Progress(watch::Receiver<Position>);

impl Progress {
    /// Returns once checks see everything up to `position`.
    pub async fn reached(&mut self, position: Position) {
        // A cursor of another epoch cannot be waited for: whatever is published came after it.
        let includes =
            |reached: &Position| reached.epoch != position.epoch || reached.cursor >= position.cursor;
        // An error means that sync has ended with the process: nothing to wait for.
        let _ = self.0.wait_for(includes).await;
    }
}

impl Sync {
    /// Loads the index and publishes it.
    pub async fn start(
        store: Arc<dyn Store>,
        published: Arc<Published>,
        snapshot: PathBuf,
        clock: fn() -> UnixTime,
    ) -> Result<(Self, Loaded), StoreError> {
        let (index, loaded) = match from_snapshot(&snapshot, store.as_ref()).await {
            Some(index) => (index, Loaded::Snapshot),
            None => {
                // A refused file must not be met again: once the log has grown past it, it would
                // look as if it belonged to this timeline.
                forget(&snapshot)?;
                (from_store(store.as_ref()).await?, Loaded::Store)
            }
        };
        let (reached, _) = watch::channel(index.position());
        published.publish(index);
        let freshness = Arc::default();
        Ok((Self { store, published, snapshot, reached, freshness, clock }, loaded))
    }

    /// A handle to wait on.
    pub fn progress(&self) -> Progress {
        Progress(self.reached.subscribe())
    }

    /// Whether the index follows the store.
    pub fn freshness(&self) -> Arc<Freshness> {
        Arc::clone(&self.freshness)
    }

    /// Follows the store until `stop` is told, then saves the index.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let followed = tokio::select! {
                followed = self.follow() => followed,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match followed {
                Ok(()) => self.freshness.follows(),
                Err(error) => {
                    self.freshness.fell_behind((self.clock)());
                    tracing::warn!(%error, "cannot follow the store; checks go on with what is known");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        self.save().await;
    }

    /// Takes in the next changes.
    async fn follow(&self) -> Result<(), StoreError> {
        let position = self.published.load().position();
        self.store.changed(position).await?;
        let next = match self.store.changes(position, BATCH).await? {
            Changes::Gone => {
                tracing::warn!("the change log does not reach back to this index: loading everything");
                from_store(self.store.as_ref()).await?
            }
            Changes::Next(changes, reached) => {
                let index = Arc::clone(&self.published.load());
                off_thread(move || index.with_changes(&changes, reached)).await?
            }
        };
        let next = if next.wants_rebuild() { compacted(next).await } else { next };
        let reached = next.position();
        self.published.publish(next);
        self.reached.send_replace(reached);
        Ok(())
    }

    async fn save(&self) {
        let index = Arc::clone(&self.published.load());
        let path = self.snapshot.clone();
        let saved = tokio::task::spawn_blocking(move || index.save(&path)).await;
        match saved {
            Ok(Ok(())) => tracing::debug!("saved the index"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot save the index; the next start loads from the store")
            }
            Err(error) => tracing::warn!(%error, "saving the index ended early"),
        }
    }
}

/// Runs what takes long where it holds up no check.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(format!("building the index ended early: {error}")))
}

fn forget(snapshot: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(snapshot) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Open { place: snapshot.display().to_string(), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}

async fn compacted(index: Index) -> Index {
    let fallback = index.clone();
    tokio::task::spawn_blocking(move || index.compacted()).await.unwrap_or(fallback)
}

/// The saved index with the changes since, or nothing if it does not lead up to the store.
async fn from_snapshot(path: &Path, store: &dyn Store) -> Option<Index> {
    if !path.exists() {
        return None;
    }
    let owned = path.to_owned();
    let loaded = tokio::task::spawn_blocking(move || Index::load(&owned)).await.ok()?;
    let mut index = loaded
        .inspect_err(|error| tracing::warn!(%error, "cannot use the saved index; loading from the store"))
        .ok()?;
    loop {
        match store.changes(index.position(), BATCH).await.ok()? {
            Changes::Gone => return None,
            Changes::Next(_, reached) if reached == index.position() => return Some(index),
            Changes::Next(changes, reached) => index = index.with_changes(&changes, reached),
        }
        if index.wants_rebuild() {
            index = compacted(index).await;
        }
    }
}

/// Every listing, page by page. Changes that arrive meanwhile are followed afterwards: the position
/// is taken first, and taking a change in twice does no harm.
async fn from_store(store: &dyn Store) -> Result<Index, StoreError> {
    let position = store.stats().await?.position;
    let mut builder = Builder::default();
    let mut after = None;
    loop {
        let page = store.scan(after, PAGE).await?;
        for (subject, listing) in &page {
            builder.add(*subject, listing);
        }
        match page.last() {
            Some((subject, _)) if page.len() == PAGE => after = Some(*subject),
            _ => break,
        }
    }
    off_thread(move || builder.finish(position)).await
}
