//! A full load that is held back: the index keeps what the store has lost, and takes in what the
//! store has.

use std::sync::Arc;

use crate::listing::{Listing, Subject};
use crate::store::StoreError;

use super::{Sync, off_thread};

/// Listings read at once, and how many are taken in with one new index.
const STEP: (usize, usize) = (20_000, 200_000);

impl Sync {
    /// Takes in every listing that the store holds and forgets none: a change that was written
    /// before the loss was noticed stands in no log that leads on from the index.
    pub(super) async fn take_in_what_is_there(&mut self) -> Result<(), StoreError> {
        let (mut after, mut there) = (None, Vec::new());
        loop {
            let page = self.store.scan(after, STEP.0).await?;
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
            if next.wants_rebuild(0) { next.compacted() } else { next }
        });
        let next = next.await?;
        // What was being rebuilt lacks these.
        self.rebuild = None;
        self.publish(next);
        Ok(())
    }
}
