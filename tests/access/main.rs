//! Who may call a served numguard, over what, and what happens to those who may not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod asked;
mod attack;
mod certificates;
mod clock;
mod connections;
mod keys;
mod offline;
mod oversized;
#[path = "../cli/served.rs"]
#[allow(dead_code)]
mod served;
mod stalled;
mod streams;
mod tls;
mod waiting;
