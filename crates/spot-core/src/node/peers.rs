//! Peers that were added: dialled, redialled, removed.

use thiserror::Error;

use super::Node;
use super::link::{Link, LinkState};
use super::output::{CloseReason, Event, LinkId, LinkPeer, Output, PeerId};
use crate::backoff::Backoff;
use crate::endpoint::Endpoint;
use crate::identity::NodeId;

/// A peer that was added, or is held for the sake of a route.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) endpoint: Endpoint,
    /// Added by the user, not only for a route.
    pub(super) added: bool,
    /// Routes that hold it.
    pub(super) routes: u32,
    /// The member for whose sake discovery holds it.
    pub(super) member: Option<NodeId>,
    pub(super) state: PeerState,
    pub(super) backoff: Backoff,
    /// The node that answered at the endpoint.
    pub(super) node: Option<NodeId>,
    /// Whether an attempt has ended, well or badly, since the peer was added.
    pub(super) tried: bool,
    /// Links to it that came into use, where it is a plain ZeroMQ socket: those to nodes are counted there.
    pub(super) links: u64,
}

/// How a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerState {
    /// A connection is being made.
    Dialing(LinkId),
    /// Its own connection is up.
    Linked(LinkId),
    /// Its node is linked by another connection.
    Served,
    /// The next attempt is due then.
    Waiting { until_ms: u64 },
    /// It turned out to be this node.
    Itself,
    /// This node has left: nobody is dialled any more.
    Left,
}

impl Peer {
    /// Whether the user wants it, by its own or for a route.
    pub(super) fn is_asked_for(&self) -> bool {
        self.added || self.routes > 0
    }

    /// Whether anybody wants it: the user, or discovery.
    pub(super) fn is_held(&self) -> bool {
        self.is_asked_for() || self.member.is_some()
    }

    pub(super) fn wakes_at_ms(&self) -> Option<u64> {
        match self.state {
            PeerState::Waiting { until_ms } => Some(until_ms),
            _ => None,
        }
    }
}

/// Why a peer was not added.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum AddPeerError {
    /// It was added before.
    #[error("the peer was added before")]
    AlreadyAdded,
    /// It is known to be this node.
    #[error("the peer is this node itself")]
    Itself,
}

/// Why a peer was not removed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum RemovePeerError {
    /// It was never added.
    #[error("the peer was never added")]
    Unknown,
}

impl Node {
    /// Adds a peer and starts to connect to it.
    ///
    /// # Errors
    /// [`AddPeerError`]; nothing changed.
    pub fn add_peer(&mut self, now_ms: u64, endpoint: &Endpoint) -> Result<PeerId, AddPeerError> {
        self.removed.remove(endpoint);
        if let Some(id) = self.find_peer(endpoint) {
            let peer = self.peer_mut(id);
            if peer.state == PeerState::Itself {
                return Err(AddPeerError::Itself);
            }
            if std::mem::replace(&mut peer.added, true) {
                return Err(AddPeerError::AlreadyAdded);
            }
            return Ok(id);
        }
        let id = self.hold_peer(now_ms, endpoint);
        self.peer_mut(id).added = true;
        Ok(id)
    }

    /// Removes a peer: its link closes, what was known only through it is forgotten, its links are refused.
    ///
    /// # Errors
    /// [`RemovePeerError`]; nothing changed.
    pub fn remove_peer(&mut self, endpoint: &Endpoint) -> Result<(), RemovePeerError> {
        let id = self.find_peer(endpoint).filter(|id| self.peer(*id).added);
        let id = id.ok_or(RemovePeerError::Unknown)?;
        let peer = self.peer_mut(id);
        peer.added = false;
        let node = peer.node.or(peer.member);
        self.removed.insert(endpoint.clone());
        for peer in self.peers.iter_mut().flatten() {
            // Gossip does not bring back what the user removed.
            peer.member = peer.member.filter(|member| Some(*member) != node);
        }
        if let Some(node) = node.filter(|node| !self.is_held_by_peer(*node)) {
            self.refused.insert(node, endpoint.to_string());
            for link in self.links_to(node) {
                self.close_link(link, CloseReason::Refused);
            }
        }
        for index in 0..self.peers.len() {
            if self.peers[index].is_some() {
                self.release_peer_if_unheld(PeerId(index as u32));
            }
        }
        self.settle_membership();
        Ok(())
    }

