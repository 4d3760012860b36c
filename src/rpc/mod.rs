//! The gRPC face: services, conversions, statuses, connection handling.
//!
//! Only `cli` uses the generated types (`pb`) too. Must not hold rules: a service converts, calls the room that
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
pub mod pb;
mod server;
mod stats;
pub(crate) mod status;
pub mod wire;
mod written;

pub use crate::operate::Turns;
pub use admin_service::AdminRpc;
pub use check_service::{CheckParts, CheckRpc};
pub use feed_service::FeedRpc;
pub use key_service::KeyRpc;
pub use outcome_service::OutcomeRpc;
pub use owner_service::OwnerRpc;
pub use server::{Rpcs, Server, ServerOptions};
