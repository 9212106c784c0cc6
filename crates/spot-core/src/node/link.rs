//! Links: from the handshake to the end, one in use for each pair of nodes.
//!
//! Two nodes that added each other may make two connections. The node with the smaller id decides: it says USE on the
//! link it takes and BYE on any other. The other node sends nothing on a link before it hears USE.

use std::collections::{BTreeSet, VecDeque};

use hashbrown::{HashMap, HashSet};
use thiserror::Error;

use super::history::Asked;
use super::output::{CloseReason, Event, LinkId, LinkPeer, Output, PeerId};
use super::peers::PeerState;
use super::relay::Unacked;
use super::{Node, SubscriberId};
use crate::filter::Filter;
use crate::frame::{ByeReason, Frame};
use crate::hello::Hello;
use crate::identity::NodeId;
use crate::limits::{
    MAX_FILTERS_PER_LINK, MAX_PATTERNS_PER_LINK, MAX_REPLAYS_PER_LINK, MAX_RESUMED_PER_LINK,
    MAX_TOPICS_PER_LINK,
};
use crate::overflow::{Class, Overflow};
use crate::past::{Replay, Resume};
use crate::registry::{Topic, TopicId};

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    /// The peer that it was dialled for.
    pub(super) peer: Option<PeerId>,
    /// Where it leads, in words.
    pub(super) address: String,
    pub(super) state: LinkState,
    pub(super) peer_kind: Option<LinkPeer>,
    /// Made by the driver between two nodes of one context, without anybody having asked for it.
    pub(super) implicit: bool,
    /// To a node of this context.
    pub(super) in_process: bool,
    pub(super) since_ms: u64,
    /// Version of the last INTEREST sent, and of the last one acknowledged.
    pub(super) interest_sent: u64,
    pub(super) interest_acked: u64,
    pub(super) topics_sent: u64,
    /// Why the other side said that it closes the link, and what it had to say to people.
    pub(super) farewell: Option<ByeReason>,
    pub(super) explanation: String,
    /// Prefixes subscribed to at a plain publisher.
    pub(super) prefixes: HashSet<Vec<u8>>,
    /// Topics heard from a plain publisher.
    pub(super) foreign: BTreeSet<TopicId>,
    /// Filters in force that the other side wants.
    pub(super) filters: usize,
    /// Patterns among them.
    pub(super) patterns: usize,
    /// Relayed streams that the other side asks for.
    pub(super) asks: usize,
    /// What it wants and was not acknowledged yet.
    pub(super) unacked: VecDeque<Unacked>,
    /// What we asked for of the past, in the order of the answers.
    pub(super) asked: VecDeque<Asked>,
    /// What the other side asked for, until its interest comes.
    pub(super) replays: Vec<(Filter, Replay)>,
    /// Where streams stand that the other side heard before, by topic, until their topic is attached.
    pub(super) resumes: HashMap<Box<str>, Resume>,
}

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkState {
    /// The driver connects and shakes hands.
    Dialing,
    /// Shaken hands; the other side decides whether to use it.
    Pending,
    /// In use.
    Active,
}

/// What a node is told that is refused because a newer incarnation of it is known.
const OUTDATED: &str =
    "a newer life of this node is in the cluster: two nodes have the same name; give each its own";

impl Link {
    pub(super) fn new(peer: Option<PeerId>, address: String, state: LinkState) -> Self {
        Self {
            peer,
            address,
            state,
            peer_kind: None,
            implicit: false,
            in_process: false,
            since_ms: 0,
            interest_sent: 0,
            interest_acked: 0,
            topics_sent: 0,
            farewell: None,
            explanation: String::new(),
            prefixes: HashSet::new(),
            foreign: BTreeSet::new(),
            filters: 0,
            patterns: 0,
            asks: 0,
            unacked: VecDeque::new(),
            asked: VecDeque::new(),
            replays: Vec::new(),
            resumes: HashMap::new(),
        }
    }

