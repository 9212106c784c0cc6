//! Other nodes: what they offer and by which link they are reached.

use hashbrown::HashSet;

use super::Node;
use super::output::{LinkId, NodeEvent, Output};
use crate::identity::{Incarnation, NodeId};
use crate::registry::TopicId;

/// Another node, as long as it is linked or one of our peers.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) incarnation: Incarnation,
    /// Its name or, without one, where it was reached.
    pub(super) name: String,
    /// The one link in use.
    pub(super) active: Option<LinkId>,
    /// Topics it offers, or offered when it was last linked.
    pub(super) topics: HashSet<TopicId>,
}

impl Remote {
    pub(super) fn new(incarnation: Incarnation, name: String) -> Self {
        Self {
            incarnation,
            name,
            active: None,
            topics: HashSet::new(),
        }
    }
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
        let topics: Vec<TopicId> = remote.topics.iter().copied().collect();
        for topic in topics {
            self.place(topic);
        }
    }

    /// Forgets a node that is neither linked nor one of our peers, with the topics known only through it.
    pub(super) fn forget_remote_if_unheld(&mut self, node: NodeId) {
        let held = self
            .peers
            .iter()
            .flatten()
            .any(|peer| peer.node == Some(node) && (peer.added || peer.routes > 0));
        let linked = self
            .remotes
            .get(&node)
            .is_none_or(|remote| remote.active.is_some());
        if held || linked {
            return;
        }
        let topics: Vec<TopicId> = self.remotes[&node].topics.iter().copied().collect();
        for topic in topics {
            self.unlearn_topic(node, topic);
        }
        self.remotes.remove(&node);
    }
}
