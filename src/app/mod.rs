//! Wiring: opens the store, fills it on first start, starts sync and the server, drains.
//!
//! Must not hold rules of its own; it only connects rooms.

mod clock_watch;
mod first_start;
mod policies;
mod shutdown;
mod start;
mod watching;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::{Directory, Tls};
use crate::clock::now;
use crate::collect::Collector;
use crate::core::burst::Windows;
use crate::core::index::IndexStats;
use crate::lab::verdict_log::DecisionLog;
use crate::rpc::Server;
use crate::store::NoteStore;
use crate::sync::{Loaded, Sync, share_bursts};

use policies::Followed;
use watching::Watching;

pub use shutdown::signal;

/// A service that is ready to serve.
pub struct App {
    listener: TcpListener,
    server: Server,
    sync: Sync,
    policies: Followed,
    /// If sign-ups are counted and others on the store are to know.
    counting: Option<(Arc<Windows>, Arc<dyn NoteStore>)>,
    tls: Option<Arc<Tls>>,
    directory: Option<Arc<Directory>>,
    /// If feeds are run on their schedule.
    scheduled: Option<Collector>,
    watching: Option<Watching>,
    /// If decisions are logged.
    decisions: Option<Arc<DecisionLog>>,
    banner: Banner,
}

/// What a start has to tell.
#[derive(Debug, Clone)]
pub struct Banner {
    /// The bound address.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The bound address of the metrics port, if there is one.
    pub metrics: Option<SocketAddr>,
    /// Numbers of the starter list that were stored, if the store was empty.
    pub starter: Option<u64>,
    /// Which store, in words.
    pub store: String,
    /// What the index holds.
    pub index: IndexStats,
    /// Where the index came from.
    pub loaded: Loaded,
    /// How long that took.
    pub took: Duration,
    /// Version of the policy in force.
    pub policy: String,
    /// Version of the numbering-plan metadata.
    pub metadata: &'static str,
}

impl App {
    /// What to tell the person who started it.
    pub fn banner(&self) -> &Banner {
        &self.banner
    }

    /// Serves until `shutdown`, drains, and saves the index.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let collecting =
            self.scheduled.map(|collector| tokio::spawn(collector.follow_schedule(stopped.clone())));
        if let Some((windows, store)) = self.counting {
            tokio::spawn(share_bursts(windows, store, now, stopped.clone()));
        }
        if let Some(directory) = self.directory {
            tokio::spawn(directory.follow(stopped.clone()));
        }
        tokio::spawn(self.policies.follow(stopped.clone()));
        tokio::spawn(clock_watch::watch(now, stopped.clone()));
        let certificate = self.tls.map(|tls| tokio::spawn(tls.follow(stopped.clone())));
        let sync = tokio::spawn(self.sync.run(stopped));
        // Probes and scrapes are answered until the very end.
        let _watching = self.watching.map(Watching::begin);
        self.server.run(self.listener, shutdown).await;
        if let Some(decisions) = self.decisions {
            let _ = tokio::task::spawn_blocking(move || decisions.finish()).await;
        }
        stop.send_replace(true);
        if let Some(collecting) = collecting {
            collecting.await.context("collecting ended early")?;
        }
        if let Some(certificate) = certificate {
            certificate.await.context("looking after the certificate ended early")?;
        }
        sync.await.context("sync ended early")
    }
}
