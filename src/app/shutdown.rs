//! When to stop: SIGTERM or Ctrl-C.

use tokio::signal::unix::{SignalKind, signal as unix_signal};

/// Returns on SIGTERM or SIGINT.
pub async fn signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (unix_signal(SignalKind::terminate()), unix_signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; only a kill will end this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
        _ = interrupt.recv() => tracing::info!("interrupt: draining"),
    }
}
