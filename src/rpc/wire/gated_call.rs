//! One call behind the gate: to its answer, its deadline, or a refusal.
//!
//! A check takes a permit when it begins, and gives that back as soon as it has to wait: a call whose request
//! has not arrived has no permit of the light limit. Must not know who may call.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Response};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes};

use crate::access::{Caller, Permit, Weight};

use super::held_body::HeldBody;
use super::peer::Peer;
use super::sheds::shed;
use super::stream_key::{KeyedBody, StreamKey};

/// How long a call that is refused waits for the rest of its request, and for how much of it.
const REFUSED_PATIENCE: Duration = Duration::from_secs(1);
const LARGEST_PASSED_OVER: usize = 64 << 10;

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// One call.
pub(crate) struct Call {
    answer: Answer,
    deadline: Option<Pin<Box<Sleep>>>,
    permit: Option<Permit>,
    /// Set if there is no permit to wait with: until when the request may still come.
    refusal: Option<Box<Refusal>>,
    /// Of calls whose answer may be large.
    peer: Option<Arc<Peer>>,
    /// Of streams that end with their key, answers included.
    key: Option<Arc<StreamKey>>,
    weight: Weight,
}

/// A call that is refused unless its request comes soon.
struct Refusal {
    after: Pin<Box<Sleep>>,
    caller: Arc<Caller>,
}

impl Call {
    /// A call that is let in; `peer` if its answer may be large.
    pub(crate) fn new(
        answer: Answer,
        deadline: Option<Duration>,
        permit: Permit,
        peer: Option<Arc<Peer>>,
        weight: Weight,
    ) -> Self {
        let deadline = deadline.map(|after| Box::pin(tokio::time::sleep(after)));
        Self { answer, deadline, permit: Some(permit), refusal: None, peer, key: None, weight }
    }

    /// The same, whose answers end with the key.
    pub(crate) fn keyed(self, key: Option<Arc<StreamKey>>) -> Self {
        Self { key, ..self }
    }

    /// Refused once its request is here, but for streams, whose client may wait for us first, and for calls
    /// that have no permit to wait.
    ///
    /// An answer before that is followed by a reset, and what still comes meets a stream that is gone: h2 may
    /// count it as an error of the connection, and a thousand of those end it for all who share it.
    pub(crate) fn refused<B>(status: Status, weight: Weight, body: B, permit: Option<Permit>) -> Self
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    {
        let waits = weight != Weight::Stream && permit.is_some();
        let answer = Box::pin(async move {
            if waits {
                let _ = tokio::time::timeout(REFUSED_PATIENCE, passed_over(body)).await;
            }
            Ok(status.into_http())
        });
        Self { answer, deadline: None, permit, refusal: None, peer: None, key: None, weight: Weight::Refused }
    }

    /// Gives the permit of a check back while its request is on its way. Returns the refusal of a call that
    /// may not even wait.
    fn await_request(&mut self) -> Option<Box<Status>> {
        let light = self.permit.take()?;
        self.weight = Weight::Arriving;
        self.permit = light.another(Weight::Arriving);
        if self.permit.is_some() {
            return None;
        }
        self.permit = light.another(Weight::Refused);
        if self.permit.is_none() {
            return Some(shed(Weight::Arriving, light.caller()));
        }
        let after = Box::pin(tokio::time::sleep(REFUSED_PATIENCE));
        self.refusal = Some(Box::new(Refusal { after, caller: Arc::clone(light.caller()) }));
        None
    }

    /// Why the call has to end without its answer, if it has to.
    fn ends(&mut self, context: &mut Context<'_>) -> Option<Box<Status>> {
        // Only at the first look: what has come whole is answered by then.
        if self.weight == Weight::Light
            && let Some(refusal) = self.await_request()
        {
            return Some(refusal);
        }
        if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready()) {
            return Some(Box::new(Status::deadline_exceeded("the call took longer than its grpc-timeout")));
        }
        let refusal = self.refusal.as_mut()?;
        refusal.after.as_mut().poll(context).is_ready().then(|| shed(Weight::Arriving, &refusal.caller))
    }
}

