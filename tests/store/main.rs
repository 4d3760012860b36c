//! Every store passes the same battery.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod battery;
mod bulk_faults;
mod down;
mod embedded;
mod failover;
mod followed;
mod following;
mod lost;
mod redis;
mod refused;
mod servers;
