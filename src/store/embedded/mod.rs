//! The embedded store: one redb file, one process, nothing to install.
//!
//! redb commits are atomic and synced, so a kill at any moment loses nothing acknowledged and
//! leaves nothing half-applied. Must not be touched by a second process; redb's file lock says so.

mod leases;
mod notes;
mod outcomes;
mod tables;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::core::index::Position;
use crate::core::listing::{Listing, Subject};

use super::{
    Applied, Change, Changes, Lease, ListingCounts, ListingStore, Note, NoteStore, Outcome, OutcomeId,
    OutcomeStore, SHRINK_ACCEPTED_FOR, ShardDigest, Store, StoreError,
};
use leases::Leases;
use tables::Tables;

/// Where the embedded store lives and how much memory it may take.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Folder of the file; made if it is missing.
    pub data_dir: PathBuf,
    /// Bytes of page cache.
    pub cache_bytes: usize,
}

/// Name of the file in the data directory.
const FILE: &str = "numguard.redb";

/// The longest wait for news.
const QUIET: Duration = Duration::from_secs(2);

/// The redb-backed [`Store`].
#[derive(Debug, Clone)]
pub struct Embedded {
    tables: Arc<Tables>,
    cursor: watch::Sender<u64>,
    accepted: Arc<Mutex<Option<Instant>>>,
    leases: Arc<Leases>,
}

impl Embedded {
    /// Opens the store, making folder and file on first start.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, StoreError> {
        let path = options.data_dir.join(FILE);
        let refused = |reason: String| StoreError::Open { place: path.display().to_string(), reason };
        fs::create_dir_all(&options.data_dir).map_err(|error| refused(tables::cannot_open(&error)))?;
        let tables = Tables::open(&path, options.cache_bytes)?;
        let (cursor, _) = watch::channel(tables.cursor());
        Ok(Self { tables: Arc::new(tables), cursor, accepted: Arc::default(), leases: Arc::default() })
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tables = Arc::clone(&self.tables);
        tokio::task::spawn_blocking(move || work(&tables))
            .await
            .map_err(|error| StoreError::Unavailable(format!("a store task ended early: {error}")))?
    }
}

#[async_trait]
impl ListingStore for Embedded {
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        let news = self.cursor.clone();
        self.blocking(move |tables| {
            let (applied, reached) = tables.apply(changes)?;
            // Here and not after the await: a caller that gives up drops the rest of this future,
            // and what is committed must be followed all the same.
            news.send_if_modified(|cursor| {
                let newer = reached > *cursor;
                *cursor = reached.max(*cursor);
                newer
            });
            Ok(applied)
        })
        .await
    }

    async fn apply_leased(&self, changes: Vec<Change>, lease: &Lease) -> Result<Applied, StoreError> {
        self.leases.check(lease)?;
        self.apply(changes).await
    }

    async fn get(&self, subjects: Vec<Subject>) -> Result<Vec<Option<Listing>>, StoreError> {
        self.blocking(move |tables| tables.get(&subjects)).await
    }

    async fn scan(
        &self,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<(Subject, Listing)>, StoreError> {
        self.blocking(move |tables| tables.scan(after, limit)).await
    }

    async fn changes(&self, position: &Position, limit: usize) -> Result<Changes, StoreError> {
        let position = position.clone();
        self.blocking(move |tables| tables.changes(&position, limit)).await
    }

    async fn changed(&self, position: &Position) -> Result<(), StoreError> {
        let seen = position.marks.first().map_or(0, |mark| mark.cursor);
        let mut cursor = self.cursor.subscribe();
        let news = tokio::time::timeout(QUIET, cursor.wait_for(|cursor| *cursor > seen));
        // Quiet for long enough: who waits may have other things to do, such as releasing a held load.
        let Ok(news) = news.await else { return Ok(()) };
        news.map(drop).map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))
    }

    async fn counts(&self) -> Result<ListingCounts, StoreError> {
        self.blocking(Tables::counts).await
    }

    async fn digests(&self) -> Result<Vec<ShardDigest>, StoreError> {
        // redb checks its own pages, and only this process writes them.
        Ok(Vec::new())
    }

    fn shard_of(&self, _: Subject) -> usize {
        0
    }

    async fn accept_shrink(&self) -> Result<(), StoreError> {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    async fn shrink_accepted(&self) -> Result<bool, StoreError> {
        let accepted = *self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(accepted.is_some_and(|at| at.elapsed() < SHRINK_ACCEPTED_FOR))
    }
}

#[async_trait]
impl NoteStore for Embedded {
    async fn lease(&self, name: &str, holder: &str) -> Result<Option<Lease>, StoreError> {
        Ok(self.leases.take(name, holder))
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError> {
        self.leases.give_back(lease);
        Ok(())
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError> {
        let prefix = prefix.to_owned();
        self.blocking(move |tables| tables.notes(&prefix)).await
    }

    async fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
        lease: Option<&Lease>,
    ) -> Result<bool, StoreError> {
        lease.map_or(Ok(()), |lease| self.leases.check(lease))?;
        let name = name.to_owned();
        self.blocking(move |tables| tables.put_note(&name, revision, bytes)).await
    }

    async fn exchange(&self, _: &str, _: &str, _: Vec<u8>, _: Duration) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl OutcomeStore for Embedded {
    async fn report(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError> {
        self.blocking(move |tables| tables.report(&outcomes)).await
    }

    async fn outcomes(
        &self,
        after: Option<OutcomeId>,
        limit: usize,
    ) -> Result<Vec<(OutcomeId, Outcome)>, StoreError> {
        self.blocking(move |tables| tables.outcomes(after, limit)).await
    }

    async fn forget_outcomes(&self, ids: Vec<OutcomeId>) -> Result<(), StoreError> {
        self.blocking(move |tables| tables.forget_outcomes(&ids)).await
    }

    async fn outcome_count(&self) -> Result<u64, StoreError> {
        self.blocking(Tables::outcome_count).await
    }
}

#[async_trait]
impl Store for Embedded {
    fn kind(&self) -> &'static str {
        "embedded"
    }
}