    pub(super) fn spot(&self) -> Option<&Hello> {
        match &self.peer_kind {
            Some(LinkPeer::Spot(hello)) => Some(hello),
            _ => None,
        }
    }

    /// In use between two SPOT nodes.
    pub(super) fn is_active_spot(&self) -> bool {
        self.state == LinkState::Active && self.spot().is_some()
    }
}

/// Why a frame was not taken. The driver closes the link.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] crate::frame::FrameError),
    /// More topics than a peer may offer.
    #[error("the peer offers more than {MAX_TOPICS_PER_LINK} topics")]
    TooManyTopics,
    /// More filters than a peer may have in force.
    #[error("the peer has more than {MAX_FILTERS_PER_LINK} filters in force")]
    TooManyFilters,
    /// More patterns than a peer may have in force.
    #[error("the peer has more than {MAX_PATTERNS_PER_LINK} patterns in force")]
    TooManyPatterns,
    /// More streams to go on with than a peer may name.
    #[error("the peer goes on with more than {MAX_RESUMED_PER_LINK} streams")]
    TooManyResumed,
    /// More history asked for at once than a peer may.
    #[error("the peer asks for history more than {MAX_REPLAYS_PER_LINK} times at once")]
    TooManyReplays,
    /// It has no place on this link now.
    #[error("a {kind} frame has no place here")]
    Misplaced {
        /// Which frame.
        kind: &'static str,
    },
}

impl Node {
    /// A connection that the other side made has begun its life: gives it a number.
    pub fn accept(&mut self, address: String) -> LinkId {
        let link = self.new_link_id();
        self.links
            .insert(link, Link::new(None, address, LinkState::Dialing));
        link
    }

    /// As [`accept`](Self::accept), for a link between two nodes of one context that nobody asked for.
    pub fn accept_implicit(&mut self, address: String) -> LinkId {
        let link = self.accept(address);
        self.link_mut(link).implicit = true;
        link
    }

