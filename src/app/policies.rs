//! Takes over a policy file that has changed. A wrong one never takes the place of the one in use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::config::{Config, ConfigError, PolicyFile};
use crate::core::policy::{InForce, Policies};

/// How often the file is compared with what was read last.
const EVERY: Duration = Duration::from_secs(2);

/// The policies in force, and the file that they come from.
pub(super) struct Followed {
    pub(super) in_force: InForce,
    file: Option<PolicyFile>,
}

impl Followed {
    /// The policies that the settings name; those that are built in change never.
    pub(super) fn open(config: &Config) -> Result<Self, ConfigError> {
        let (file, policies) = match config.policy.as_os_str().is_empty() {
            true => (None, Policies::default()),
            false => PolicyFile::open(&config.policy).map(|(file, policies)| (Some(file), policies))?,
        };
        Ok(Self { in_force: InForce::from(Arc::new(policies)), file })
    }

    /// Looks after the file until `stopped`.
    pub(super) async fn follow(self, mut stopped: watch::Receiver<bool>) {
        let Some(mut file) = self.file else { return };
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            let looked = tokio::task::spawn_blocking(move || {
                let changed = file.changed();
                (file, changed)
            });
            let Ok((looked_at, changed)) = looked.await else { return };
            file = looked_at;
            match changed {
                // What is put back as it was is no news.
                Some(Ok(policies)) if policies != **self.in_force.load() => {
                    tracing::info!(version = policies.usual().version, "the changed policy file is in force");
                    self.in_force.replace(policies);
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "the old policy stays in force, the changed file cannot be used");
                }
                _ => {}
            }
        }
    }
}
