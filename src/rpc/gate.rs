//! What every call passes on its way to its service: its deadline.
//!
//! Calls of `CheckService` go to it without a look into the table of routes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::service::Routes;

use super::CheckRpc;
use super::connections::Peer;
use super::pb::check_service_server::{CheckServiceServer, SERVICE_NAME};

/// The services of a listener, behind its gate.
pub(super) struct Services {
    check: CheckServiceServer<CheckRpc>,
    others: Routes,
}

impl Services {
    pub(super) fn new(check: CheckServiceServer<CheckRpc>, others: Routes) -> Self {
        Self { check, others: others.prepare() }
    }
}

/// The gate, as the calls of one connection find it.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) services: Arc<Services>,
    pub(super) _peer: Arc<Peer>,
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Call;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Call {
        let deadline = timeout(request.headers()).map(|after| Box::pin(tokio::time::sleep(after)));
        let answer = if is_check(request.uri().path()) {
            self.services.check.clone().call(request)
        } else {
            let answer = self.services.others.clone().call(request);
            Box::pin(async move { Ok(answer.await.unwrap_or_else(|never| match never {})) })
        };
        Call { answer, deadline }
    }
}

/// One call, to its answer or its deadline.
pub(super) struct Call {
    answer: Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Future for Call {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = self.answer.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        match self.deadline.as_mut().map(|deadline| deadline.as_mut().poll(context)) {
            Some(Poll::Ready(())) => {
                let late = Status::deadline_exceeded("the call took longer than its grpc-timeout");
                Poll::Ready(Ok(late.into_http()))
            }
            _ => Poll::Pending,
        }
    }
}

fn is_check(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(SERVICE_NAME))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// What the client said of how long it waits: up to eight digits and a unit. What does not read is
/// passed over, as gRPC asks.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
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
    use super::*;

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

    #[test]
    fn only_calls_of_checks_take_the_short_way() {
        assert!(is_check("/numguard.v1.CheckService/CheckNumber"));
        for other in ["/numguard.v1.CheckServiceX/CheckNumber", "/numguard.v1.AdminService/GetStats", "/", ""]
        {
            assert!(!is_check(other), "{other}");
        }
    }
}
