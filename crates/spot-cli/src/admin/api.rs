//! The same as JSON. The fields are documented in docs/operations.md and stay.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use serverlink::{NodeId, Stats};

use super::State;
use crate::commands::{cluster as told, peers as link, topics as topic};

type Asked = Extract<Arc<State>>;

pub(super) async fn node(Extract(state): Asked) -> Response {
    let options = state.node.options();
    ok(&json!({
        "node": state.node.id().to_string(),
        "name": state.name,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": state.started.elapsed().as_secs_f64(),
        "endpoints": state.endpoints,
        "relay": options.relay,
        "history_messages": options.history,
        "stats": stats(&state.node.stats()),
    }))
}

pub(super) async fn topics(Extract(state): Asked) -> Response {
    let topics: Vec<_> = state
        .node
        .topics()
        .iter()
        .map(|info| {
            let mut object = topic::object(info);
            object["subscribers"] = info.subscribers.into();
            object["owners"] = ids(&info.owners);
            object
        })
        .collect();
    ok(&json!({ "topics": topics }))
}

pub(super) async fn peers(Extract(state): Asked) -> Response {
    let peers: Vec<_> = state
        .node
        .peers()
        .iter()
        .map(|peer| {
            json!({
                "endpoint": peer.endpoint,
                "name": peer.name,
                "node": peer.node.map(|id| id.to_string()),
                "state": link::state(peer.state),
                "added": peer.added,
                "topics": peer.topics,
                "relays_for": ids(&peer.relays_for),
                "connected_seconds": peer.connected_for.as_secs_f64(),
                "queued_messages": peer.queued_messages,
            })
        })
        .collect();
    ok(&json!({ "peers": peers }))
}

/// Who listens: how many filters this node has, and each topic that somebody listens to here.
pub(super) async fn subscriptions(Extract(state): Asked) -> Response {
    let topics = state.node.topics();
    let topics: Vec<_> = topics
        .iter()
        .filter(|topic| topic.subscribers > 0)
        .map(|topic| json!({ "topic": &*topic.name, "subscribers": topic.subscribers }))
        .collect();
    ok(&json!({ "filters": state.node.stats().subscriptions, "topics": topics }))
}

pub(super) async fn cluster(Extract(state): Asked) -> Response {
    ok(&told::object(&state.node.cluster()))
}

/// What happened lately, the oldest first.
pub(super) async fn events(Extract(state): Asked) -> Response {
    ok(&json!({ "events": state.events.all() }))
}

fn ids(nodes: &[NodeId]) -> Value {
    nodes.iter().map(NodeId::to_string).collect()
}

fn stats(stats: &Stats) -> Value {
    json!({
        "published_messages": stats.published_messages,
        "published_bytes": stats.published_bytes,
        "received_messages": stats.received_messages,
        "received_bytes": stats.received_bytes,
        "relayed_messages": stats.relayed_messages,
        "relayed_bytes": stats.relayed_bytes,
        "dropped_at_sender": stats.dropped_at_sender,
        "dropped_at_receiver": stats.dropped_at_receiver,
        "missed_messages": stats.missed_messages,
        "duplicates_refused": stats.duplicates_refused,
        "commands_refused": stats.commands_refused,
        "messages_refused": stats.messages_refused,
        "reconnects": stats.reconnects,
        "links": stats.links,
        "topics": stats.topics,
        "subscriptions": stats.subscriptions,
        "rejected": {
            "handshake_timeout": stats.rejected.handshake_timeout,
            "handshake": stats.rejected.handshake,
            "protocol": stats.rejected.protocol,
            "heartbeat": stats.rejected.heartbeat,
        },
    })
}

fn ok(value: &Value) -> Response {
    super::server::json(StatusCode::OK, value)
}
