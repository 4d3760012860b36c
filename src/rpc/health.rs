//! Whether this process serves: told to gRPC health and to `/readyz` alike.

use std::sync::Arc;

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

/// Names by which health can be asked; the empty one is the server as a whole.
const NAMES: [&str; 7] = [
    "",
    "numguard.v1.CheckService",
    "numguard.v1.AdminService",
    "numguard.v1.FeedService",
    "numguard.v1.OwnerService",
    "numguard.v1.KeyService",
    "numguard.v1.OutcomeService",
];

/// The one word about health. Clones are the same one.
#[derive(Clone)]
pub(super) struct Health {
    reporter: HealthReporter,
    serving: Arc<watch::Sender<bool>>,
}

impl Health {
    /// Not serving, until it is told otherwise.
    pub(super) fn new() -> Self {
        Self { reporter: HealthReporter::new(), serving: Arc::new(watch::Sender::new(false)) }
    }

    /// Tells whether it serves.
    pub(super) async fn tell(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in NAMES {
            self.reporter.set_service_status(name, status).await;
        }
        self.serving.send_replace(serving);
    }

    /// Whether it serves, now and later.
    pub(super) fn serving(&self) -> watch::Receiver<bool> {
        self.serving.subscribe()
    }

    /// The gRPC service that answers.
    pub(super) fn service(&self) -> HealthService {
        HealthService::from_health_reporter(self.reporter.clone())
    }
}
