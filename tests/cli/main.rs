//! The binary as its users meet it: help, verbs against a served instance, bad input, kills.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod backtest;
mod bad_input;
mod feed;
mod feeds_served;
mod help;
mod interface;
mod kill;
mod served;
mod verbs;
