//! Real Redis, Valkey and their clusters and sentinels for tests of the Redis store.
//!
//! `Server`, `Cluster` and `Sentinels` belong to the test that starts them, which may pause, kill and
//! restart them. `Setup` names the five that are started once and that every case of the battery
//! shares: a case keeps to its own key prefix and leaves the servers alone. All listen on 127.0.0.1
//! only and die with the test process, however it ends.
//!
//! Nothing here knows numguard.

mod cluster;
mod flavor;
mod ports;
mod process;
mod resp;
mod self_tests;
mod sentinels;
mod server;
mod setup;
mod tls;

use std::time::{Duration, Instant};

pub(crate) use cluster::Cluster;
pub(crate) use flavor::Flavor;
pub(crate) use resp::{Connection, Reply};
pub(crate) use sentinels::Sentinels;
pub(crate) use server::{APPEND_ONLY, Options, Server};
pub(crate) use setup::{Place, Setup, on_every_setup, on_setup};
pub(crate) use tls::Tls;

/// Long enough for any machine; what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `done` says so, and panics with `what` and what `tell` says if it never does.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool, tell: impl Fn() -> String) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain: {what}\n{}", tell());
        std::thread::sleep(Duration::from_millis(20));
    }
}
