//! A store that fails from its n-th write on, before or after doing it: a process that is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use numguard::core::index::Position;
use numguard::core::listing::{Listing, Subject};
use numguard::store::{
    Applied, Change, Changes, Lease, ListingCounts, ListingStore, Note, NoteStore, Outcome, OutcomeId,
    OutcomeStore, ShardDigest, Store, StoreError,
};

pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn Store>,
    /// Writes that pass still.
    pub(crate) left: AtomicI64,
    /// Whether the write that fails is done all the same.
    pub(crate) done: bool,
    /// Whether no lease can be renewed any more.
    pub(crate) adrift: Arc<AtomicBool>,
}

impl Faulty {
    /// Whether to do it, and whether to say so.
    fn write(&self) -> (bool, bool) {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => (true, true),
            0 => (self.done, false),
            _ => (false, false),
        }
    }
}

fn killed<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("killed".to_owned()))
}

#[async_trait]
impl ListingStore for Faulty {
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        self.inner.apply(changes).await
    }
    async fn apply_leased(&self, changes: Vec<Change>, lease: &Lease) -> Result<Applied, StoreError> {
        match self.write() {
            (true, true) => self.inner.apply_leased(changes, lease).await,
            (true, false) => {
                self.inner.apply_leased(changes, lease).await?;
                killed()
            }
            _ => killed(),
        }
    }
    async fn get(&self, subjects: Vec<Subject>) -> Result<Vec<Option<Listing>>, StoreError> {
        self.inner.get(subjects).await
    }
    async fn scan(
        &self,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<(Subject, Listing)>, StoreError> {
        self.inner.scan(after, limit).await
    }
    async fn changes(&self, position: &Position, limit: usize) -> Result<Changes, StoreError> {
        self.inner.changes(position, limit).await
    }
    async fn changed(&self, position: &Position) -> Result<(), StoreError> {
        self.inner.changed(position).await
    }
    async fn counts(&self) -> Result<ListingCounts, StoreError> {
        self.inner.counts().await
    }
    async fn digests(&self) -> Result<Vec<ShardDigest>, StoreError> {
        self.inner.digests().await
    }
    fn shard_of(&self, subject: Subject) -> usize {
        self.inner.shard_of(subject)
    }
    async fn accept_shrink(&self) -> Result<(), StoreError> {
        self.inner.accept_shrink().await
    }
    async fn shrink_accepted(&self) -> Result<bool, StoreError> {
        self.inner.shrink_accepted().await
    }
}

#[async_trait]
impl NoteStore for Faulty {
    async fn exchange(
        &self,
        board: &str,
        seat: &str,
        said: Vec<u8>,
        keep: Duration,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.exchange(board, seat, said, keep).await
    }
    async fn lease(&self, name: &str, holder: &str) -> Result<Option<Lease>, StoreError> {
        if self.adrift.load(Ordering::SeqCst) {
            return killed();
        }
        self.inner.lease(name, holder).await
    }
    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.give_back(lease).await
    }
    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Note)>, StoreError> {
        self.inner.notes(prefix).await
    }
    async fn put_note(
        &self,
        name: &str,
        revision: u64,
        bytes: Option<Vec<u8>>,
        lease: Option<&Lease>,
    ) -> Result<bool, StoreError> {
        match self.write() {
            (true, true) => self.inner.put_note(name, revision, bytes, lease).await,
            (true, false) => {
                self.inner.put_note(name, revision, bytes, lease).await?;
                killed()
            }
            _ => killed(),
        }
    }
}

#[async_trait]
impl OutcomeStore for Faulty {
    async fn report(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError> {
        self.inner.report(outcomes).await
    }
    async fn outcomes(
        &self,
        after: Option<OutcomeId>,
        limit: usize,
    ) -> Result<Vec<(OutcomeId, Outcome)>, StoreError> {
        self.inner.outcomes(after, limit).await
    }
    async fn forget_outcomes(&self, ids: Vec<OutcomeId>) -> Result<(), StoreError> {
        self.inner.forget_outcomes(ids).await
    }
    async fn outcome_count(&self) -> Result<u64, StoreError> {
        self.inner.outcome_count().await
    }
}

#[async_trait]
impl Store for Faulty {
    fn kind(&self) -> &'static str {
        "faulty"
    }
}
