//! Records each operator's change before it is done, and afterwards how it ended.
//!
//! What feeds report by themselves is not recorded: a feed reports it again.

use std::ops::Range;

use crate::access::KeyError;
use crate::clock::now;
use crate::core::index::Position;
use crate::core::listing::{Decision, Listing, Sighting, Subject, UnixTime};
use crate::store::{Applied, Change, ListingStore, StoreError};

use super::audit::{Act, Answer, Asked, Intent, KeyIntent, Order};
use super::pipeline::to_its_end;
use super::{OperateError, Pipeline};

/// Subjects that the store is asked about at once.
const BATCH: usize = 10_000;

/// Feeds of a deleted listing that the record keeps, so that the delete can be taken back.
const MOST_SEEN: usize = 256;

impl<S: ListingStore + ?Sized> Pipeline<S> {
    /// Puts an operator's decision on a subject. The newest decision wins, so this one is dated at least a second
    /// after the one before it.
    pub(super) async fn decide(
        &self,
        asked: Asked,
        subject: Subject,
        mut decision: Decision,
    ) -> Result<Position, OperateError> {
        let _turn = self.turns.read().await;
        let before = self.store.get(vec![subject]).await?;
        let before =
            before.into_iter().flatten().find_map(|listing| listing.decision().map(|d| d.decided_at));
        decision.decided_at = before.map_or(now(), |before| now().max(UnixTime(before.0.saturating_add(1))));
        let change = Change::Merge(subject, Listing::decided(decision));
        Ok(self.apply(asked, vec![change]).await?.position)
    }

    /// Applies changes; those of operators are recorded as what `asked` says.
    pub(super) async fn apply(&self, asked: Asked, changes: Vec<Change>) -> Result<Applied, OperateError> {
        let acts: Vec<(Subject, Act)> =
            changes.iter().filter_map(|change| operators(change, asked.undoes > 0)).collect();
        if acts.is_empty() {
            return Ok(self.store.apply(changes).await?);
        }
        let pipeline = self.clone();
        to_its_end("the change", async move {
            let intents = with_before(pipeline.store.as_ref(), acts).await?;
            let lines = pipeline.on_disk(move |audit| audit.intend(now(), &asked, &intents)).await?;
            let applied = pipeline.store.apply(changes).await;
            pipeline.answered(lines, answer(applied.as_ref().map(drop))).await;
            Ok(applied?)
        })
        .await
    }

    /// Carries out an order (anything but a change of a listing or a key), recorded under `asked`. `work` also returns
    /// a text on how things are afterwards.
    pub(super) async fn order<T: Send + 'static>(
        &self,
        asked: Asked,
        order: Order,
        work: impl Future<Output = Result<(T, String), OperateError>> + Send + 'static,
    ) -> Result<T, OperateError> {
        // Boxed, so that the steps around it stay small.
        let (pipeline, work) = (self.clone(), Box::pin(work));
        to_its_end("the work", async move {
            let lines = pipeline.on_disk(move |audit| audit.order(now(), asked, order)).await?;
            let done = work.await;
            let (answer, after) = match &done {
                Ok((_, after)) => (Answer::Done, after.clone()),
                Err(error) => (Answer::Failed, error.to_string()),
            };
            let written = pipeline.on_disk(move |audit| audit.ended(now(), lines, answer, &after)).await;
            if let Err(error) = written {
                tracing::error!(%error, "how an operator's order ended is not on record");
            }
            done.map(|(done, _)| done)
        })
        .await
    }

    /// Changes an API key: records the change before `work` makes it, and afterwards how it ended.
    pub(super) async fn change_key<T: Send + 'static>(
        &self,
        asked: Asked,
        intent: KeyIntent,
        work: impl Future<Output = Result<T, KeyError>> + Send + 'static,
    ) -> Result<T, OperateError> {
        let pipeline = self.clone();
        to_its_end("the change", async move {
            let lines = pipeline.on_disk(move |audit| audit.intend_key(now(), asked, intent)).await?;
            let done = work.await;
            let result = match &done {
                Ok(_) => Answer::Stored,
                Err(KeyError::Store(error)) => answer(Err(error)),
                Err(_) => Answer::Failed,
            };
            pipeline.answered(lines, result).await;
            Ok(done?)
        })
        .await
    }

    /// The store has answered, so a failure to record that is only logged. An intent without an answer may have been
    /// stored; a replay assumes so.
    async fn answered(&self, lines: Range<u64>, answer: Answer) {
        if let Err(error) = self.on_disk(move |audit| audit.answer(now(), lines, answer)).await {
            tracing::error!(%error, "the store's answer is not on record");
        }
    }
}

