//! Takes back what a request changed, by this server's audit record.
//!
//! All of it or nothing. Must not touch a subject that somebody has decided about since. Here the lock prevents that;
//! another server of the store can still do it within a few milliseconds.

use crate::clock::now;
use crate::core::listing::{Decision, Listing, Subject, UnixTime};
use crate::store::Change;

use super::audit::{self, Asked, Back, Intent, Which};
use super::{Listings, OperateError};

/// Listings that the answer names.
const MOST_NAMED: usize = 100;

/// What an undo did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneChange {
    /// First line of the change in the audit record.
    pub line: u64,
    /// Who had made it.
    pub author: String,
    /// How many subjects go back.
    pub subjects: usize,
    /// The first of them.
    pub listings: Vec<UndoneListing>,
    /// The index from which on checks see it; 0 if nothing was changed.
    pub revision: u64,
}

/// One subject, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneListing {
    /// Which.
    pub subject: Subject,
    /// Its listing before the undo.
    pub from: Option<Listing>,
    /// Its listing after it.
    pub to: Option<Listing>,
}

impl Listings {
    /// Takes a change back, or with `dry_run` only answers what that would do.
    pub async fn undo(
        &self,
        asked: Asked,
        which: Which,
        dry_run: bool,
    ) -> Result<UndoneChange, OperateError> {
        let _turn = self.pipeline.turns.write().await;
        let found = self.made(which).await?;
        let subjects: Vec<Subject> = found.intents.iter().map(|intent| intent.subject).collect();
        let listings = self.pipeline.store.get(subjects).await?;
        let (count, line) = (found.intents.len(), found.line);
        let (mut undone, mut changes) = (Vec::new(), Vec::new());
        for ((intent, listing), at) in found.intents.iter().zip(listings).zip(1..) {
            let back = audit::back(intent, listing.as_ref());
            let back = back.ok_or(OperateError::ChangedSince { subject: at, subjects: count, line })?;
            if let Some((listing, change)) = step(intent, listing, back, now()) {
                if undone.len() < MOST_NAMED {
                    undone.push(listing);
                }
                changes.push(change);
            }
        }
        let (author, subjects) = (found.asked.author, changes.len());
        let mut answer = UndoneChange { line, author, subjects, listings: undone, revision: 0 };
        if !dry_run && !changes.is_empty() {
            answer.revision = self.apply(Asked { undoes: line, ..asked }, changes).await?.1;
        }
        Ok(answer)
    }

    /// The change that is meant.
    async fn made(&self, which: Which) -> Result<audit::Request, OperateError> {
        let find = move |record: &audit::Audit| audit::find(audit::read(record.path())?, which);
        let found = self.pipeline.on_disk(find).await?;
        let found = found.ok_or_else(|| {
            OperateError::not_found(match (which.line, which.subject) {
                (0, None) => "the audit record of this server has no change to take back",
                (0, Some(_)) => {
                    "the audit record of this server has no change of the subject: each server has its own, so \
                     ask the one that made it"
                }
                _ => {
                    "no change of that line in the audit record of this server: `numguard audit list` has them"
                }
            })
        })?;
        if found.is_too_large() {
            return Err(OperateError::invalid(
                "line",
                "the change has too many subjects to be taken back: expected 10,000 at most",
            ));
        }
        Ok(found)
    }
}

/// A restored decision is dated now or later, and after the one that it replaces; otherwise replicas and replays would
/// ignore it.
fn renewed(decision: Decision, now: UnixTime, current: Option<&Decision>) -> Decision {
    let after = current.map_or(0, |current| current.decided_at.0.saturating_add(1));
    Decision { decided_at: UnixTime(after.max(decision.decided_at.0).max(now.0)), ..decision }
}

fn step(
    intent: &Intent,
    from: Option<Listing>,
    back: Back,
    now: UnixTime,
) -> Option<(UndoneListing, Change)> {
    let subject = intent.subject;
    let current = from.as_ref().and_then(Listing::decision);
    let (change, to) = match back {
        Back::Nothing => return None,
        Back::Put(decision) => {
            let more = Listing::decided(renewed(decision, now, current));
            (Change::Merge(subject, more.clone()), merged(from.as_ref(), &more))
        }
        Back::Restore(listing) => {
            let decision = listing.decision().cloned().map(|decision| renewed(decision, now, None));
            let mut restored = decision.map(Listing::decided).unwrap_or_default();
            listing.sightings().iter().for_each(|seen| restored.merge(&Listing::seen(seen.clone())));
            (Change::Merge(subject, restored.clone()), merged(from.as_ref(), &restored))
        }
        Back::Withdraw => {
            let mut left = from.clone().unwrap_or_default();
            left.withdraw();
            (Change::Withdraw(subject), Some(left).filter(|left| !left.is_empty()))
        }
        Back::Delete => (Change::Delete(subject), None),
    };
    Some((UndoneListing { subject, from, to }, change))
}

fn merged(from: Option<&Listing>, more: &Listing) -> Option<Listing> {
    let mut listing = from.cloned().unwrap_or_default();
    listing.merge(more);
    Some(listing)
}
