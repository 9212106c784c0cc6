//! What happens to a node, as lines of the log.

use serverlink::{Event, NodeId};
use tracing::{debug, info, warn};

use crate::text::counted;

/// Logs an event.
pub(super) fn log(event: &Event) {
    match event {
        Event::PeerUp { endpoint, name, .. } => info!("peer {} up", peer(name, endpoint)),
        Event::PeerDown {
            endpoint,
            name,
            reason,
            graceful: true,
            ..
        } => {
            info!("peer {} left: {reason}", peer(name, endpoint));
        }
        // A plain ZeroMQ peer has no other way to leave.
        Event::PeerDown {
            endpoint,
            node: None,
            reason,
            ..
        } => info!("peer {endpoint} gone: {reason}"),
        Event::PeerDown {
            endpoint,
            name,
            reason,
            ..
        } => {
            warn!("peer {} lost: {reason}", peer(name, endpoint));
        }
        Event::ConnectFailed { endpoint, reason } => {
            warn!("cannot connect to {endpoint}: {reason}; trying again");
        }
        Event::Rejected { endpoint, reason } => {
            warn!("rejected the connection with {endpoint}: {reason}");
        }
        Event::MemberUp { node, name } => info!("member {} is there", member(name, node)),
        Event::MemberSuspect { node, name } => {
            info!("member {} does not answer", member(name, node));
        }
        Event::MemberDown { node, name, left } => {
            let what = if *left { "left" } else { "is down" };
            info!("member {} {what}", member(name, node));
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
            warn!("partition: {reachable} of {size} members reachable, {what}");
        }
        Event::Heal { size } => info!("all {size} members reachable"),
        Event::TopicAdded { topic } => info!("topic {topic} offered"),
        Event::TopicRemoved { topic } => info!("topic {topic} gone"),
        Event::Gap { topic, missed } => match missed {
            Some(count) => warn!("missed {} of {topic}", counted(*count, "message")),
            None => warn!("may have missed messages of {topic}: the count died with the publisher"),
        },
        Event::SlowSubscriber { endpoint } => {
            warn!("ended a subscription of {endpoint}: it was too slow");
        }
        event => debug!("{event:?}"),
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
