//! `/metrics`: the text format of Prometheus.

mod peers;
mod text;
mod topics;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State as Extract;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serverlink::{ClusterStatus, Drops, HandshakeFailures, MemberState, Stats};

use super::{State, health};
use text::Page;

pub(super) async fn metrics(Extract(state): Extract<Arc<State>>) -> Response {
    let mut page = Page::default();
    about(&mut page, &state);
    let stats = state.node.stats();
    counters(&mut page, &stats);
    queues_and_links(&mut page, &stats);
    peers::tell(&mut page, &state.node.peers());
    cluster(&mut page, &state.node.cluster());
    let most = state.metrics_topics.load(Ordering::Relaxed);
    if most > 0 {
        topics::tell(&mut page, state.node.topics(), most);
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page.0).into_response()
}

fn about(page: &mut Page, state: &State) {
    let (id, name) = (state.node.id().to_string(), state.name.as_deref());
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("node", &id),
        ("name", name.unwrap_or_default()),
    ];
    page.family(
        "spot_node_info",
        "gauge",
        "The program and the node, always 1.",
    );
    page.sample("spot_node_info", &labels, 1);
    let uptime = state.started.elapsed().as_secs_f64();
    page.gauge(
        "spot_uptime_seconds",
        "Time since the node started.",
        uptime,
    );
    let is_ready = u8::from(health::missing(state).is_empty());
    page.gauge("spot_ready", "Whether /readyz says so.", is_ready);
}

#[rustfmt::skip]
fn counters(page: &mut Page, stats: &Stats) {
    page.counter("spot_published_messages_total", "Messages published by callers of this node and accepted.", stats.published_messages);
    page.counter("spot_published_bytes_total", "Their payload bytes.", stats.published_bytes);
    page.counter("spot_received_messages_total", "Messages handed to subscribers of this node.", stats.received_messages);
    page.counter("spot_received_bytes_total", "Their payload bytes.", stats.received_bytes);
    page.counter("spot_relayed_messages_total", "Messages passed on for others as a hub, once for each link.", stats.relayed_messages);
    page.counter("spot_relayed_bytes_total", "Their payload bytes.", stats.relayed_bytes);
    let dropped = "spot_dropped_messages_total";
    page.family(dropped, "counter", "Messages lost to full queues, of links (sender) or of subscribers here (receiver).");
    page.sample(dropped, &[("at", "sender")], stats.dropped_at_sender);
    page.sample(dropped, &[("at", "receiver")], stats.dropped_at_receiver);
    let by_policy = "spot_dropped_by_policy_messages_total";
    page.family(by_policy, "counter", "The same, by the overflow policy of the subscribers that they were for.");
    for (at, counts) in [("sender", stats.sender_drops), ("receiver", stats.receiver_drops)] {
        for (policy, count) in drops(counts) {
            page.sample(by_policy, &[("at", at), ("policy", policy)], count);
        }
    }
    page.counter("spot_missed_messages_total", "Messages missing of what other nodes published, as far as they can be counted.", stats.missed_messages);
    page.counter("spot_gaps_total", "Times that some were missing, counted or not.", stats.gaps);
    page.counter("spot_duplicates_refused_total", "Messages that arrived a second time and were discarded.", stats.duplicates_refused);
    page.counter("spot_unhosted_messages_total", "Messages that others published here on topics that this node does not host.", stats.unhosted_messages);
    page.counter("spot_commands_refused_total", "PUBLISH commands of plain ZeroMQ peers that found no topic, owner or room.", stats.commands_refused);
    page.counter("spot_messages_refused_total", "Messages of plain ZeroMQ publishers that are none of a topic.", stats.messages_refused);
    page.counter("spot_reconnects_total", "Links that came up after the first one of their peer.", stats.reconnects);
    let rejected = "spot_rejected_connections_total";
    page.family(rejected, "counter", "Connections closed for a reason that lies with the other side.");
    page.sample(rejected, &[("reason", "handshake_timeout")], stats.rejected.handshake_timeout);
    page.sample(rejected, &[("reason", "handshake")], stats.rejected.handshake);
    page.sample(rejected, &[("reason", "protocol")], stats.rejected.protocol);
    page.sample(rejected, &[("reason", "heartbeat")], stats.rejected.heartbeat);
    let failed = "spot_handshake_failures_total";
    page.family(failed, "counter", "Handshakes that failed, and links refused right after them.");
    for (reason, count) in handshake_failures(&stats.handshake_failures) {
        page.sample(failed, &[("reason", reason)], count);
    }
    page.counter("spot_connect_failures_total", "Attempts to connect that failed.", stats.connect_failures);
    page.counter("spot_accept_failures_total", "Times that no descriptor was left for a connection.", stats.accept_failures);
    page.gauge("spot_subscriptions", "Filters subscribed to by this node.", stats.subscriptions);
    page.gauge("spot_topics", "Topics known, hosted or remote.", stats.topics);
    page.gauge("spot_links", "Links up.", stats.links);
}

