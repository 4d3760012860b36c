//! When to stop: SIGTERM or Ctrl-C.

use tokio::signal::unix::{SignalKind, signal as unix_signal};

/// Returns on SIGTERM or SIGINT. Listens from the call on, not from the first poll: a signal during
/// the start must not end the process undrained.
pub fn signal() -> impl Future<Output = ()> + Send {
    let signals = (unix_signal(SignalKind::terminate()), unix_signal(SignalKind::interrupt()));
    async {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            tracing::error!("signals cannot be received; only a kill will end this process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
            _ = interrupt.recv() => tracing::info!("interrupt: draining"),
        }
    }
}
