//! What stands between a [`Node`] and a network: one node's driver, as plain structs, without threads or sockets.
//!
//! It carries out the node's outputs and moves messages by them, as the real driver does, and speaks real ZMTP: bytes
//! come in by [`Driver::received`] and go out by [`Driver::take_output`].

mod apply;
mod deliver;
mod frames;
mod hearing;
mod passage;
mod programs;
mod relay;
mod upstream;

pub(crate) use self::upstream::Upstream;
use self::upstream::{Ending, Turns};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use spot_core::hello::Hello;
use spot_core::inbox::Inbox;
use spot_core::past::Awaiting;
use spot_core::splice::Spliced;
use spot_core::upstream::Sender;
use spot_core::{
    Class, Endpoint, Event, LinkId, Node, NodeConfig, NodeId, Overflow, SubscriberId, TopicId,
};

use crate::charges::Charges;
use crate::link::Link;
use crate::mutation::Mutation;
use crate::topic::Topic;

/// Credit of a blocking subscriber for each link.
const WINDOW: (u64, u64) = (16, 1 << 20);
/// What each queue holds.
pub const HWM: usize = 64;

/// What a driver asks of the network.
#[derive(Debug)]
pub enum Request {
    /// Connect.
    Dial(LinkId, Endpoint),
    /// End the connection once what was written has arrived.
    HangUp(LinkId),
    /// Drop the connection.
    Drop(LinkId),
}

/// One node with its queues and links.
#[derive(Debug)]
pub struct Driver {
    /// The control plane.
    pub node: Node,
    now_ms: u64,
    topics: BTreeMap<TopicId, Topic>,
    /// What topics that are gone had heard over links that were cut: one that comes back goes on from there.
    cut_topics: BTreeMap<Arc<str>, (BTreeMap<NodeId, Spliced>, Awaiting)>,
    /// Topics that are gone so far.
    forgotten: u64,
    /// Messages that each topic hosted here keeps.
    history: usize,
    /// How far their owners were sent to.
    sent_topics: BTreeMap<Arc<str>, BTreeMap<NodeId, Sender>>,
    subscribers: BTreeMap<SubscriberId, Inbox>,
    links: BTreeMap<LinkId, Link>,
    charges: Charges,
    /// Streams published to us, or passed on by us, of which something waits.
    held_up: BTreeSet<(LinkId, u32)>,
    /// The count of changes of ways when streams that are passed on last looked for theirs.
    ways_seen: u64,
    /// Those that have ended on their link meanwhile.
    ending: Vec<Ending>,
    /// CEASED frames, which are true once those of their link have ended.
    ceased: Vec<(LinkId, Box<[u8]>)>,
    turns: Turns,
    /// Aliases given to streams that are passed on to owners.
    passages: u32,
    /// The next number that may be passed on by a link under an alias: nothing is passed on twice.
    passed_on: BTreeMap<(LinkId, u32), u64>,
    /// To be told to the node: streams that are followed, and classes that were too slow.
    followed: Vec<(TopicId, NodeId, LinkId)>,
    slow: Vec<(LinkId, Class)>,
    hello: Hello,
    mutation: Option<Mutation>,
    requests: VecDeque<Request>,
    /// What must not happen between honest nodes.
    pub faults: Vec<String>,
    /// Subscribers that were ended as too slow since the world looked.
    pub ended: Vec<SubscriberId>,
    /// How often a routed topic came to another owner, or lost the last.
    pub switches: u64,
    /// What the node told of.
    pub news: Vec<Event>,
}

impl Driver {
    /// A node that knows nobody.
    #[must_use]
    pub fn new(config: NodeConfig, now_ms: u64, mutation: Option<Mutation>) -> Self {
        let node = Node::new(config);
        Self {
            hello: node.hello(),
            node,
            mutation,
            held_up: BTreeSet::new(),
            ways_seen: 0,
            ending: Vec::new(),
            ceased: Vec::new(),
            turns: Turns::new(),
            passages: 0,
            now_ms,
            topics: BTreeMap::new(),
            cut_topics: BTreeMap::new(),
            forgotten: 0,
            history: 0,
            sent_topics: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            links: BTreeMap::new(),
            charges: Charges::default(),
            passed_on: BTreeMap::new(),
            followed: Vec::new(),
            slow: Vec::new(),
            requests: VecDeque::new(),
            faults: Vec::new(),
            ended: Vec::new(),
            switches: 0,
            news: Vec::new(),
        }
    }

    /// Topics hosted from now on keep so many messages.
    pub fn keep_history(&mut self, messages: usize) {
        self.history = messages;
    }

    /// The time is told before every other call.
    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The next thing the network is to do.
    pub fn poll_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Calls the node and carries out what it asks for.
    pub fn with<T>(&mut self, call: impl FnOnce(&mut Node, u64) -> T) -> T {
        let result = call(&mut self.node, self.now_ms);
        self.carry_out();
        let subscribers = self.subscribers.iter();
        let blocking = subscribers.filter(|(_, inbox)| inbox.overflow() == Overflow::Block);
        self.charges.follow(&self.node, blocking.map(|(id, _)| *id));
        result
    }

    fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.node.poll_output() {
                self.apply(output);
            }
            if self.followed.is_empty() && self.slow.is_empty() {
                return;
            }
            for (topic, origin, link) in std::mem::take(&mut self.followed) {
                self.node.stream_followed(topic, origin, link);
            }
            for (link, class) in std::mem::take(&mut self.slow) {
                self.node.end_class(link, class);
            }
        }
    }

    /// When [`wake`](Self::wake) wants to be called next.
    pub fn wakes_at_ms(&self) -> Option<u64> {
        let links = self.links.values().filter_map(Link::deadline_ms);
        links.chain(self.node.poll_timeout()).min()
    }

    /// Does what is due.
    pub fn wake(&mut self) {
        self.with(|node, now| node.handle_timeout(now));
        let now_ms = self.now_ms;
        let links = self.links.iter_mut();
        let dead: Vec<LinkId> = links
            .filter_map(|(id, link)| link.is_dead(now_ms).then_some(*id))
            .collect();
        for link in dead {
            self.lost(link, "silence");
            self.requests.push_back(Request::Drop(link));
        }
        self.drain_relays();
    }

    /// Connections, of whatever state.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// Whether a subscriber would find anything.
    pub fn has_something_to_take(&self) -> bool {
        self.subscribers.values().any(|inbox| !inbox.is_empty())
    }

    /// Whether every linked node knows what is wanted of it.
    pub fn interest_is_acknowledged(&self) -> bool {
        let mut versions = self.node.interest_versions();
        versions.all(|(_, acked, sent)| acked == sent)
    }

    /// Every queue within its bounds?
    pub fn check_bounds(&self) -> Result<(), String> {
        for (id, inbox) in &self.subscribers {
            // A blocking subscriber has room for what its windows let come, beside what is published here.
            let windows = usize::from(inbox.overflow() == Overflow::Block);
            if inbox.messages() > HWM * (1 + windows) {
                return Err(format!("{id:?} holds {} messages", inbox.messages()));
            }
        }
        for (id, link) in &self.links {
            // The newest of a drop-oldest stands beside what cannot give way, also beside what is being written.
            if link.outbox.messages() > HWM + 2 {
                return Err(format!("{id:?} holds {} messages", link.outbox.messages()));
            }
        }
        Ok(())
    }
}
