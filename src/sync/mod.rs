//! Store -> index: load at start, follow changes, rebuild when the overlay is long, save.
//!
//! The only publisher of indexes. A store that fails, or has suddenly lost much of what it held,
//! never empties the index. Must not be awaited by a check.

mod allocations;
mod bursts;
mod freshness;
mod full_load;
mod held;
pub mod metrics;
mod rebuild;
mod reconcile;
pub mod snapshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::core::allocation::Allocations;
use crate::core::index::{Index, Position, Published};
use crate::core::listing::UnixTime;
use crate::random;
use crate::store::{Changes, ListingStore, NoteStore, Store, StoreError};

use metrics::LoadReason;
use rebuild::Rebuild;

pub use bursts::share_bursts;
pub use freshness::{Freshness, Held, IndexAge, Progress};

/// Changed subjects taken in at once while following.
const BATCH: usize = 8_192;

/// Pause between two batches of changes.
const BREATH: Duration = Duration::from_millis(2);

/// How long a start with a saved index waits for the store before it serves that index.
const PATIENCE_AT_START: Duration = Duration::from_secs(1);

/// Pauses before a failed store call is tried again: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How an index is kept in step with its store.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// File of the saved index; the one before it is kept beside it.
    pub snapshot: PathBuf,
    /// Share of the listings that a full load may lose before it is held back, 0 to 1.
    pub max_shrink: f64,
    /// How often the index is saved while it changes.
    pub save_every: Duration,
    /// How often counts and digests are compared with the store's.
    pub reconcile_every: Duration,
    /// The time.
    pub clock: fn() -> UnixTime,
}

/// How the index came to be at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// From the saved snapshot, and the changes since.
    Snapshot,
    /// Every listing from the store.
    Store,
    /// From the saved snapshot; the store is out of reach or holds much less.
    SnapshotOnly,
    /// Not at all: the store is out of reach and no snapshot was saved.
    Nothing,
}

#[derive(PartialEq, Eq)]
enum Taken {
    Nothing,
    Changes,
    Everything,
}

/// Keeps the published index in step with a store.
pub struct Sync {
    listings: Arc<dyn ListingStore>,
    /// Regulators' files are notes.
    notes: Arc<dyn NoteStore>,
    published: Arc<Published>,
    options: SyncOptions,
    /// The place in the store's log; the index's own, but while a full load is held back.
    at: Position,
    reached: watch::Sender<Position>,
    freshness: Arc<Freshness>,
    rebuild: Option<Rebuild>,
    /// Of every index that is published, whatever it was made from.
    allocations: Arc<Allocations>,
    allocated: watch::Sender<Arc<Allocations>>,
    looked: allocations::Looked,
    /// Somebody has stored a regulator's file and waits for it.
    look: Arc<Notify>,
    saved: (Instant, u64),
    reconciled: Instant,
    /// How much longer than others this process lets its list of changes grow: 0 to 1.
    patience: f64,
    /// When a held load was last tried again.
    tried: Instant,
}

impl Sync {
    /// Loads the index and publishes it. Fails only if the store is damaged and no snapshot helps;
    /// a store that is out of reach is waited for in [`Sync::run`].
    pub async fn start(
        store: Arc<dyn Store>,
        published: Arc<Published>,
        options: SyncOptions,
    ) -> Result<(Self, Loaded), StoreError> {
        let freshness = Arc::<Freshness>::default();
        let (reached, _) = watch::channel(Position::default());
        let now = Instant::now();
        let mut sync = Self {
            listings: store.clone(),
            notes: store,
            published,
            options,
            at: Position::default(),
            reached,
            freshness,
            rebuild: None,
            allocations: Arc::default(),
            allocated: watch::channel(Arc::default()).0,
            looked: allocations::Looked::default(),
            look: Arc::default(),
            saved: (now, 0),
            reconciled: now,
            patience: (random::number() as u32) as f64 / f64::from(u32::MAX),
            tried: now,
        };
        let path = sync.options.snapshot.clone();
        let found = off_thread(move || snapshot::load(&path)).await?;
        let from_snapshot = found.is_some();
        if let Some(index) = found {
            sync.at = index.position().clone();
            sync.allocations = Arc::clone(index.allocations());
            sync.publish(index);
            sync.saved.1 = sync.published.load().revision();
            sync.is_saved();
        }
        let patience = if from_snapshot { PATIENCE_AT_START } else { Duration::MAX };
        let late = || StoreError::Unavailable("it has not answered since the start".to_owned());
        let catching_up = tokio::time::timeout(patience, async {
            let loaded = sync.catch_up().await?;
            sync.take_in_allocations(true).await.map(|()| loaded)
        });
        let caught_up = catching_up.await;
        let loaded = match caught_up.unwrap_or_else(|_| Err(late())) {
            Ok(loaded) => loaded,
            Err(error) if from_snapshot || error.is_transient() => {
                sync.fell_behind(&error);
                if from_snapshot { Loaded::SnapshotOnly } else { Loaded::Nothing }
            }
            Err(error) => return Err(error),
        };
        Ok((sync, loaded))
    }

    /// A handle to wait on.
    pub fn progress(&self) -> Progress {
        Progress::new(self.reached.subscribe(), self.allocated.subscribe(), Arc::clone(&self.look))
    }

    /// Whether the index follows the store.
    pub fn freshness(&self) -> Arc<Freshness> {
        Arc::clone(&self.freshness)
    }

