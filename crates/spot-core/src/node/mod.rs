//! The control plane of a node as a state machine: calls and frames go in, [`Output`]s are polled out.
//!
//! It has no socket, no thread, no clock and no randomness of its own: the driver tells the time in milliseconds and
//! gives the seed. Its product is, for each topic, which local subscribers and which links want it and where it lives;
//! the driver's data plane moves messages by that and never decides.

mod cease;
mod cluster;
mod digest;
mod discovery;
mod gone;
mod history;
mod link;
mod membership;
mod output;
mod peers;
mod relay;
mod remote;
mod subscriptions;
mod sync;
mod topics;
mod view;

use std::collections::{BTreeMap, VecDeque};

use hashbrown::{HashMap, HashSet};

use crate::endpoint::Endpoint;
use crate::filter::Filter;
use crate::hello::{Hello, Role};
use crate::identity::{Incarnation, NodeId};
use crate::interest::Interest;
use crate::limits;
use crate::overflow::Overflow;
use crate::registry::Registry;
use crate::swim::Swim;

pub use cluster::{ClusterConfig, ClusterView, MemberState, MemberView};
pub use link::FrameError as LinkFrameError;
pub use output::{
    CloseReason, Event, LinkId, LinkPeer, Output, PeerId, Place, SubscriberId, WayToOwner,
};
pub use peers::{AddPeerError, RemovePeerError};
pub use relay::PASSAGE_ALIASES;
pub use subscriptions::SubscribeError;
pub use sync::{SyncId, SyncPending};
pub use topics::{CreateTopicError, DestroyTopicError, RouteError, RouteStatus};
pub use view::{PeerStatus, PeerView, Refusals, TopicPlace, TopicView};

use cease::Cease;
use gone::AwaitedPublisher;
use history::Ask;
use link::Link;
use membership::Membership;
use peers::{Peer, PeerState};
use relay::Relay;
use remote::Remote;
use sync::Sync;

/// What a node is, fixed for its life.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its id.
    pub id: NodeId,
    /// Which life of that id this is.
    pub incarnation: Incarnation,
    /// Its name; may be empty.
    pub name: String,
    /// Member or observer.
    pub role: Role,
    /// Seed of everything random.
    pub seed: u64,
    /// First pause before a reconnect.
    pub reconnect_min_ms: u64,
    /// Longest pause before a reconnect.
    pub reconnect_max_ms: u64,
    /// What it is to make of its cluster.
    pub cluster: ClusterConfig,
}

impl NodeConfig {
    /// A member without a name, with default pauses.
    #[must_use]
    pub fn new(id: NodeId, incarnation: Incarnation, seed: u64) -> Self {
        Self {
            id,
            incarnation,
            name: String::new(),
            role: Role::Node,
            seed,
            reconnect_min_ms: limits::RECONNECT_MIN_MS,
            reconnect_max_ms: limits::RECONNECT_MAX_MS,
            cluster: ClusterConfig::default(),
        }
    }
}

/// A local subscriber as the control plane knows it.
#[derive(Debug)]
struct Subscriber {
    overflow: Overflow,
    /// Messages that its next subscriptions ask for.
    history: usize,
    /// How often it has asked.
    asks: u32,
}

