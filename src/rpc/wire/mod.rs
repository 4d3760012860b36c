//! HTTP/2 connections and what every call passes on its way to a service: TLS, caps, the gate, limits, deadlines.
//! Must not know what a service does.

pub(crate) mod caller;
pub(crate) mod calls;
pub(crate) mod codec;
pub(crate) mod connections;
pub(crate) mod gate;
pub(crate) mod gated_call;
pub(crate) mod held_body;
pub(crate) mod methods;
pub mod metrics;
pub(crate) mod peer;
pub(crate) mod sheds;
pub(crate) mod small_messages;
#[cfg(feature = "otlp")]
pub(crate) mod spans;
pub(crate) mod stream_key;
pub(crate) mod timed_body;

pub use calls::CountCalls;
pub use connections::ConnectionOptions;
pub use gate::Guard;
