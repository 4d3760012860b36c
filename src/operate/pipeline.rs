//! What every change by an operator goes through: where it is kept, where it is put on record, and whose
//! turn it is.
//!
//! Must not know any change: `record` and `once` do what all of them need.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, oneshot};

use crate::log_limiter::LogLimiter;
use crate::store::Store;

use super::OperateError;
use super::audit::{Audit, AuditError};

/// Turns of one process at operators' changes: they go side by side; an undo goes alone, from its look at
/// the listings to its last change.
pub type Turns = Arc<RwLock<()>>;

/// The way of every change by an operator. Clones are the same one. `S` is what the changes need of a store.
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
    /// Changes go to `store` and on record in `audit`; all pipelines of a process share its `turns`.
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

/// Does `work` to its end, also if the caller goes away: what is half done helps nobody. An error that the
/// caller does not hear goes to the log.
pub(super) async fn to_its_end<T: Send + 'static>(
    what: &'static str,
    work: impl Future<Output = Result<T, OperateError>> + Send + 'static,
) -> Result<T, OperateError> {
    // The other end goes with the caller.
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
