//! `/metrics`: the text format of Prometheus.

use std::cmp::Reverse;
use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State as Extract;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serverlink::{ClusterStatus, MemberState, PeerInfo, PeerState, Stats, TopicInfo};

use super::{State, health};

pub(super) async fn metrics(Extract(state): Extract<Arc<State>>) -> Response {
    let mut page = Page::default();
    about(&mut page, &state);
    counters(&mut page, &state.node.stats());
    peers(&mut page, &state.node.peers());
    cluster(&mut page, &state.node.cluster());
    let most = state.metrics_topics.load(Ordering::Relaxed);
    if most > 0 {
        topics(&mut page, state.node.topics(), most);
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

/// The text under construction.
#[derive(Default)]
struct Page(String);

type Labels<'l> = &'l [(&'l str, &'l str)];

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
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
    page.counter("spot_missed_messages_total", "Messages that links told are missing.", stats.missed_messages);
    page.counter("spot_duplicates_refused_total", "Messages that arrived a second time and were discarded.", stats.duplicates_refused);
    page.counter("spot_commands_refused_total", "PUBLISH commands of plain ZeroMQ peers that found no topic, owner or room.", stats.commands_refused);
    page.counter("spot_messages_refused_total", "Messages of plain ZeroMQ publishers that are none of a topic.", stats.messages_refused);
    page.counter("spot_reconnects_total", "Links that came up after the first one of their peer.", stats.reconnects);
    let rejected = "spot_rejected_connections_total";
    page.family(rejected, "counter", "Connections closed for a reason that lies with the other side.");
    page.sample(rejected, &[("reason", "handshake_timeout")], stats.rejected.handshake_timeout);
    page.sample(rejected, &[("reason", "handshake")], stats.rejected.handshake);
    page.sample(rejected, &[("reason", "protocol")], stats.rejected.protocol);
    page.sample(rejected, &[("reason", "heartbeat")], stats.rejected.heartbeat);
    page.gauge("spot_subscriptions", "Filters subscribed to by this node.", stats.subscriptions);
    page.gauge("spot_topics", "Topics known, hosted or remote.", stats.topics);
    page.gauge("spot_links", "Links up.", stats.links);
}

fn peers(page: &mut Page, peers: &[PeerInfo]) {
    page.family("spot_peers", "gauge", "Peers by their state.");
    for (state, name) in [
        (PeerState::Connected, "connected"),
        (PeerState::Connecting, "connecting"),
        (PeerState::Backoff, "waiting"),
        (PeerState::Itself, "itself"),
    ] {
        let count = peers.iter().filter(|peer| peer.state == state).count();
        page.sample("spot_peers", &[("state", name)], count);
    }
    let queued: usize = peers.iter().map(|peer| peer.queued_messages).sum();
    page.gauge(
        "spot_queued_messages",
        "Messages that wait to be sent, on all links.",
        queued,
    );
    let longest = peers.iter().map(|peer| peer.queued_messages).max();
    let help = "Messages that wait on the link with the most.";
    page.gauge("spot_longest_queue_messages", help, longest.unwrap_or(0));
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

/// Those with the most subscribers, as many as were asked for: each label costs whoever stores it.
fn topics(page: &mut Page, mut topics: Vec<TopicInfo>, most: usize) {
    topics.sort_by_key(|topic| Reverse(topic.subscribers));
    let name = "spot_topic_subscribers";
    page.family(
        name,
        "gauge",
        "Subscribers of a topic at this node: its own, and one for each link.",
    );
    for topic in topics.iter().take(most) {
        page.sample(name, &[("topic", &topic.name)], topic.subscribers);
    }
}
