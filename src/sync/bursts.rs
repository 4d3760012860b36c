//! Processes on one store tell each other what they counted within the last minutes.
//!
//! Off the check path, and approximate: a store that is out of reach means that each process counts
//! for itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::core::burst::{Others, Windows};
use crate::core::listing::UnixTime;
use crate::random;
use crate::store::{NoteStore, StoreError};

/// How often they tell each other.
const EVERY: Duration = Duration::from_secs(1);

/// Tells and hears until `stop` is told.
pub async fn share_bursts(
    windows: Arc<Windows>,
    store: Arc<dyn NoteStore>,
    clock: fn() -> UnixTime,
    mut stop: watch::Receiver<bool>,
) {
    let seat = format!("{:016x}", random::number());
    let mut reached = true;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        match share(&windows, store.as_ref(), &seat, clock()).await {
            Ok(others) => {
                windows.hear(others);
                reached = true;
            }
            Err(error) => {
                // What others said before counts for a while and must not count for ever.
                windows.hear(Others::default());
                if std::mem::take(&mut reached) {
                    tracing::warn!(%error, "cannot tell other processes about bursts; this one counts for itself");
                }
            }
        }
    }
}

async fn share(
    windows: &Windows,
    store: &dyn NoteStore,
    seat: &str,
    now: UnixTime,
) -> Result<Others, StoreError> {
    let keep = Duration::from_secs(windows.keep_seconds().into());
    let mut said = Vec::new();
    let half = windows.half(now);
    for half in [half.saturating_sub(1), half] {
        let board = format!("bursts:{half}");
        said.extend(store.exchange(&board, seat, windows.told(half), keep).await?);
    }
    Ok(Others::read(&said))
}
