//! The same as JSON. The fields are documented in docs/operations.md and stay.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use serverlink::{Drops, HandshakeFailures, NodeId, PeerInfo, Stats, TopicStats};

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
            for (name, count) in topic_counts(&info.stats) {
                object[name] = count.into();
            }
            object
        })
        .collect();
    let uptime = state.started.elapsed().as_secs_f64();
    ok(&json!({ "uptime_seconds": uptime, "topics": topics }))
}

pub(super) async fn peers(Extract(state): Asked) -> Response {
    let peers: Vec<_> = state.node.peers().iter().map(peer).collect();
    ok(&json!({ "peers": peers }))
}

fn peer(peer: &PeerInfo) -> Value {
    json!({
        "endpoint": peer.endpoint,
        "name": peer.name,
        "node": peer.node.map(|id| id.to_string()),
        "state": link::state(peer.state),
        "added": peer.added,
        "topics": peer.topics,
        "relays_for": ids(&peer.relays_for),
        "connected_seconds": peer.connected_for.as_secs_f64(),
        "reconnects": peer.reconnects,
        "round_trip_seconds": peer.round_trip.map(|trip| trip.smoothed.as_secs_f64()),
        "last_round_trip_seconds": peer.round_trip.map(|trip| trip.last.as_secs_f64()),
        "queued_messages": peer.queued_messages,
        "queued_bytes": peer.queued_bytes,
        "queue_high_water_messages": peer.queue_high_water,
        "dropped_messages": peer.dropped_messages,
        "sent_messages": peer.traffic.sent_messages,
        "sent_bytes": peer.traffic.sent_bytes,
        "received_messages": peer.traffic.received_messages,
        "received_bytes": peer.traffic.received_bytes,
    })
}

/// What is counted of a topic, by the names of the fields.
fn topic_counts(stats: &TopicStats) -> [(&'static str, u64); 9] {
    [
        ("published_messages", stats.published_messages),
        ("published_bytes", stats.published_bytes),
        ("received_messages", stats.received_messages),
        ("received_bytes", stats.received_bytes),
        ("dropped_messages", stats.dropped_messages),
        ("missed_messages", stats.missed_messages),
        ("gaps", stats.gaps),
        ("history_messages", stats.history_messages as u64),
        ("history_bytes", stats.history_bytes as u64),
    ]
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
        "sender_drops": drops(stats.sender_drops),
        "receiver_drops": drops(stats.receiver_drops),
        "missed_messages": stats.missed_messages,
        "gaps": stats.gaps,
        "duplicates_refused": stats.duplicates_refused,
        "unhosted_messages": stats.unhosted_messages,
        "commands_refused": stats.commands_refused,
        "messages_refused": stats.messages_refused,
        "reconnects": stats.reconnects,
        "links": stats.links,
        "topics": stats.topics,
        "subscriptions": stats.subscriptions,
        "link_sent_messages": stats.links_total.sent_messages,
        "link_sent_bytes": stats.links_total.sent_bytes,
        "link_received_messages": stats.links_total.received_messages,
        "link_received_bytes": stats.links_total.received_bytes,
        "link_queue_high_water_messages": stats.link_queue_high_water,
        "queued_messages": stats.queued_messages,
        "queued_bytes": stats.queued_bytes,
        "queue_high_water_messages": stats.queue_high_water,
        "connect_failures": stats.connect_failures,
        "accept_failures": stats.accept_failures,
        "handshake_failures": handshake_failures(&stats.handshake_failures),
        "rejected": {
            "handshake_timeout": stats.rejected.handshake_timeout,
            "handshake": stats.rejected.handshake,
            "protocol": stats.rejected.protocol,
            "heartbeat": stats.rejected.heartbeat,
        },
    })
}

fn handshake_failures(failures: &HandshakeFailures) -> Value {
    let reasons = super::metrics::handshake_failures(failures);
    reasons
        .map(|(reason, count)| (reason.to_owned(), count.into()))
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}

fn drops(drops: Drops) -> Value {
    let policies = super::metrics::drops(drops);
    policies
        .map(|(policy, count)| (policy.to_owned(), count.into()))
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}

fn ok(value: &Value) -> Response {
    super::server::json(StatusCode::OK, value)
}
