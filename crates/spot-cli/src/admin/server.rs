//! HTTP on a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::Semaphore;
use tracing::debug;

use super::{State, api, guard, health, metrics, page, stream};

/// Connections served at once: more than browsers and scrapers open, and far from the descriptors that the node needs.
/// Further ones wait.
const MAX_CONNECTIONS: usize = 64;

/// Of these, streams of events: they stay, and are to leave room for probes.
pub(super) const MAX_STREAMS: usize = 32;

/// How long a request may take to arrive, and a connection may wait for its next one: less than `spot health` waits, so that
/// connections that do nothing do not make a node seem dead.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait when no connection can be accepted, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until the process ends. Returns the address with its real port.
pub(super) fn start(listener: StdListener, state: Arc<State>) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("spot-admin".into())
        .spawn(move || runtime.block_on(serve(listener, routes(state, address))))?;
    Ok(address)
}

fn routes(state: Arc<State>, address: SocketAddr) -> Router {
    let check = middleware::from_fn(move |request, next| guard::check(address, request, next));
    page::routes(Router::new())
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/node", get(api::node))
        .route("/api/v1/topics", get(api::topics))
        .route("/api/v1/peers", get(api::peers))
        .route("/api/v1/subscriptions", get(api::subscriptions))
        .route("/api/v1/cluster", get(api::cluster))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/events/stream", get(stream::stream))
        .fallback(async || {
            problem(
                StatusCode::NOT_FOUND,
                "there is nothing here; see / or /api/v1/node",
            )
        })
        .method_not_allowed_fallback(async || {
            problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "this server only tells: use GET",
            )
        })
        .layer(check)
        .with_state(state)
}

async fn serve(listener: StdListener, routes: Router) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let connection = match listener.accept().await {
            Ok((connection, _)) => connection,
            Err(error) => {
                debug!("the admin server cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(routes.clone());
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIMEOUT)
                .serve_connection(TokioIo::new(connection), service)
                .await;
            if let Err(error) = served {
                debug!("a connection to the admin server failed: {error}");
            }
            drop(place);
        });
    }
}

/// An answer as JSON.
pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, value.to_string() + "\n").into_response()
}

/// A request that gets no answer, and why.
pub(super) fn problem(status: StatusCode, reason: &str) -> Response {
    json(status, &serde_json::json!({ "error": reason }))
}
