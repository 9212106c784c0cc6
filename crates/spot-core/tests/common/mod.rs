//! Real nodes over an in-memory network of frames: no sockets, no time but the one that is told.
//!
//! Each host does what a driver does with a node's outputs, as far as no messages are concerned, and keeps a model of
//! it: who is attached to what. A node that contradicts itself (frames on a dead link, a second attach) fails at once.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its own part of the harness"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use spot_core::frame::Frame;
use spot_core::hello::{Hello, Role};
use spot_core::node::CloseReason;
use spot_core::past::Past;
use spot_core::{
    Classes, Endpoint, Event, Filter, Incarnation, LinkId, LinkPeer, Node, NodeConfig, NodeId,
    Output, Overflow, Place, SubscriberId, TopicId,
};

/// What travels over a wire.
#[derive(Debug, Clone)]
pub enum Item {
    Hello(Hello),
    Plain(LinkPeer),
    Frame(Vec<u8>),
    /// The end: by a node, or by the network.
    Close,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    host: usize,
    link: LinkId,
}

/// A connection: what travels to each of its ends.
#[derive(Debug)]
struct Wire {
    ends: [End; 2],
    queues: [VecDeque<Item>; 2],
}

/// A node with what its driver would know.
#[derive(Debug)]
pub struct Host {
    pub node: Node,
    pub endpoints: Vec<Endpoint>,
    /// Does not answer dials and hears nothing.
    pub down: bool,
    pub topics: BTreeMap<TopicId, String>,
    pub places: BTreeMap<TopicId, Place>,
    pub subscribers: BTreeSet<(TopicId, SubscriberId)>,
    pub sinks: BTreeMap<(TopicId, LinkId), Classes>,
    /// What is passed on of other nodes' topics.
    pub relays: BTreeMap<(TopicId, NodeId, LinkId), Classes>,
    /// Credit windows opened for it, by the link it comes over.
    pub windows: BTreeSet<(TopicId, NodeId, LinkId)>,
    pub cut: Vec<(String, NodeId)>,
    /// Who waits for a topic's past, and all that links were to be sent of theirs.
    pub awaiting: BTreeSet<(TopicId, SubscriberId, LinkId)>,
    pub past: Vec<(String, Past)>,
    pub active: BTreeSet<LinkId>,
    live: BTreeSet<LinkId>,
    pub lost: Vec<(SubscriberId, String)>,
    pub ended: Vec<SubscriberId>,
    pub events: Vec<Event>,
    pub refuses: bool,
    pub closed: Vec<CloseReason>,
    pub dials: Vec<(u64, Endpoint)>,
    pub plain: Vec<(Vec<u8>, bool)>,
    /// Interest entries sent, by filter.
    pub frames_sent: usize,
}

#[derive(Debug, Default)]
pub struct Cluster {
    pub now_ms: u64,
    pub hosts: Vec<Host>,
    wires: Vec<Wire>,
    /// Dials that fail, to be told.
    refused: VecDeque<(usize, LinkId)>,
}

pub fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse_connect(text).unwrap()
}

/// The endpoint that the `index`th host of a cluster listens on.
pub fn address(index: usize) -> Endpoint {
    endpoint(&format!("tcp://10.0.0.{index}:5555"))
}

pub fn exact(topic: &str) -> Filter {
    Filter::exact(topic).unwrap()
}

pub fn pattern(text: &str) -> Filter {
    Filter::pattern(text).unwrap()
}

pub fn node_id(index: usize) -> NodeId {
    NodeId([index as u8 + 1; 16])
}

impl Host {
    pub fn new(id: NodeId, incarnation: u64, endpoints: Vec<Endpoint>) -> Self {
        let mut config = NodeConfig::new(id, Incarnation(incarnation), u64::from(id.0[0]));
        config.name = format!("n{}", id.0[0] - 1);
        Self {
            node: Node::new(config),
            endpoints,
            down: false,
            topics: BTreeMap::new(),
            places: BTreeMap::new(),
            subscribers: BTreeSet::new(),
            sinks: BTreeMap::new(),
            relays: BTreeMap::new(),
            windows: BTreeSet::new(),
            cut: Vec::new(),
            awaiting: BTreeSet::new(),
            past: Vec::new(),
            active: BTreeSet::new(),
            live: BTreeSet::new(),
            lost: Vec::new(),
            ended: Vec::new(),
            events: Vec::new(),
            refuses: false,
            closed: Vec::new(),
            dials: Vec::new(),
            plain: Vec::new(),
            frames_sent: 0,
        }
    }

