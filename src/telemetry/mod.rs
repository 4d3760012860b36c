//! What operators see from outside: logs as human or JSON lines on stderr, and the metrics port.
//!
//! Numbers in logs are masked by their own `Display`; nothing here may unmask them.

mod metrics;
mod watched;

use std::io::{IsTerminal, stderr};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

pub use metrics::ReadStates;
pub use watched::Watched;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOptions {
    /// `human` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `numguard=debug,h2=warn`.
    pub level: String,
}

impl LogOptions {
    /// Whether the level can be understood.
    pub fn check(&self) -> Result<(), LogError> {
        self.filter().map(drop)
    }

    fn filter(&self) -> Result<EnvFilter, LogError> {
        // A single unknown word would be taken for the name of a module, and nothing be logged.
        let word = self.level.chars().all(|c| c.is_ascii_alphabetic());
        if word && self.level.parse::<tracing::Level>().is_err() {
            return Err(LogError(format!("{} is no level", self.level)));
        }
        EnvFilter::try_new(&self.level).map_err(|error| LogError(error.to_string()))
    }
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("log.level: {0}: expected error, warn, info, debug, trace or directives such as numguard=debug")]
pub struct LogError(String);

/// Sets up logging for the process; a second call changes nothing.
pub fn start(options: &LogOptions) -> Result<(), LogError> {
    let lines = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(options.filter()?);
    let lines = lines.with_ansi(stderr().is_terminal());
    // An error means that a subscriber is set already.
    let _ = match options.format {
        LogFormat::Human => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    Ok(())
}