impl Future for Call {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(answer) = self.answer.as_mut().poll(context) else {
            return match self.ends(context) {
                Some(status) => Poll::Ready(Ok(status.into_http())),
                None => Poll::Pending,
            };
        };
        let (peer, weight, key) = (self.peer.take(), self.weight, self.key.take());
        let (Some(peer), Some(permit)) = (peer, self.permit.take()) else { return Poll::Ready(answer) };
        let body = |body| {
            let body = match key {
                Some(key) => Body::new(KeyedBody::answer(body, key)),
                None => body,
            };
            Body::new(HeldBody::new(body, permit, peer, weight == Weight::Heavy))
        };
        Poll::Ready(answer.map(|answer| answer.map(body)))
    }
}

/// Reads a request that nobody will look at, to its end or to the size of a usual one.
async fn passed_over(mut body: impl HttpBody<Data = Bytes> + Unpin) {
    let mut left = LARGEST_PASSED_OVER;
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
        if left == 0 {
            return;
        }
    }
}

/// How long the client says that it waits: up to eight digits and a unit. Anything else is ignored, as gRPC
/// asks.
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u32>().ok().filter(|_| plain)?.into();
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;

    use tonic::Code;

    use super::*;
    use crate::access::{ConcurrencyLimit, LimitOptions, Limits, Permits};

    /// A check that waits for its request for `wait`, where so many calls may wait.
    fn waiting(wait: Duration, arriving: usize, refused: usize) -> Call {
        let limit = |weight| ConcurrencyLimit {
            most: match weight {
                Weight::Arriving => arriving,
                Weight::Refused => refused,
                _ => 10,
            },
            share: None,
        };
        let limits = Limits::new(LimitOptions { per_second: None, burst: NonZeroU32::MIN });
        let client = limits.anonymous(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let permit = Arc::new(Permits::new(limit)).take(Weight::Light, client.caller());
        let answer: Answer = Box::pin(async move {
            tokio::time::sleep(wait).await;
            Ok(Status::not_found("the answer").into_http())
        });
        Call::new(answer, None, permit.unwrap_or_else(|| panic!("no permit")), None, Weight::Light)
    }

    async fn code(call: Call) -> Option<Code> {
        let response = call.await.unwrap_or_else(|never| match never {});
        Status::from_header_map(response.headers()).map(|status| status.code())
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_waits_for_its_request_with_another_permit_or_a_moment_or_not_at_all() {
        let long = Duration::from_secs(20);
        for (wait, arriving, refused, expected, took) in [
            (long, 10, 10, Code::NotFound, long),
            (long, 0, 10, Code::ResourceExhausted, REFUSED_PATIENCE),
            (REFUSED_PATIENCE / 2, 0, 10, Code::NotFound, REFUSED_PATIENCE / 2),
            (long, 0, 0, Code::ResourceExhausted, Duration::ZERO),
        ] {
            let began = tokio::time::Instant::now();
            assert_eq!(code(waiting(wait, arriving, refused)).await, Some(expected), "{arriving} {refused}");
            // Of the clock that the test sets, which is exact to a millisecond.
            assert!(began.elapsed().abs_diff(took) <= Duration::from_millis(1), "{:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn a_waiting_check_gives_back_the_permit_of_those_that_are_here() {
        let mut call = waiting(Duration::from_secs(20), 10, 10);
        poll_fn(|context| {
            assert!(Pin::new(&mut call).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        let permit = call.permit.as_ref().unwrap_or_else(|| panic!("no permit"));
        let light: Vec<_> = std::iter::from_fn(|| permit.another(Weight::Light)).collect();
        let arriving: Vec<_> = std::iter::from_fn(|| permit.another(Weight::Arriving)).collect();
        assert_eq!((light.len(), arriving.len()), (5, 4), "half of ten, one of which is taken");
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        for (text, expected) in [
            ("20m", Some(Duration::from_millis(20))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3_600))),
            ("1u", Some(Duration::from_micros(1))),
            ("123456789S", None),
            ("+5S", None),
            ("S", None),
            ("", None),
            ("5", None),
            ("5é", None),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = text.try_into() {
                headers.insert("grpc-timeout", value);
            }
            assert_eq!(timeout(&headers), expected, "{text:?}");
        }
    }
}
