//! Connections: accepted up to a cap, greeted within a time, kept alive, aged, and drained with an end.
//!
//! Every wait on a peer has an end here: a silent peer, a slow reader and one that never goes away
//! cost a place for a while, and nothing else. Must not look into calls.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::codegen::Service;
use tower_layer::Layer;

use crate::access::Tls;
use crate::random;

use super::calls::{Answering, CountCalls, CountedCall, CountedService};
use super::gate::{Gate, Services};
use super::gated_call::Call;
use super::metrics::{Connected, REFUSED};
use super::peer::Peer;
use crate::log_limiter::LogLimiter;

/// How connections are kept and ended.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionOptions {
    /// Most connections at a time; those beyond are closed at once, so that a client asks elsewhere.
    pub most: usize,
    /// How long a peer may take from connecting to its first bytes of HTTP/2, TLS included.
    pub greeting: Duration,
    /// After about this long a connection is asked to end, so that clients spread over replicas.
    pub age: Duration,
    /// How long an answer may wait for a peer that does not read.
    pub stall: Duration,
    /// How long calls in flight may take after shutdown was asked for.
    pub drain: Duration,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            most: 10_000,
            greeting: Duration::from_secs(10),
            age: Duration::from_secs(1_800),
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Ping after this long without traffic, and close after this long without an answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// Calls at a time on one connection.
const STREAMS: u32 = 200;

/// Bytes of all headers of a call; h2 bounds CONTINUATION frames by it.
///
/// A client is told this limit in our SETTINGS; few keep to it by themselves. What comes all the same
/// never reaches a service, so there is no gRPC status in our words: up to some four times as much h2
/// answers with HTTP status 431 (Request Header Fields Too Large), which clients show as UNKNOWN with
/// that number. At more it ends the connection (GOAWAY with ENHANCE_YOUR_CALM and
/// `header_list_way_too_large` or `too_many_continuations`), which they show as UNAVAILABLE or
/// RESOURCE_EXHAUSTED; the log then names the limit. To answer in our own words we would have to keep all
/// of it in memory first.
const HEADERS: u32 = 16 << 10;

/// Streams that a peer opened and reset before they were served: more of them end the connection. A client
/// whose calls all time out while we stand still resets as many as it has open.
const RESETS: usize = STREAMS as usize;

/// A client's preface and an empty SETTINGS frame: less is no HTTP/2.
const SHORTEST_GREETING: u64 = 24 + 9;

/// Pause after the system had no more file descriptors; the loop would spin otherwise.
const NO_DESCRIPTORS: Duration = Duration::from_millis(250);

const MINUTE: Duration = Duration::from_secs(60);

/// Connections that broke the bounds.
static BROKEN: LogLimiter = LogLimiter::once(MINUTE);

/// Connections whose answers nobody reads.
static UNREAD: LogLimiter = LogLimiter::once(MINUTE);

/// Peers that went away before TLS was there, as the probes of a load balancer do all day.
static GONE: LogLimiter = LogLimiter::once(Duration::from_secs(3_600));

/// Peers with whom TLS failed: a few, because each may be another client's certificate.
static NO_TLS: LogLimiter = LogLimiter::few(10, MINUTE);

/// Serves `services` on `listener` until `shutdown`, then drains.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    services: Arc<Services>,
    options: ConnectionOptions,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (stop, stopped) = watch::channel(false);
    let mut open = JoinSet::new();
    let full = LogLimiter::once(MINUTE);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) if open.len() < options.most => {
                let connection = Connection { tls: tls.clone(), options, stopped: stopped.clone() };
                let (connected, services) = (Connected::begin(), Arc::clone(&services));
                open.spawn(async move {
                    let _connected = connected;
                    connection.run(stream, from, services).await;
                });
            }
            Ok(_) => {
                REFUSED.inc();
                full.log(|untold| {
                    tracing::warn!(
                        connections = options.most,
                        untold,
                        "access.most_connections are open: closed a new one"
                    );
                });
            }
            Err(error) if of_one_peer(&error) => {}
            Err(error) => {
                REFUSED.inc();
                full.log(|untold| tracing::error!(%error, untold, "no connection can be accepted: are there enough file descriptors?"));
                tokio::time::sleep(NO_DESCRIPTORS).await;
            }
        }
    }
    // Clients must be refused by now, and not wait in a queue that nobody serves.
    drop(listener);
    stop.send_replace(true);
    let all_gone = async { while open.join_next().await.is_some() {} };
    if timeout(options.drain, all_gone).await.is_err() {
        let (connections, seconds) = (open.len(), options.drain.as_secs());
        tracing::warn!(connections, seconds, "connections were cut at the end of the drain");
        open.shutdown().await;
    }
}

/// Whether only the peer at hand is concerned by an error of `accept`.
fn of_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionReset | Kind::ConnectionAborted | Kind::Interrupted)
}

/// A connection's calls, counted, on their way to the gate.
struct Calls(CountedService<Gate>);

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = CountedCall<Answering<Call>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.0.clone().call(request)
    }
}

