//! The services of one listener: checks, administration, feeds, outcomes, owners of numbers, API keys, health,
//! reflection.
//!
//! Listener and shutdown come from outside, so that the binary and the tests start it alike.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::codegen::Service;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use crate::access::Tls;
use crate::sync::Freshness;

use super::health::Health;
use super::pb::admin_service_server::AdminServiceServer;
use super::pb::check_service_server::{CheckServiceServer, SERVICE_NAME};
use super::pb::feed_service_server::FeedServiceServer;
use super::pb::key_service_server::KeyServiceServer;
use super::pb::outcome_service_server::OutcomeServiceServer;
use super::pb::owner_service_server::OwnerServiceServer;
use super::wire::connections::{self, ConnectionOptions};
use super::wire::gate::{Direct, Guard, Services};
use super::{AdminRpc, CheckRpc, FeedRpc, KeyRpc, OutcomeRpc, OwnerRpc, pb};

/// What a listener does besides its services.
pub struct ServerOptions {
    /// How connections are kept and ended.
    pub connections: ConnectionOptions,
    /// With what connections are greeted; nothing: without TLS.
    pub tls: Option<Arc<Tls>>,
    /// Who may call, and how much.
    pub guard: Guard,
    /// Whether anybody may ask which services there are.
    pub reflection: bool,
}

/// What a listener serves.
pub struct Rpcs {
    /// Verdicts.
    pub check: CheckRpc,
    /// Operators' changes of listings.
    pub admin: AdminRpc,
    /// Feeds and regulators' files.
    pub feed: FeedRpc,
    /// What clients reported.
    pub outcome: OutcomeRpc,
    /// Owners of numbers.
    pub owner: OwnerRpc,
    /// API keys.
    pub key: KeyRpc,
}

/// The services of one listener.
pub struct Server {
    rpcs: Rpcs,
    health: Health,
    freshness: Arc<Freshness>,
    options: ServerOptions,
}

/// Largest request of checks or outcomes, in bytes: 10,000 with every field in use fit.
const LARGEST_CHECK: usize = 3 << 20;

impl Server {
    /// A server of the services; `freshness` tells when there is an index.
    pub fn new(rpcs: Rpcs, freshness: Arc<Freshness>, options: ServerOptions) -> Self {
        Self { rpcs, health: Health::new(), freshness, options }
    }

    /// Whether it serves, now and later.
    pub fn serving(&self) -> watch::Receiver<bool> {
        self.health.serving()
    }

    /// Serves on `listener` until `shutdown`, then drains. SERVING once there is an index.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let Self { rpcs, health, freshness, options } = self;
        let Rpcs { check, admin, feed, outcome, owner, key } = rpcs;
        let check = CheckServiceServer::new(check).max_decoding_message_size(LARGEST_CHECK);
        let others = Routes::new(AdminServiceServer::new(admin))
            .add_service(FeedServiceServer::new(feed))
            .add_service(OutcomeServiceServer::new(outcome))
            .add_service(OwnerServiceServer::new(owner))
            .add_service(KeyServiceServer::new(key))
            .add_service(HealthServer::new(health.service()));
        let others = if options.reflection { with_reflection(others) } else { others };
        let direct =
            Direct { name: SERVICE_NAME, call: Box::new(move |request| check.clone().call(request)) };
        let services = Arc::new(Services::new(direct, others, options.guard));
        // Before the first connection: whoever asks at once must hear the truth.
        health.tell(freshness.is_loaded()).await;
        let until_shutdown = async {
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
        };
        connections::serve(listener, options.tls, services, options.connections, until_shutdown).await;
    }
}

fn with_reflection(routes: Routes) -> Routes {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (reflection().build_v1(), reflection().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "no reflection");
            routes
        }
    }
}
