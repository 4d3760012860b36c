//! The verdict log: one line of JSON per check, kept so that a new policy can be tried on what was
//! decided (`numguard replay`).
//!
//! Opt-in. A check hands its decision over and never waits: what does not fit the queue is dropped and
//! counted. Must not hold a number's digits: numbers are hashed under a key, or masked.

mod decision;
mod key;
mod line;
mod log;
pub mod metrics;
mod replay;

use std::path::PathBuf;

pub use decision::Decision;
pub use key::Key;
pub use line::{Line, LineError};
pub use log::DecisionLog;
pub use replay::{Example, Flip, Replay};

/// How numbers stand in the log.
#[derive(Debug, Clone)]
pub enum Numbers {
    /// As a BLAKE3 hash under a key: the same number is the same hash, and nobody without the key can
    /// try all numbers.
    Hashed(Key),
    /// As in logs, `+4474******56`.
    Masked,
}

/// Where decisions are kept, and how many.
#[derive(Debug, Clone)]
pub struct DecisionOptions {
    /// Folder of `decisions.jsonl`.
    pub folder: PathBuf,
    /// How numbers stand in it.
    pub numbers: Numbers,
    /// Size from which on a new file begins, in bytes.
    pub rotate_bytes: u64,
    /// Older files that are kept beside it.
    pub keep: usize,
}

/// Why the log cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}: {error}")]
pub struct DecisionError {
    what: &'static str,
    path: String,
    error: std::io::Error,
}
