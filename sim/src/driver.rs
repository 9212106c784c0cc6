//! What stands between a [`Node`] and a network: one node's driver, as plain structs, without threads or sockets.
//!
//! It carries out the node's outputs and moves messages by them, as the real driver does, and speaks real ZMTP: bytes
//! come in by [`Driver::received`] and go out by [`Driver::take_output`].

mod apply;
mod upstream;

pub(crate) use self::upstream::Upstream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use spot_core::frame::{Alias, Data, Frame, Past, put_data_header};
use spot_core::inbox::{Inbox, Limit, Offer, Slot, Source, Taken};
use spot_core::past::{Awaiting, Token};
use spot_core::stream::Verdict;
use spot_core::{
    Class, Endpoint, Event, Filter, LinkId, LinkPeer, Missed, Node, NodeConfig, NodeId, Overflow,
    Payload, SubscriberId, TopicId,
};

use spot_core::hello::Hello;
use spot_core::node::SubscribeError;
use spot_core::upstream::Sender;

use crate::charges::Charges;
use crate::link::{Link, Received};
use crate::mutation::Mutation;
use crate::topic::{Heard, Topic};

/// Credit of a blocking subscriber for each link.
const WINDOW: (u64, u64) = (16, 1 << 20);
/// What each queue holds.
pub const HWM: usize = 64;

/// What a driver asks of the network.
#[derive(Debug)]
pub enum Request {
    /// Connect.
    Dial(LinkId, Endpoint),
    /// Drop the connection once what was written is under way.
    HangUp(LinkId),
}

