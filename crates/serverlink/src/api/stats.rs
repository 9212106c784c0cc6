//! Counters and descriptions of a node, as plain data.

use std::sync::Arc;
use std::time::Duration;

use spot_core::NodeId;

/// Counters of a node since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages published by this node's callers and accepted.
    pub published_messages: u64,
    /// Their payload bytes.
    pub published_bytes: u64,
    /// Messages handed to this node's subscribers' callers.
    pub received_messages: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// Messages lost to full queues of this node's subscribers (RCVHWM).
    pub dropped_at_receiver: u64,
    /// Messages lost to full queues of this node's links (SNDHWM).
    pub dropped_at_sender: u64,
    /// Messages that this node passed on for others as a hub, once for each link that they went to.
    pub relayed_messages: u64,
    /// Their payload bytes.
    pub relayed_bytes: u64,
    /// Messages that links told us are missing.
    pub missed_messages: u64,
    /// Messages that arrived a second time and were discarded.
    pub duplicates_refused: u64,
    /// PUBLISH commands of plain ZeroMQ peers that found no topic, no owner or no room.
    pub commands_refused: u64,
    /// Messages of plain ZeroMQ publishers discarded because their first frame is no topic name, or they have more than
    /// two frames.
    pub messages_refused: u64,
    /// Filters subscribed to now.
    pub subscriptions: u64,
    /// Topics known now, hosted or remote.
    pub topics: u64,
    /// Links up now.
    pub links: u64,
    /// Links that came up after the first one of their peer.
    pub reconnects: u64,
    /// Connections closed for a reason that lies with the other side.
    pub rejected: LinkRejections,
}

/// Connections closed because of what came over them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkRejections {
    /// No complete handshake within the time allowed.
    pub handshake_timeout: u64,
    /// The bytes were not ZMTP, or the handshake was refused.
    pub handshake: u64,
    /// A malformed frame or command after the handshake.
    pub protocol: u64,
    /// Silent past the heartbeat timeout.
    pub heartbeat: u64,
}

/// Where a topic lives, as seen from this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopicPlace {
    /// Hosted on this node.
    Local,
    /// Explicitly routed to another node.
    Routed,
    /// Offered by another node.
    Discovered,
}

/// A topic known to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicInfo {
    /// The topic's name.
    pub name: Arc<str>,
    /// Where it lives.
    pub place: TopicPlace,
    /// Whether a publish would find it now.
    pub reachable: bool,
    /// Subscribers that listen here: those of this node, and one for each interested link. Zero for a remote topic
    /// that nobody here subscribes to.
    pub subscribers: usize,
    /// Other nodes that offer it, directly or through a hub, as far as they are known here.
    pub owners: Vec<NodeId>,
}

/// What a node knows of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The endpoint it was added with, or the address it linked to us from.
    pub endpoint: String,
    /// Its node id, once a handshake told it. Plain ZeroMQ peers have none.
    pub node: Option<NodeId>,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// How it stands.
    pub state: PeerState,
    /// Whether we added it (and so reconnect to it).
    pub added: bool,
    /// Topics it offers.
    pub topics: usize,
    /// Nodes whose topics it relays to this one, as a hub. Empty while the link is down.
    pub relays_for: Vec<NodeId>,
    /// How long the link has been up; zero while it is down.
    pub connected_for: Duration,
    /// Messages waiting to be sent to it.
    pub queued_messages: usize,
}

/// How a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerState {
    /// A connection or handshake is under way.
    Connecting,
    /// The link is up.
    Connected,
    /// Waiting to try again.
    Backoff,
    /// The endpoint turned out to be this node itself.
    Itself,
}
