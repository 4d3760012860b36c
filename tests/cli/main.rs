//! The binary as its users meet it: help, verbs against a served instance, bad input, kills.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod allocation;
mod asked_twice;
mod audit;
mod backtest;
mod bad_input;
mod bursts;
mod changes;
mod contract;
mod decisions;
mod feed;
mod feeds_served;
mod global_flags;
mod help;
mod interface;
mod kill;
mod memory;
#[allow(dead_code, unused_imports)]
#[path = "../feeds/mirror/mod.rs"]
mod mirror;
mod mirrored;
mod never_stored;
mod outcomes;
mod poison;
mod policy;
mod readme;
mod served;
mod settings;
mod verbs;
