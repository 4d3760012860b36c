//! x
pub mod number;
pub mod listing;
pub mod index;
pub mod signal;
pub mod policy;
pub mod check;
pub mod store;
pub mod sync;
