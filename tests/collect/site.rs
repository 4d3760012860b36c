//! A web server for one test: it answers as the test says, to any host name, and logs what it sees.
//!
//! It lives on a thread of its own, so that a test may turn its own clock.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use numguard::collect::web::{FetchOptions, Fetched, Fetcher, PageRequest};
use numguard::core::listing::UnixTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

/// A line of the access log.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    /// Which connection, from 0.
    pub(crate) connection: usize,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a test says to one request.
pub(crate) enum Reply {
    /// These bytes, head included.
    Bytes(Vec<u8>),
    /// These bytes, and the connection is closed.
    Last(Vec<u8>),
    /// Once that many requests wait at the barrier.
    Together(Arc<Barrier>, Vec<u8>),
    /// After a while.
    Late(Duration, Vec<u8>),
    /// The first bytes, then the second for ever, with a pause after each.
    Forever(Vec<u8>, Vec<u8>, Duration),
}

/// An answer with a length.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Reply::Bytes(bytes)
}

/// A page.
pub(crate) fn page(body: impl AsRef<[u8]>) -> Reply {
    answer("200 OK", "content-type: text/html\r\n", body)
}

/// A redirect.
pub(crate) fn moved(to: &str) -> Reply {
    answer("302 Found", &format!("location: {to}\r\n"), "")
}

type Answers = dyn Fn(&Asked) -> Reply + Send + Sync;

#[derive(Default)]
struct Log {
    asked: Mutex<Vec<Asked>>,
    /// Requests in flight of each host: now, and at most.
    in_flight: Mutex<HashMap<String, (usize, usize)>>,
    connections: AtomicUsize,
    sent: AtomicUsize,
}

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    runtime: Option<Runtime>,
}

impl Site {
    /// Answers everything but robots.txt, which it has not.
    pub(crate) fn open(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_robots(move |asked| match asked.path.as_str() {
            "/robots.txt" => answer("404 Not Found", "", ""),
            _ => answers(asked),
        })
    }

    /// Answers everything.
    pub(crate) fn with_robots(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Arc::new(answers), None)
    }

    /// The same over TLS only.
    pub(crate) fn with_tls(
        tls: TlsAcceptor,
        answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Arc::new(answers), Some(tls))
    }

    fn start(answers: Arc<Answers>, tls: Option<TlsAcceptor>) -> Self {
        let mut building = tokio::runtime::Builder::new_multi_thread();
        let runtime = building.worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let seen = Arc::clone(&log);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let (seen, answers, tls) = (Arc::clone(&seen), Arc::clone(&answers), tls.clone());
                let connection = seen.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    // A client that goes away is what some tests are about.
                    let _ = match tls {
                        None => serve(socket, connection, &seen, &*answers).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(stream) => serve(stream, connection, &seen, &*answers).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self { address, log, runtime: Some(runtime) }
    }

    /// All requests so far.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.log.asked.lock().unwrap().clone()
    }

    /// The paths asked for, robots.txt left out.
    pub(crate) fn pages(&self) -> Vec<String> {
        let paths = self.log().into_iter().map(|asked| asked.path);
        paths.filter(|path| path != "/robots.txt").collect()
    }

    /// The most requests that were in flight at once, of the host that had most.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.log.in_flight.lock().unwrap().values().map(|(_, most)| *most).max().unwrap_or(0)
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.connections.load(Ordering::Relaxed)
    }

    /// Bytes that the clients' sockets took.
    pub(crate) fn sent(&self) -> usize {
        self.log.sent.load(Ordering::Relaxed)
    }

    /// Options under which every name leads here.
    pub(crate) fn options(&self) -> FetchOptions {
        let mut options = FetchOptions::new("https://contact.example/numguard", wall_clock).unwrap();
        options.allow_loopback = true;
        options.resolve_all_to = Some(self.address);
        options
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.options()).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn wall_clock() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixTime(u32::try_from(since.as_secs()).unwrap())
}

/// A request that hardly waits.
pub(crate) fn at_once(url: &str) -> PageRequest {
    PageRequest::new(url, Duration::from_millis(1))
}

/// The page's bytes, or what came instead.
pub(crate) async fn body(fetcher: &Fetcher, url: &str) -> Result<String, String> {
    match fetcher.get(at_once(url)).await {
        Ok(Fetched::Page(page)) => Ok(String::from_utf8_lossy(&page.body).into_owned()),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Turns the test's clock forward, sockets left alone.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Lets the test's clock run `time` ahead once `begun`, while `fetching` goes on, and gives its end.
pub(crate) async fn end_after<F>(fetching: F, begun: impl Fn() -> bool, time: Duration) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut task = tokio::spawn(fetching);
    while !begun() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    pass(time / 2).await;
    tokio::task::yield_now().await;
    assert!(!task.is_finished(), "ended before its time");
    pass(time).await;
    (&mut task).await.unwrap()
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: usize,
    log: &Log,
    answers: &Answers,
) -> io::Result<()> {
    while let Some(asked) = read_request(&mut stream, connection).await? {
        log.asked.lock().unwrap().push(asked.clone());
        {
            let mut in_flight = log.in_flight.lock().unwrap();
            let (now, most) = in_flight.entry(asked.host.clone()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        let ended = reply(&mut stream, log, answers(&asked), &asked.host).await;
        if !ended? {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

/// Answers; whether the connection goes on. The request counts as done just before the last byte is
/// sent, as the client may ask again as soon as it has that.
async fn reply<S: AsyncWrite + Unpin>(
    stream: &mut S,
    log: &Log,
    reply: Reply,
    host: &str,
) -> io::Result<bool> {
    let done = || log.in_flight.lock().unwrap().get_mut(host).unwrap().0 -= 1;
    let (bytes, goes_on) = match reply {
        Reply::Bytes(bytes) => (bytes, true),
        Reply::Last(bytes) => (bytes, false),
        Reply::Together(barrier, bytes) => {
            barrier.wait().await;
            (bytes, true)
        }
        Reply::Late(wait, bytes) => {
            tokio::time::sleep(wait).await;
            (bytes, true)
        }
        Reply::Forever(head, piece, pause) => {
            done();
            stream.write_all(&head).await?;
            loop {
                log.sent.fetch_add(stream.write(&piece).await?, Ordering::Relaxed);
                stream.flush().await?;
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    };
    done();
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    log.sent.fetch_add(bytes.len(), Ordering::Relaxed);
    Ok(goes_on)
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, connection: usize) -> io::Result<Option<Asked>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let at = Instant::now();
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let header =
        |line: &str| line.split_once(": ").map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let host = headers.iter().find(|(key, _)| key == "host").map(|(_, host)| host.clone());
    Ok(Some(Asked { at, connection, host: host.unwrap_or_default(), path, headers }))
}
