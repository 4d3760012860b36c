//! Every listing of a store, page by page.
//!
//! Changes that arrive meanwhile are followed afterwards: the position is taken first, and taking
//! a change in twice does no harm.

use tokio::sync::mpsc;

use crate::core::index::{Builder, Index};
use crate::core::listing::{Listing, Subject};
use crate::store::{ListingStore, StoreError};

use super::off_thread;

/// Listings per page.
const PAGE: usize = 20_000;

/// The index of all that `store` holds.
pub(super) async fn load(store: &dyn ListingStore) -> Result<Index, StoreError> {
    let position = store.counts().await?.position;
    // One page is added while the next is read.
    let (pages, mut received) = mpsc::channel::<Vec<(Subject, Listing)>>(2);
    let adding = off_thread(move || {
        let mut builder = Builder::default();
        while let Some(page) = received.blocking_recv() {
            for (subject, listing) in &page {
                builder.add(*subject, listing);
            }
        }
        builder.finish(position)
    });
    let reading = async move {
        let mut after = None;
        loop {
            let page = store.scan(after, PAGE).await?;
            let (last, full) = (page.last().map(|(subject, _)| *subject), page.len() == PAGE);
            if pages.send(page).await.is_err() {
                return Err(StoreError::Unavailable("building the index ended early".to_owned()));
            }
            match last {
                Some(_) if full => after = last,
                _ => return Ok(()),
            }
        }
    };
    let (built, read) = tokio::join!(adding, reading);
    read?;
    built
}
