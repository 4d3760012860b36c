//! Who may call, over what, and how much: certificates, API keys with scopes, limits, permits.
//!
//! Must not know gRPC: what is refused becomes a status in `rpc`. A call on its way to a service is
//! judged from memory; only `keys` asks the store.

mod client;
mod denied;
mod directory;
mod key;
mod keys;
pub mod metrics;
mod permits;
mod record;
mod refusals;
mod scope;
mod tls;

pub use client::{Client, Exceeded, LimitOptions, Limits};
pub use denied::Denied;
pub use directory::Directory;
pub use key::{ApiKey, KeptKey, KeyId, NoKey};
pub use keys::{KeyError, Keys, Made, Wanted};
pub use permits::{Caller, ConcurrencyLimit, Permit, Permits, Weight};
pub use record::{ANONYMOUS, ClientRecord, KeyRecord};
pub use scope::{NoScope, Scope};
pub use tls::{Tls, TlsError, TlsOptions, install_tls_provider};
