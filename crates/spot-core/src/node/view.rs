//! What a node knows, as plain data for users.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Node;
use super::link::{Link, LinkState};
use super::output::{LinkId, LinkPeer};
use super::peers::PeerState;
use crate::identity::NodeId;
use crate::registry::{Topic, TopicId};

/// Where a topic lives, as seen from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicPlace {
    /// Hosted here.
    Local,
    /// Routed to another node.
    Routed,
    /// Offered by another node.
    Discovered,
}

/// A known topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its number.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Where it lives.
    pub place: TopicPlace,
    /// Whether a publish would find an owner now.
    pub reachable: bool,
    /// Other nodes that offer it, directly or through a hub.
    pub owners: Vec<NodeId>,
}

/// How a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerStatus {
    /// A connection is being made.
    Connecting,
    /// Linked.
    Connected,
    /// Waiting to try again.
    Waiting,
    /// This node itself.
    Itself,
}

/// A peer: one that was added, or one that linked to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// The endpoint it was added with, or the address it linked from.
    pub endpoint: String,
    /// Its node id, where known.
    pub node: Option<NodeId>,
    /// Its name; may be empty.
    pub name: String,
    /// How it stands.
    pub status: PeerStatus,
    /// Whether it was added here.
    pub added: bool,
    /// Topics it offers.
    pub topics: usize,
    /// Nodes whose topics it relays to this one, in order. Empty while it is not linked.
    pub relays_for: Vec<NodeId>,
    /// The link in use.
    pub link: Option<LinkId>,
    /// When that link came up, in milliseconds of the driver's clock.
    pub since_ms: u64,
    /// Links to it that came into use after the first one.
    pub reconnects: u64,
}

/// Links that were not taken into use, though both sides shook hands, by why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// Another node, or an older life, of a name that is taken.
    pub namesake: u64,
    /// A node that was removed here.
    pub removed: u64,
    /// This node itself.
    pub itself: u64,
    /// The other side refused us.
    pub by_peer: u64,
}

impl Node {
    /// A topic, if it is known.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicView> {
        let id = self.registry.find(name)?;
        self.topic_view(id, self.registry.get(id)?)
    }

    /// Whether a topic is hosted here.
    #[must_use]
    pub fn hosts(&self, name: &str) -> bool {
        self.registry
            .find(name)
            .and_then(|id| self.registry.get(id))
            .is_some_and(|topic| topic.hosted)
    }

    /// The names of the topics hosted here.
    pub fn hosted_topics(&self) -> impl Iterator<Item = Arc<str>> {
        self.registry
            .iter()
            .filter(|(_, topic)| topic.hosted)
            .map(|(_, topic)| topic.name.clone())
    }

    /// The topics known.
    pub fn topics(&self) -> impl Iterator<Item = TopicView> {
        self.registry
            .iter()
            .filter_map(|(id, topic)| self.topic_view(id, topic))
    }

    /// Topics in the registry.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.registry.len()
    }

    /// Links in use.
    #[must_use]
    pub fn link_count(&self) -> usize {
        self.links
            .values()
            .filter(|link| link.state == LinkState::Active)
            .count()
    }

    /// The peers: those that were added, then those that linked to us.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        let added = self.peers.iter().flatten().map(|peer| {
            let node = peer.node.filter(|_| peer.state != PeerState::Itself);
            let active = node.and_then(|node| self.remotes.get(&node)?.active);
            let plain = match peer.state {
                PeerState::Linked(link) if self.links[&link].state == LinkState::Active => {
                    Some(link)
                }
                _ => None,
            };
            let link = active.or(plain);
            let status = match peer.state {
                PeerState::Itself => PeerStatus::Itself,
                _ if link.is_some() => PeerStatus::Connected,
                PeerState::Waiting { .. } | PeerState::Left => PeerStatus::Waiting,
                _ => PeerStatus::Connecting,
            };
            let mut view =
                self.peer_view(peer.endpoint.to_string(), node, status, peer.added, link);
            view.reconnects += peer.links.saturating_sub(1);
            view
        });
        let held = |node: Option<NodeId>| {
            node.is_some() && self.peers.iter().flatten().any(|peer| peer.node == node)
        };
        let linked = self.links.iter().filter(|(_, link)| {
            let node = link.spot().map(|hello| hello.node);
            link.state == LinkState::Active && link.peer.is_none() && !link.implicit && !held(node)
        });
        let linked = linked.map(|(id, link)| {
            let node = link.spot().map(|hello| hello.node);
            self.peer_view(
                link.address.clone(),
                node,
                PeerStatus::Connected,
                false,
                Some(*id),
            )
        });
        added.chain(linked).collect()
    }

    fn peer_view(
        &self,
        endpoint: String,
        node: Option<NodeId>,
        status: PeerStatus,
        added: bool,
        link: Option<LinkId>,
    ) -> PeerView {
        let state: Option<&Link> = link.map(|link| &self.links[&link]);
        let name = match state.and_then(|link| link.peer_kind.as_ref()) {
            Some(LinkPeer::Spot(hello)) => hello.name.clone(),
            _ => String::new(),
        };
        let remote = node.and_then(|node| self.remotes.get(&node));
        let relays = remote
            .filter(|_| link.is_some())
            .map(|remote| &remote.relays);
        let origins: BTreeSet<NodeId> = relays.into_iter().flatten().map(|(_, of)| *of).collect();
        PeerView {
            endpoint,
            node,
            name,
            status,
            added,
            topics: remote.map_or(0, |remote| remote.topics.len()),
            relays_for: origins.into_iter().collect(),
            link,
            since_ms: state.map_or(0, |link| link.since_ms),
            reconnects: remote.map_or(0, |remote| remote.links.saturating_sub(1)),
        }
    }

    fn topic_view(&self, id: TopicId, topic: &Topic) -> Option<TopicView> {
        let place = if topic.hosted {
            TopicPlace::Local
        } else if topic.route().is_some() {
            TopicPlace::Routed
        } else if topic.is_known() {
            TopicPlace::Discovered
        } else {
            return None;
        };
        let reachable = topic.hosted || self.reaches(topic);
        Some(TopicView {
            id,
            name: topic.name.clone(),
            place,
            reachable,
            owners: topic.owners().to_vec(),
        })
    }
}
