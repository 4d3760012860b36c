//! `UndoChange`: what an operator's request changed goes back, by this server's audit record.
//!
//! All of it or nothing. Must not touch a subject that somebody has decided about since: on this server
//! nobody does meanwhile; between servers of one store a few milliseconds are open.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::core::listing::{Decision, Listing, Subject, UnixTime};
use crate::operate::audit::{self, Asked, Back, Intent, Which};
use crate::store::Change;

use super::admin_service::AdminRpc;
use super::messages::listings;
use super::status::{invalid, not_found, of_audit, of_store};
use super::{now, pb, recorded};

/// Listings that the answer tells.
const TOLD: usize = 100;

/// One subject, before and after.
struct Step {
    subject: Subject,
    from: Option<Listing>,
    to: Option<Listing>,
    change: Change,
}

pub(super) async fn undo(
    rpc: &AdminRpc,
    request: pb::UndoChangeRequest,
    asked: Asked,
) -> Result<pb::UndoChangeResponse, Status> {
    let subject = match request.subject.as_str() {
        "" => None,
        text => Some(listings::subject("subject", text)?),
    };
    let _turn = rpc.turns.write().await;
    let found = find(rpc, Which { line: request.line, subject }).await?;
    let subjects: Vec<Subject> = found.intents.iter().map(|intent| intent.subject).collect();
    let listings = rpc.store.get(subjects).await.map_err(|error| of_store(&error))?;
    let (count, mut steps) = (found.intents.len(), Vec::new());
    for (at, (intent, listing)) in found.intents.iter().zip(listings).enumerate() {
        let back =
            audit::back(intent, listing.as_ref()).ok_or_else(|| changed_since(at, count, found.line))?;
        steps.extend(step(intent, listing, back, now()));
    }
    let mut answer = pb::UndoChangeResponse {
        line: found.line,
        author: found.asked.author,
        subjects: steps.len() as u32,
        listings: steps.iter().take(TOLD).map(told).collect(),
        revision: 0,
    };
    if !request.dry_run && !steps.is_empty() {
        let changes = steps.into_iter().map(|step| step.change).collect();
        answer.revision = rpc.apply(Asked { undoes: found.line, ..asked }, changes).await?.1;
    }
    Ok(answer)
}

async fn find(rpc: &AdminRpc, which: Which) -> Result<audit::Request, Status> {
    let found = recorded::on_disk(&rpc.audit, move |audit| audit::find(audit::read(audit.path())?, which));
    let found = found.await.map_err(|error| of_audit(&error))?;
    let found = found.ok_or_else(|| {
        not_found(match (which.line, which.subject) {
            (0, None) => "the audit record of this server has no change to take back",
            (0, Some(_)) => {
                "the audit record of this server has no change of the subject: each server has its own, so \
                 ask the one that made it"
            }
            _ => "no change of that line in the audit record of this server: `numguard audit list` has them",
        })
    })?;
    if found.is_too_large() {
        return Err(invalid(
            "line",
            "the change has too many subjects to be taken back: expected 10,000 at most",
        ));
    }
    Ok(found)
}

fn changed_since(at: usize, count: usize, line: u64) -> Status {
    let message = format!(
        "subject {} of {count} was changed after line {line}, here or on another server: nothing is taken \
         back; undo the later change first, or name single subjects",
        at + 1
    );
    let details =
        ErrorDetails::with_precondition_failure_violation("CHANGED_SINCE", "subject", message.clone());
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// A decision that comes back is newer than any of before, or replicas and replays would not take it.
fn anew(decision: Decision, now: UnixTime, current: Option<&Decision>) -> Decision {
    let after = current.map_or(0, |current| current.decided_at.0.saturating_add(1));
    Decision { decided_at: UnixTime(after.max(decision.decided_at.0).max(now.0)), ..decision }
}

fn step(intent: &Intent, from: Option<Listing>, back: Back, now: UnixTime) -> Option<Step> {
    let subject = intent.subject;
    let current = from.as_ref().and_then(Listing::decision);
    let (change, to) = match back {
        Back::Nothing => return None,
        Back::Put(decision) => {
            let more = Listing::decided(anew(decision, now, current));
            (Change::Merge(subject, more.clone()), merged(from.as_ref(), &more))
        }
        Back::Restore(listing) => {
            let decision = listing.decision().cloned().map(|decision| anew(decision, now, None));
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
    Some(Step { subject, from, to, change })
}

fn merged(from: Option<&Listing>, more: &Listing) -> Option<Listing> {
    let mut listing = from.cloned().unwrap_or_default();
    listing.merge(more);
    Some(listing)
}

fn told(step: &Step) -> pb::UndoneListing {
    let listing = |listing: &Option<Listing>| listing.as_ref().map(|l| listings::listing(step.subject, l));
    pb::UndoneListing { subject: step.subject.as_e164(), from: listing(&step.from), to: listing(&step.to) }
}