    /// The link is one to a node of this context. What is relayed does not come or go over it.
    pub fn mark_in_process(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.in_process = true;
        }
    }

    /// Whether a connection is still wanted: it has neither failed nor been closed.
    #[must_use]
    pub fn is_open(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    /// Whether the other side has not said USE yet and so may say nothing but BYE. Not so on a link that is gone here.
    #[must_use]
    pub fn awaits_use(&self, link: LinkId) -> bool {
        let link = self.links.get(&link);
        link.is_some_and(|link| link.state != LinkState::Active)
    }

    /// The handshake is done.
    pub fn link_up(&mut self, now_ms: u64, link: LinkId, peer: LinkPeer) {
        self.clock_ms = now_ms;
        let Some(state) = self.links.get_mut(&link) else {
            return;
        };
        if state.peer_kind.is_some() {
            return;
        }
        state.peer_kind = Some(peer.clone());
        state.since_ms = now_ms;
        if let Some(id) = state.peer {
            self.peer_reached(id, link, &peer);
        }
        match peer {
            LinkPeer::Spot(hello) => self.spot_link_up(link, &hello),
            LinkPeer::PlainPublisher => {
                self.activate(link);
                self.subscribe_at_plain_publisher(link);
            }
            LinkPeer::PlainSubscriber | LinkPeer::Commander => self.activate(link),
        }
        self.settle_membership();
    }

    /// A connection failed or ended; also an attempt that never came up.
    pub fn link_closed(&mut self, now_ms: u64, link: LinkId, reason: &str) {
        self.clock_ms = now_ms;
        let Some(state) = self.links.get(&link) else {
            return;
        };
        let (peer, node) = (state.peer, state.spot().map(|hello| hello.node));
        let graceful = state.farewell == Some(ByeReason::Leaving);
        let refused = state.farewell == Some(ByeReason::Refused);
        let duplicate = state.farewell == Some(ByeReason::Duplicate);
        let was_in_use = state.state == LinkState::Active;
        let explanation = state.explanation.clone();
        let told = if explanation.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason}: {explanation}")
        };
        self.retire(link, &told, graceful, !refused && !duplicate);
        let address = self.links.remove(&link).map(|link| link.address);
        if let Some(peer) = peer {
            self.peer_link_closed(now_ms, peer, reason, refused);
        }
        if !was_in_use {
            self.tell_refusal(peer, address.unwrap_or_default(), &explanation);
        }
        if let Some(node) = node {
            if self
                .remotes
                .get(&node)
                .is_some_and(|remote| remote.active.is_none())
            {
                self.wake_served_peers(now_ms, node);
            }
            self.forget_remote_if_unheld(node);
            self.settle_membership();
        }
    }

    /// A control frame arrived. DATA, ALIAS, TAIL, CREDIT, PAST and LIVE are the driver's to handle; see
    /// [`open_stream`](Self::open_stream).
    ///
    /// # Errors
    /// [`FrameError`]; the driver closes the link.
    pub fn handle_frame(
        &mut self,
        now_ms: u64,
        link: LinkId,
        frame: &[u8],
    ) -> Result<(), FrameError> {
        self.clock_ms = now_ms;
        let frame = Frame::decode(frame)?;
        let Some(state) = self.links.get_mut(&link) else {
            return Ok(());
        };
        let misplaced = |kind| Err(FrameError::Misplaced { kind });
        if state.spot().is_none() {
            return misplaced("SPOT");
        }
        match (frame, state.state) {
            (Frame::Bye { reason, text }, _) => {
                state.farewell = Some(reason);
                state.explanation = text.to_owned();
            }
            (Frame::Use, LinkState::Pending) => self.use_link(link),
            (Frame::Use, _) => return misplaced("USE"),
            (_, LinkState::Dialing | LinkState::Pending) => return misplaced("early"),
            (Frame::Interest { version, entries }, LinkState::Active) => {
                self.interest_changed(link, version, entries)?
            }
            (Frame::InterestAck { version }, LinkState::Active) => {
                state.interest_acked = state.interest_acked.max(version.min(state.interest_sent));
                self.asks_are_answered(link);
            }
            (Frame::Resume { entries }, LinkState::Active) => self.resume_told(link, &entries)?,
            (Frame::Replay(request), LinkState::Active) => self.replay_asked(link, request)?,
            (Frame::Topics { reset, changes, .. }, LinkState::Active) => {
                self.topics_told(link, reset, &changes)?
            }
            (Frame::Sync { id }, LinkState::Active) => self.send(link, &Frame::SyncAck { id }),
            (Frame::SyncAck { id }, LinkState::Active) => self.sync_answered(link, id),
            (Frame::Ended { class }, LinkState::Active) => self.subscriber_ended(class),
            (Frame::Members { entries }, LinkState::Active) => self.members_told(link, &entries),
            (Frame::Gossip(gossip), LinkState::Active) => self.gossip_arrived(link, &gossip)?,
            (Frame::Credit { .. }, _) => return misplaced("CREDIT"),
            (Frame::Alias(_), _) => return misplaced("ALIAS"),
            (Frame::Data(_), _) => return misplaced("DATA"),
            (Frame::Tail { .. }, _) => return misplaced("TAIL"),
            (Frame::Past(_), _) => return misplaced("PAST"),
            (Frame::Live { .. }, _) => return misplaced("LIVE"),
        }
        Ok(())
    }

    /// A node that refuses us, dialled by us or not, may say why.
    fn tell_refusal(&mut self, peer: Option<PeerId>, address: String, explanation: &str) {
        if explanation.is_empty() {
            return;
        }
        let reason = format!("refused: {explanation}");
        self.push(Output::Event(match peer {
            Some(peer) => Event::ConnectFailed {
                endpoint: self.peer(peer).endpoint.to_string(),
                reason,
            },
            None => Event::Rejected {
                endpoint: address,
                reason,
            },
        }));
    }

    /// The acknowledged and the last sent version of our interest, for each SPOT link in use.
    pub fn interest_versions(&self) -> impl Iterator<Item = (LinkId, u64, u64)> {
        let active = self.links.iter().filter(|(_, link)| link.is_active_spot());
        active.map(|(id, link)| (*id, link.interest_acked, link.interest_sent))
    }

    pub(super) fn new_link_id(&mut self) -> LinkId {
        self.next_link += 1;
        LinkId(self.next_link)
    }

    pub(super) fn link_mut(&mut self, link: LinkId) -> &mut Link {
        self.links
            .get_mut(&link)
            .expect("the caller holds a live link")
    }

    pub(super) fn send(&mut self, link: LinkId, frame: &Frame<'_>) {
        self.push(Output::Frame {
            link,
            frame: frame.to_vec(),
        });
    }

    /// Closes a link for a reason of ours.
    pub(super) fn close_link(&mut self, link: LinkId, reason: CloseReason) {
        self.close_link_saying(link, reason, "");
    }

    fn close_link_saying(&mut self, link: LinkId, reason: CloseReason, text: &str) {
        let Some(state) = self.links.get(&link) else {
            return;
        };
        let told = state.spot().map(|_| match reason {
            CloseReason::Duplicate => ByeReason::Duplicate,
            CloseReason::Replaced => ByeReason::Replaced,
            CloseReason::Refused => ByeReason::Refused,
            CloseReason::Itself => ByeReason::ToSelf,
            CloseReason::Leaving => ByeReason::Leaving,
        });
        let bye = told.map(|reason| Frame::Bye { reason, text }.to_vec());
        let goes_on = matches!(reason, CloseReason::Duplicate | CloseReason::Replaced);
        self.retire(link, "closed by this node", !goes_on, false);
        self.drop_link(link);
        self.push(Output::Close { link, reason, bye });
    }

    /// Forgets a link that we close. The peer it was dialled for rests until its node is without a link.
    fn drop_link(&mut self, link: LinkId) {
        let dropped = self.links.remove(&link).expect("the caller found it");
        if let Some(peer) = dropped.peer {
            self.peer_mut(peer).state = PeerState::Served;
        }
    }

    /// All links to a node, whatever their state, in their order.
    pub(super) fn links_to(&self, node: NodeId) -> Vec<LinkId> {
        let is_to = |link: &Link| link.spot().is_some_and(|hello| hello.node == node);
        let links = self.links.iter().filter(|(_, link)| is_to(link));
        links.map(|(id, _)| *id).collect()
    }

    fn spot_link_up(&mut self, link: LinkId, hello: &Hello) {
        if hello.node == self.config.id {
            return self.linked_to_itself(link);
        }
        let peer = self.links[&link].peer;
        if peer.is_some_and(|peer| self.peer(peer).is_asked_for()) {
            self.refused.remove(&hello.node);
        } else if self.refused.contains_key(&hello.node) {
            return self.close_link(link, CloseReason::Refused);
        }
        let name = if hello.name.is_empty() {
            self.link_mut(link).address.clone()
        } else {
            hello.name.clone()
        };
        let remote = self.remotes.entry(hello.node).or_default();
        remote.name = name;
        for other in self.links_to(hello.node) {
            let incarnation = self.links[&other].spot().map(|other| other.incarnation);
            if incarnation > Some(hello.incarnation) {
                return self.close_link_saying(link, CloseReason::Refused, OUTDATED);
            }
            if incarnation < Some(hello.incarnation) {
                self.close_replaced(other);
            }
        }
        self.decide(link, hello.node);
    }

    /// Takes the link, refuses it, or waits for the other side to decide.
    fn decide(&mut self, link: LinkId, node: NodeId) {
        if self.config.id > node {
            self.link_mut(link).state = LinkState::Pending;
            return;
        }
        let active = self.remotes[&node].active;
        let implicit = |node: &Self, link: LinkId| node.links[&link].implicit;
        match active {
            Some(active) if implicit(self, active) && !implicit(self, link) => {
                self.close_link(active, CloseReason::Duplicate);
            }
            Some(_) => return self.close_link(link, CloseReason::Duplicate),
            None => {}
        }
        self.send(link, &Frame::Use);
        self.activate_spot(link, node);
    }

    /// The other side took this link.
    fn use_link(&mut self, link: LinkId) {
        let node = self.links[&link].spot().expect("only SPOT links wait").node;
        if let Some(active) = self.remotes.get(&node).and_then(|remote| remote.active) {
            self.close_link(active, CloseReason::Duplicate);
        }
        self.activate_spot(link, node);
    }

    /// A link whose node has begun a new life: mostly the other end of it is gone, though the network has not said so. It
    /// may also be another node of the same name, which is told why it is put out.
    fn close_replaced(&mut self, stale: LinkId) {
        let reason = ByeReason::Replaced;
        let text = OUTDATED;
        let bye = Frame::Bye { reason, text }.to_vec();
        self.retire(stale, "a newer life of the node took its place: it was restarted, or two nodes have the same name", false, true);
        self.drop_link(stale);
        self.push(Output::Close {
            link: stale,
            reason: CloseReason::Replaced,
            bye: Some(bye),
        });
    }

    fn linked_to_itself(&mut self, link: LinkId) {
        let peer = self.link_mut(link).peer;
        self.close_link(link, CloseReason::Itself);
        if let Some(peer) = peer {
            self.peer_mut(peer).state = PeerState::Itself;
            self.try_next_endpoint(peer);
        }
    }

    fn activate_spot(&mut self, link: LinkId, node: NodeId) {
        let remote = self.remotes.get_mut(&node);
        let remote = remote.expect("held by the link that waited");
        remote.active = Some(link);
        if std::mem::replace(&mut remote.met, true) {
            self.reconnects += 1;
        }
        for peer in self.peers.iter_mut().flatten() {
            let waits = matches!(peer.state, PeerState::Waiting { .. });
            if peer.node == Some(node) && waits {
                peer.state = PeerState::Served;
                peer.backoff.reset();
            }
        }
        self.activate(link);
        self.push(Output::LinkActive { link });
        self.offer_all_topics(link);
        self.send_all_interest(link);
        self.place_topics_of(node);
        self.place_routed_topics();
        self.ask_in_running_syncs(link, node);
        self.tell_members(link, node);
    }

    fn activate(&mut self, link: LinkId) {
        self.link_mut(link).state = LinkState::Active;
        let (endpoint, node, name) = self.describe(link);
        self.push(Output::Event(Event::PeerUp {
            endpoint,
            node,
            name,
        }));
    }

    /// Takes a link out of use: what it wanted, what it offered, who was served by it.
    fn retire(&mut self, link: LinkId, reason: &str, graceful: bool, tell_loss: bool) {
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
    pub(super) fn was_served_by(&self, node: NodeId, topic: &Topic) -> bool {
        topic.route().is_none_or(|route| {
            let leads_there = |peer: &PeerId| self.peer(*peer).node == Some(node);
            route.iter().any(leads_there) && self.route_link(topic).is_none()
        })
    }

    fn subscriber_ended(&mut self, class: Class) {
        let Ok(number) = u32::try_from(class.subscriber()) else {
            return;
        };
        let subscriber = SubscriberId(number);
        let is_ended = |known: &super::Subscriber| known.overflow == Overflow::Disconnect;
        if self.subscribers.get(&subscriber).is_some_and(is_ended) {
            self.end_subscriptions(subscriber);
        }
    }

    fn describe(&self, link: LinkId) -> (String, Option<NodeId>, String) {
        let state = &self.links[&link];
        let hello = state.spot();
        let name = hello.map(|hello| hello.name.clone()).unwrap_or_default();
        (state.address.clone(), hello.map(|hello| hello.node), name)
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
