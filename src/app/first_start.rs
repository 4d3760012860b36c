//! The starter list goes into an empty store, once.

use anyhow::{Context, Result};

use crate::feed::starter;
use crate::listing::UnixTime;
use crate::store::{Change, Store};

/// Fills an empty store; `None` if it is not empty.
pub(super) async fn fill(store: &dyn Store, now: UnixTime) -> Result<Option<u64>> {
    // A log that has begun means that somebody emptied the store on purpose.
    let empty = store.stats().await?.position.cursor == 0;
    if !empty {
        return Ok(None);
    }
    let rows = tokio::task::spawn_blocking(move || starter::rows(now)).await?;
    let rows = rows.context("the starter list")?;
    let changes = rows.into_iter().map(|row| Change::Merge(row.subject, row.listing)).collect();
    Ok(Some(store.apply(changes).await?.added))
}