/// What the record says of what the store answered.
fn answer(applied: Result<(), &StoreError>) -> Answer {
    match applied {
        Ok(()) => Answer::Stored,
        Err(StoreError::Unconfirmed(_)) => Answer::Unconfirmed,
        Err(_) => Answer::Failed,
    }
}

/// What an operator asked for, if one did.
fn operators(change: &Change, undoes: bool) -> Option<(Subject, Act)> {
    match change {
        Change::Merge(subject, listing) if undoes && !listing.sightings().is_empty() => {
            Some((*subject, Act::Restore(listing.clone())))
        }
        Change::Merge(subject, listing) => Some((*subject, Act::Put(listing.decision()?.clone()))),
        // What is forgotten is filled in once it is known.
        Change::Delete(subject) => Some((*subject, Act::Delete(Vec::new()))),
        Change::Withdraw(subject) => Some((*subject, Act::Withdraw)),
        Change::Restate(..) => None,
    }
}

async fn with_before<S: ListingStore + ?Sized>(
    store: &S,
    acts: Vec<(Subject, Act)>,
) -> Result<Vec<Intent>, StoreError> {
    let mut intents = Vec::with_capacity(acts.len());
    for acts in acts.chunks(BATCH) {
        let listings = store.get(acts.iter().map(|(subject, _)| *subject).collect()).await?;
        intents.extend(acts.iter().zip(listings).map(|((subject, act), listing)| {
            let listing = listing.unwrap_or_default();
            let act = match act {
                Act::Delete(_) => Act::Delete(newest(&listing)),
                act => act.clone(),
            };
            Intent { subject: *subject, act, before: listing.decision().cloned() }
        }));
    }
    Ok(intents)
}

