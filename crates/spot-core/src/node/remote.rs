//! Other nodes: what they offer and by which link they are reached.

use std::collections::BTreeSet;

use super::Node;
use super::output::{LinkId, NodeEvent, Output};
use crate::identity::NodeId;
use crate::registry::TopicId;

/// Another node, as long as it is linked or one of our peers.
#[derive(Debug, Default)]
pub(super) struct Remote {
    /// Its name or, without one, where it was reached.
    pub(super) name: String,
    /// The one link in use.
    pub(super) active: Option<LinkId>,
    /// Whether a link was in use before; a further one is a reconnect.
    pub(super) met: bool,
    /// Topics it offers, or offered when it was last linked.
    pub(super) topics: BTreeSet<TopicId>,
}

impl Node {
    /// A node offers a topic.
    pub(super) fn learn_topic(&mut self, node: NodeId, name: &str) {
        let id = self.ensure_topic(name);
        let Some(remote) = self.remotes.get_mut(&node) else {
            return;
        };
        if !remote.topics.insert(id) {
            return;
        }
        let topic = self.registry.get_mut(id).expect("just ensured");
        let news = !topic.is_known();
        topic.elsewhere_mut().owners.push(node);
        if news {
            let topic = topic.name.clone();
            self.push(Output::Event(NodeEvent::TopicAdded { topic }));
        }
        self.place(id);
    }

    /// A node offers a topic no more.
    pub(super) fn unlearn_topic(&mut self, node: NodeId, id: TopicId) {
        if let Some(remote) = self.remotes.get_mut(&node) {
            remote.topics.remove(&id);
        }
        let Some(topic) = self.registry.get_mut(id) else {
            return;
        };
        topic.elsewhere_mut().owners.retain(|owner| *owner != node);
        if !topic.is_known() {
            let topic = topic.name.clone();
            self.push(Output::Event(NodeEvent::TopicRemoved { topic }));
        }
        self.place_or_remove(id);
    }

    /// Where the topics of a node live has changed because its link came or went.
    pub(super) fn place_topics_of(&mut self, node: NodeId) {
        let Some(remote) = self.remotes.get(&node) else {
            return;
        };
        for topic in remote.topics.clone() {
            self.place(topic);
        }
    }

    /// Forgets a node that is neither linked nor one of our peers, with the topics known only through it. A link that
    /// waits for the node's decision holds it, too.
    pub(super) fn forget_remote_if_unheld(&mut self, node: NodeId) {
        if self.is_held_by_peer(node) || !self.links_to(node).is_empty() {
            return;
        }
        let Some(remote) = self.remotes.get(&node) else {
            return;
        };
        for topic in remote.topics.clone() {
            self.unlearn_topic(node, topic);
        }
        self.remotes.remove(&node);
    }
}
