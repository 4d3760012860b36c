//! Operators' changes: on record before the store is asked, and what it answered after.
//!
//! What feeds report is not recorded: a feed reports it again.

use std::ops::Range;
use std::sync::Arc;

use tonic::Status;

use crate::audit::{Act, Answer, Audit, AuditError, Intent};
use crate::listing::Subject;
use crate::store::{Applied, Change, Store, StoreError};

use super::now;
use super::status::{of_audit, of_store};

/// Subjects that the store is asked about at once.
const BATCH: usize = 10_000;

/// Applies changes; those of operators are recorded.
pub(super) async fn apply(
    store: &Arc<dyn Store>,
    audit: &Arc<Audit>,
    changes: Vec<Change>,
) -> Result<Applied, Status> {
    let acts: Vec<(Subject, Act)> = changes.iter().filter_map(operators).collect();
    if acts.is_empty() {
        return store.apply(changes).await.map_err(|error| of_store(&error));
    }
    let (store, audit) = (Arc::clone(store), Arc::clone(audit));
    // A task of its own, so that a caller who goes away leaves no intent without its answer.
    let task = tokio::spawn(async move {
        let intents = with_before(store.as_ref(), acts).await.map_err(|error| of_store(&error))?;
        let lines = intend(&audit, intents).await.map_err(|error| of_audit(&error))?;
        let applied = store.apply(changes).await;
        answer(&audit, lines, &applied).await;
        applied.map_err(|error| of_store(&error))
    });
    task.await.unwrap_or_else(|error| Err(Status::internal(format!("the change ended early: {error}"))))
}

/// What an operator asked for, if one did.
fn operators(change: &Change) -> Option<(Subject, Act)> {
    match change {
        Change::Merge(subject, listing) => Some((*subject, Act::Put(listing.decision()?.clone()))),
        Change::Delete(subject) => Some((*subject, Act::Delete)),
    }
}

async fn with_before(store: &dyn Store, acts: Vec<(Subject, Act)>) -> Result<Vec<Intent>, StoreError> {
    let mut intents = Vec::with_capacity(acts.len());
    for acts in acts.chunks(BATCH) {
        let listings = store.get(acts.iter().map(|(subject, _)| *subject).collect()).await?;
        intents.extend(acts.iter().zip(listings).map(|((subject, act), listing)| {
            let before = listing.and_then(|listing| listing.decision().cloned());
            Intent { subject: *subject, act: act.clone(), before }
        }));
    }
    Ok(intents)
}

async fn intend(audit: &Arc<Audit>, intents: Vec<Intent>) -> Result<Range<u64>, AuditError> {
    on_disk(audit, move |audit| audit.intend(now(), &intents)).await
}

/// The store has answered, so that a record that fails now is told to the log alone: an intent
/// without an answer may have been stored, and a replay takes it so.
async fn answer(audit: &Arc<Audit>, lines: Range<u64>, applied: &Result<Applied, StoreError>) {
    let answer = match applied {
        Ok(_) => Answer::Stored,
        Err(StoreError::Unconfirmed(_)) => Answer::Unconfirmed,
        Err(_) => Answer::Failed,
    };
    if let Err(error) = on_disk(audit, move |audit| audit.answer(now(), lines, answer)).await {
        tracing::error!(%error, "the store's answer is not on record");
    }
}

/// Runs `work` where it may block.
async fn on_disk<T: Send + 'static>(
    audit: &Arc<Audit>,
    work: impl FnOnce(&Audit) -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    let audit = Arc::clone(audit);
    let done = tokio::task::spawn_blocking(move || work(&audit)).await;
    done.unwrap_or_else(|error| Err(AuditError::Ended(error.to_string())))
}
