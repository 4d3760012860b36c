//! The wall clock: the only file that reads it. Only rooms whose line in `ROOMS` of `tests/architecture.rs` lists
//! `clock` may call it (`operate`, `rpc`, `config`, `app`, `cli`); all others get the time as an argument.

use std::time::SystemTime;

use crate::core::listing::UnixTime;

/// The time by the clock of this machine, in whole seconds.
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime(u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
}