/// What feeds saw, the latest of it if there are very many.
fn newest(listing: &Listing) -> Vec<Sighting> {
    let mut seen = listing.sightings().to_vec();
    if seen.len() > MOST_SEEN {
        seen.sort_by_key(|sighting| std::cmp::Reverse(sighting.last_seen));
        seen.truncate(MOST_SEEN);
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;

    use super::super::Turns;
    use super::super::audit::{self, Audit, Entry};
    use super::*;
    use crate::core::listing::{Action, UnixTime};
    use crate::store::{Changes, Lease, ListingCounts, ShardDigest};

    /// Takes its time and answers so.
    struct Slow(fn() -> Result<Applied, StoreError>);

    #[async_trait]
    impl ListingStore for Slow {
        async fn apply(&self, _: Vec<Change>) -> Result<Applied, StoreError> {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (self.0)()
        }
        async fn apply_leased(&self, changes: Vec<Change>, _: &Lease) -> Result<Applied, StoreError> {
            self.apply(changes).await
        }
        async fn get(&self, subjects: Vec<Subject>) -> Result<Vec<Option<Listing>>, StoreError> {
            Ok(vec![None; subjects.len()])
        }
        async fn scan(&self, _: Option<Subject>, _: usize) -> Result<Vec<(Subject, Listing)>, StoreError> {
            Ok(Vec::new())
        }
        async fn changes(&self, position: &Position, _: usize) -> Result<Changes, StoreError> {
            Ok(Changes::Next(Vec::new(), position.clone()))
        }
        async fn changed(&self, _: &Position) -> Result<(), StoreError> {
            Ok(())
        }
        async fn counts(&self) -> Result<ListingCounts, StoreError> {
            Ok(ListingCounts::default())
        }
        async fn digests(&self) -> Result<Vec<ShardDigest>, StoreError> {
            Ok(Vec::new())
        }
        fn shard_of(&self, _: Subject) -> usize {
            0
        }
        async fn accept_shrink(&self) -> Result<(), StoreError> {
            Ok(())
        }
        async fn shrink_accepted(&self) -> Result<bool, StoreError> {
            Ok(false)
        }
    }

    const SUBJECT: &str = "+447400123456";

    fn changes() -> Vec<Change> {
        let subject: Subject = SUBJECT.parse().unwrap_or_else(|e| panic!("{e}"));
        let decision = Decision {
            decided_at: UnixTime(1),
            action: Action::Block,
            expires_at: None,
            reason: String::new(),
            author: "ann".to_owned(),
        };
        vec![Change::Merge(subject, Listing::decided(decision)), seen(), Change::Delete(subject)]
    }

    fn seen() -> Change {
        let feed = "a".parse().unwrap_or_else(|e| panic!("{e}"));
        let sighting = Sighting::new(feed, UnixTime(1), UnixTime(1), 1);
        Change::Merge(SUBJECT.parse().unwrap_or_else(|e| panic!("{e}")), Listing::seen(sighting))
    }

    /// The answers on record after `changes` were applied; nothing for an intent, or cut short.
    async fn recorded(
        answer: fn() -> Result<Applied, StoreError>,
        changes: Vec<Change>,
        patience: Duration,
    ) -> (bool, Vec<Option<Answer>>) {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let audit = Arc::new(Audit::open(folder.path()).unwrap_or_else(|e| panic!("{e}")));
        let pipeline = Pipeline::new(Arc::new(Slow(answer)), audit, Turns::default());
        let applied = tokio::time::timeout(patience, pipeline.apply(Asked::default(), changes)).await;
        let path = folder.path().join(audit::FILE);
        let lines = || {
            let records = audit::read(&path).unwrap_or_else(|e| panic!("{e}"));
            let entries = records.map(|record| record.unwrap_or_else(|e| panic!("{e}")).entry);
            entries.map(|entry| if let Entry::Answer { answer, .. } = entry { Some(answer) } else { None })
        };
        for _ in 0..100 {
            if applied.is_ok() || lines().any(|line| line.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (applied.is_ok_and(|applied| applied.is_ok()), lines().collect())
    }

    #[tokio::test]
    async fn each_change_of_an_operator_gets_the_stores_answer() {
        type Case = (fn() -> Result<Applied, StoreError>, bool, Answer);
        let cases: [Case; 3] = [
            (|| Ok(Applied::default()), true, Answer::Stored),
            (|| Err(StoreError::Unconfirmed("no replica".to_owned())), false, Answer::Unconfirmed),
            (|| Err(StoreError::Unavailable("down".to_owned())), false, Answer::Failed),
        ];
        for (store, good, answer) in cases {
            let found = recorded(store, changes(), Duration::from_secs(60)).await;
            assert_eq!(found, (good, vec![None, None, Some(answer), Some(answer)]));
        }
    }

    #[tokio::test]
    async fn what_feeds_report_is_not_recorded() {
        let found = recorded(|| Ok(Applied::default()), vec![seen()], Duration::from_secs(60)).await;
        assert_eq!(found, (true, vec![]));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_no_intent_without_an_answer() {
        let store = || Ok(Applied::default());
        let found = recorded(store, changes(), Duration::from_millis(10)).await;
        assert_eq!(found, (false, vec![None, None, Some(Answer::Stored), Some(Answer::Stored)]));
    }
}
