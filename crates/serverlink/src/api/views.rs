//! What a node tells of itself: topics, peers, counters.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use spot_core::node::{PeerStatus, PeerView, Refusals, TopicPlace as CorePlace, TopicView};

use super::node::Node;
use super::stats::{
    HandshakeFailures, LinkRejections, LinkTraffic, PeerInfo, PeerState, RoundTrip, Stats,
    TopicInfo, TopicPlace, TopicStats,
};
use crate::data::{Counters, HandshakeFailure, LinkTotals, LinkView, Topic, TopicCounts};
use crate::engine::Control;

impl Node {
    /// The topics known, sorted by name.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicInfo> {
        let mut topics: Vec<TopicInfo> = self.handle.inspect(|control| {
            let views = control.core.topics();
            views
                .map(|view| {
                    let topic = control.topic(view.id);
                    topic_info(view, topic.map(|topic| &**topic))
                })
                .collect()
        });
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        topics
    }

    /// One topic, if it is known.
    #[must_use]
    pub fn topic(&self, topic: &str) -> Option<TopicInfo> {
        self.handle.inspect(|control| {
            let view = control.core.topic(topic)?;
            let topic = control.topic(view.id)?;
            Some(topic_info(view, Some(topic)))
        })
    }

    /// The peers: those added, then those that linked to us.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        let now_ms = self.handle.now_ms();
        self.handle.inspect(|control| {
            let views = control.core.peers().into_iter();
            views
                .map(|view| {
                    let link = view.link.and_then(|link| control.links.get(&link));
                    let outbox = link.and_then(|link| link.outbox());
                    peer_info(view, now_ms, outbox.map(|outbox| outbox.view()))
                })
                .collect()
        })
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.handle.counters;
        // What is gone is kept under the same lock as what is there.
        let mut stats = self.handle.inspect(|control| of_control(control, counters));
        stats.relayed_messages = counters.relayed_messages.load(Relaxed);
        stats.relayed_bytes = counters.relayed_bytes.load(Relaxed);
        stats.duplicates_refused = counters.duplicates_refused.load(Relaxed);
        stats.unhosted_messages = counters.unhosted_messages.load(Relaxed);
        stats.commands_refused = counters.commands_refused.load(Relaxed);
        stats.messages_refused = counters.messages_refused.load(Relaxed);
        stats.connect_failures = counters.connect_failures.load(Relaxed);
        stats.accept_failures = counters.accept_failures.load(Relaxed);
        stats.rejected = LinkRejections {
            handshake_timeout: stats.handshake_failures.timeout,
            handshake: counters.all_handshake_failures(),
            protocol: counters.protocol_errors.load(Relaxed),
            heartbeat: counters.heartbeat_failures.load(Relaxed),
        };
        stats
    }
}

fn of_control(control: &Control, counters: &Counters) -> Stats {
    let gone = counters.gone();
    let (mut published, mut skipped) = (gone.published, gone.skipped);
    for (topic_published, topic_skipped) in
        control.topics().map(|topic| topic.published_and_skipped())
    {
        published += topic_published;
        skipped += topic_skipped;
    }
    let mut stats = Stats {
        published_messages: published.messages,
        published_bytes: published.bytes,
        missed_messages: counters.missed_messages.load(Relaxed) + skipped.missed,
        gaps: counters.gaps.load(Relaxed) + skipped.times,
        subscriptions: control.core.subscriptions() as u64,
        topics: control.core.topics().count() as u64,
        links: control.core.link_count() as u64,
        reconnects: control.core.reconnects(),
        handshake_failures: handshake_failures(counters, control.core.refusals()),
        ..Stats::default()
    };
    let mut inboxes = gone.inboxes;
    for inbox in control.subscribers.values() {
        inboxes += inbox.totals();
        let (messages, bytes) = inbox.depth();
        stats.queued_messages += messages;
        stats.queued_bytes += bytes;
    }
    stats.received_messages = inboxes.received.messages;
    stats.received_bytes = inboxes.received.bytes;
    stats.receiver_drops = inboxes.drops;
    stats.dropped_at_receiver = inboxes.drops.total();
    stats.queue_high_water = inboxes.high_water;
    let (mut links, mut high_water) = (gone.links, gone.link_high_water);
    for outbox in control.outboxes() {
        let view = outbox.view();
        links += view.totals;
        high_water = high_water.max(view.high_water);
    }
    stats.links_total = traffic(links);
    stats.sender_drops = links.drops;
    stats.dropped_at_sender = links.drops.total();
    stats.link_queue_high_water = high_water;
    stats
}