#[rustfmt::skip]
fn queues_and_links(page: &mut Page, stats: &Stats) {
    let links = &stats.links_total;
    page.counter("spot_link_sent_messages_total", "Messages written to links.", links.sent_messages);
    page.counter("spot_link_sent_bytes_total", "Bytes written to links after the handshakes, with all that is no message.", links.sent_bytes);
    page.counter("spot_link_received_messages_total", "Messages read from links.", links.received_messages);
    page.counter("spot_link_received_bytes_total", "Bytes read from links, likewise.", links.received_bytes);
    page.gauge("spot_link_queue_high_water_messages", "Most messages that ever waited on one link.", stats.link_queue_high_water);
    page.gauge("spot_subscriber_queued_messages", "Messages that wait to be received by subscribers of this node.", stats.queued_messages);
    page.gauge("spot_subscriber_queued_bytes", "Their payload bytes.", stats.queued_bytes);
    page.gauge("spot_subscriber_queue_high_water_messages", "Most messages that ever waited for one subscriber of this node.", stats.queue_high_water);
}

/// Drops by the name of the policy.
pub(super) fn drops(drops: Drops) -> [(&'static str, u64); 4] {
    [
        ("drop_newest", drops.newest),
        ("drop_oldest", drops.oldest),
        ("block", drops.block),
        ("disconnect", drops.disconnect),
    ]
}

/// Failures by the name of the reason.
pub(super) fn handshake_failures(failures: &HandshakeFailures) -> [(&'static str, u64); 11] {
    [
        ("timeout", failures.timeout),
        ("greeting", failures.greeting),
        ("version", failures.version),
        ("mechanism", failures.mechanism),
        ("malformed", failures.malformed),
        ("socket_type", failures.socket_type),
        ("identity", failures.identity),
        ("same_name", failures.same_name),
        ("removed", failures.removed),
        ("itself", failures.itself),
        ("refused_by_peer", failures.refused_by_peer),
    ]
}

fn cluster(page: &mut Page, cluster: &ClusterStatus) {
    page.family(
        "spot_cluster_members",
        "gauge",
        "Members known by their state.",
    );
    for (state, name) in [
        (MemberState::Alive, "alive"),
        (MemberState::Suspect, "suspect"),
        (MemberState::Down, "down"),
    ] {
        let members = cluster.members.iter();
        let count = members.filter(|member| member.state == state).count();
        page.sample("spot_cluster_members", &[("state", name)], count);
    }
    page.gauge(
        "spot_cluster_size",
        "Members of the whole cluster.",
        cluster.size,
    );
    let help = "Members reachable, this one among them.";
    page.gauge("spot_cluster_reachable_members", help, cluster.reachable);
    page.gauge(
        "spot_cluster_quorum",
        "Members that make a majority.",
        cluster.quorum,
    );
    let has_quorum = u8::from(cluster.has_quorum);
    page.gauge(
        "spot_cluster_has_quorum",
        "Whether so many are reachable.",
        has_quorum,
    );
    let help = "Whether some known member is not reachable.";
    page.gauge(
        "spot_cluster_partitioned",
        help,
        u8::from(cluster.partitioned),
    );
}
