//! Who may call, and over what: TLS.
//!
//! Must not know gRPC: what is refused becomes a status in `rpc`.

pub mod metrics;
mod tls;

pub use tls::{Tls, TlsError, TlsOptions, install_tls_provider};
