//! What all changes share: the store, the audit record and the lock ([`Turns`]).
//!
//! Must not know the kinds of change; the steps that they share are `record` and `once`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, oneshot};

use crate::log_limiter::LogLimiter;
use crate::store::Store;

use super::OperateError;
use super::audit::{Audit, AuditError};

/// The lock on changes of listings: a change holds it shared; an undo holds it alone, from reading the listings to
/// its last write.
pub type Turns = Arc<RwLock<()>>;

/// The path of every change by an operator. Clones are the same one. `S` is what the changes need of a store.
pub struct Pipeline<S: ?Sized = dyn Store> {
    pub(super) store: Arc<S>,
    pub(super) audit: Arc<Audit>,
    pub(super) turns: Turns,
}

impl<S: ?Sized> Clone for Pipeline<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            audit: Arc::clone(&self.audit),
            turns: Arc::clone(&self.turns),
        }
    }
}

impl<S: ?Sized> Pipeline<S> {
    /// Changes go to `store` and on record in `audit`. Pipelines that change listings share the `turns` of their
    /// process. One whose changes are never undone, such as that of keys, has turns of its own (`Turns::default()`).
    pub fn new(store: Arc<S>, audit: Arc<Audit>, turns: Turns) -> Self {
        Self { store, audit, turns }
    }

    /// Where changes are kept.
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Runs `work` on the record where it may block.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Audit) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, AuditError> {
        let audit = Arc::clone(&self.audit);
        let done = tokio::task::spawn_blocking(move || work(&audit)).await;
        done.unwrap_or_else(|error| Err(AuditError::Ended(error.to_string())))
    }
}

/// Runs `work` to its end even if the caller disconnects, so nothing stays half done; an error is then logged.
pub(super) async fn to_its_end<T: Send + 'static>(
    what: &'static str,
    work: impl Future<Output = Result<T, OperateError>> + Send + 'static,
) -> Result<T, OperateError> {
    // `_waits` is dropped with the caller; `is_closed` then says so.
    let (caller, _waits) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let done = work.await;
        if let Err(error) = &done
            && caller.is_closed()
        {
            static ABANDONED: LogLimiter = LogLimiter::once(Duration::from_secs(10));
            ABANDONED.log(|left_out| {
                tracing::error!(%error, untold = left_out, "a change failed after its caller had gone away");
            });
        }
        done
    });
    task.await.unwrap_or_else(|error| Err(OperateError::EndedEarly { what, why: error.to_string() }))
}
