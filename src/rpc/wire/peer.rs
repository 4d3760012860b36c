//! What a connection and its calls know of each other.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::access::Client;

use super::stream_key::StreamKey;

/// The other side of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Where it comes from.
    pub(crate) address: IpAddr,
    /// Who calls without a key.
    pub(crate) anonymous: Client,
    /// Bytes that were read from it.
    pub(crate) read: AtomicU64,
    /// Answers that wait for it to read on.
    pub(crate) waiting: AtomicU32,
    /// Parts of such answers that it has taken.
    pub(crate) taken: AtomicU64,
    /// The keys of its open streams.
    streams: Mutex<Vec<Weak<StreamKey>>>,
}

impl Peer {
    pub(crate) fn at(address: IpAddr, anonymous: Client) -> Self {
        Self {
            address,
            anonymous,
            read: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            taken: AtomicU64::new(0),
            streams: Mutex::default(),
        }
    }

    /// A stream is open with this key.
    pub(crate) fn opened(&self, key: &Arc<StreamKey>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() == streams.capacity() {
            streams.retain(|key| key.strong_count() > 0);
        }
        streams.push(Arc::downgrade(key));
    }

    /// Whether a stream is open whose key has ended. Such a stream ends by itself, unless the peer takes nothing
    /// of its answer: HTTP/2 does not ask a body for more then.
    pub(crate) fn has_stream_without_key(&self) -> bool {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|key| key.strong_count() > 0);
        streams.iter().filter_map(Weak::upgrade).any(|key| key.has_ended())
    }
}