    /// Begins anew as an observer, which takes no part in membership.
    pub fn observe(&mut self) {
        let mut config = NodeConfig::new(self.node.id(), self.node.incarnation(), 1);
        config.name = self.node.hello().name;
        config.role = Role::Observer;
        self.node = Node::new(config);
    }

    pub fn subscriber(&mut self) -> SubscriberId {
        self.node.add_subscriber(Overflow::DropNewest)
    }

    /// The names of the known topics, sorted.
    pub fn topic_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .node
            .topics()
            .map(|topic| topic.name.to_string())
            .collect();
        names.sort();
        names
    }

    pub fn reachable(&self, topic: &str) -> Option<bool> {
        self.node.topic(topic).map(|topic| topic.reachable)
    }

    pub fn place(&self, topic: &str) -> Place {
        self.places[&self.node.topic(topic).expect("known").id]
    }

    /// Names of topics that a subscriber is attached to.
    pub fn hears(&self, subscriber: SubscriberId) -> Vec<&str> {
        let attached = self.subscribers.iter();
        let own = attached.filter(|(_, attached)| *attached == subscriber);
        own.map(|(topic, _)| &*self.topics[topic]).collect()
    }

    /// Names of topics that are sent over some link.
    pub fn sends(&self) -> Vec<&str> {
        self.sinks
            .keys()
            .map(|(topic, _)| &*self.topics[topic])
            .collect()
    }
}

impl Cluster {
    /// Hosts with ascending ids, each listening at its [`address`], none knowing another.
    pub fn new(count: usize) -> Self {
        let host = |index| Host::new(node_id(index), 1, vec![address(index)]);
        Self {
            hosts: (0..count).map(host).collect(),
            ..Self::default()
        }
    }

