//! The gate that every call passes: who calls, what the key is good for, what is left of the limit,
//! whether there is a permit, and the deadline.
//!
//! What is not configured costs nothing: without keys and limits a call is counted, and no more. Must
//! not wait, and must not ask the store.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::service::Routes;

use crate::access::{Caller, Client, ConcurrencyLimit, Directory, Limits, Permit, Permits, Weight};

use super::super::status::{of_denied, of_limit};
use super::gated_call::{Answer, Call, timeout};
use super::methods::{self, Method};
use super::metrics;
use super::peer::Peer;
use super::sheds::shed;
use super::small_messages::SmallMessages;
use super::stream_key::{KeyedBody, StreamKey};
use super::timed_body::TimedBody;

/// Calls with large answers at a time, from all clients: ten thousand numbers each are some 2 MB.
const MOST_HEAVY: usize = 64;

/// Streams at a time, from all clients.
const MOST_STREAMS: usize = 1_000;

/// Questions about health at a time, those that watch it included: from all, and on one connection. Who asks
/// has no key, so its connection is all that can be held against it.
const MOST_PROBES: usize = 1_000;
const PROBES_OF_ONE: usize = 10;

/// Calls at a time that are refused and wait for the rest of their request; others are answered at once.
const MOST_REFUSED: usize = 1_024;

/// How long a request of one number, or a question about health, may take to arrive.
const LIGHT_PATIENCE: Duration = Duration::from_secs(2);

/// How long a large request may take to arrive.
const HEAVY_PATIENCE: Duration = Duration::from_secs(60);

/// Who may call, and how much.
pub struct Guard {
    /// The keys; nothing: anybody may call.
    pub directory: Option<Arc<Directory>>,
    /// What each may use.
    pub limits: Arc<Limits>,
    /// Checks of one number at a time, from all clients, and as many whose requests have not arrived; more are
    /// refused before they queue.
    pub most_calls: usize,
}

/// A service whose calls skip the table of routes, which pays for what every call passes.
pub(crate) struct Direct {
    /// Its full name, as paths have it.
    pub(crate) name: &'static str,
    /// Answers a call.
    pub(crate) call: Box<dyn Fn(Request<Body>) -> Answer + Send + Sync>,
}

/// The services of a listener, behind their gate.
pub(crate) struct Services {
    direct: Direct,
    others: Routes,
    guard: Guard,
    /// Whether a caller has to be known.
    asks: bool,
    permits: Arc<Permits>,
}

impl Services {
    pub(crate) fn new(direct: Direct, others: Routes, guard: Guard) -> Self {
        let asks = guard.directory.is_some() || guard.limits.are_set();
        let most_calls = guard.most_calls;
        let permits = Arc::new(Permits::new(|weight| limit(weight, most_calls)));
        Self { direct, others: others.prepare(), guard, asks, permits }
    }

    /// Who calls from an address without a key.
    pub(crate) fn anonymous(&self, address: std::net::IpAddr) -> Client {
        self.guard.limits.anonymous(address)
    }
}

/// How many calls of a weight may be open.
fn limit(weight: Weight, most_calls: usize) -> ConcurrencyLimit {
    let (most, share) = match weight {
        Weight::Light | Weight::Arriving => (most_calls, None),
        Weight::Heavy => (MOST_HEAVY, None),
        Weight::Stream => (MOST_STREAMS, None),
        Weight::Probe => (MOST_PROBES, Some(PROBES_OF_ONE)),
        Weight::Refused => (MOST_REFUSED, None),
    };
    ConcurrencyLimit { most, share }
}

/// The gate, as the calls of one connection find it.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) services: Arc<Services>,
    pub(crate) peer: Arc<Peer>,
}

/// Why a call is not let in, and whose it is.
struct Refusal {
    status: Box<Status>,
    caller: Arc<Caller>,
}

impl Gate {
    /// Who calls, if the method needs that, as its key says.
    fn client(&self, method: Method, request: &Request<Incoming>) -> Result<Option<Client>, Box<Status>> {
        let Some(needs) = method.needs.filter(|_| self.services.asks) else { return Ok(None) };
        let Some(directory) = &self.services.guard.directory else {
            return Ok(Some(self.peer.anonymous.clone()));
        };
        let shown = request.headers().get(http::header::AUTHORIZATION);
        let found = directory.client(shown.map(HeaderValue::as_bytes), needs);
        found.map(Some).map_err(|denied| {
            // What was asked for may be anything, a number too.
            let asked = metrics::Method::at(request.uri().path());
            directory.tell(&denied, self.peer.address, asked.path());
            of_denied(&denied)
        })
    }

