//! Is it alive, and is it of use?

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::State;
use super::server::json;

/// Alive: it answers.
pub(super) async fn healthz() -> Response {
    json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Ready: nothing is missing.
pub(super) async fn readyz(Extract(state): Extract<Arc<State>>) -> Response {
    let reasons = missing(&state);
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let reasons: Vec<_> = reasons
        .into_iter()
        .map(|(check, told)| json!({ "check": check, "reason": told }))
        .collect();
    json(
        status,
        &json!({ "ready": reasons.is_empty(), "reasons": reasons }),
    )
}

/// What keeps the node from being ready: the check that fails, and why.
pub(super) fn missing(state: &State) -> Vec<(&'static str, String)> {
    let mut missing = Vec::new();
    let minimum = state.minimum_peers.load(Ordering::Relaxed) as u64;
    let links = state.node.stats().links;
    if links < minimum {
        missing.push((
            "minimum_peers",
            format!("{links} of at least {minimum} links are up"),
        ));
    }
    let cluster = state.node.cluster();
    if !cluster.has_quorum {
        let (reachable, size, quorum) = (cluster.reachable, cluster.size, cluster.quorum);
        missing.push((
            "quorum",
            format!("{reachable} of {size} members reachable, {quorum} are a majority"),
        ));
    }
    missing
}
