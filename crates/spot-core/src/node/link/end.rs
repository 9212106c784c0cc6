//! The end of a link: what it wanted and offered, and who was served by it.

use std::collections::BTreeSet;

use super::super::output::{Event, LinkId, Output, PeerId};
use super::super::{Node, SubscriberId};
use super::LinkState;
use crate::filter::Filter;
use crate::frame::ByeReason;
use crate::identity::NodeId;
use crate::registry::Topic;

impl Node {
    /// Takes a link out of use: what it wanted, what it offered, who was served by it.
    pub(super) fn retire(&mut self, link: LinkId, reason: &str, graceful: bool, tell_loss: bool) {
        if self.links[&link].state != LinkState::Active {
            return;
        }
        let (endpoint, node, name) = self.describe(link);
        let state = self.link_mut(link);
        state.state = LinkState::Dialing;
        let left = state.farewell == Some(ByeReason::Leaving);
        let foreign = std::mem::take(&mut state.foreign);
        self.asks_are_cut(link);
        let filters = self.offered.remove_target(link);
        if node.is_some() {
            self.push(Output::LinkInactive {
                link,
                graceful,
                left,
            });
        }
        self.detach_link(link, &filters);
        if let Some(node) = node {
            let remote = self.remotes.get_mut(&node);
            remote.expect("active links have a remote").active = None;
            self.leave_relay_link(link, node, tell_loss);
            if tell_loss {
                self.tell_loss(node);
            }
            self.defer_to_other_owners(node);
            self.place_topics_of(node);
            self.place_routed_topics();
            self.cease_is_cut(link);
            self.forget_ceased();
        }
        for topic in foreign {
            self.release_foreign(topic);
        }
        let reason = reason.to_owned();
        self.push(Output::Event(Event::PeerDown {
            endpoint,
            node,
            name,
            reason,
            graceful,
        }));
    }

    /// Tells each subscriber that was served by a node that the node is lost.
    fn tell_loss(&mut self, node: NodeId) {
        let remote = &self.remotes[&node];
        let mut served: BTreeSet<SubscriberId> = BTreeSet::new();
        let cut = remote
            .topics
            .iter()
            .filter(|id| !self.has_way((**id, node)));
        let topics = cut.filter_map(|id| self.registry.get(*id));
        for topic in topics.filter(|topic| self.was_served_by(node, topic)) {
            let wanted = self.wanted.matching(&topic.name);
            served.extend(wanted.into_iter().map(|(subscriber, _)| subscriber));
        }
        let name: std::sync::Arc<str> = remote.name.as_str().into();
        for subscriber in served {
            self.push(Output::PeerLost {
                subscriber,
                node,
                name: name.clone(),
            });
        }
    }

    /// Whether subscribers of a topic lose it with this node. A routed topic is served by its route alone, and where
    /// another endpoint of the route takes over nothing is lost.
    pub(in super::super) fn was_served_by(&self, node: NodeId, topic: &Topic) -> bool {
        topic.route().is_none_or(|route| {
            let leads_there = |peer: &PeerId| self.peer(*peer).node == Some(node);
            route.iter().any(leads_there) && self.route_link(topic).is_none()
        })
    }

    fn detach_link(&mut self, link: LinkId, filters: &[Filter]) {
        for topic in self.hosted_topics_matching(filters) {
            self.push(Output::DetachLink {
                topic,
                link,
                ended: false,
            });
        }
    }
}
