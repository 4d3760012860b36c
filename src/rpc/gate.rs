//! The gate that every call passes: who calls, what the key is good for, what is left of the limit,
//! whether there is room, and the deadline.
//!
//! What is not configured costs nothing: without keys and limits a call is counted, and no more. Must
//! not wait, and must not ask the store.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as _, Service};
use tonic::service::Routes;

use crate::access::{Client, Directory, Limits};

use super::CheckRpc;
use super::connections::Peer;
use super::held_body::HeldBody;
use super::methods::{self, Method, Weight};
use super::metrics;
use super::pb::check_service_server::{CheckServiceServer, SERVICE_NAME};
use super::status::{of_denied, of_limit, too_busy};
use super::timed_body::TimedBody;

/// Calls with large answers at a time, from all clients: ten thousand numbers each are some 2 MB.
const MOST_HEAVY: usize = 64;

/// Streams at a time, from all clients.
const MOST_STREAMS: usize = 1_000;

/// Questions about health at a time, those that watch it included: from all, and on one connection. Who asks
/// has no key, so its connection is all that can be held against it.
const MOST_PROBES: usize = 1_000;
const PROBES_OF_ONE: usize = 10;

/// How long one number may take to arrive and be judged; else who sends headers alone keeps a place.
const LIGHT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a large request may take to arrive.
const HEAVY_PATIENCE: Duration = Duration::from_secs(60);

/// How long a request that is refused may take to arrive, and how much of it is waited for.
const REFUSED_PATIENCE: Duration = Duration::from_secs(1);
const LARGEST_PASSED_OVER: usize = 64 << 10;

/// Who may call, and how much.
pub struct Guard {
    /// The keys; nothing: anybody may call.
    pub directory: Option<Arc<Directory>>,
    /// What each may use.
    pub limits: Arc<Limits>,
    /// Checks of one number at a time, from all clients; more are refused before they queue.
    pub most_calls: usize,
}

/// The services of a listener, behind their gate.
pub(super) struct Services {
    check: CheckServiceServer<CheckRpc>,
    others: Routes,
    guard: Guard,
    /// Whether a caller has to be known.
    asks: bool,
    rooms: [Room; 4],
}

/// Calls of one weight at a time.
struct Room {
    taken: Arc<AtomicUsize>,
    most: usize,
    /// How many of them one caller gets, if its own are counted.
    share: usize,
}

/// A place in a room, given back when dropped.
pub(super) struct Place {
    taken: Arc<AtomicUsize>,
    /// Of places that one caller may not have all of.
    own: Option<Arc<AtomicUsize>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some(own) = &self.own {
            own.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Room {
    fn new(most: usize, share: usize) -> Self {
        Self { taken: Arc::default(), most, share }
    }

    /// A place, if there is one; with a count of its own, a caller gets its share of them.
    fn enter(&self, own: Option<&Arc<AtomicUsize>>) -> Option<Place> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let had = own.map_or(0, |own| own.fetch_add(1, Ordering::Relaxed));
        let place = Place { taken: Arc::clone(&self.taken), own: own.cloned() };
        (before < self.most && had < self.share).then_some(place)
    }
}

impl Services {
    pub(super) fn new(check: CheckServiceServer<CheckRpc>, others: Routes, guard: Guard) -> Self {
        let asks = guard.directory.is_some() || guard.limits.are_set();
        let rooms = Weight::ALL.map(|weight| match weight {
            Weight::Light => Room::new(guard.most_calls, guard.most_calls),
            Weight::Heavy => Room::new(MOST_HEAVY, MOST_HEAVY / 2),
            Weight::Stream => Room::new(MOST_STREAMS, MOST_STREAMS / 2),
            Weight::Probe => Room::new(MOST_PROBES, PROBES_OF_ONE),
        });
        Self { check, others: others.prepare(), guard, asks, rooms }
    }

    /// Who calls from an address without a key.
    pub(super) fn anonymous(&self, address: std::net::IpAddr) -> Client {
        self.guard.limits.anonymous(address)
    }
}

/// The gate, as the calls of one connection find it.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) services: Arc<Services>,
    pub(super) peer: Arc<Peer>,
}