/// What one connection needs from its listener.
struct Connection {
    tls: Option<Arc<Tls>>,
    options: ConnectionOptions,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn run(self, stream: TcpStream, from: SocketAddr, services: Arc<Services>) {
        let greeted_by = Instant::now() + self.options.greeting;
        // A peer that is gone already fails at its first byte.
        let _ = stream.set_nodelay(true);
        let peer = Arc::new(Peer::at(from.ip(), services.anonymous(from.ip())));
        let calls = Calls(CountCalls.layer(Gate { services, peer: Arc::clone(&peer) }));
        let Some(tls) = &self.tls else { return self.speak(stream, peer, calls, greeted_by).await };
        let greeted = timeout_at(greeted_by, TlsAcceptor::from(tls.config()).accept(stream));
        let mut stopped = self.stopped.clone();
        let greeted = tokio::select! {
            greeted = greeted => greeted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match greeted {
            Ok(Ok(stream)) => self.speak(stream, peer, calls, greeted_by).await,
            Ok(Err(error)) => without_tls(&peer, &error),
            Err(_) => tracing::debug!(peer = %peer.address, "a peer did not begin TLS in time"),
        }
    }

    /// HTTP/2 with one peer, to its end.
    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        peer: Arc<Peer>,
        calls: Calls,
        greeted_by: Instant,
    ) {
        let stream = Counted { stream, peer: Arc::clone(&peer) };
        let mut serving = pin!(http2().serve_connection(TokioIo::new(stream), calls));
        let mut stopped = self.stopped;
        let mut stopping = pin!(stopped.wait_for(|stopped| *stopped));
        let mut ending = false;
        let ages = Instant::now() + jittered(self.options.age);
        let every = self.options.stall / 3;
        let mut looks = tokio::time::interval_at(greeted_by, every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut taken, mut without_progress, mut without_key) = (0, 0, 0);
        loop {
            tokio::select! {
                biased;
                done = &mut serving => {
                    if let Err(error) = done {
                        ended_in_error(&peer, &error);
                    }
                    return;
                }
                now = looks.tick() => {
                    if peer.read.load(Ordering::Relaxed) < SHORTEST_GREETING {
                        return tracing::debug!(peer = %peer.address, "a peer said nothing in time");
                    }
                    if now >= ages && !ending {
                        ending = true;
                        serving.as_mut().graceful_shutdown();
                    }
                    let takes = peer.taken.load(Ordering::Relaxed);
                    let waits = peer.waiting.load(Ordering::Relaxed) > 0 && takes == taken;
                    without_progress = if waits { without_progress + 1 } else { 0 };
                    taken = takes;
                    if without_progress >= 3 {
                        return UNREAD.log(|untold| {
                            tracing::info!(peer = %peer.address, untold, "closed a connection: its answers are not read");
                        });
                    }
                    without_key = if peer.has_stream_without_key() { without_key + 1 } else { 0 };
                    if without_key >= 2 {
                        return UNREAD.log(|untold| {
                            tracing::info!(peer = %peer.address, untold, "closed a connection: a stream's API key has ended, and its answers are not read");
                        });
                    }
                }
                _ = &mut stopping, if !ending => {
                    ending = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Nothing came of TLS with a peer.
fn without_tls(peer: &Peer, error: &io::Error) {
    use io::ErrorKind as Kind;
    let gone = matches!(error.kind(), Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe);
    let limiter = if gone { &GONE } else { &NO_TLS };
    limiter.log(|untold| tracing::info!(peer = %peer.address, %error, untold, "no TLS with a peer"));
}

/// A peer that goes away is no news; one that broke the bounds of HTTP/2 is, once a minute.
fn ended_in_error(peer: &Peer, error: &hyper::Error) {
    use std::error::Error as _;
    let cause = error.source();
    let gone = cause.is_none_or(|cause| {
        cause.is::<io::Error>() || cause.source().is_some_and(|cause| cause.is::<io::Error>())
    });
    if gone || error.is_timeout() || error.is_incomplete_message() {
        return tracing::debug!(peer = %peer.address, %error, "a connection ended");
    }
    BROKEN.log(|untold| {
        let cause = cause.map(ToString::to_string).unwrap_or_default();
        tracing::warn!(
            peer = %peer.address,
            cause,
            untold,
            "closed a connection that broke HTTP/2 or its bounds: at most {} KB of metadata a call, and few resets",
            HEADERS >> 10
        );
    });
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .max_pending_accept_reset_streams(RESETS)
        // Nobody reads it.
        .auto_date_header(false);
    builder
}

/// Up to a tenth less or more, so that the connections of one rollout do not all end at once.
fn jittered(age: Duration) -> Duration {
    let drawn = random::number() % 2_001;
    age.mul_f64(0.9 + drawn as f64 / 10_000.0)
}

/// A stream that tells how much was read.
struct Counted<S> {
    stream: S,
    peer: Arc<Peer>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let more = buffer.filled().len() - before;
        self.peer.read.fetch_add(more as u64, Ordering::Relaxed);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
