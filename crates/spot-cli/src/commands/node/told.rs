//! What happens to a node, as lines of the log: a sentence for people, fields for programs.

use serverlink::{Event, NodeId};
use tracing::{debug, info, warn};

use crate::commands::events::as_line;
use crate::text::counted;

/// In the reason for the end of a connection that was in use.
const SILENT: &str = "silent past the heartbeat timeout";

/// Logs an event.
pub(super) fn log(event: &Event) {
    match event {
        Event::PeerUp { endpoint, name, .. } => {
            let (event, peer) = ("peer-up", peer(name, endpoint));
            info!(event, peer, endpoint, "peer {peer} up");
        }
        Event::PeerDown { .. } => log_peer_down(event),
        Event::ConnectFailed { endpoint, reason } => {
            let (event, peer) = ("connect-failed", endpoint);
            warn!(
                event,
                peer, reason, "cannot connect to {endpoint}: {reason}; trying again"
            );
        }
        Event::Rejected { endpoint, reason } => {
            let (event, peer) = ("rejected", endpoint);
            let did = if reason.contains(SILENT) {
                "closed"
            } else {
                "rejected"
            };
            warn!(
                event,
                peer, reason, "{did} the connection with {endpoint}: {reason}"
            );
        }
        Event::MemberUp { .. } | Event::MemberSuspect { .. } | Event::MemberDown { .. } => {
            log_member(event);
        }
        Event::Partition {
            reachable,
            size,
            majority,
        } => {
            let what = if *majority {
                "a majority"
            } else {
                "no majority"
            };
            let event = "partition";
            warn!(
                event,
                reachable,
                size,
                majority,
                "partition: {reachable} of {size} members reachable, {what}"
            );
        }
        Event::Heal { size } => info!(event = "heal", size, "all {size} members reachable"),
        Event::TopicAdded { .. } | Event::TopicRemoved { .. } | Event::Gap { .. } => {
            log_topic(event);
        }
        Event::SlowSubscriber { endpoint } => {
            let (event, peer, reason) = ("slow-subscriber", endpoint, "it was too slow");
            warn!(
                event,
                peer, reason, "ended a subscription of {endpoint}: {reason}"
            );
        }
        event => debug!("{event:?}"),
    }
}

/// Logs an event that happened before, and happens again and again.
pub(super) fn log_repeated(event: &Event) {
    if let Event::ConnectFailed { endpoint, reason } = event {
        let (event, peer) = ("connect-failed", endpoint);
        debug!(
            event,
            peer, reason, "cannot connect to {endpoint}: {reason}; trying again"
        );
    } else {
        debug!("{}", as_line(event));
    }
}

fn log_peer_down(event: &Event) {
    let Event::PeerDown {
        endpoint,
        node,
        name,
        reason,
        graceful,
    } = event
    else {
        return;
    };
    let (event, peer) = ("peer-down", peer(name, endpoint));
    match (graceful, node) {
        (true, _) => info!(event, peer, endpoint, reason, "peer {peer} left: {reason}"),
        // A plain ZeroMQ peer has no other way to leave.
        (_, None) => info!(event, peer, endpoint, reason, "peer {peer} gone: {reason}"),
        _ => warn!(event, peer, endpoint, reason, "peer {peer} lost: {reason}"),
    }
}

fn log_member(event: &Event) {
    match event {
        Event::MemberUp { node, name } => {
            let peer = member(name, node);
            info!(event = "member-up", peer, "member {peer} is there");
        }
        Event::MemberSuspect { node, name } => {
            let peer = member(name, node);
            info!(
                event = "member-suspect",
                peer, "member {peer} does not answer"
            );
        }
        Event::MemberDown { node, name, left } => {
            let (peer, what) = (member(name, node), if *left { "left" } else { "is down" });
            info!(event = "member-down", peer, left, "member {peer} {what}");
        }
        _ => {}
    }
}

fn log_topic(event: &Event) {
    match event {
        Event::TopicAdded { topic } => {
            info!(
                event = "topic-added",
                topic = &**topic,
                "topic {topic} offered"
            );
        }
        Event::TopicRemoved { topic } => {
            info!(
                event = "topic-removed",
                topic = &**topic,
                "topic {topic} gone"
            );
        }
        Event::Gap {
            topic,
            missed: Some(missed),
        } => {
            let (event, topic) = ("gap", &**topic);
            let messages = counted(*missed, "message");
            warn!(event, topic, missed, "missed {messages} of {topic}");
        }
        Event::Gap { topic, .. } => {
            let (event, topic, reason) = ("gap", &**topic, "the count died with the publisher");
            warn!(
                event,
                topic, reason, "may have missed messages of {topic}: {reason}"
            );
        }
        _ => {}
    }
}

fn member(name: &str, node: &NodeId) -> String {
    if name.is_empty() {
        node.to_string()
    } else {
        name.to_owned()
    }
}

fn peer(name: &str, endpoint: &str) -> String {
    if name.is_empty() {
        endpoint.to_owned()
    } else {
        format!("{name} ({endpoint})")
    }
}
