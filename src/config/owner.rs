//! `[owner]`: whether owners of numbers are told that they are listed.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// Settings of `OwnerService`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerConfig {
    /// Whether it answers.
    pub enabled: bool,
    /// Calls per minute that are answered, over all callers.
    pub calls_per_minute: NonZeroU32,
}
