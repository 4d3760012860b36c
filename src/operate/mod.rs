//! What people and clients change, and the record of it.

pub mod audit;
pub mod outcomes;
