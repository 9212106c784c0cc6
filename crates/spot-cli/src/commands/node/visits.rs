//! Tools that look in: they come and go all day, and are no news.

use std::collections::HashMap;

use serverlink::{Event, Node, NodeId};

/// Visitors that are remembered. Beyond them all are logged.
const MAX_VISITORS: usize = 4096;

/// Who is linked, has no name, was not asked for, and is no member as far as is known.
#[derive(Default)]
pub(super) struct Visits(HashMap<NodeId, Event>);

impl Visits {
    /// Whether it is the coming or going of a visitor. That one has become a member, and so was none, is told by the
    /// second: how it came, which is logged then.
    pub(super) fn follow(&mut self, event: &Event, node: &Node) -> (bool, Option<Event>) {
        match event {
            Event::PeerUp {
                endpoint,
                node: Some(id),
                name,
            } if name.is_empty() && self.0.len() < MAX_VISITORS && !is_added(node, endpoint) => {
                self.0.insert(*id, event.clone());
                (true, None)
            }
            Event::PeerDown {
                node: Some(id),
                graceful,
                ..
            } => (self.0.remove(id).is_some() && *graceful, None),
            Event::MemberUp { node: id, .. } => (false, self.0.remove(id)),
            _ => (false, None),
        }
    }
}

fn is_added(node: &Node, endpoint: &str) -> bool {
    let peers = node.peers();
    peers
        .iter()
        .any(|peer| peer.added && peer.endpoint == endpoint)
}
