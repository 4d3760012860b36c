//! numguard: is this phone number a real subscriber's, or one that anybody can rent or read on a
//! public web page?
//!
//! The rooms, each importing only rooms above it (`tests/architecture.rs` holds this):
//! `metric`, `number`, `listing`, `allocation`, `index`, `signal`, `policy`, `burst`, `check`, `backtest`,
//! `decisions`, `feed`, `store`, `collect`, `sync`, `outcome`, `audit`, `access`, `rpc`, `telemetry`, `config`, `app`, `cli`.
//! ARCHITECTURE.md is the map.

pub mod access;
pub mod app;
pub mod cli;
pub mod collect;
pub mod config;
pub mod core;
pub mod feed;
pub mod lab;
pub mod metric;
pub mod operate;
mod random;
pub mod rpc;
pub mod store;
pub mod sync;
pub mod telemetry;
