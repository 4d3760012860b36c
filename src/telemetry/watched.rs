//! The metrics port: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever restarts and routes.
//!
//! Plain HTTP for the operators' own network. Must not tell a number, and must not ask the store:
//! a probe that waits on Redis would take every replica out at once.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::metrics::{self, CONTENT_TYPE, Kinds, ReadStates};

/// What the port tells.
#[derive(Clone)]
pub struct Watched {
    /// Whether gRPC health says SERVING.
    pub serving: watch::Receiver<bool>,
    /// Reads states before each scrape.
    pub read: ReadStates,
}

impl Watched {
    /// Makes every metric of what is in use.
    pub fn new(serving: watch::Receiver<bool>, kinds: Kinds, read: ReadStates) -> Self {
        metrics::begin(kinds);
        Self { serving, read }
    }

    /// Answers on `listener` until it is dropped.
    pub async fn run(self, listener: TcpListener) {
        let routes = Router::new()
            .route("/metrics", get(told))
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .with_state(self);
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the metrics port has closed");
        }
    }
}

async fn ready(State(watched): State<Watched>) -> (StatusCode, &'static str) {
    if *watched.serving.borrow() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not serving: no index is loaded yet, or draining\n")
    }
}

async fn told(State(watched): State<Watched>) -> Response {
    // A large index takes some milliseconds to count.
    let text = tokio::task::spawn_blocking(move || {
        (watched.read)();
        metrics::text()
    });
    match text.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "the metrics cannot be told");
    (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be told: the log says why\n").into_response()
}