    /// Finds a permit for the call, and puts who calls into it. Returns the key too, if the call may go on for
    /// longer than its key.
    fn admit(
        &self,
        method: Method,
        request: &mut Request<Incoming>,
    ) -> Result<(Permit, Option<Arc<StreamKey>>), Refusal> {
        let client = self.client(method, request).map_err(|status| {
            let caller = Arc::clone(self.peer.anonymous.caller());
            Refusal { status, caller }
        })?;
        let caller = client.as_ref().unwrap_or(&self.peer.anonymous).caller();
        let refusal = |status| Refusal { status, caller: Arc::clone(caller) };
        if let Some(client) = client.as_ref().filter(|_| !method.charges) {
            client.charge(1).map_err(|exceeded| refusal(of_limit(&exceeded, 1)))?;
        }
        let permit = self.services.permits.take(method.weight, caller);
        let permit = permit.ok_or_else(|| refusal(shed(method.weight, caller)))?;
        let Some(client) = client else { return Ok((permit, None)) };
        let shown = request.headers_mut().remove(http::header::AUTHORIZATION);
        request.extensions_mut().insert(client);
        let shown = shown.filter(|_| matches!(method.weight, Weight::Stream | Weight::Heavy));
        Ok((permit, shown.and_then(|shown| self.stream_key(method, shown, request.uri().path()))))
    }

    /// The key of a call, if there are keys.
    fn stream_key(&self, method: Method, shown: HeaderValue, path: &str) -> Option<Arc<StreamKey>> {
        let directory = Arc::clone(self.services.guard.directory.as_ref()?);
        let name = metrics::Method::at(path).path();
        let key = Arc::new(StreamKey::new(directory, shown, method.needs?, self.peer.address, name));
        if method.weight == Weight::Stream {
            self.peer.opened(&key);
        }
        Some(key)
    }

    /// What a refused call is answered, for which it waits if it may.
    fn refuse(&self, refusal: Refusal, weight: Weight, body: Incoming) -> Call {
        let permit = self.services.permits.take(Weight::Refused, &refusal.caller);
        Call::refused(*refusal.status, weight, body, permit)
    }
}

/// The request as services read it: with an end to the wait for it, one that comes with the key, and no large
/// message where none is needed.
fn bounded(request: Request<Incoming>, method: Method, key: Option<&Arc<StreamKey>>) -> Request<Body> {
    request.map(|body| match (method.weight, key.map(Arc::clone)) {
        (Weight::Stream, Some(key)) if method.small => {
            Body::new(SmallMessages::new(KeyedBody::request(body, key)))
        }
        (Weight::Stream, Some(key)) => Body::new(KeyedBody::request(body, key)),
        (Weight::Stream, None) if method.small => Body::new(SmallMessages::new(body)),
        (Weight::Stream, None) => Body::new(body),
        // A change that arrives after its key has ended is not made.
        (Weight::Heavy, Some(key)) => {
            Body::new(KeyedBody::request(TimedBody::new(body, HEAVY_PATIENCE), key))
        }
        (Weight::Heavy, None) => Body::new(TimedBody::new(body, HEAVY_PATIENCE)),
        _ => Body::new(SmallMessages::new(TimedBody::new(body, LIGHT_PATIENCE))),
    })
}

impl Service<Request<Incoming>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Call;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Call {
        let path = request.uri().path();
        let (method, direct) = (methods::at(path), self.services.direct.has(path));
        let (permit, key) = match self.admit(method, &mut request) {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(refusal, method.weight, request.into_body()),
        };
        let deadline = timeout(request.headers());
        let request = bounded(request, method, key.as_ref());
        let answer: Answer = if direct {
            (self.services.direct.call)(request)
        } else {
            let answer = self.services.others.clone().call(request);
            Box::pin(async move { Ok(answer.await.unwrap_or_else(|never| match never {})) })
        };
        let peer = (method.weight != Weight::Light).then(|| Arc::clone(&self.peer));
        let answers = method.weight == Weight::Stream && !method.imports;
        Call::new(answer, deadline, permit, peer, method.weight).keyed(key.filter(|_| answers))
    }
}

impl Direct {
    fn has(&self, path: &str) -> bool {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(self.name))
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_the_direct_service_skip_the_table_of_routes() {
        let call = |_| -> Answer { Box::pin(std::future::ready(Ok(Response::default()))) };
        let direct = Direct { name: "numguard.v1.CheckService", call: Box::new(call) };
        assert!(direct.has("/numguard.v1.CheckService/CheckNumber"));
        for other in ["/numguard.v1.CheckServiceX/CheckNumber", "/numguard.v1.AdminService/GetStats", "/", ""]
        {
            assert!(!direct.has(other), "{other}");
        }
    }
}
