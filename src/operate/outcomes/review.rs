//! Reviews: numbers of which a client says that the verdict was wrong, until an operator has looked.
//!
//! One note per number, `review:+...`; a bounded number of them is open at once. Must not decide.

use serde::{Deserialize, Serialize};

use crate::core::listing::UnixTime;
use crate::core::number::Number;
use crate::store::notes::{self, NoteEdit};
use crate::store::{Outcome, StoreError};

use super::Outcomes;

/// Reviews that are open at once; further ones are kept as outcomes only.
const MOST_OPEN: usize = 1_000;
/// Reports that a review shows; the oldest stay.
const MOST_REPORTS: usize = 20;
const TRIES: usize = 20;
const PREFIX: &str = "review:";

/// A number to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Which.
    pub number: Number,
    /// Who says so, oldest first.
    pub reports: Vec<ReviewReport>,
}

/// One client's word that a verdict was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewReport {
    /// Who.
    pub client: String,
    /// When it was reported, in seconds.
    pub at: u32,
    /// The check that it belongs to.
    pub check_id: String,
    /// The platform's own id of the registration.
    pub correlation_id: String,
}

impl ReviewReport {
    fn of(outcome: &Outcome) -> Self {
        Self {
            client: outcome.client.clone(),
            at: outcome.reported_at.0,
            check_id: outcome.check_id.clone(),
            correlation_id: outcome.correlation_id.clone(),
        }
    }

    /// When it was reported.
    pub fn reported_at(&self) -> UnixTime {
        UnixTime(self.at)
    }
}

impl Outcomes {
    /// Open reviews, the oldest first.
    pub async fn reviews(&self) -> Result<Vec<Review>, StoreError> {
        let notes = self.store.notes(PREFIX).await?;
        let read = |(name, note): (String, crate::store::Note)| {
            let damaged = || StoreError::Damaged("a review".to_owned());
            let number = name.strip_prefix(PREFIX).and_then(|number| number.parse().ok());
            let reports = serde_json::from_slice(&note.bytes).map_err(|_| damaged())?;
            Ok(Review { number: number.ok_or_else(damaged)?, reports })
        };
        let mut reviews: Vec<Review> = notes.into_iter().map(read).collect::<Result<_, StoreError>>()?;
        reviews.sort_by_key(|review| review.reports.first().map_or(0, |report| report.at));
        Ok(reviews)
    }

    /// Closes a review; answers whether it was open.
    pub async fn close_review(&self, number: Number) -> Result<bool, StoreError> {
        let mut was_open = false;
        self.change_review(number, |reports| {
            was_open = !reports.is_empty();
            reports.clear();
        })
        .await?;
        Ok(was_open)
    }

    pub(super) async fn open_review(&self, outcome: &Outcome) -> Result<(), StoreError> {
        let open = self.store.notes(PREFIX).await?;
        let name = name(outcome.number);
        if open.len() >= MOST_OPEN && open.iter().all(|(open, _)| *open != name) {
            tracing::warn!(
                open = MOST_OPEN,
                "too many reviews are open: a false positive is kept as an outcome only"
            );
            return Ok(());
        }
        self.change_review(outcome.number, |reports| {
            if reports.len() < MOST_REPORTS {
                reports.push(ReviewReport::of(outcome));
            }
        })
        .await
    }

    pub(super) async fn take_from_review(&self, outcome: &Outcome) -> Result<(), StoreError> {
        let gone = ReviewReport::of(outcome);
        self.change_review(outcome.number, |reports| reports.retain(|report| *report != gone)).await
    }

    /// Changes the reports of a review; without any it is closed.
    async fn change_review(
        &self,
        number: Number,
        mut change: impl FnMut(&mut Vec<ReviewReport>) + Send,
    ) -> Result<(), StoreError> {
        let name = name(number);
        let changed = notes::update(self.store.as_ref(), &name, None, TRIES, |known| {
            let text = known.unwrap_or(b"[]");
            let mut reports =
                serde_json::from_slice(text).map_err(|_| StoreError::Damaged("a review".to_owned()))?;
            change(&mut reports);
            let text = serde_json::to_vec(&reports).ok().filter(|_| !reports.is_empty());
            Ok::<_, StoreError>(text.map_or(NoteEdit::Delete(()), |text| NoteEdit::Write(text, ())))
        });
        let busy = || StoreError::Unavailable("others write to this review at the same time".to_owned());
        changed.await.map_err(|error| error.or_conflict(busy))
    }
}

fn name(number: Number) -> String {
    format!("{PREFIX}{}", number.as_e164())
}
