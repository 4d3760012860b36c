//! What a connection and its calls know of each other.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::access::Client;

/// The other side of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// Who calls without a key.
    pub(super) anonymous: Client,
    /// Bytes that were read from it.
    pub(super) read: AtomicU64,
    /// Answers that wait for it to read on.
    pub(super) waiting: AtomicU32,
    /// Parts of such answers that it has taken.
    pub(super) taken: AtomicU64,
}

impl Peer {
    pub(super) fn at(address: IpAddr, anonymous: Client) -> Self {
        Self {
            address,
            anonymous,
            read: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            taken: AtomicU64::new(0),
        }
    }
}
