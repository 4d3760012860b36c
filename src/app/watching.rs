//! Wires the metrics port: what it tells is read here from the rooms that know.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::now;
use crate::collect::{self, Collector};
use crate::config::Config;
use crate::core::index::Published;
use crate::sync::{self, Freshness};
use crate::telemetry::{Kinds, Watched};

/// How often the store is asked where the feeds stand.
const FEEDS_EVERY: Duration = Duration::from_secs(15);

/// The metrics port, ready to answer.
pub(super) struct Watching {
    port: TcpListener,
    watched: Watched,
    feeds: Collector,
}

/// Binds the metrics port, if one is wanted.
pub(super) async fn bind(config: &Config) -> Result<Option<TcpListener>> {
    let Some(address) = config.metrics.address()? else { return Ok(None) };
    let bound = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for metrics: give another address with --metrics-listen, or \"\" for none")
    })?;
    Ok(Some(bound))
}

impl Watching {
    pub(super) fn new(
        port: TcpListener,
        serving: watch::Receiver<bool>,
        kinds: Kinds,
        published: Arc<Published>,
        freshness: Arc<Freshness>,
        feeds: Collector,
    ) -> Self {
        let read = Arc::new(move || sync::metrics::read(&published, &freshness, now()));
        Self { port, watched: Watched::new(serving, kinds, read), feeds }
    }

    /// Answers until what this returns is dropped.
    pub(super) fn begin(self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.watched.run(self.port));
        tasks.spawn(async move {
            loop {
                match self.feeds.status().await {
                    Ok(feeds) => collect::metrics::read(&feeds),
                    Err(error) => tracing::debug!(%error, "not known where the feeds stand"),
                }
                tokio::time::sleep(FEEDS_EVERY).await;
            }
        });
        tasks
    }
}