    /// Follows the store until `stop` is told, then saves the index.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut pause = RETRY.0;
        loop {
            let followed = tokio::select! {
                followed = self.step() => followed,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match followed {
                Ok(()) => pause = RETRY.0,
                Err(error) => {
                    self.fell_behind(&error);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY.1),
                        _ = stop.wait_for(|stop| *stop) => break,
                    }
                }
            }
        }
        self.save().await;
    }

    /// Everything that is new, until there is nothing new.
    async fn catch_up(&mut self) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::Snapshot;
        loop {
            match self.take_in().await? {
                Taken::Nothing if self.freshness.is_held() => return Ok(Loaded::SnapshotOnly),
                Taken::Nothing => return Ok(loaded),
                Taken::Changes => {}
                Taken::Everything => loaded = Loaded::Store,
            }
        }
    }

    /// Takes in what is new, or waits for news and does what is due meanwhile.
    async fn step(&mut self) -> Result<(), StoreError> {
        match self.take_in().await? {
            Taken::Nothing => {}
            // Whoever writes much is taken in in batches; a single change has not waited for this.
            Taken::Changes => tokio::time::sleep(BREATH).await,
            Taken::Everything => return Ok(()),
        }
        self.freshness.follows();
        self.take_in_allocations(false).await?;
        if self.saved.0.elapsed() >= self.options.save_every {
            self.save().await;
        }
        if self.freshness.is_held() {
            self.try_release().await?;
        } else if self.reconciled.elapsed() >= self.options.reconcile_every {
            self.reconcile().await?;
        }
        let rebuilt = async {
            match &mut self.rebuild {
                None => std::future::pending().await,
                Some(rebuild) => rebuild.done().await,
            }
        };
        let look = Arc::clone(&self.look);
        let asked = tokio::select! {
            changed = self.listings.changed(&self.at) => return changed,
            () = rebuilt => false,
            () = look.notified() => true,
        };
        if asked { self.take_in_allocations(true).await } else { Ok(()) }
    }

    /// Takes in the next changes, or everything if the log does not lead on from here.
    async fn take_in(&mut self) -> Result<Taken, StoreError> {
        if !self.freshness.is_loaded() {
            self.load_all(LoadReason::Start).await?;
            return Ok(Taken::Everything);
        }
        if self.rebuild.as_mut().is_some_and(Rebuild::is_done) {
            self.take_rebuilt();
        }
        match self.listings.changes(&self.at, BATCH).await? {
            Changes::Gone => {
                tracing::warn!("the change log does not lead on from this index: loading everything");
                self.load_all(LoadReason::LogGap).await?;
                return Ok(Taken::Everything);
            }
            Changes::Next(_, reached) if reached == self.at => return Ok(Taken::Nothing),
            Changes::Next(changes, reached) => {
                let index = Arc::clone(&self.published.load());
                // While a load is held back, the index stays where the old log left it.
                let position = if self.freshness.is_held() { index.position() } else { &reached }.clone();
                metrics::CHANGES.inc_by(changes.len() as u64);
                if let Some(rebuild) = &mut self.rebuild {
                    rebuild.note(&changes);
                }
                let next = off_thread(move || index.with_changes(&changes, position)).await?;
                if self.rebuild.is_none() && next.wants_rebuild(self.patience) {
                    self.rebuild = Some(Rebuild::begin(next.clone()));
                }
                self.at = reached;
                self.publish(next);
            }
        }
        Ok(Taken::Changes)
    }

    fn publish(&self, index: Index) {
        self.published.publish(index.with_allocations(Arc::clone(&self.allocations)));
        if !Arc::ptr_eq(&self.allocated.borrow(), &self.allocations) {
            self.allocated.send_replace(Arc::clone(&self.allocations));
        }
        self.freshness.loaded();
        self.reached.send_replace(self.at.clone());
    }

    fn fell_behind(&self, error: &StoreError) {
        metrics::FAILURES.inc();
        // Said once when it begins; who looks closer sees each attempt.
        if self.freshness.fell_behind((self.options.clock)()) {
            let meanwhile = if self.freshness.is_loaded() {
                "checks go on with what is known"
            } else {
                "NOT SERVING until it answers"
            };
            tracing::warn!(%error, "cannot follow the store; {meanwhile}");
        } else {
            tracing::debug!(%error, "still cannot follow the store");
        }
    }

    async fn save(&mut self) {
        let index = Arc::clone(&self.published.load());
        let before = std::mem::replace(&mut self.saved, (Instant::now(), index.revision()));
        if !self.freshness.is_loaded() {
            return;
        }
        if before.1 == index.revision() {
            // What is on disk is what there is.
            return self.is_saved();
        }
        let path = self.options.snapshot.clone();
        match off_thread(move || snapshot::save(&index, &path)).await {
            Ok(Ok(())) => {
                self.is_saved();
                tracing::debug!("saved the index");
            }
            Ok(Err(error)) => {
                metrics::SAVE_FAILURES.inc();
                // Tried again when it is due, also if nothing changes until then.
                self.saved.1 = 0;
                tracing::warn!(%error, "cannot save the index; the next start loads from the store");
            }
            Err(error) => tracing::warn!(%error, "saving the index ended early"),
        }
    }

    fn is_saved(&self) {
        metrics::SAVED_AT.set((self.options.clock)().0.into());
    }
}

/// Runs what takes long where it holds up no check.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(format!("work on the index ended early: {error}")))
}
