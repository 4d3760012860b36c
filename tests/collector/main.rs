//! Runs of feeds against servers on loopback: what is stored, what is held back, what is undone, who
//! runs when.
//!
//! Clocks are the machine's plus what a test adds to it; no test waits for a time that it can set.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod allocations;
mod attack;
mod cuts;
mod faulty;
mod hazards;
mod never_stored;
mod replicas;
mod review;
mod runs;
#[allow(dead_code)]
#[path = "../collect/site.rs"]
mod site;
mod world;
