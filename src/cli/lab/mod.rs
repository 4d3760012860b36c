//! Verbs that try a policy on files, without a service.

pub(crate) mod backtest;
pub(crate) mod replay;
