//! What operators see from outside: logs as human or JSON lines on stderr, panics among them; traces (feature `otlp`);
//! and the metrics port.
//!
//! Numbers in logs are masked by their own `Display`; nothing here may unmask them.

mod metrics;
mod panics;
#[cfg(feature = "otlp")]
mod traces;
mod watched;

use std::io::{IsTerminal, stderr};

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_log::{AsLog, LogTracer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use metrics::{Kinds, ReadStates};
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
            return Err(Self::wrong(&"no such level"));
        }
        EnvFilter::try_new(&self.level).map_err(|error| Self::wrong(&error))
    }

    fn wrong(why: &dyn std::fmt::Display) -> LogError {
        let expected = "expected error, warn, info, debug, trace or directives such as numguard=debug";
        LogError(format!("log.level: {why}: {expected}"))
    }
}

/// Where traces are sent, and how many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceOptions {
    /// OTLP over gRPC, such as `http://127.0.0.1:4317`; empty for no traces.
    pub endpoint: String,
    /// Share of the calls that are traced, 0 to 1; a caller's own choice goes first.
    pub share: f64,
}

impl TraceOptions {
    /// Whether traces can be sent as they say.
    pub fn check(&self) -> Result<(), LogError> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(LogError("traces.share: expected 0 to 1".to_owned()));
        }
        if !self.endpoint.is_empty() && cfg!(not(feature = "otlp")) {
            let missing = "traces.endpoint: this numguard sends no traces: build it with --features otlp, or leave it empty";
            return Err(LogError(missing.to_owned()));
        }
        Ok(())
    }
}

/// Sends the traces that have not been sent yet; the last thing that a process does.
pub fn end() {
    #[cfg(feature = "otlp")]
    traces::end();
}

/// Why logging or tracing cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LogError(String);

/// Writes the digits of the numbers that it parses into its log, so nobody hears it.
const TALKATIVE: &str = "rlibphonenumber";

/// Sets up logging for the process; a second call changes nothing.
pub fn start(options: &LogOptions, sent: &TraceOptions) -> Result<(), LogError> {
    // A log that nobody reads any more is no reason to end: the layer would complain on stderr, and panic.
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).log_internal_errors(false);
    let lines = lines.with_ansi(stderr().is_terminal());
    let lines = match options.format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(options.filter()?));
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(traces::layer(sent)?);
    #[cfg(not(feature = "otlp"))]
    sent.check()?;
    // An error means that a subscriber is set already.
    let _ = set_global_default(subscriber);
    let others = LogTracer::builder().with_max_level(LevelFilter::current().as_log());
    let _ = others.ignore_crate(TALKATIVE).init();
    panics::hear();
    Ok(())
}
