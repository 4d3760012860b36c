//! What a key is good for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing that a key may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask for verdicts.
    Check,
    /// Report outcomes.
    Report,
    /// See listings, feeds and figures.
    Read,
    /// Change anything; includes the others.
    Admin,
}

impl Scope {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Check, Self::Report, Self::Read, Self::Admin];

    /// The name in keys, settings and errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Report => "report",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected check, report, read or admin")]
pub struct NoScope;

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(NoScope)
    }
}

/// Whether some scopes cover one.
pub(super) fn cover(scopes: &[Scope], wanted: Scope) -> bool {
    scopes.iter().any(|scope| *scope == wanted || *scope == Scope::Admin)
}

/// `check, report`.
pub(super) fn told(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}
