//! The gRPC face: services, conversions, statuses, connection handling.
//!
//! The generated types stop here. Must not hold rules: a service converts, calls the room that
//! knows, and converts back.

mod admin_service;
mod check_service;
mod feed_service;
mod health;
mod key_service;
pub mod messages;
mod numbers;
mod outcome_service;
mod owner_service;
mod server;
mod stats;
pub(crate) mod status;
pub mod wire;
mod written;

/// The generated messages, clients and servers of `proto/numguard/v1`.
#[allow(missing_docs, clippy::all, clippy::unwrap_used)]
pub mod pb {
    tonic::include_proto!("numguard.v1");

    /// The compiled protos, for reflection and for tests.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

pub use crate::operate::Turns;
pub use admin_service::AdminRpc;
pub use check_service::CheckRpc;
pub use feed_service::FeedRpc;
pub use key_service::KeyRpc;
pub use outcome_service::OutcomeRpc;
pub use owner_service::OwnerRpc;
pub use server::{Rpcs, Server, ServerOptions};

use std::time::SystemTime;

use crate::core::listing::UnixTime;

/// The wall clock; rooms below get the time as an argument.
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime(u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
}
