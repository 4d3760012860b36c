//! `[bursts]`: whether sign-ups are counted, and over how long.

use serde::{Deserialize, Serialize};

use crate::core::burst::Windows;
use crate::random;

/// Counting of sign-ups, for the burst signals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurstsConfig {
    /// Whether sign-ups are counted.
    pub enabled: bool,
    /// Length of the window.
    pub window_minutes: u32,
}

impl BurstsConfig {
    /// The windows, if sign-ups are counted. Nobody outside knows the seed, so that nobody can aim at
    /// another's places in them.
    pub(super) fn windows(self) -> Option<Windows> {
        self.enabled.then(|| Windows::new(self.window_minutes, random::number()))
    }
}
