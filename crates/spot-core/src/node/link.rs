//! Links: from the handshake to the end, one in use for each pair of nodes.
//!
//! Two nodes that added each other may make two connections. The node with the smaller id decides: it says USE on the
//! link it takes and BYE on any other. The other node sends nothing on a link before it hears USE.

mod choice;
mod end;
mod frames;

use std::collections::{BTreeSet, VecDeque};

use hashbrown::{HashMap, HashSet};

use super::Node;
use super::digest::{Heard, Told};
use super::history::Asked;
use super::output::{Event, LinkId, LinkPeer, Output, PeerId};
use super::relay::Unacked;
use crate::filter::Filter;
use crate::frame::{ByeReason, Frame};
use crate::hello::Hello;
use crate::identity::NodeId;
use crate::past::{Replay, Resume};
use crate::registry::TopicId;

pub use frames::FrameError;

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
    /// Version of the last of its INTEREST that is in force here and not acknowledged yet.
    pub(super) ack_due: Option<u64>,
    /// What both sides have told of their offers.
    pub(super) told: Told,
    pub(super) heard: Heard,
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
            ack_due: None,
            told: Told::default(),
            heard: Heard::default(),
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
        if let LinkPeer::Spot(hello) = &peer
            && self.is_namesake(hello)
        {
            return self.refuse_namesake(link);
        }
        let state = &self.links[&link];
        if let Some(id) = state.peer {
            self.peer_reached(id, link, &peer);
        }
        match peer {
            LinkPeer::Spot(hello) => self.spot_link_up(link, &hello),
            LinkPeer::PlainPublisher => {
                self.activate_plain(link);
                self.subscribe_at_plain_publisher(link);
            }
            LinkPeer::PlainSubscriber | LinkPeer::Commander => self.activate_plain(link),
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
        self.refusals.by_peer += u64::from(refused);
        let explanation = self.links[&link].explanation.clone();
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

    fn activate_plain(&mut self, link: LinkId) {
        if let Some(peer) = self.links[&link].peer {
            let before = self.peer(peer).links;
            self.peer_mut(peer).links += 1;
            self.reconnects += u64::from(before > 0);
        }
        self.activate(link);
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

    fn describe(&self, link: LinkId) -> (String, Option<NodeId>, String) {
        let state = &self.links[&link];
        let hello = state.spot();
        let name = hello.map(|hello| hello.name.clone()).unwrap_or_default();
        (state.address.clone(), hello.map(|hello| hello.node), name)
    }
}
