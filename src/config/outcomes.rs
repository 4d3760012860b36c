//! The `[outcomes]` settings: how far clients' words go, and how long outcomes are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operate::outcomes::{ClientTrust, OutcomeOptions};

use super::ConfigError;

/// Settings of outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomesConfig {
    /// Trust of clients that are not named.
    pub default_trust: ClientTrust,
    /// Outcomes of one client and day that may change anything.
    pub per_day: u32,
    /// Outcomes that are kept.
    pub keep: u64,
    /// Days for which they are kept.
    pub keep_days: u32,
    /// Trust by client.
    pub trust: BTreeMap<String, ClientTrust>,
}

impl OutcomesConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("outcomes.keep", (1..=10_000_000).contains(&self.keep), "expected 1 to 10000000"),
            ("outcomes.keep_days", (1..=4_000).contains(&self.keep_days), "expected 1 to 4000"),
        ];
        match bounds.into_iter().find(|(_, good, _)| !good) {
            Some((setting, _, expected)) => Err(ConfigError::Setting(format!("{setting}: {expected}"))),
            None => Ok(()),
        }
    }

    pub(super) fn options(&self) -> OutcomeOptions {
        OutcomeOptions {
            default_trust: self.default_trust,
            trust: self.trust.clone(),
            per_day: self.per_day,
            keep: self.keep,
            keep_days: self.keep_days,
        }
    }
}
