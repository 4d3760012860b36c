//! The body of a request that has to arrive within a time, or its permit would never be free again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Frame;
use tokio::time::Sleep;
use tonic::Status;
use tonic::codegen::Bytes;

/// A body that comes in time, or fails.
pub(crate) struct TimedBody<B> {
    body: B,
    patience: Duration,
    /// Set once there is something to wait for.
    until: Option<Pin<Box<Sleep>>>,
}

impl<B> TimedBody<B> {
    /// `patience`: from the first wait for it to its last byte.
    pub(crate) fn new(body: B, patience: Duration) -> Self {
        Self { body, patience, until: None }
    }
}

impl<B> http_body::Body for TimedBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))));
        }
        let patience = self.patience;
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if until.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let late = format!("the request did not arrive within {} s", patience.as_secs());
        Poll::Ready(Some(Err(Status::deadline_exceeded(late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    /// Says nothing.
    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_come_fails() {
        let mut body = TimedBody::new(Silent, Duration::from_secs(60));
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let status = frame.and_then(Result::err).unwrap_or_else(|| panic!("it came"));
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert!(status.message().contains("did not arrive within 60 s"), "{status}");
    }
}
