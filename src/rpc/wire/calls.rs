//! Counts every gRPC call: method, status code, time.
//!
//! A layer around all services, so that also what is refused before a service sees it counts. One
//! look at the headers per call; bodies of streams are followed to their end, others are not touched.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{Body as HttpBody, Bytes, Service};
use tonic::{Code, Status};
use tower_layer::Layer;

use super::metrics::{IN_FLIGHT, Method};

/// Counts the calls of the service that it is put around.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountCalls;

impl<S> Layer<S> for CountCalls {
    type Service = CountedService<S>;

    fn layer(&self, inner: S) -> CountedService<S> {
        CountedService(inner)
    }
}

/// A service whose calls are counted.
#[derive(Debug, Clone)]
pub struct CountedService<S>(S);

impl<S, B> Service<Request<B>> for CountedService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = CountedCall<Answering<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = Call::begin(&request);
        #[cfg(feature = "otlp")]
        let inner = tracing::Instrument::instrument(self.0.call(request), call.span.clone());
        #[cfg(not(feature = "otlp"))]
        let inner = self.0.call(request);
        CountedCall { inner, call: Some(call) }
    }
}

/// A service's future, inside the call's span if there are spans.
#[cfg(feature = "otlp")]
pub(crate) type Answering<F> = tracing::instrument::Instrumented<F>;
#[cfg(not(feature = "otlp"))]
pub(crate) type Answering<F> = F;

/// A call that is counted once: when its end is known, or when it is dropped before.
struct Call {
    method: &'static Method,
    began: Instant,
    code: Code,
    #[cfg(feature = "otlp")]
    span: tracing::Span,
}

impl Call {
    fn begin<B>(request: &Request<B>) -> Self {
        IN_FLIGHT.inc();
        let method = Method::at(request.uri().path());
        Self {
            method,
            began: Instant::now(),
            // Until it has ended by itself, whoever drops it has given it up.
            code: Code::Cancelled,
            #[cfg(feature = "otlp")]
            span: super::spans::begin(method, request.headers()),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        IN_FLIGHT.dec();
        #[cfg(feature = "otlp")]
        self.span.record("rpc.grpc.status_code", self.code as i64);
        self.method.ended(self.code, self.began.elapsed());
    }
}

/// The code that headers or trailers tell, if they do.
fn told(headers: &HeaderMap) -> Option<Code> {
    Status::from_header_map(headers).map(|status| status.code())
}

pin_project! {
    /// The answer of a call that is counted.
    pub struct CountedCall<F> {
        #[pin]
        inner: F,
        call: Option<Call>,
    }
}

impl<F, E> Future for CountedCall<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let ended = ready!(this.inner.poll(context));
        let Some(mut call) = this.call.take() else { return Poll::Ready(ended) };
        let Ok(response) = ended else {
            call.code = Code::Internal;
            return Poll::Ready(ended);
        };
        // A call that failed has two headers at least; looking one up costs more than counting them.
        if response.headers().len() > 1
            && let Some(code) = told(response.headers())
        {
            call.code = code;
        } else if call.method.streams {
            // Its code comes last.
            return Poll::Ready(Ok(response.map(|body| Body::new(CountedBody { inner: body, call }))));
        } else {
            // A message is the answer of a call that went well.
            call.code = Code::Ok;
        }
        Poll::Ready(Ok(response))
    }
}

pin_project! {
    /// The body of a stream, which tells in its trailers how the call ended.
    struct CountedBody {
        #[pin]
        inner: Body,
        call: Call,
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(code) = frame.trailers_ref().and_then(told)
        {
            this.call.code = code;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}
