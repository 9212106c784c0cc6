//! Counters and descriptions of a node, as plain data.

use std::sync::Arc;
use std::time::Duration;

use spot_core::{Drops, NodeId};

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
    /// `dropped_at_receiver` by the overflow policy that was in force.
    pub receiver_drops: Drops,
    /// `dropped_at_sender` by the overflow policy of those whom the messages were for.
    pub sender_drops: Drops,
    /// Messages that this node passed on for others as a hub, once for each link that they went to.
    pub relayed_messages: u64,
    /// Their payload bytes.
    pub relayed_bytes: u64,
    /// Messages that are missing of what other nodes published: to subscribers here, or to topics hosted here.
    pub missed_messages: u64,
    /// How often some were missing, also where nobody can tell how many.
    pub gaps: u64,
    /// Messages that other nodes published to this one on topics that it does not host.
    pub unhosted_messages: u64,
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
    /// Links that came up after the first one of their peer. Peers that linked to us are known again if they are members.
    pub reconnects: u64,
    /// Connections closed for a reason that lies with the other side.
    pub rejected: LinkRejections,
    /// `rejected.handshake` by why, and links that were refused after the handshake.
    pub handshake_failures: HandshakeFailures,
    /// Attempts to connect that failed before a handshake, or in it.
    pub connect_failures: u64,
    /// Times that a connection could not be accepted because no descriptor was left.
    pub accept_failures: u64,
    /// Messages, and bytes on the wire, of all links since they were up.
    pub links_total: LinkTraffic,
    /// Most messages that ever waited for one link.
    pub link_queue_high_water: usize,
    /// Messages that wait to be received now, of all subscribers of this node.
    pub queued_messages: usize,
    /// Their payload bytes.
    pub queued_bytes: usize,
    /// Most messages that ever waited for one subscriber of this node.
    pub queue_high_water: usize,
}

/// What went over a link, or all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkTraffic {
    /// Messages written to the socket.
    pub sent_messages: u64,
    /// Bytes written, with frames, control and heartbeats, after the handshake.
    pub sent_bytes: u64,
    /// Messages read from the socket, whatever became of them.
    pub received_messages: u64,
    /// Bytes read, likewise.
    pub received_bytes: u64,
}

/// Handshakes that failed, and links that ended as soon as both sides knew each other, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeFailures {
    /// No complete handshake within the time allowed; also in [`LinkRejections::handshake_timeout`].
    pub timeout: u64,
    /// The first bytes were no greeting of ZMTP.
    pub greeting: u64,
    /// The other side speaks another version of ZMTP or of the SPOT link.
    pub version: u64,
    /// It wants another security mechanism.
    pub mechanism: u64,
    /// What followed the greeting was malformed or out of place.
    pub malformed: u64,
    /// It is a ZeroMQ socket of a type that has no business at a SPOT port, or names none.
    pub socket_type: u64,
    /// It says it is a SPOT node, and not well who it is.
    pub identity: u64,
    /// Two nodes have the same name, or an older life of a node came after a newer one.
    pub same_name: u64,
    /// The node was removed here.
    pub removed: u64,
    /// It turned out to be this node itself.
    pub itself: u64,
    /// The other side refused this node.
    pub refused_by_peer: u64,
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
    /// What was counted of it since it is known here.
    pub stats: TopicStats,
}

/// Counters of a topic at one node, since it is known there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicStats {
    /// Messages published by this node's callers and accepted.
    pub published_messages: u64,
    /// Their payload bytes.
    pub published_bytes: u64,
    /// Messages that came from other nodes, each once: published to this one as the owner, or heard by its subscribers or
    /// as a hub.
    pub received_messages: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// Messages lost to full queues, of subscribers here and of links, once for each.
    pub dropped_messages: u64,
    /// Messages missing of what other nodes published.
    pub missed_messages: u64,
    /// How often some were missing, also where nobody can tell how many.
    pub gaps: u64,
    /// Messages kept now for those who come late.
    pub history_messages: usize,
    /// Their payload bytes.
    pub history_bytes: usize,
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
    /// Their payload bytes.
    pub queued_bytes: usize,
    /// Most messages that ever waited on this link.
    pub queue_high_water: usize,
    /// Messages that this link's queue has dropped.
    pub dropped_messages: u64,
    /// What went over this link. It and the other figures of the link begin anew with each link, and are zero in between and
    /// for nodes of this context, to which messages go without a queue.
    pub traffic: LinkTraffic,
    /// How long it takes to answer; `None` before its first answer to a heartbeat.
    pub round_trip: Option<RoundTrip>,
    /// How often it was linked again, as [`Stats::reconnects`].
    pub reconnects: u64,
}

/// How long a peer takes to answer a heartbeat, from when that is queued until the answer is read: what waits before it in
/// the queue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// The last one.
    pub last: Duration,
    /// Smoothed: each one changes it by an eighth of the difference.
    pub smoothed: Duration,
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