    /// A cluster in which each host added each other, settled.
    pub fn mesh(count: usize) -> Self {
        let mut cluster = Self::new(count);
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
            if from != to {
                cluster.add(from, to);
            }
        }
        cluster.settle();
        cluster
    }

    /// The first of two hosts added the second, settled.
    pub fn pair() -> Self {
        let mut cluster = Self::new(2);
        cluster.add(0, 1);
        cluster.settle();
        cluster
    }

    pub fn add(&mut self, from: usize, to: usize) {
        let endpoint = self.hosts[to].endpoints[0].clone();
        self.with(from, |node, now| node.add_peer(now, &endpoint).unwrap());
    }

    pub fn remove(&mut self, from: usize, to: usize) {
        let endpoint = self.hosts[to].endpoints[0].clone();
        self.with(from, |node, _| node.remove_peer(&endpoint).unwrap());
    }

    pub fn create(&mut self, host: usize, topic: &str) {
        self.with(host, |node, _| node.create_topic(topic).unwrap());
    }

    pub fn subscribe(&mut self, host: usize, filter: &Filter) -> SubscriberId {
        let subscriber = self.hosts[host].subscriber();
        self.with(host, |node, _| node.subscribe(subscriber, filter).unwrap());
        subscriber
    }

    /// Calls a node and does what it asks for.
    pub fn with<T>(&mut self, host: usize, call: impl FnOnce(&mut Node, u64) -> T) -> T {
        let result = call(&mut self.hosts[host].node, self.now_ms);
        while let Some(output) = self.hosts[host].node.poll_output() {
            self.apply(host, output);
        }
        self.hosts[host].check();
        result
    }

    /// Queues with something to deliver.
    pub fn choices(&self) -> usize {
        self.ready().len() + usize::from(!self.refused.is_empty())
    }

    /// Delivers the first item of one of the waiting queues.
    pub fn deliver(&mut self, choice: usize) {
        match self.ready().get(choice).copied() {
            Some((wire, side)) => self.deliver_to(wire, side),
            None => {
                let (host, link) = self.refused.pop_front().expect("chosen");
                self.close_end(End { host, link });
            }
        }
    }

    /// Delivers until nothing is under way; time stands still.
    pub fn settle(&mut self) {
        let mut turn = 0;
        while self.choices() > 0 {
            turn += 1;
            assert!(turn < 1_000_000, "the cluster does not settle");
            self.deliver(turn % self.choices());
        }
    }

    /// Lets time pass, with all that becomes due.
    pub fn run(&mut self, duration_ms: u64) {
        let end = self.now_ms + duration_ms;
        self.settle();
        while let Some(at) = self.next_timeout().filter(|at| *at <= end) {
            self.now_ms = at.max(self.now_ms);
            for host in 0..self.hosts.len() {
                if !self.hosts[host].down {
                    self.with(host, |node, now| node.handle_timeout(now));
                }
            }
            self.settle();
        }
        self.now_ms = end;
    }

    /// The network breaks every connection between two hosts; both learn of it.
    pub fn cut(&mut self, a: usize, b: usize) {
        for wire in &mut self.wires {
            let hosts = wire.ends.map(|end| end.host);
            if hosts == [a, b] || hosts == [b, a] {
                wire.queues.iter_mut().for_each(|queue| {
                    queue.clear();
                    queue.push_back(Item::Close);
                });
            }
        }
    }

    /// A host dies. Its peers learn of it, unless the death is `silent`.
    pub fn crash(&mut self, host: usize, silent: bool) {
        self.hosts[host].down = true;
        for wire in &mut self.wires {
            for side in 0..2 {
                if wire.ends[side].host == host {
                    wire.queues[side].clear();
                    if !silent {
                        wire.queues[1 - side].push_back(Item::Close);
                    }
                    // The dead end hears nothing, and nothing is delivered to its successor.
                    wire.ends[side].host = usize::MAX;
                }
            }
        }
        self.refused.retain(|(refused, _)| *refused != host);
    }

    /// A new life of a host, without topics and peers.
    pub fn restart(&mut self, host: usize, id: NodeId, incarnation: u64) {
        if !self.hosts[host].down {
            self.crash(host, false);
        }
        let endpoints = self.hosts[host].endpoints.clone();
        self.hosts[host] = Host::new(id, incarnation, endpoints);
    }

    /// A stranger (a plain ZeroMQ peer, or a hostile node) connects.
    pub fn accept(&mut self, host: usize, peer: LinkPeer) -> LinkId {
        let link = self.hosts[host].node.accept("stranger".into());
        self.hosts[host].live.insert(link);
        self.with(host, |node, now| node.link_up(now, link, peer));
        link
    }

    pub fn link_between(&self, a: usize, b: usize) -> Option<LinkId> {
        let peers = self.hosts[a].node.peers();
        let other = self.hosts[b].node.id();
        peers.iter().find(|peer| peer.node == Some(other))?.link
    }

    /// How often each host is sent a topic that another hosts, by the origin and by hubs.
    pub fn copies(&self, origin: usize, topic: &str) -> Vec<usize> {
        let mut copies = vec![0; self.hosts.len()];
        for (index, host) in self.hosts.iter().enumerate().filter(|(_, host)| !host.down) {
            let hosted = host.sinks.keys().filter(|_| index == origin);
            let hosted = hosted.map(|(id, link)| (id, link));
            let relayed = host.relays.keys();
            let relayed = relayed.filter(|(_, from, _)| *from == self.hosts[origin].node.id());
            let relayed = relayed.map(|(id, _, link)| (id, link));
            for (_, link) in hosted
                .chain(relayed)
                .filter(|(id, _)| host.topics[*id] == topic)
            {
                let to = (0..copies.len()).find(|to| self.link_between(index, *to) == Some(*link));
                copies[to.expect("to one of us")] += 1;
            }
        }
        copies
    }

    /// Every pair of the hosts that are up has exactly one link in use.
    pub fn assert_one_link_per_pair(&self) {
        for a in 0..self.hosts.len() {
            let others = self.hosts.len() - 1;
            assert_eq!(self.hosts[a].node.link_count(), others, "links of {a}");
            assert_eq!(self.hosts[a].active.len(), others, "active links of {a}");
        }
        let pairs = self.hosts.len() * (self.hosts.len() - 1) / 2;
        assert_eq!(self.wires.len(), pairs, "connections");
    }

    fn next_timeout(&self) -> Option<u64> {
        let up = self.hosts.iter().filter(|host| !host.down);
        up.filter_map(|host| host.node.poll_timeout()).min()
    }

    fn ready(&self) -> Vec<(usize, usize)> {
        let sides = (0..self.wires.len()).flat_map(|wire| [(wire, 0), (wire, 1)]);
        sides
            .filter(|(wire, side)| {
                let wire = &self.wires[*wire];
                wire.ends[*side].host != usize::MAX && !wire.queues[*side].is_empty()
            })
            .collect()
    }

    fn apply(&mut self, from: usize, output: Output) {
        match output {
            Output::Dial { link, endpoint } => self.dial(from, link, endpoint),
            Output::Frame { link, frame } => {
                self.hosts[from].frames_sent += 1;
                assert!(
                    self.hosts[from].live.contains(&link),
                    "a frame on a dead link"
                );
                self.send(from, link, Item::Frame(frame));
            }
            Output::Close { link, bye, reason } => {
                assert!(self.hosts[from].live.remove(&link), "closed twice");
                self.hosts[from].closed.push(reason);
                if let Some(bye) = bye {
                    self.send(from, link, Item::Frame(bye));
                }
                self.send(from, link, Item::Close);
                self.unplug(End { host: from, link });
            }
            Output::FollowStream {
                topic,
                origin,
                link,
            } => self.hosts[from].node.stream_followed(topic, origin, link),
            other => self.hosts[from].apply(other),
        }
    }

    fn dial(&mut self, from: usize, link: LinkId, endpoint: Endpoint) {
        self.hosts[from].live.insert(link);
        self.hosts[from].dials.push((self.now_ms, endpoint.clone()));
        let listens = |host: &Host| !host.down && host.endpoints.contains(&endpoint);
        let Some(to) = self.hosts.iter().position(listens) else {
            return self.refused.push_back((from, link));
        };
        let accepted = self.hosts[to].node.accept(format!("from {from}"));
        self.hosts[to].live.insert(accepted);
        let hello = self.hosts[from].node.hello();
        self.wires.push(Wire {
            ends: [
                End { host: from, link },
                End {
                    host: to,
                    link: accepted,
                },
            ],
            queues: [VecDeque::new(), VecDeque::from([Item::Hello(hello)])],
        });
    }

    fn send(&mut self, from: usize, link: LinkId, item: Item) {
        let sender = End { host: from, link };
        for wire in &mut self.wires {
            if let Some(side) = wire.ends.iter().position(|end| *end == sender) {
                wire.queues[1 - side].push_back(item);
                return;
            }
        }
    }

    fn deliver_to(&mut self, wire: usize, side: usize) {
        let end = self.wires[wire].ends[side];
        let item = self.wires[wire].queues[side].pop_front().expect("ready");
        let alive = self.hosts[end.host].live.contains(&end.link);
        match item {
            Item::Close => {
                self.unplug(end);
                self.close_end(end);
            }
            _ if !alive => {}
            Item::Hello(hello) => {
                if side == 1 {
                    let answer = Item::Hello(self.hosts[end.host].node.hello());
                    self.wires[wire].queues[0].push_back(answer);
                }
                self.with(end.host, |node, now| {
                    node.link_up(now, end.link, LinkPeer::Spot(hello))
                });
            }
            Item::Plain(peer) => self.with(end.host, |node, now| node.link_up(now, end.link, peer)),
            Item::Frame(frame) => self.with(end.host, |node, now| {
                let taken = node.handle_frame(now, end.link, &frame);
                taken.unwrap_or_else(|error| panic!("{error}: {:?}", Frame::decode(&frame)));
            }),
        }
    }

    /// An end hears nothing more; the connection is gone when neither does.
    fn unplug(&mut self, end: End) {
        for unplugged in self.wires.iter_mut().flat_map(|wire| &mut wire.ends) {
            if *unplugged == end {
                unplugged.host = usize::MAX;
            }
        }
        let is_gone = |wire: &Wire| wire.ends.iter().all(|end| end.host == usize::MAX);
        self.wires.retain(|wire| !is_gone(wire));
    }

    fn close_end(&mut self, end: End) {
        if self.hosts[end.host].live.remove(&end.link) {
            self.with(end.host, |node, now| {
                node.link_closed(now, end.link, "connection lost")
            });
        }
    }
}

