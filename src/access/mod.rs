//! Who may call, and over what: TLS.
//!
//! Must not know gRPC: what is refused becomes a status in `rpc`.

mod tls;

pub use tls::{Tls, TlsError, TlsOptions, install_tls_provider};
