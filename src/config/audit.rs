//! `[audit]`: the record of operators' changes.

use serde::{Deserialize, Serialize};

/// Settings of the audit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// Size of a file of the record, in megabytes, from which on it goes on in a new one.
    pub rotate_megabytes: u32,
}

impl AuditConfig {
    /// The same in bytes; never 0.
    pub fn rotate_bytes(&self) -> u64 {
        u64::from(self.rotate_megabytes.max(1)) << 20
    }
}