    /// Changes the pauses between attempts.
    pub fn set_reconnect_pauses(&mut self, min_ms: u64, max_ms: u64) {
        self.config.reconnect_min_ms = min_ms;
        self.config.reconnect_max_ms = max_ms;
        for peer in self.peers.iter_mut().flatten() {
            peer.backoff.configure(min_ms, max_ms);
        }
    }

    /// Whether a first attempt to reach an added peer is still under way.
    #[must_use]
    pub fn is_still_connecting(&self) -> bool {
        let mut peers = self.peers.iter().flatten();
        peers.any(|peer| !peer.tried && matches!(peer.state, PeerState::Dialing(_)))
    }

    pub(super) fn find_peer(&self, endpoint: &Endpoint) -> Option<PeerId> {
        let is_it =
            |peer: &Option<Peer>| peer.as_ref().is_some_and(|peer| peer.endpoint == *endpoint);
        self.peers
            .iter()
            .position(is_it)
            .map(|index| PeerId(index as u32))
    }

    pub(super) fn peer(&self, id: PeerId) -> &Peer {
        self.peers[id.0 as usize]
            .as_ref()
            .expect("held peers exist")
    }

    pub(super) fn peer_mut(&mut self, id: PeerId) -> &mut Peer {
        self.peers[id.0 as usize]
            .as_mut()
            .expect("held peers exist")
    }

    /// The peer of this endpoint, made and dialled if need be. The caller holds it by `added` or `routes`.
    pub(super) fn hold_peer(&mut self, _now_ms: u64, endpoint: &Endpoint) -> PeerId {
        if let Some(id) = self.find_peer(endpoint) {
            return id;
        }
        let text = endpoint.to_string();
        self.refused.retain(|_, removed| *removed != text);
        let id = self.insert_peer(endpoint);
        self.dial(id);
        id
    }

    fn insert_peer(&mut self, endpoint: &Endpoint) -> PeerId {
        let index = self
            .peers
            .iter()
            .position(Option::is_none)
            .unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
        let seed = self.config.seed ^ (index as u64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d);
        self.peers[index] = Some(Peer {
            endpoint: endpoint.clone(),
            added: false,
            routes: 0,
            member: None,
            state: PeerState::Waiting { until_ms: 0 },
            backoff: Backoff::new(
                self.config.reconnect_min_ms,
                self.config.reconnect_max_ms,
                seed,
            ),
            node: None,
            tried: false,
            links: 0,
        });
        PeerId(index as u32)
    }

    /// As [`hold_peer`](Self::hold_peer), for the sake of a member, of whose endpoints this is one.
    pub(super) fn hold_member(&mut self, endpoint: &Endpoint, node: NodeId) {
        let id = self.insert_peer(endpoint);
        let peer = self.peer_mut(id);
        (peer.node, peer.member) = (Some(node), Some(node));
        self.dial(id);
    }

    /// Forgets a peer that nobody holds.
    pub(super) fn release_peer_if_unheld(&mut self, id: PeerId) {
        let peer = self.peer(id);
        if peer.is_held() {
            return;
        }
        let node = peer.node;
        if let PeerState::Dialing(link) | PeerState::Linked(link) = peer.state {
            if node.is_some_and(|node| self.is_held_by_peer(node)) {
                // Its link serves others: it stays, as if the other side had made it.
                self.link_mut(link).peer = None;
            } else {
                self.close_link(link, CloseReason::Leaving);
            }
        }
        self.peers[id.0 as usize] = None;
        if let Some(node) = node {
            self.forget_remote_if_unheld(node);
        }
    }

    /// Whether a node answered at an endpoint that somebody holds.
    pub(super) fn is_held_by_peer(&self, node: NodeId) -> bool {
        let mut peers = self.peers.iter().flatten();
        peers.any(|peer| peer.node == Some(node) && peer.is_held())
    }