impl Gate {
    /// Finds a place for the call, and puts who calls into it.
    fn admit(&self, method: Method, request: &mut Request<Body>) -> Result<Place, Box<Status>> {
        let services = &*self.services;
        let room = &services.rooms[method.weight as usize];
        if let Some(needs) = method.needs.filter(|_| services.asks) {
            let client = match &services.guard.directory {
                None => self.peer.anonymous.clone(),
                Some(directory) => {
                    let shown = request.headers().get(http::header::AUTHORIZATION);
                    let found = directory.client(shown.map(http::HeaderValue::as_bytes), needs);
                    found.map_err(|denied| {
                        // What was asked for may be anything, a number too.
                        let asked = metrics::Method::at(request.uri().path());
                        directory.tell(&denied, self.peer.address, asked.path());
                        of_denied(&denied)
                    })?
                }
            };
            if !method.charges {
                client.charge(1).map_err(|exceeded| of_limit(&exceeded, 1))?;
            }
            let own = match method.weight {
                Weight::Heavy => client.calls(),
                Weight::Stream => client.streams(),
                Weight::Light | Weight::Probe => None,
            };
            let place = room.enter(own).ok_or_else(|| busy(method.weight))?;
            request.headers_mut().remove(http::header::AUTHORIZATION);
            request.extensions_mut().insert(client);
            return Ok(place);
        }
        let own = (method.weight == Weight::Probe).then_some(&self.peer.probes);
        room.enter(own).ok_or_else(|| busy(method.weight))
    }
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Call;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Call {
        let path = request.uri().path();
        let (method, check) = (methods::at(path), is_check(path));
        let place = match self.admit(method, &mut request) {
            Ok(place) => place,
            Err(status) => return Call::refused(*status, method.weight, request.into_body()),
        };
        let deadline = timeout(request.headers()).map(|after| Box::pin(tokio::time::sleep(after)));
        if method.weight == Weight::Heavy {
            request = request.map(|body| Body::new(TimedBody::new(body, HEAVY_PATIENCE)));
        }
        let answer = if check {
            self.services.check.clone().call(request)
        } else {
            let answer = self.services.others.clone().call(request);
            Box::pin(async move { Ok(answer.await.unwrap_or_else(|never| match never {})) })
        };
        let peer = (method.weight != Weight::Light).then(|| Arc::clone(&self.peer));
        Call { answer, deadline, patience: None, place: Some(place), peer, weight: method.weight }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// One call, to its answer or its deadline.
pub(super) struct Call {
    answer: Answer,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Ours, set if the call has to wait.
    patience: Option<Pin<Box<Sleep>>>,
    place: Option<Place>,
    /// Of calls whose answer may be large.
    peer: Option<Arc<Peer>>,
    weight: Weight,
}

impl Call {
    /// Refused once its request is here, but for streams, whose client may wait for us first.
    ///
    /// An answer before that is followed by a reset, and what still comes meets a stream that is gone: h2 may
    /// count it as an error of the connection, and a thousand of those end it for all who share it.
    fn refused(status: Status, weight: Weight, body: Body) -> Self {
        let answer = Box::pin(async move {
            if weight != Weight::Stream {
                let _ = tokio::time::timeout(REFUSED_PATIENCE, passed_over(body)).await;
            }
            Ok(status.into_http())
        });
        Self { answer, deadline: None, patience: None, place: None, peer: None, weight }
    }
}

impl Future for Call {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = self.answer.as_mut().poll(context) {
            let (peer, weight) = (self.peer.take(), self.weight);
            return Poll::Ready(match (peer, self.place.take()) {
                (Some(peer), Some(place)) => answer.map(|answer| {
                    answer.map(|body| Body::new(HeldBody::new(body, place, peer, weight == Weight::Heavy)))
                }),
                _ => answer,
            });
        }
        if self.patience.is_none() && matches!(self.weight, Weight::Light | Weight::Probe) {
            // Seldom: what has come whole is answered at the first look.
            self.patience = Some(Box::pin(tokio::time::sleep(LIGHT_PATIENCE)));
        }
        let passed = |timer: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>| {
            timer.as_mut().is_some_and(|timer| timer.as_mut().poll(context).is_ready())
        };
        let late = if passed(&mut self.deadline, context) {
            Status::deadline_exceeded("the call took longer than its grpc-timeout")
        } else if passed(&mut self.patience, context) {
            Status::deadline_exceeded("the request did not arrive within 10 s")
        } else {
            return Poll::Pending;
        };
        Poll::Ready(Ok(late.into_http()))
    }
}

/// Reads a request that nobody will look at, to its end or to the size of a usual one.
async fn passed_over(mut body: Body) {
    let mut left = LARGEST_PASSED_OVER;
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
        if left == 0 {
            return;
        }
    }
}

/// There is no place.
fn busy(weight: Weight) -> Box<Status> {
    metrics::shed(weight);
    Box::new(too_busy(weight))
}

/// Whose API key a call showed; empty if keys are off.
pub(super) fn client_name<T>(request: &tonic::Request<T>) -> String {
    let client = request.extensions().get::<Client>();
    client.map(Client::name).filter(|name| *name != crate::access::ANONYMOUS).unwrap_or_default().to_owned()
}

/// Takes `numbers` from the limit of whoever calls; a call without any costs as much as one.
pub(super) fn charge(client: Option<&Client>, numbers: usize) -> Result<(), Status> {
    let Some(client) = client else { return Ok(()) };
    let numbers = numbers.max(1);
    client.charge(numbers).map_err(|exceeded| *of_limit(&exceeded, numbers))
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
    fn one_caller_has_its_share_of_a_room_and_gives_it_back() {
        let (room, own) = (Room::new(5, 3), Arc::default());
        let mut places: Vec<_> = (0..9).filter_map(|_| room.enter(Some(&own))).collect();
        assert_eq!(places.len(), 3);
        let others: Vec<_> = (0..9).filter_map(|_| room.enter(None)).collect();
        assert_eq!(others.len(), 2);
        places.pop();
        assert!(room.enter(Some(&own)).is_some() && room.enter(None).is_some());
        drop((places, others));
        assert_eq!((room.taken.load(Ordering::Relaxed), own.load(Ordering::Relaxed)), (0, 0));
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
