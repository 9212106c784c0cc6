//! Other nodes: what they offer and by which link they are reached.

use std::collections::BTreeSet;

use super::Node;
use super::output::{Event, LinkId, Output};
use super::relay::StreamKey;
use crate::frame::{Digest, TopicChange};
use crate::identity::{Incarnation, NodeId};
use crate::registry::TopicId;

/// Another node, as long as it is linked or one of our peers.
#[derive(Debug, Default)]
pub(super) struct Remote {
    /// Its name or, without one, where it was reached.
    pub(super) name: String,
    /// The one link in use.
    pub(super) active: Option<LinkId>,
    /// Links that came into use; those after the first are reconnects.
    pub(super) links: u64,
    /// What it offers and has confirmed since its list began anew.
    pub(super) confirmed: Digest,
    /// Topics it offers, or offered when it was last linked.
    pub(super) topics: BTreeSet<TopicId>,
    /// Those it has not confirmed since its list began anew.
    pub(super) doubted: BTreeSet<TopicId>,
    /// Topics of others that it relays, or relayed when it was last linked.
    pub(super) relays: BTreeSet<StreamKey>,
    /// Those of these that it has not confirmed.
    pub(super) doubted_relays: BTreeSet<StreamKey>,
}

impl Node {
    /// A node offers a topic.
    pub(super) fn learn_topic(&mut self, node: NodeId, name: &str) {
        let id = self.ensure_topic(name);
        let remote = self.remotes.get_mut(&node).expect("it is linked");
        let is_new = remote.topics.insert(id);
        if remote.doubted.remove(&id) || is_new {
            remote.confirmed.add(TopicChange::Add(name));
        }
        if !is_new {
            return;
        }
        let topic = self.registry.get_mut(id).expect("just ensured");
        let news = !topic.is_known();
        let owners = &mut topic.elsewhere_mut().owners;
        if !owners.contains(&node) {
            owners.push(node);
        }
        self.touch_direct((id, node));
        if news {
            let topic = self.registry.get(id).expect("just ensured");
            let topic = topic.name.clone();
            self.push(Output::Event(Event::TopicAdded { topic }));
        }
        self.place(id);
    }

    /// A node offers a topic no more: it has ended it, or the node is forgotten.
    pub(super) fn unlearn_topic(&mut self, node: NodeId, id: TopicId, ended: bool) {
        let remote = self.remotes.get_mut(&node).expect("the caller found it");
        let was_doubted = remote.doubted.remove(&id);
        if !remote.topics.remove(&id) {
            return;
        }
        if !was_doubted {
            let topic = self.registry.get(id).expect("held by its owner");
            remote.confirmed.remove(TopicChange::Add(&topic.name));
        }
        self.end_stream((id, node), ended);
        self.disown_if_unoffered((id, node));
        self.place_or_remove(id);
    }

    /// Forgets that a node owns a topic when neither it nor a hub offers it any more.
    pub(super) fn disown_if_unoffered(&mut self, (id, node): StreamKey) {
        let remote = self.remotes.get(&node);
        if remote.is_some_and(|remote| remote.topics.contains(&id)) || self.is_relayed((id, node)) {
            return;
        }
        let topic = self.registry.get_mut(id).expect("held by its owner");
        topic.elsewhere_mut().owners.retain(|owner| *owner != node);
        if !topic.is_known() {
            let topic = topic.name.clone();
            self.push(Output::Event(Event::TopicRemoved { topic }));
        }
    }

    /// A node begins its list of topics anew. What it offered before is kept until the list is complete: a topic that
    /// it still offers must not go and come back, for the streams and subscribers that hang on it.
    pub(super) fn doubt_topics_of(&mut self, node: NodeId) {
        let remote = self.remotes.get_mut(&node).expect("it is linked");
        remote.doubted.clone_from(&remote.topics);
        remote.doubted_relays.clone_from(&remote.relays);
        remote.confirmed = Digest::default();
    }

    /// The list of a node is complete: what it did not confirm, it offers no more.
    pub(super) fn settle_topics_of(&mut self, node: NodeId) {
        let remote = &self.remotes[&node];
        let (topics, relays) = (remote.doubted.clone(), remote.doubted_relays.clone());
        for topic in topics {
            self.unlearn_topic(node, topic, true);
        }
        for stream in relays {
            self.relay_withdrawn(node, stream, false);
        }
    }

    /// The link of a node is gone. It becomes the last choice for what others offer, too, so that publishing stays
    /// with the owner it goes over to.
    pub(super) fn defer_to_other_owners(&mut self, node: NodeId) {
        for topic in &self.remotes[&node].topics {
            let topic = self.registry.get_mut(*topic).expect("held by its owner");
            let owners = &mut topic.elsewhere_mut().owners;
            owners.retain(|owner| *owner != node);
            owners.push(node);
        }
    }

    /// Where the topics of a node live has changed because its link came or went.
    pub(super) fn place_topics_of(&mut self, node: NodeId) {
        let Some(remote) = self.remotes.get(&node) else {
            return;
        };
        let (topics, relays) = (remote.topics.clone(), remote.relays.clone());
        for topic in topics {
            self.touch_direct((topic, node));
            self.place(topic);
        }
        self.touch_all(relays);
    }

    /// The node behind a SPOT link, and which life of it.
    pub(super) fn life_of(&self, link: LinkId) -> (NodeId, Incarnation) {
        let hello = self.links[&link].spot();
        let hello = hello.expect("the caller holds a link of SPOT");
        (hello.node, hello.incarnation)
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
        let (topics, relays) = (remote.topics.clone(), remote.relays.clone());
        for topic in topics {
            self.unlearn_topic(node, topic, false);
        }
        for stream in relays {
            self.relay_withdrawn(node, stream, false);
        }
        let links = self.remotes.remove(&node).map(|remote| remote.links);
        if let (Some(links), Some(member)) = (links, self.membership.book.get_mut(node)) {
            member.links = links;
        }
    }
}
