//! The mirror as a server on loopback: the HTTP proxy through which every mirrored site is reached.
//!
//! Sites have the names of the real ones and `.mirror.test` behind, which leads nowhere else. Each
//! request is a line of JSON in a log, written before it is answered.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::{Answer, answer};

/// What the names of mirrored sites end with: reserved, so that no resolver knows it.
pub(crate) const SUFFIX: &str = ".mirror.test";

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// The real site's name.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) agent: String,
    /// Of the answer; 304 has no body.
    pub(crate) status: u16,
}

/// How long a site thinks, and what it answers.
pub(crate) type Site = dyn Fn(&str, &str) -> (Duration, Answer) + Send + Sync;

/// A mirror that is up until it is dropped.
pub(crate) struct Mirror {
    pub(crate) address: SocketAddr,
    log: PathBuf,
    runtime: Option<Runtime>,
}

impl Mirror {
    /// All sites, on a free port; the log is `asked.jsonl` in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::of(folder, |host, target| (Duration::ZERO, answer(host, target)))
    }

    /// Sites that answer as `site` says.
    pub(crate) fn of(
        folder: &Path,
        site: impl Fn(&str, &str) -> (Duration, Answer) + Send + Sync + 'static,
    ) -> Self {
        let site: Arc<Site> = Arc::new(site);
        let log = folder.join("asked.jsonl");
        let file = Arc::new(Mutex::new(File::create(&log).unwrap()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        runtime.spawn(async move {
            let serve = move |request: Request| {
                let (site, file) = (Arc::clone(&site), Arc::clone(&file));
                let asked = read(&request);
                async move { serve(asked, &*site, &file).await }
            };
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(serve)).await
        });
        Self { address, log, runtime: Some(runtime) }
    }

    /// All requests so far, in the order in which they came.
    #[allow(dead_code)] // the command has none of its own use for it
    pub(crate) fn log(&self) -> Vec<Asked> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        let whole = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        whole.collect()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A request, and the ETag of the page that the client has.
fn read(request: &Request) -> (Asked, Option<String>) {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let name = request.uri().host().or(header("host")).unwrap_or_default();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let asked = Asked {
        at_ms: u64::try_from(since.as_millis()).unwrap(),
        host: name.split(':').next().unwrap().trim_end_matches(SUFFIX).to_owned(),
        target: request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        agent: header("user-agent").unwrap_or_default().to_owned(),
        status: 0,
    };
    (asked, header("if-none-match").map(str::to_owned))
}

async fn serve((mut asked, known): (Asked, Option<String>), site: &Site, log: &Mutex<File>) -> Response {
    let (wait, answer) = site(&asked.host, &asked.target);
    let response = respond(&asked.host, answer, known.as_deref());
    asked.status = response.status().as_u16();
    let line = serde_json::to_string(&asked).unwrap() + "\n";
    log.lock().unwrap().write_all(line.as_bytes()).unwrap();
    tokio::time::sleep(wait).await;
    response
}

/// The answer as a server of today sends it: with an ETag, and 304 to whoever knows the page.
fn respond(host: &str, answer: Answer, known: Option<&str>) -> Response {
    let own = format!("http://{host}{SUFFIX}/");
    let body = match String::from_utf8(answer.body) {
        Ok(text) => text.replace(&format!("https://{host}/"), &own).into_bytes(),
        Err(bytes) => bytes.into_bytes(),
    };
    let etag = format!("\"{}\"", blake3::hash(&body).to_hex());
    let mut response = Response::builder();
    if answer.status == 200 {
        response = response.header("etag", &etag);
        if known == Some(&etag) {
            return response.status(304).body(axum::body::Body::empty()).unwrap();
        }
    }
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.status(answer.status).body(body.into()).unwrap_or_else(|error| error.to_string().into_response())
}
