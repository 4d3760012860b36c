//! Loading everything anew; and a load that lacks too much, which is held back: the index keeps what the
//! store has lost, and takes in what the store has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::listing::{Listing, Subject};
use crate::store::StoreError;

use super::metrics::{self, LoadReason};
use super::{Held, Sync, full_load, off_thread};

/// How often a held load is tried again: it reads everything.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Listings read at once, and how many are taken in with one new index.
const STEP: (usize, usize) = (20_000, 200_000);

impl Sync {
    /// Loads every listing, and publishes that unless too much is missing.
    pub(super) async fn load_all(&mut self, reason: LoadReason) -> Result<(), StoreError> {
        reason.count();
        let fresh = full_load::load(self.listings.as_ref()).await?;
        let (had, has) = (self.published.load().listings(), fresh.listings());
        let (decided, decides) = (self.published.load().decisions(), fresh.decisions());
        let lost = self.has_lost(had, has) || self.has_lost(decided, decides);
        if lost && !self.listings.shrink_accepted().await? {
            metrics::HELD_LOADS.inc();
            tracing::error!(
                had,
                has,
                decided,
                decides,
                "the store has lost listings or decisions: the index keeps the old ones and takes in new ones; if this is \
                 meant, `numguard admin accept-shrink` releases it"
            );
            self.take_in_what_is_there().await?;
            self.at = fresh.position().clone();
            self.freshness.hold(Some(Held { had, has, since: (self.options.clock)() }));
            self.reached.send_replace(self.at.clone());
            return Ok(());
        }
        self.at = fresh.position().clone();
        self.freshness.hold(None);
        self.rebuild = None;
        self.publish(fresh);
        Ok(())
    }

    /// Loads again if the loss was accepted, or has been made good.
    pub(super) async fn try_release(&mut self) -> Result<(), StoreError> {
        let accepted = self.listings.shrink_accepted().await?;
        if !accepted && self.tried.elapsed() < TRY_AGAIN {
            return Ok(());
        }
        self.tried = Instant::now();
        let counts = self.listings.counts().await?;
        if accepted || !self.has_lost(self.published.load().listings(), counts.numbers + counts.ranges) {
            self.load_all(LoadReason::Released).await?;
        }
        Ok(())
    }

    /// Whether more is missing than may be.
    fn has_lost(&self, had: u64, has: u64) -> bool {
        (has as f64) < had as f64 * (1.0 - self.options.max_shrink)
    }

    /// Takes in every listing that the store holds and forgets none: a change that was written
    /// before the loss was noticed stands in no log that leads on from the index.
    pub(super) async fn take_in_what_is_there(&mut self) -> Result<(), StoreError> {
        let (mut after, mut there) = (None, Vec::new());
        loop {
            let page = self.listings.scan(after, STEP.0).await?;
            let is_last = page.len() < STEP.0;
            after = page.last().map(|(subject, _)| *subject);
            there.extend(page.into_iter().map(|(subject, listing)| (subject, Some(listing))));
            if is_last || there.len() >= STEP.1 {
                self.add(std::mem::take(&mut there)).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn add(&mut self, listings: Vec<(Subject, Option<Listing>)>) -> Result<(), StoreError> {
        let index = Arc::clone(&self.published.load());
        let next = off_thread(move || {
            let next = index.with_changes(&listings, index.position().clone());
            if next.wants_rebuild(0.0) { next.compacted() } else { next }
        });
        let next = next.await?;
        // What was being rebuilt lacks these.
        self.rebuild = None;
        self.publish(next);
        Ok(())
    }
}
