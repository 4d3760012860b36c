//! The listener: services, health, reflection, keepalive, and a drain with an end.
//!
//! Listener and shutdown come from outside, so that the binary and the tests start it alike.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use crate::sync::Freshness;

use super::calls::CountCalls;
use super::health::Health;
use super::pb::admin_service_server::AdminServiceServer;
use super::pb::check_service_server::CheckServiceServer;
use super::pb::feed_service_server::FeedServiceServer;
use super::{AdminRpc, CheckRpc, FeedRpc, pb};

/// How connections are kept and ended.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// How long calls in flight may take after shutdown was asked for. A silent peer would hold
    /// the server for ever otherwise.
    pub drain: Duration,
}

/// The services of one listener.
pub struct Server {
    check: CheckRpc,
    admin: AdminRpc,
    feed: FeedRpc,
    health: Health,
    freshness: Arc<Freshness>,
    options: ServerOptions,
}

/// Largest request of checks or outcomes, in bytes: 10,000 with every field in use fit.
const LARGEST_CHECK: usize = 3 << 20;

/// Ping after this long without traffic, and close after this long without an answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

impl Server {
    /// A server of the three services; `freshness` tells when there is an index.
    pub fn new(
        check: CheckRpc,
        admin: AdminRpc,
        feed: FeedRpc,
        freshness: Arc<Freshness>,
        options: ServerOptions,
    ) -> Self {
        Self { check, admin, feed, health: Health::new(), freshness, options }
    }

    /// Whether it serves, now and later.
    pub fn serving(&self) -> watch::Receiver<bool> {
        self.health.serving()
    }

    /// Serves on `listener` until `shutdown`, then drains. SERVING once there is an index.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), tonic::transport::Error> {
        let Self { check, admin, feed, health, freshness, options } = self;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let mut router = tonic::transport::Server::builder()
            .layer(CountCalls)
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .add_service(CheckServiceServer::new(check).max_decoding_message_size(LARGEST_CHECK))
            .add_service(AdminServiceServer::new(admin))
            .add_service(FeedServiceServer::new(feed))
            .add_service(HealthServer::new(health.service()));
        match (reflection().build_v1(), reflection().build_v1alpha()) {
            (Ok(v1), Ok(v1alpha)) => router = router.add_service(v1).add_service(v1alpha),
            (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "no reflection"),
        }
        health.tell(false).await;
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let signal = async {
            let serving = async {
                freshness.until_loaded().await;
                health.tell(true).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = shutdown => {}
                () = serving => {}
            }
            health.tell(false).await;
            let _ = stopping.send(());
        };
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let hard_end = async {
            // An error means that serving ended by itself.
            if stopped.await.is_ok() {
                tokio::time::sleep(options.drain).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            served = router.serve_with_incoming_shutdown(incoming, signal) => served,
            () = hard_end => {
                tracing::warn!(seconds = options.drain.as_secs(), "connections were cut at the end of the drain");
                Ok(())
            }
        }
    }
}