impl Host {
    fn apply(&mut self, output: Output) {
        match output {
            Output::LinkActive { link } => assert!(self.active.insert(link)),
            Output::LinkInactive { link, .. } => {
                assert!(self.active.remove(&link));
                self.awaiting.retain(|(_, _, awaited)| *awaited != link);
            }
            Output::TopicAdded { topic, name } => {
                let before = self.topics.insert(topic, name.to_string());
                assert_eq!(before, None, "the number is in use");
            }
            Output::TopicRemoved { topic } => {
                assert!(self.topics.remove(&topic).is_some());
                self.places.remove(&topic);
                self.subscribers.retain(|(attached, _)| *attached != topic);
                self.awaiting.retain(|(awaited, _, _)| *awaited != topic);
                assert!(self.sinks.keys().all(|(attached, _)| *attached != topic));
                assert!(self.relays.keys().all(|(attached, ..)| *attached != topic));
            }
            Output::Placed { topic, place } => {
                assert!(self.topics.contains_key(&topic), "placed before added");
                self.places.insert(topic, place);
            }
            Output::AwaitPast { topic, of } => {
                assert!(self.topics.contains_key(&topic) && self.live.contains(&of.link));
                self.awaiting
                    .insert((topic, of.token.subscriber(), of.link));
            }
            Output::PastSent {
                topic,
                subscriber,
                link,
            } => {
                self.awaiting.remove(&(topic, subscriber, link));
            }
            Output::AttachSubscriber {
                topic, subscriber, ..
            } => {
                assert!(self.topics.contains_key(&topic));
                assert!(
                    self.subscribers.insert((topic, subscriber)),
                    "attached twice"
                );
            }
            Output::DetachSubscriber { topic, subscriber } => {
                assert!(self.subscribers.remove(&(topic, subscriber)));
            }
            Output::AttachLink {
                topic,
                link,
                classes,
                past,
            } => {
                assert!(!classes.is_empty() && self.topics.contains_key(&topic));
                if past != Past::default() {
                    self.past.push((self.topics[&topic].clone(), past));
                }
                self.sinks.insert((topic, link), classes);
            }
            Output::DetachLink { topic, link, ended } => {
                // What is published in between would go to nobody.
                assert!(!ended || !self.places[&topic].hosted, "it is still hosted");
                assert!(self.sinks.remove(&(topic, link)).is_some());
            }
            Output::AttachRelay {
                topic,
                origin,
                link,
                classes,
                ..
            } => {
                assert!(!classes.is_empty() && self.topics.contains_key(&topic));
                self.relays.insert((topic, origin, link), classes);
            }
            Output::DetachRelay {
                topic,
                origin,
                link,
            } => {
                assert!(self.relays.remove(&(topic, origin, link)).is_some());
            }
            Output::RelayWindow {
                topic,
                origin,
                link,
                ..
            } => {
                assert!(self.active.contains(&link));
                self.windows.insert((topic, origin, link));
            }
            Output::LeaveWay { .. } | Output::StreamGone { .. } | Output::PublisherGone { .. } => {}
            Output::StreamLost { topic, origin } => {
                self.cut.push((self.topics[&topic].clone(), origin));
            }
            Output::PeerLost {
                subscriber, name, ..
            } => {
                self.lost.push((subscriber, name.to_string()));
            }
            Output::SubscriberEnded { subscriber } => self.ended.push(subscriber),
            Output::Event(event) => self.events.push(event),
            Output::Publishing { refused } => self.refuses = refused,
            Output::PlainSubscription {
                prefix, subscribe, ..
            } => {
                self.plain.push((prefix, subscribe));
            }
            Output::Dial { .. }
            | Output::Frame { .. }
            | Output::Close { .. }
            | Output::FollowStream { .. } => {
                unreachable!("the network's to do")
            }
        }
    }

    /// What is attached and placed is what a fresh look at the node's own view gives.
    fn check(&self) {
        for (topic, name) in &self.topics {
            let place = self.places.get(topic);
            let view = self.node.topic(name);
            assert_eq!(
                place.is_some_and(|place| place.known),
                view.is_some(),
                "{name}"
            );
            if let (Some(place), Some(view)) = (place, view) {
                assert_eq!(view.id, *topic);
                assert_eq!(view.reachable, place.hosted || place.upstream.is_some());
                assert!(place.link().is_none_or(|link| self.live.contains(&link)));
            }
        }
        for (topic, subscriber) in &self.subscribers {
            assert!(self.node.wants(*subscriber, &self.topics[topic]));
        }
        assert!(
            self.sinks
                .keys()
                .all(|(topic, link)| { self.places[topic].hosted && self.live.contains(link) })
        );
        assert!(
            self.relays
                .keys()
                .all(|(.., link)| self.live.contains(link))
        );
        // Neither panics, whatever the state.
        let _ = self.node.peers();
    }
}
