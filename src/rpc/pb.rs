//! The generated messages, clients and servers of `proto/numguard/v1`. Must not have code of ours.
#![allow(missing_docs, clippy::all, clippy::unwrap_used)]

tonic::include_proto!("numguard.v1");

/// The compiled protos, for reflection and for tests.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
