//! The core: judges a number by what is listed, the numbering plan, recent sign-ups and a policy.
//!
//! Pure: it does no I/O, reads no clock and starts no thread. Time and bytes are arguments. The rooms below import only
//! each other, so the core builds without the server (`--no-default-features`) and can be embedded.

pub mod allocation;
pub mod burst;
pub mod check;
pub mod checker;
pub mod index;
pub mod listing;
pub mod number;
pub mod policy;
pub mod signal;
pub mod starter;
