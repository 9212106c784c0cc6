//! What a node tells of itself: topics, peers, counters.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use spot_core::node::{PeerStatus, PeerView, TopicPlace as CorePlace, TopicView};

use super::node::Node;
use super::stats::{LinkRejections, PeerInfo, PeerState, Stats, TopicInfo, TopicPlace};

impl Node {
    /// The topics known, sorted by name.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicInfo> {
        let mut topics: Vec<TopicInfo> = self.handle.inspect(|control| {
            let views = control.core.topics();
            views
                .map(|view| {
                    let topic = control.topic(view.id);
                    topic_info(view, topic.map_or(0, |topic| topic.subscribers()))
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
            Some(topic_info(view, topic.subscribers()))
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
                    let outbox = view
                        .link
                        .and_then(|link| control.links.get(&link)?.outbox());
                    peer_info(view, now_ms, outbox.map_or(0, |outbox| outbox.messages()))
                })
                .collect()
        })
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.handle.counters;
        let (mut received_messages, mut received_bytes, mut dropped_at_receiver) =
            counters.received_before();
        let mut stats = Stats::default();
        (stats.published_messages, stats.published_bytes) = counters.published_before();
        self.handle.inspect(|control| {
            for inbox in control.subscribers.values() {
                let (messages, bytes, dropped) = inbox.counts();
                received_messages += messages;
                received_bytes += bytes;
                dropped_at_receiver += dropped;
            }
            for (messages, bytes) in control.topics().map(|topic| topic.published()) {
                stats.published_messages += messages;
                stats.published_bytes += bytes;
            }
            stats.dropped_at_sender = counters.closed_outbox_drops.load(Relaxed);
            stats.dropped_at_sender += control
                .outboxes()
                .map(|outbox| outbox.dropped())
                .sum::<u64>();
            stats.subscriptions = control.core.subscriptions() as u64;
            stats.topics = control.core.topics().count() as u64;
            stats.links = control.core.link_count() as u64;
            stats.reconnects = control.core.reconnects();
        });
        stats.received_messages = received_messages;
        stats.received_bytes = received_bytes;
        stats.dropped_at_receiver = dropped_at_receiver;
        stats.relayed_messages = counters.relayed_messages.load(Relaxed);
        stats.relayed_bytes = counters.relayed_bytes.load(Relaxed);
        stats.missed_messages = counters.missed_messages.load(Relaxed);
        stats.duplicates_refused = counters.duplicates_refused.load(Relaxed);
        stats.commands_refused = counters.commands_refused.load(Relaxed);
        stats.messages_refused = counters.messages_refused.load(Relaxed);
        stats.rejected = LinkRejections {
            handshake_timeout: counters.handshake_timeouts.load(Relaxed),
            handshake: counters.handshake_failures.load(Relaxed),
            protocol: counters.protocol_errors.load(Relaxed),
            heartbeat: counters.heartbeat_failures.load(Relaxed),
        };
        stats
    }
}

fn topic_info(view: TopicView, subscribers: usize) -> TopicInfo {
    let place = match view.place {
        CorePlace::Local => TopicPlace::Local,
        CorePlace::Routed => TopicPlace::Routed,
        CorePlace::Discovered => TopicPlace::Discovered,
    };
    TopicInfo {
        name: view.name,
        place,
        reachable: view.reachable,
        subscribers,
        owners: view.owners,
    }
}

fn peer_info(view: PeerView, now_ms: u64, queued_messages: usize) -> PeerInfo {
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
    PeerInfo {
        endpoint: view.endpoint,
        node: view.node,
        name: (!view.name.is_empty()).then_some(view.name),
        state,
        added: view.added,
        topics: view.topics,
        relays_for: view.relays_for,
        connected_for: Duration::from_millis(connected_ms),
        queued_messages,
    }
}
