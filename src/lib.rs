//! x
pub mod number;
pub mod listing;
pub mod index;
pub mod signal;
pub mod policy;
pub mod check;
pub mod feed;
pub mod store;
pub mod sync;
pub mod rpc;
pub mod telemetry;
pub mod config;
pub mod app;
pub mod cli;
