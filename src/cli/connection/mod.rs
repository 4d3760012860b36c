//! How the verbs reach a service: its address, TLS, API key, and the gRPC client; and who makes a change, by which
//! request (`asked`).

pub(crate) mod asked;
pub(crate) mod channel;
pub(crate) mod client;

pub(crate) use channel::{Connection, ServerArg};
pub(crate) use client::Client;
