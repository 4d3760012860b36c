//! The lab: what a policy would have decided. `backtest` replays history; `verdict_log` keeps verdicts and judges them
//! by another policy. Must not change a listing or a verdict in force.

pub mod backtest;
pub mod verdict_log;