    /// Somebody answered at a peer's endpoint, maybe another node than before.
    pub(super) fn peer_reached(&mut self, id: PeerId, link: LinkId, answered: &LinkPeer) {
        let node = match answered {
            LinkPeer::Spot(hello) => Some(hello.node),
            _ => None,
        };
        let peer = self.peer_mut(id);
        peer.state = PeerState::Linked(link);
        peer.backoff.reset();
        peer.tried = true;
        let before = std::mem::replace(&mut peer.node, node);
        if !peer.is_asked_for() {
            // Who answers is who is held; a member that is to be found elsewhere is looked for again.
            peer.member = node;
        }
        if before == node {
            return;
        }
        if let Some(gone) = before {
            self.replaced_by(gone, node);
            self.give_up_streams_of(gone);
            self.forget_remote_if_unheld(gone);
        }
        // The node may be linked already.
        self.place_routed_topics();
    }

    /// Another node answered where this one did: once that is down, it is not expected back.
    fn replaced_by(&mut self, gone: NodeId, node: Option<NodeId>) {
        if let Some(member) = self.membership.book.get_mut(gone) {
            member.replaced = node.is_some();
        }
    }

    /// Unless the node is linked by another connection: its streams have lost their publisher.
    fn give_up_streams_of(&mut self, gone: NodeId) {
        let remote = self.remotes.get(&gone);
        let Some(remote) = remote.filter(|remote| remote.active.is_none()) else {
            return;
        };
        for topic in remote.topics.clone() {
            self.push(Output::StreamGone {
                topic,
                origin: gone,
            });
        }
    }

    pub(super) fn dial(&mut self, id: PeerId) {
        let node = self.peer(id).node;
        if node.is_some_and(|node| {
            self.remotes
                .get(&node)
                .is_some_and(|remote| remote.active.is_some())
        }) {
            self.peer_mut(id).state = PeerState::Served;
            return;
        }
        let link = self.new_link_id();
        let peer = self.peer_mut(id);
        peer.state = PeerState::Dialing(link);
        let endpoint = peer.endpoint.clone();
        let address = endpoint.to_string();
        self.links
            .insert(link, Link::new(Some(id), address, LinkState::Dialing));
        self.push(Output::Dial { link, endpoint });
    }

    /// The connection of a peer is gone: try again later, unless its node is linked otherwise.
    pub(super) fn peer_link_closed(
        &mut self,
        now_ms: u64,
        id: PeerId,
        reason: &str,
        refused: bool,
    ) {
        let remote = self.peer(id).node.and_then(|node| self.remotes.get(&node));
        let served = remote.is_some_and(|remote| remote.active.is_some());
        let peer = self.peer_mut(id);
        peer.tried = true;
        if served {
            peer.state = PeerState::Served;
            return;
        }
        if refused {
            peer.backoff.exhaust();
        }
        let failed = matches!(peer.state, PeerState::Dialing(_));
        peer.state = PeerState::Waiting {
            until_ms: now_ms + peer.backoff.pause_ms(),
        };
        if failed {
            let endpoint = peer.endpoint.to_string();
            self.push(Output::Event(Event::ConnectFailed {
                endpoint,
                reason: reason.to_owned(),
            }));
            self.try_next_endpoint(id);
        }
    }

    /// The link that served peers of this node is gone: they are on their own again.
    pub(super) fn wake_served_peers(&mut self, now_ms: u64, node: NodeId) {
        for peer in self.peers.iter_mut().flatten() {
            if peer.node == Some(node) && peer.state == PeerState::Served {
                peer.state = PeerState::Waiting {
                    until_ms: now_ms + peer.backoff.pause_ms(),
                };
            }
        }
    }

    /// Whether anybody might come to offer a topic: peers that were added, or nodes that linked to us.
    #[must_use]
    pub fn has_cluster_peer(&self) -> bool {
        self.peers
            .iter()
            .flatten()
            .any(|peer| peer.state != PeerState::Itself)
            || self.links.values().any(|link| {
                link.state == LinkState::Active
                    && !link.implicit
                    && matches!(
                        link.peer_kind,
                        Some(LinkPeer::Spot(_) | LinkPeer::PlainPublisher)
                    )
            })
    }

    /// The link by which a peer's node is reached now.
    pub(super) fn peer_active_link(&self, id: PeerId) -> Option<LinkId> {
        let peer = self.peers.get(id.0 as usize)?.as_ref()?;
        match peer.node {
            Some(node) => self.remotes.get(&node)?.active,
            None => match peer.state {
                PeerState::Linked(link) => Some(link),
                _ => None,
            },
        }
    }
}
