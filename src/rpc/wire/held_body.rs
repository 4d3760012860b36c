//! The body of an answer that may be large: keeps its permit until the peer has taken it.
//!
//! Handed on in small parts, because what is handed on is in HTTP/2's hands, and no longer counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use crate::access::Permit;

use super::peer::Peer;

/// Bytes handed on at once: as much as a peer takes before it has said anything.
const PART: usize = 64 << 10;

/// A body that has a permit.
pub(crate) struct HeldBody {
    body: Body,
    /// The rest of a frame.
    rest: Bytes,
    peer: Arc<Peer>,
    waits: bool,
    _permit: Permit,
}

impl HeldBody {
    /// `waits`: whether a peer that does not read it is to be cut off; a stream may be quiet.
    pub(crate) fn new(body: Body, permit: Permit, peer: Arc<Peer>, waits: bool) -> Self {
        peer.waiting.fetch_add(u32::from(waits), Ordering::Relaxed);
        Self { body, rest: Bytes::new(), peer, waits, _permit: permit }
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        self.peer.waiting.fetch_sub(u32::from(self.waits), Ordering::Relaxed);
    }
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.peer.taken.fetch_add(1, Ordering::Relaxed);
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let part = self.rest.len().min(PART);
        let part = self.rest.split_to(part);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