/// The control plane of one node. See the [module](self) for how it is driven.
#[derive(Debug)]
pub struct Node {
    config: NodeConfig,
    endpoints: Vec<String>,
    registry: Registry,
    subscribers: HashMap<SubscriberId, Subscriber>,
    next_subscriber: u32,
    /// What local subscribers want.
    wanted: Interest<SubscriberId>,
    /// What links want of us.
    offered: Interest<LinkId>,
    /// Subscriptions that ask for history.
    asks: HashMap<(SubscriberId, Filter), Ask>,
    links: BTreeMap<LinkId, Link>,
    next_link: u32,
    peers: Vec<Option<Peer>>,
    remotes: HashMap<NodeId, Remote>,
    /// Nodes whose links are refused, with the endpoint by which they were removed.
    refused: HashMap<NodeId, String>,
    relay: Relay,
    /// Links whose interest came into force and was not acknowledged yet.
    acks_due: Vec<LinkId>,
    /// Endpoints of peers that were removed before anybody answered there.
    removed: HashSet<Endpoint>,
    membership: Membership,
    /// Owners that are about to leave, this node among them.
    ceasing: BTreeMap<NodeId, Cease>,
    /// Streams to us that were cut, in the order in which they were.
    awaited_publishers: VecDeque<AwaitedPublisher>,
    /// The time that was told last.
    clock_ms: u64,
    /// When it is looked at next whether offers have settled, or are still missed.
    offers_at_ms: Option<u64>,
    syncs: BTreeMap<SyncId, Sync>,
    next_sync: u64,
    reconnects: u64,
    refusals: Refusals,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node without topics, peers or subscribers.
    #[must_use]
    pub fn new(config: NodeConfig) -> Self {
        let swim = Swim::new(config.id, config.incarnation, config.seed);
        let mut node = Self {
            membership: Membership::new(config.incarnation, swim, config.cluster),
            config,
            endpoints: Vec::new(),
            registry: Registry::default(),
            subscribers: HashMap::new(),
            next_subscriber: 0,
            wanted: Interest::default(),
            offered: Interest::default(),
            asks: HashMap::new(),
            links: BTreeMap::new(),
            next_link: 0,
            peers: Vec::new(),
            remotes: HashMap::new(),
            refused: HashMap::new(),
            relay: Relay::default(),
            acks_due: Vec::new(),
            removed: HashSet::new(),
            ceasing: BTreeMap::new(),
            awaited_publishers: VecDeque::new(),
            clock_ms: 0,
            offers_at_ms: None,
            syncs: BTreeMap::new(),
            next_sync: 0,
            reconnects: 0,
            refusals: Refusals::default(),
            outputs: VecDeque::new(),
        };
        // Alone it may have to refuse publishing from the start.
        node.settle_membership();
        node
    }

    /// The node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Which life of its id this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.config.incarnation
    }

    /// What this node tells of itself in a handshake.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello {
            node: self.config.id,
            incarnation: self.config.incarnation,
            name: self.config.name.clone(),
            endpoints: self.endpoints.clone(),
            role: self.config.role,
        }
    }

    /// Adds an endpoint that the node is bound to, to be told in handshakes.
    pub fn add_endpoint(&mut self, endpoint: String) {
        self.endpoints.push(endpoint);
        self.describe_anew();
    }

    /// The next thing to do. Poll until `None` after every call.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.acknowledge_interest();
            self.settle_relay();
        }
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next, in milliseconds of the driver's clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let peers = self.peers.iter().flatten();
        let dials = peers.filter_map(Peer::wakes_at_ms);
        let members = self.membership.wakes_at_ms();
        let own = dials.chain(members).chain(self.offers_at_ms);
        let waits = self.acknowledges_at_ms().into_iter();
        own.chain(waits)
            .chain(self.gives_up_publisher_at_ms())
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.clock_ms = now_ms;
        for index in 0..self.peers.len() {
            let due = self.peers[index]
                .as_ref()
                .and_then(Peer::wakes_at_ms)
                .is_some_and(|at| at <= now_ms);
            if due {
                self.dial(PeerId(index as u32));
            }
        }
        self.membership_due();
        self.offers_due();
        self.publishers_due();
    }

    /// Links that came up after the first one of their node, as long as that is linked, one of our peers, or a member.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Links that ended as soon as both sides knew each other.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// Takes leave of the cluster and of every peer: each link is closed with a farewell. What others publish to this node
    /// and is on its way is lost, unless they were asked to [cease](Self::cease) before.
    pub fn leave(&mut self) {
        self.membership.left = true;
        self.describe_anew();
        for link in self.links.keys().copied().collect::<Vec<_>>() {
            self.close_link(link, CloseReason::Leaving);
        }
        for peer in self.peers.iter_mut().flatten() {
            peer.state = PeerState::Left;
        }
        self.settle_membership();
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}