fn handshake_failures(counters: &Counters, refusals: Refusals) -> HandshakeFailures {
    let count = |why| counters.handshake_failures(why).load(Relaxed);
    HandshakeFailures {
        timeout: counters.handshake_timeouts.load(Relaxed),
        greeting: count(HandshakeFailure::Greeting),
        version: count(HandshakeFailure::Version),
        mechanism: count(HandshakeFailure::Mechanism),
        malformed: count(HandshakeFailure::Malformed),
        socket_type: count(HandshakeFailure::SocketType),
        identity: count(HandshakeFailure::Identity),
        same_name: refusals.namesake,
        removed: refusals.removed,
        itself: refusals.itself,
        refused_by_peer: count(HandshakeFailure::RefusedByPeer) + refusals.by_peer,
    }
}

fn topic_info(view: TopicView, topic: Option<&Topic>) -> TopicInfo {
    let place = match view.place {
        CorePlace::Local => TopicPlace::Local,
        CorePlace::Routed => TopicPlace::Routed,
        CorePlace::Discovered => TopicPlace::Discovered,
    };
    TopicInfo {
        name: view.name,
        place,
        reachable: view.reachable,
        subscribers: topic.map_or(0, Topic::subscribers),
        owners: view.owners,
        stats: topic.map(Topic::counts).unwrap_or_default().into(),
    }
}

impl From<TopicCounts> for TopicStats {
    fn from(counts: TopicCounts) -> Self {
        Self {
            published_messages: counts.published.messages,
            published_bytes: counts.published.bytes,
            received_messages: counts.received.messages,
            received_bytes: counts.received.bytes,
            dropped_messages: counts.dropped,
            missed_messages: counts.gaps.missed,
            gaps: counts.gaps.times,
            history_messages: counts.history.0,
            history_bytes: counts.history.1,
        }
    }
}

fn peer_info(view: PeerView, now_ms: u64, link: Option<LinkView>) -> PeerInfo {
    let state = match view.status {
        PeerStatus::Connecting => PeerState::Connecting,
        PeerStatus::Connected => PeerState::Connected,
        PeerStatus::Waiting => PeerState::Backoff,
        PeerStatus::Itself => PeerState::Itself,
    };
    let connected_ms = if view.link.is_some() {
        now_ms.saturating_sub(view.since_ms)
    } else {
        0
    };
    let link = link.unwrap_or_default();
    PeerInfo {
        endpoint: view.endpoint,
        node: view.node,
        name: (!view.name.is_empty()).then_some(view.name),
        state,
        added: view.added,
        topics: view.topics,
        relays_for: view.relays_for,
        connected_for: Duration::from_millis(connected_ms),
        queued_messages: link.queued_messages,
        queued_bytes: link.queued_bytes,
        queue_high_water: link.high_water,
        dropped_messages: link.totals.drops.total(),
        traffic: traffic(link.totals),
        round_trip: link.round_trip_us.map(|(last_us, smoothed_us)| RoundTrip {
            last: Duration::from_micros(last_us),
            smoothed: Duration::from_micros(smoothed_us),
        }),
        reconnects: view.reconnects,
    }
}

fn traffic(totals: LinkTotals) -> LinkTraffic {
    LinkTraffic {
        sent_messages: totals.sent.messages,
        sent_bytes: totals.sent.bytes,
        received_messages: totals.received.messages,
        received_bytes: totals.received.bytes,
    }
}
