//! The `[metrics]` settings: where Prometheus and probes may ask.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of the metrics port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address of `/metrics`, `/livez` and `/readyz`; empty for none.
    pub listen: String,
}

/// `[metrics]` settings given as flags.
#[derive(Debug, Clone, Serialize)]
pub struct MetricsFlags {
    /// `--metrics-listen`.
    pub listen: String,
}

impl MetricsConfig {
    /// The address, or nothing if there is to be no port.
    pub fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        self.listen.parse().map(Some).map_err(|_| {
            let expected = "expected an address such as 127.0.0.1:9464, or nothing for no metrics port";
            ConfigError::Setting(format!("metrics.listen: {:?}: {expected}", self.listen))
        })
    }
}
