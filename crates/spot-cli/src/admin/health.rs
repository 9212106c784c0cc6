//! Is it alive, and is it of use?

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use serverlink::{ClusterStatus, PeerInfo, PeerState};

use super::State;
use super::server::json;
use crate::interrupt;

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
    // Whatever else holds: nobody is to begin anything with it any more.
    if interrupt::happened() {
        let told = "a signal told the node to stop: it sends what is queued";
        return vec![("stopping", told.into())];
    }
    let mut missing = Vec::new();
    let cluster = state.node.cluster();
    let minimum = state.minimum_peers.load(Ordering::Relaxed);
    let links = linked_members(&state.node.peers(), &cluster);
    if links < minimum {
        missing.push((
            "minimum_peers",
            format!("{links} of at least {minimum} members are linked"),
        ));
    }
    if !cluster.has_quorum {
        let (reachable, size, quorum) = (cluster.reachable, cluster.size, cluster.quorum);
        missing.push((
            "quorum",
            format!("{reachable} of {size} members reachable, {quorum} are a majority"),
        ));
    }
    missing
}

/// Members at the other ends of links. Tools that look in for a moment are no members.
fn linked_members(peers: &[PeerInfo], cluster: &ClusterStatus) -> usize {
    let members: HashSet<_> = cluster.members.iter().map(|member| member.node).collect();
    let linked: HashSet<_> = peers
        .iter()
        .filter(|peer| peer.state == PeerState::Connected)
        .filter_map(|peer| peer.node)
        .filter(|node| members.contains(node))
        .collect();
    linked.len()
}
