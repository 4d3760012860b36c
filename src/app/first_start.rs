//! The starter list goes into an empty store, once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::core::starter;
use crate::store::{Change, ListingStore, StoreError};

/// Pause before a store that was out of reach is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// Fills an empty store; `None` if it is not empty. A store that is out of reach is filled once it
/// answers, so that the start need not wait.
///
/// Where an index was saved, this is no first start: serving it must not wait for the store.
pub(super) async fn fill_now_or_later(store: Arc<dyn ListingStore>, was_saved: bool) -> Result<Option<u64>> {
    if was_saved {
        tokio::spawn(fill_later(store));
        return Ok(None);
    }
    match fill(store.as_ref(), now()).await {
        Err(error) if error.downcast_ref().is_some_and(StoreError::is_transient) => {
            tokio::spawn(fill_later(store));
            Ok(None)
        }
        filled => filled,
    }
}

async fn fill_later(store: Arc<dyn ListingStore>) {
    loop {
        match fill(store.as_ref(), now()).await {
            Ok(None) => return,
            Ok(Some(numbers)) => return tracing::info!(numbers, "first start: stored the starter list"),
            Err(error) => tracing::debug!("cannot fill the store yet: {error:#}"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn fill(store: &dyn ListingStore, now: UnixTime) -> Result<Option<u64>> {
    // A log that has begun means that somebody emptied the store on purpose.
    let empty = store.counts().await?.position.is_start();
    if !empty {
        return Ok(None);
    }
    let rows = tokio::task::spawn_blocking(move || starter::listings(now)).await?;
    let rows = rows.context("the starter list")?;
    let changes = rows.into_iter().map(|(subject, listing)| Change::Merge(subject, listing)).collect();
    Ok(Some(store.apply(changes).await?.added))
}
