//! Verbs about one service as a whole: run it, watch it, diagnose it.

pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod top;
