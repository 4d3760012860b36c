//! The API key of a stream: looked up again while the stream is open, so that the stream ends with its key.
//!
//! What a request has brought by then is not stored; what a service is already storing goes on to its end. The
//! same of large calls, whose requests may arrive after the end of their key.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::Status;
use tonic::codegen::Bytes;

use crate::access::{Directory, Scope};

use super::super::status::of_denied;

/// How often a key is looked up although no key was changed: it may expire, and a stream may be quiet.
const EVERY: Duration = Duration::from_millis(500);

/// The key that a stream was opened with, or a large call that may take long to arrive.
pub(crate) struct StreamKey {
    directory: Arc<Directory>,
    shown: HeaderValue,
    needs: Scope,
    peer: IpAddr,
    method: &'static str,
    /// The changes of keys up to which it is known to be good.
    seen: AtomicU64,
    ended: OnceLock<Status>,
}

impl StreamKey {
    /// The key `shown` by a call of `method`, which needs a scope.
    pub(crate) fn new(
        directory: Arc<Directory>,
        shown: HeaderValue,
        needs: Scope,
        peer: IpAddr,
        method: &'static str,
    ) -> Self {
        // The first frame looks it up again: it may have ended since the call was let in.
        let seen = AtomicU64::new(u64::MAX);
        Self { directory, shown, needs, peer, method, seen, ended: OnceLock::new() }
    }

    /// Whether the key has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended(true).is_some()
    }

    /// Why the stream has to end, if it has to. Compares two numbers, unless keys have changed or a look is due.
    fn ended(&self, due: bool) -> Option<Status> {
        if let Some(status) = self.ended.get() {
            return Some(status.clone());
        }
        let changes = self.directory.changes();
        if !due && changes == self.seen.load(Ordering::Relaxed) {
            return None;
        }
        let Err(denied) = self.directory.client(Some(self.shown.as_bytes()), self.needs) else {
            self.seen.store(changes, Ordering::Relaxed);
            return None;
        };
        let status = self.ended.get_or_init(|| {
            self.directory.tell(&denied, self.peer, self.method);
            *of_denied(&denied)
        });
        Some(status.clone())
    }
}

/// Whose frames a body has.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Request,
    Answer,
}

/// A body that ends when the key of its stream does.
pub(crate) struct KeyedBody<B> {
    /// Nothing once it has ended.
    body: Option<B>,
    key: Arc<StreamKey>,
    looks: Interval,
    side: Side,
}

impl<B> KeyedBody<B> {
    /// What a client sends; it fails with the refusal.
    pub(crate) fn request(body: B, key: Arc<StreamKey>) -> Self {
        Self::new(body, key, Side::Request)
    }

    /// What it is answered; the refusal is its status.
    pub(crate) fn answer(body: B, key: Arc<StreamKey>) -> Self {
        Self::new(body, key, Side::Answer)
    }

    fn new(body: B, key: Arc<StreamKey>, side: Side) -> Self {
        let mut looks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { body: Some(body), key, looks, side }
    }
}

impl<B> Body for KeyedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let mut due = false;
        // Until it is pending, so that it wakes us.
        while this.looks.poll_tick(context).is_ready() {
            due = true;
        }
        if let Some(status) = this.key.ended(due) {
            this.body = None;
            return Poll::Ready(Some(match this.side {
                Side::Request => Err(status),
                Side::Answer => trailers(&status).map(Frame::trailers),
            }));
        }
        let frame = Pin::new(body).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

fn trailers(status: &Status) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(trailers)
}
