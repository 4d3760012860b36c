//! Regulators' files: every process looks now and then which loads count, and takes in new ones.
//!
//! They change once a week, so a look every few seconds is enough; whoever has just stored one asks for
//! a look at once. A store that does not name a feed any more takes nothing away: only a word does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::allocation::Allocations;
use crate::core::index::Index;
use crate::store::{AllocationHead, StoreError, allocation, allocation_head};

use super::Sync;

/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// What was seen at the last look.
#[derive(Debug, Default)]
pub(super) struct Looked {
    at: Option<Instant>,
    head: AllocationHead,
}

impl Sync {
    /// Takes in loads that are new, if a look is due.
    pub(super) async fn take_in_allocations(&mut self, asked: bool) -> Result<(), StoreError> {
        if !self.freshness.is_loaded() || (!asked && self.looked.at.is_some_and(|at| at.elapsed() < LOOK)) {
            return Ok(());
        }
        self.looked.at = Some(Instant::now());
        let head = allocation_head(self.notes.as_ref()).await?;
        if head == self.looked.head {
            return Ok(());
        }
        let known = Arc::clone(&self.allocations);
        let mut all = known.as_ref().clone();
        let mut complete = true;
        for (feed, load) in head.loads() {
            match load {
                None => all = all.without(&feed),
                Some(load) if known.get(&feed).is_some_and(|known| known.id() == load) => {}
                Some(load) => match allocation(self.notes.as_ref(), &feed, load).await {
                    Ok(Some(allocation)) => all = all.with(allocation),
                    // It has just given way to another: the next look finds that.
                    Ok(None) => complete = false,
                    // By a newer numguard, or cut: what was loaded before counts on.
                    Err(StoreError::Damaged(why)) => {
                        tracing::error!(%feed, why, "a regulator's file cannot be taken in");
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        if complete {
            self.looked.head = head;
        }
        self.allocate(all);
        Ok(())
    }

    fn allocate(&mut self, all: Allocations) {
        let ids = |all: &Allocations| all.iter().map(|a| (a.source().clone(), a.id())).collect::<Vec<_>>();
        if ids(&all) != ids(&self.allocations) {
            for allocation in all.iter() {
                let stats = allocation.stats();
                tracing::info!(feed = %allocation.source(), ranges = stats.held_ranges, "allocations in force");
            }
            self.allocations = Arc::new(all);
            // Shares its tables with the one in force.
            let index = Index::clone(&self.published.load());
            self.publish(index);
        }
    }
}
