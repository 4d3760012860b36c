//! Every store passes the same battery.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod battery;
mod embedded;
mod lost_writes;
mod redis;
mod servers;