/// One node with its queues and links.
#[derive(Debug)]
pub struct Driver {
    /// The control plane.
    pub node: Node,
    now_ms: u64,
    topics: BTreeMap<TopicId, Topic>,
    /// What topics that are gone had heard over links that were cut: one that comes back goes on from there.
    cut_topics: BTreeMap<Arc<str>, (BTreeMap<NodeId, Heard>, Awaiting)>,
    /// Topics that are gone so far.
    forgotten: u64,
    /// Messages that each topic hosted here keeps.
    history: usize,
    /// How far their owners were sent to.
    sent_topics: BTreeMap<Arc<str>, BTreeMap<NodeId, Sender>>,
    subscribers: BTreeMap<SubscriberId, Inbox>,
    links: BTreeMap<LinkId, Link>,
    charges: Charges,
    /// Streams published to us that wait for room.
    held_up: BTreeSet<(LinkId, u32)>,
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
            now_ms,
            topics: BTreeMap::new(),
            cut_topics: BTreeMap::new(),
            forgotten: 0,
            history: 0,
            sent_topics: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            links: BTreeMap::new(),
            charges: Charges::default(),
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
        while let Some(output) = self.node.poll_output() {
            self.apply(output);
        }
        let subscribers = self.subscribers.iter();
        let blocking = subscribers.filter(|(_, inbox)| inbox.overflow() == Overflow::Block);
        self.charges.follow(&self.node, blocking.map(|(id, _)| *id));
        result
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
            self.requests.push_back(Request::HangUp(link));
        }
    }

    // Subscribers and publishers.

    /// A subscriber without subscriptions, each of which will ask for this much history.
    pub fn add_subscriber(&mut self, overflow: Overflow, history: usize) -> SubscriberId {
        let id = self.with(|node, _| {
            let id = node.add_subscriber(overflow);
            node.set_history(id, history);
            id
        });
        let unlimited = self.mutation == Some(Mutation::IgnoreHwm);
        let limit = Limit {
            messages: if unlimited { 0 } else { HWM },
            bytes: 0,
        };
        self.subscribers.insert(id, Inbox::new(limit, overflow));
        let active: Vec<LinkId> = self.active_links().collect();
        for link in active {
            self.grant(id, link, WINDOW);
        }
        id
    }

    /// Removes a subscriber with what is queued for it.
    pub fn remove_subscriber(&mut self, subscriber: SubscriberId) {
        self.with(|node, _| node.remove_subscriber(subscriber));
        self.forget_unwanted();
        self.subscribers.remove(&subscriber);
    }

    /// Subscribes. One that was ended as too slow begins anew, also before it has read so.
    ///
    /// # Errors
    /// As those of the node.
    pub fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        filter: &Filter,
    ) -> Result<(), SubscribeError> {
        self.subscribers
            .get_mut(&subscriber)
            .expect("added")
            .revive();
        self.with(|node, _| node.subscribe(subscriber, filter))
    }

    /// Cancels a subscription; what is queued for it alone is discarded.
    pub fn unsubscribe(&mut self, subscriber: SubscriberId, filter: &Filter) {
        if self.mutation == Some(Mutation::ForgetCancel) {
            return;
        }
        self.with(|node, _| node.unsubscribe(subscriber, filter));
        self.forget_unwanted();
        let node = &self.node;
        let inbox = self.subscribers.get_mut(&subscriber).expect("added");
        let mut discarded = Vec::new();
        inbox.retain(
            |topic| node.wants(subscriber, topic),
            |source, len| discarded.push((source, len)),
        );
        for (source, len) in discarded {
            self.grant(subscriber, LinkId(source.0), (1, len as u64));
        }
    }

    /// Topics that are gone are not waited for by those who do not want them any more.
    fn forget_unwanted(&mut self) {
        for (topic, (_, awaiting)) in &mut self.cut_topics {
            awaiting.retain(|subscriber| self.node.wants(subscriber, topic));
        }
    }

    /// Takes what is first in a subscriber's line.
    pub fn take(&mut self, subscriber: SubscriberId) -> Option<Taken> {
        let inbox = self.subscribers.get_mut(&subscriber).expect("added");
        let taken = inbox.take()?;
        if let Taken::Message {
            source, payload, ..
        } = &taken
        {
            self.grant(subscriber, LinkId(source.0), (1, payload.len() as u64));
        }
        Some(taken)
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

    /// Publishes on a topic hosted here; false if somebody holds the publisher up.
    pub fn publish(&mut self, name: &str, payload: &Payload) -> bool {
        let id = self.node.topic(name).expect("hosted").id;
        let topic = self.topics.get_mut(&id).expect("hosted");
        let is_held_up =
            |inbox: &Inbox| inbox.overflow() == Overflow::Block && !inbox.has_room(payload.len());
        let inboxes = topic.inboxes.keys();
        let mut sinks = topic.sinks.iter();
        if inboxes
            .copied()
            .any(|id| is_held_up(&self.subscribers[&id]))
            || sinks.any(|(link, policy)| {
                policy.blocks() && !self.links[link].outbox.has_room(policy, payload.len())
            })
        {
            return false;
        }
        self.publish_unheld(id, payload);
        true
    }

    /// As [`publish`](Self::publish), holding nobody up: who has no room misses the message.
    fn publish_unheld(&mut self, id: TopicId, payload: &Payload) {
        let topic = self.topics.get_mut(&id).expect("hosted");
        let mut header = Vec::new();
        put_data_header(&mut header, id.0, topic.next_sequence);
        if let Some(history) = &mut topic.history {
            history.keep(topic.next_sequence, payload);
        }
        topic.next_sequence += 1;
        let mut slow = Vec::new();
        for (link, policy) in &topic.sinks {
            let outbox = &mut self.links.get_mut(link).expect("attached").outbox;
            if self.mutation.is_some_and(Mutation::repeats_messages) {
                outbox.offer(policy, &header, payload);
            }
            if outbox.offer(policy, &header, payload) == Offer::Ended {
                slow.extend(policy.disconnect.iter().map(|class| (*link, *class)));
            }
        }
        self.deliver(id, payload, None, &[]);
        for (link, class) in slow {
            self.with(|node, _| node.end_class(link, class));
        }
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

    // The network.

    /// Somebody connects to us.
    pub fn accepted(&mut self, address: String) -> LinkId {
        let id = self.node.accept(address);
        self.links.insert(id, Link::accepting(self.now_ms));
        id
    }

    /// Our connection is made; false if it is not wanted any more.
    pub fn connected(&mut self, id: LinkId) -> bool {
        let link = self.links.get_mut(&id);
        let wanted = link.map(|link| link.connected(&self.hello, self.now_ms));
        wanted.is_some()
    }

    /// A connection failed or ended.
    pub fn lost(&mut self, id: LinkId, reason: &str) {
        if let Some(link) = self.links.get_mut(&id) {
            link.closing = true;
            self.with(|node, now| node.link_closed(now, id, reason));
        }
        self.links.remove(&id);
    }

    /// Bytes arrived.
    pub fn received(&mut self, id: LinkId, mut input: &[u8]) {
        while let Some(link) = self.links.get_mut(&id).filter(|link| !link.closing) {
            match link.received(&mut input, &self.hello, self.now_ms) {
                Ok(None) => return,
                Ok(Some(Received::Up(hello))) => {
                    link.node = Some(hello.node);
                    self.with(|node, now| node.link_up(now, id, LinkPeer::Spot(hello)));
                }
                Ok(Some(Received::Frame(frame))) => self.frame(id, &frame),
                Err(error) => {
                    self.faults.push(format!("{id:?}: {error}"));
                    return self.lost(id, "protocol");
                }
            }
        }
    }

    /// At most about `room` bytes to write.
    pub fn take_output(&mut self, id: LinkId, room: usize) -> Vec<u8> {
        let Some(link) = self.links.get_mut(&id) else {
            return Vec::new();
        };
        let bytes = link.take_output(room);
        if link.closing && link.is_drained() {
            self.links.remove(&id);
            self.requests.push_back(Request::HangUp(id));
        }
        bytes
    }

    fn frame(&mut self, id: LinkId, bytes: &[u8]) {
        match Frame::decode(bytes) {
            Ok(Frame::Data(data)) => self.data(id, &data),
            Ok(Frame::Alias(alias)) => self.announced(id, &alias),
            Ok(Frame::Tail {
                alias,
                next_sequence,
                last,
            }) => self.tail(id, alias, next_sequence, last),
            Ok(Frame::Past(past)) => self.past(id, &past),
            Ok(Frame::Live {
                alias,
                token,
                next_sequence,
            }) => self.live(id, alias, Token(token), next_sequence),
            Ok(Frame::Credit {
                class,
                messages,
                bytes,
            }) => {
                let link = self.links.get_mut(&id).expect("it has a frame");
                link.outbox.credit(class, messages, bytes);
            }
            _ => {
                if let Err(error) = self.with(|node, now| node.handle_frame(now, id, bytes)) {
                    self.faults.push(format!("{id:?}: {error}"));
                }
            }
        }
    }

    fn announced(&mut self, id: LinkId, alias: &Alias<'_>) {
        if alias.upstream {
            return self.upstream_announced(id, alias);
        }
        let topic_id = self.with(|node, _| node.open_stream(id, alias));
        let link = self.links.get_mut(&id).expect("it has a frame");
        link.heard.remove(&alias.alias);
        if let Some(topic_id) = topic_id {
            link.heard.insert(alias.alias, (topic_id, alias.publisher));
            let topic = self.topics.get_mut(&topic_id).expect("just found");
            let missed = topic.open_stream(id, alias);
            topic.tell_missed_on(id, &mut self.subscribers, missed);
        }
    }

    fn data(&mut self, id: LinkId, data: &Data<'_>) {
        if self.links[&id].upstreams.contains_key(&data.alias) {
            return self.upstream_data(id, data);
        }
        let Some((topic_id, heard)) = heard(&self.links, &mut self.topics, id, data.alias) else {
            return;
        };
        let missed = match (heard.receive(data.sequence), self.mutation) {
            (None, Some(Mutation::AcceptDuplicates)) => Some(Missed::NONE),
            (Some(_), Some(Mutation::HideGaps)) => Some(Missed::NONE),
            (missed, _) => missed,
        };
        let topic = &self.topics[&topic_id];
        let listened = topic.listens_to(id) || self.mutation == Some(Mutation::IgnoreRoute);
        let missed = missed.filter(|_| listened);
        let charged = self.charges.of(id, &topic.name);
        let mut returned = charged.clone();
        if let Some(missed) = missed {
            topic.tell_missed_on(id, &mut self.subscribers, missed);
            let payload = Payload::copy_from(data.payload);
            let queued = self.deliver(topic_id, &payload, Some(id), &charged);
            returned.retain(|subscriber| !queued.contains(subscriber));
        }
        // What a subscriber was charged for and does not get takes no room of its.
        for subscriber in returned {
            self.grant(subscriber, id, (1, data.payload.len() as u64));
        }
    }

    fn tail(&mut self, id: LinkId, alias: u32, next_sequence: u64, last: bool) {
        if let Some(upstream) = self
            .links
            .get_mut(&id)
            .and_then(|link| link.upstreams.get_mut(&alias))
        {
            let missed = upstream.receiver.told(next_sequence);
            let name = upstream.name.clone();
            return self.skip(&name, missed);
        }
        if let Some((topic, heard)) = heard(&self.links, &mut self.topics, id, alias) {
            let missed = heard.stream.announced(next_sequence);
            if last {
                heard.stream.end();
            }
            let topic = &self.topics[&topic];
            if topic.listens_to(id) {
                topic.tell_missed_on(id, &mut self.subscribers, missed);
            }
        }
        if last {
            let link = self.links.get_mut(&id).expect("it has a frame");
            link.heard.remove(&alias);
        }
    }

    /// A message from before the time of one subscriber, on the credit of that one.
    fn past(&mut self, id: LinkId, past: &Past<'_>) {
        let token = Token(past.token);
        if !self.late(id, past, token) {
            let len = past.payload.len() as u64;
            self.grant(token.subscriber(), id, (1, len));
        }
    }

    /// Whether a late message found its subscriber.
    fn late(&mut self, id: LinkId, past: &Past<'_>, token: Token) -> bool {
        let Some((topic_id, _)) = heard(&self.links, &mut self.topics, id, past.alias) else {
            return false;
        };
        let topic = self.topics.get_mut(&topic_id).expect("just found");
        if !topic.listens_to(id) {
            return false;
        }
        let missed = match topic.awaiting.past(id, token, past.sequence) {
            Some(Verdict::Deliver) => 0,
            Some(Verdict::DeliverAfterGap(missed)) => missed,
            Some(Verdict::Duplicate) | None => return false,
        };
        let subscriber = token.subscriber();
        let slot = topic.inboxes[&subscriber];
        let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
        if missed > 0 {
            inbox.missed(slot, Missed::exactly(missed));
        }
        let payload = Payload::copy_from(past.payload);
        let offer = self.offer(subscriber, slot, Source(id.0), Some(id), &payload);
        if offer == Offer::Ended {
            self.with(|node, _| node.end_subscriptions(subscriber));
        }
        offer == Offer::Queued
    }

    /// A subscriber has what it asked for.
    fn live(&mut self, id: LinkId, alias: u32, token: Token, next_sequence: u64) {
        self.tail(id, alias, next_sequence, false);
        let Some((topic_id, _)) = heard(&self.links, &mut self.topics, id, alias) else {
            return;
        };
        let topic = self.topics.get_mut(&topic_id).expect("just found");
        let missed = topic.awaiting.live(id, token, next_sequence);
        if let Some(missed) = missed.filter(|missed| !missed.is_none()) {
            let subscriber = token.subscriber();
            let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
            inbox.missed(topic.inboxes[&subscriber], missed);
        }
    }

    /// Hands a message to its subscribers, and says who has it. It takes credit of those who are charged for it.
    fn deliver(
        &mut self,
        topic: TopicId,
        payload: &Payload,
        from: Option<LinkId>,
        charged: &[SubscriberId],
    ) -> Vec<SubscriberId> {
        let topic = &self.topics[&topic];
        let live = topic.inboxes.iter().filter(|(id, _)| {
            let held = from.is_some_and(|link| topic.awaiting.holds(**id, link));
            !held
        });
        let live: Vec<(SubscriberId, Slot)> = live.map(|(id, slot)| (*id, *slot)).collect();
        let (mut queued, mut slow) = (Vec::new(), Vec::new());
        for (id, slot) in live {
            let source = from.filter(|_| charged.contains(&id));
            let source = source.map_or(Source::LOCAL, |link| Source(link.0));
            match self.offer(id, slot, source, from, payload) {
                Offer::Queued => queued.push(id),
                Offer::Ended => slow.push(id),
                Offer::Dropped | Offer::Full => {}
            }
        }
        for subscriber in slow {
            self.with(|node, _| node.end_subscriptions(subscriber));
        }
        queued
    }

    /// Offers a message to one subscriber; who has no room for it although it blocks misses it.
    fn offer(
        &mut self,
        id: SubscriberId,
        slot: Slot,
        source: Source,
        from: Option<LinkId>,
        payload: &Payload,
    ) -> Offer {
        let inbox = self.subscribers.get_mut(&id).expect("attached");
        let offer = match inbox.overflow() {
            Overflow::Block if from.is_some() => {
                // Each new link brings a new window: a slow subscriber whose links come and go loses, and is
                // told of, what it could not hold.
                inbox.offer_credited(slot, source, payload, false)
            }
            _ => inbox.offer(slot, source, payload),
        };
        if offer == Offer::Full {
            inbox.missed(slot, Missed::exactly(1));
        }
        offer
    }

    fn grant(&mut self, subscriber: SubscriberId, link: LinkId, (messages, bytes): (u64, u64)) {
        // One that is gone has forgotten its windows.
        let known = self.subscribers.get(&subscriber);
        if known.is_none_or(|inbox| inbox.overflow() != Overflow::Block) {
            return;
        }
        if self.mutation == Some(Mutation::WithholdCredit) && messages == 1 {
            return;
        }
        if let Some(link) = self.links.get_mut(&link).filter(|link| link.active) {
            let class = Class::new(Overflow::Block, u64::from(subscriber.0));
            let credit = Frame::Credit {
                class,
                messages,
                bytes,
            };
            link.outbox.control(&credit.to_vec());
        }
    }

    fn active_links(&self) -> impl Iterator<Item = LinkId> {
        let active = self.links.iter().filter(|(_, link)| link.active);
        active.map(|(id, _)| *id)
    }
}

/// What a link's alias stands for, as long as the stream comes by this link.
fn heard<'a>(
    links: &BTreeMap<LinkId, Link>,
    topics: &'a mut BTreeMap<TopicId, Topic>,
    link: LinkId,
    alias: u32,
) -> Option<(TopicId, &'a mut Heard)> {
    let (topic, publisher): (TopicId, NodeId) = *links.get(&link)?.heard.get(&alias)?;
    let heard = topics.get_mut(&topic)?.streams.get_mut(&publisher)?;
    (heard.link == Some(link)).then_some((topic, heard))
}
