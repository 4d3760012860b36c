//! Every store passes the same battery.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[allow(dead_code)]
#[path = "../access/asked.rs"]
mod asked;
mod battery;
mod bulk_faults;
mod bursts;
mod collected;
mod collected_by_many;
mod delisted;
mod down;
mod embedded;
mod failover;
mod followed;
mod following;
mod keyed;
mod leased;
mod lost;
mod lost_writes;
#[allow(dead_code, unused_imports)]
#[path = "../feeds/mirror/mod.rs"]
mod mirror;
mod outcomes;
mod redis;
mod refused;
mod regulators;
#[path = "../cli/served.rs"]
#[allow(dead_code)]
mod served;
mod served_on_redis;
mod servers;
#[path = "../collect/site.rs"]
#[allow(dead_code)]
mod site;
