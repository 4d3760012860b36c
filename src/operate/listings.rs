//! Listings as operators change them: put, deleted, imported, and looked up.
//!
//! A change answers once the index has it, so that the next check sees it.

use std::sync::Arc;

use crate::core::listing::{Decision, Listing, Subject, UnixTime};
use crate::store::{Applied, Change};
use crate::sync::{Freshness, Held};

use super::audit::{Asked, Order, Verb};
use super::import::Staged;
use super::{OperateError, Pipeline, Seen};

/// Most subjects of one delete.
const LARGEST_DELETE: usize = 10_000;

/// Changes listings for operators. Clones are the same one.
#[derive(Clone)]
pub struct Listings {
    pub(super) pipeline: Pipeline,
    seen: Seen,
}

/// How many subjects were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// Subjects of which something is gone.
    pub subjects: u64,
    /// The index from which on checks see it.
    pub revision: u64,
}

/// What an import stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Rows that arrived.
    pub received: u64,
    /// Different subjects among them.
    pub subjects: u64,
    /// Of those, how many were not listed before.
    pub added: u64,
    /// The index from which on checks see them.
    pub revision: u64,
}

impl Listings {
    /// Changes go through `pipeline`; `seen` knows when checks see them.
    pub fn new(pipeline: Pipeline, seen: Seen) -> Self {
        Self { pipeline, seen }
    }

    /// The pipeline that requests go through.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Stores changes and waits until checks see them: what was applied, and from which revision on.
    pub(super) async fn apply(
        &self,
        asked: Asked,
        changes: Vec<Change>,
    ) -> Result<(Applied, u64), OperateError> {
        let applied = self.pipeline.apply(asked, changes).await?;
        let revision = self.seen.revision(Some(&applied.position)).await;
        Ok((applied, revision))
    }

    async fn find(&self, subject: Subject) -> Result<Option<Listing>, OperateError> {
        let found = self.pipeline.store.get(vec![subject]).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// The listing of a subject.
    pub async fn get(&self, subject: Subject) -> Result<Listing, OperateError> {
        let found = self.find(subject).await?;
        found.ok_or_else(|| OperateError::not_found("the subject is not listed"))
    }

    /// Puts a decision on a subject: its listing then, and the revision from which on checks see it.
    pub async fn put(
        &self,
        asked: Asked,
        subject: Subject,
        decision: Decision,
    ) -> Result<(Listing, u64), OperateError> {
        let position = self.pipeline.decide(asked, subject, decision).await?;
        let revision = self.seen.revision(Some(&position)).await;
        Ok((self.find(subject).await?.unwrap_or_default(), revision))
    }

    /// Deletes subjects, or takes away `decisions_only` and leaves what feeds saw.
    pub async fn delete(
        &self,
        asked: Asked,
        subjects: impl ExactSizeIterator<Item = Result<Subject, OperateError>> + Send,
        decisions_only: bool,
    ) -> Result<Deleted, OperateError> {
        let count = subjects.len();
        if !(1..=LARGEST_DELETE).contains(&count) {
            let expected = format!("{count} subjects: expected 1 to {LARGEST_DELETE}");
            return Err(OperateError::invalid("subjects", expected));
        }
        let subjects: Vec<Subject> = subjects.collect::<Result<_, _>>()?;
        let _turn = self.pipeline.turns.read().await;
        if !decisions_only {
            let changes = subjects.into_iter().map(Change::Delete).collect();
            let (applied, revision) = self.apply(asked, changes).await?;
            return Ok(Deleted { subjects: applied.deleted, revision });
        }
        let listings = self.pipeline.store.get(subjects.clone()).await?;
        let decided = subjects.into_iter().zip(listings);
        let decided = decided.filter(|(_, listing)| listing.as_ref().is_some_and(|l| l.decision().is_some()));
        let changes: Vec<Change> = decided.map(|(subject, _)| Change::Withdraw(subject)).collect();
        let subjects = changes.len() as u64;
        let (_, revision) = self.apply(asked, changes).await?;
        Ok(Deleted { subjects, revision })
    }

    /// Stores all rows of an import, if they are as many as `said`, the sender's own count.
    pub async fn import(&self, asked: Asked, staged: Staged, said: u64) -> Result<Imported, OperateError> {
        let received = staged.received();
        let changes = staged.finish(said)?;
        let subjects = changes.len() as u64;
        let _turn = self.pipeline.turns.read().await;
        let (applied, revision) = self.apply(asked, changes).await?;
        tracing::info!(received, subjects, added = applied.added, "imported");
        Ok(Imported { received, subjects, added: applied.added, revision })
    }

    /// Accepts that listings were lost, and answers what this server holds back.
    pub async fn accept_shrink(
        &self,
        asked: Asked,
        freshness: &Freshness,
    ) -> Result<Option<Held>, OperateError> {
        let held = freshness.held();
        let before = held.as_ref().map_or_else(
            || "nothing is held back here".to_owned(),
            |held| format!("held back: {} listings of {}", held.has, held.had),
        );
        let order = Order { verb: Verb::AcceptShrink, feed: String::new(), run: None, before };
        let store = Arc::clone(&self.pipeline.store);
        let work = async move {
            store.accept_shrink().await?;
            Ok(((), "accepted for ten minutes".to_owned()))
        };
        self.pipeline.order(asked, order, work).await?;
        tracing::warn!(
            "an operator accepts that listings were lost; full loads are not held back for ten minutes"
        );
        Ok(held)
    }
}

/// Refuses an end that has passed: the decision would never count.
pub fn to_come(field: String, end: Option<UnixTime>, now: UnixTime) -> Result<(), OperateError> {
    if end.is_some_and(|end| end <= now) {
        return Err(OperateError::invalid(field, "lies in the past"));
    }
    Ok(())
}
