//! The table of outcomes: id -> outcome.

use std::ops::Bound::{Excluded, Unbounded};

use redb::{ReadableDatabase, ReadableTableMetadata};

use crate::store::{Outcome, OutcomeId, StoreError};

use super::tables::{OUTCOMES, Tables, unavailable};

impl Tables {
    pub(super) fn report(&self, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(unavailable)?;
        {
            let mut table = write.open_table(OUTCOMES).map_err(unavailable)?;
            for outcome in outcomes {
                let id = OutcomeId::new(outcome.reported_at);
                table.insert(id.0.as_slice(), outcome.to_bytes().as_slice()).map_err(unavailable)?;
            }
        }
        write.commit().map_err(unavailable)
    }

    pub(super) fn outcomes(
        &self,
        after: Option<OutcomeId>,
        limit: usize,
    ) -> Result<Vec<(OutcomeId, Outcome)>, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        let table = read.open_table(OUTCOMES).map_err(unavailable)?;
        let from = after.as_ref().map_or(Unbounded, |after| Excluded(after.0.as_slice()));
        let rows = table.range::<&[u8]>((from, Unbounded)).map_err(unavailable)?;
        rows.take(limit)
            .map(|row| {
                let (id, outcome) = row.map_err(unavailable)?;
                let id = id.value().try_into().map_err(|_| StoreError::Damaged("an outcome".to_owned()))?;
                Ok((OutcomeId(id), Outcome::from_bytes(outcome.value())?))
            })
            .collect()
    }

    pub(super) fn forget_outcomes(&self, ids: &[OutcomeId]) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(unavailable)?;
        {
            let mut table = write.open_table(OUTCOMES).map_err(unavailable)?;
            for id in ids {
                table.remove(id.0.as_slice()).map_err(unavailable)?;
            }
        }
        write.commit().map_err(unavailable)
    }

    pub(super) fn outcome_count(&self) -> Result<u64, StoreError> {
        let read = self.database.begin_read().map_err(unavailable)?;
        read.open_table(OUTCOMES).map_err(unavailable)?.len().map_err(unavailable)
    }
}
