//! Discovery: members that are learnt of are dialled, as if they had been added.

use super::Node;
use super::output::PeerId;
use super::peers::PeerState;
use crate::endpoint::Endpoint;
use crate::identity::NodeId;

impl Node {
    /// Holds a peer for each member that nobody else holds one for, and lets go of those that are no members any more.
    pub(super) fn discover(&mut self) {
        if self.membership.left {
            return;
        }
        for index in 0..self.peers.len() {
            let member = self.peers[index].as_ref().and_then(|peer| peer.member);
            if let Some(node) = member.filter(|node| !self.is_to_be_held(*node, index)) {
                let id = PeerId(index as u32);
                self.peer_mut(id).member = None;
                // The member keeps its link, if it made it or somebody else holds it.
                self.let_go(id, node);
            }
        }
        if !self.membership.config.discovery {
            return;
        }
        let members = self.membership.book.iter();
        let members: Vec<NodeId> = members.map(|(node, _)| node).collect();
        for node in members {
            self.discover_member(node);
        }
    }

    /// After a vain attempt at one endpoint of a member: the next is tried, if there is one.
    pub(super) fn try_next_endpoint(&mut self, id: PeerId) {
        let peer = self.peer(id);
        let Some(node) = peer.member.filter(|_| !peer.is_asked_for()) else {
            return;
        };
        let endpoints = self.dialable_endpoints(node);
        let tried = endpoints.iter().position(|known| *known == peer.endpoint);
        let count = endpoints.len();
        let mut next = (1..=count).map(|step| (tried.unwrap_or(count - 1) + step) % count);
        let free = next.find(|index| self.find_peer(&endpoints[*index]).is_none());
        if let Some(index) = free {
            let until_ms = self.clock_ms + self.peer_mut(id).backoff.pause_ms();
            let peer = self.peer_mut(id);
            peer.endpoint = endpoints[index].clone();
            if peer.state == PeerState::Itself {
                peer.state = PeerState::Waiting { until_ms };
            }
        }
    }

    fn discover_member(&mut self, node: NodeId) {
        let is_its = |peer: &super::Peer| peer.node == Some(node) || peer.member == Some(node);
        if !self.is_wanted(node) || self.peers.iter().flatten().any(is_its) {
            return;
        }
        let endpoints = self.dialable_endpoints(node);
        let free = |endpoint: &&Endpoint| self.find_peer(endpoint).is_none();
        if let Some(endpoint) = endpoints.iter().find(free) {
            self.hold_member(endpoint, node);
        }
    }

    /// Whether the peer at `index` is to stay for the sake of the member.
    fn is_to_be_held(&self, node: NodeId, index: usize) -> bool {
        let mut others = self.peers.iter().enumerate();
        let is_otherwise_held = others.any(|(other, peer)| {
            other != index
                && peer
                    .as_ref()
                    .is_some_and(|peer| peer.node == Some(node) && peer.is_asked_for())
        });
        let is_wanted = self.is_wanted(node) || self.is_leaving(node);
        self.membership.config.discovery && is_wanted && !is_otherwise_held
    }

    /// Whether a member that has taken its leave is linked still: the end of its streams, and what was lost of them, is on
    /// its way.
    fn is_leaving(&self, node: NodeId) -> bool {
        let remote = self.remotes.get(&node);
        let is_linked = remote.is_some_and(|remote| remote.active.is_some());
        is_linked && !self.refused.contains_key(&node)
    }

    fn is_wanted(&self, node: NodeId) -> bool {
        let member = self.membership.book.get(node);
        member.is_some_and(|member| member.state.is_some()) && !self.refused.contains_key(&node)
    }

    fn let_go(&mut self, id: PeerId, node: NodeId) {
        self.release_peer_if_unheld(id);
        self.forget_remote_if_unheld(node);
    }

    /// Where a member can be dialled, but for what the user removed.
    fn dialable_endpoints(&self, node: NodeId) -> Vec<Endpoint> {
        let member = self.membership.book.get(node);
        let texts = member.into_iter().flat_map(|member| &member.endpoints);
        let parsed = texts.filter_map(|text| Endpoint::parse_connect(text).ok());
        let dialable = parsed.filter(|endpoint| {
            !matches!(endpoint, Endpoint::Inproc { .. }) && !self.removed.contains(endpoint)
        });
        dialable.collect()
    }
}
