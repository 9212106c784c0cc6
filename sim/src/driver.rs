//! What stands between a [`Node`] and a network: one node's driver, as plain structs, without threads or sockets.
//!
//! It carries out the node's outputs and moves messages by them, as the real driver does, and speaks real ZMTP: bytes
//! come in by [`Driver::received`] and go out by [`Driver::take_output`].

mod apply;
mod relay;
mod upstream;

pub(crate) use self::upstream::Upstream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use spot_core::frame::{Alias, Data, Frame, Last, Past, put_data_header};
use spot_core::inbox::{Inbox, Limit, Offer, Slot, Source, Taken};
use spot_core::past::{Awaiting, Token};
use spot_core::splice::{Judged, Spliced};
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
    /// Streams published to us that wait for room.
    held_up: BTreeSet<(LinkId, u32)>,
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
            self.requests.push_back(Request::HangUp(link));
        }
        self.drain_relays();
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
        self.take_frame(id, bytes);
        if !self.followed.is_empty() || !self.slow.is_empty() {
            self.with(|_, _| ());
        }
    }

    fn take_frame(&mut self, id: LinkId, bytes: &[u8]) {
        let frame = Frame::decode(bytes);
        if let Ok(frame) = &frame
            && self.is_kept(id, frame, bytes)
        {
            return;
        }
        match frame {
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
                self.drain_relays();
            }
            _ => {
                if let Err(error) = self.with(|node, now| node.handle_frame(now, id, bytes)) {
                    self.faults.push(format!("{id:?}: {error}"));
                }
                let link = self.links.get_mut(&id);
                let again = link.map(|link| link.unoffered.take_offered(bytes));
                for frame in again.unwrap_or_default() {
                    self.take_frame(id, &frame);
                }
            }
        }
    }

    /// Whether it is of a stream whose topic is not offered, and so kept.
    fn is_kept(&mut self, id: LinkId, frame: &Frame<'_>, bytes: &[u8]) -> bool {
        let (Frame::Data(Data { alias, .. })
        | Frame::Past(Past { alias, .. })
        | Frame::Live { alias, .. }
        | Frame::Tail { alias, .. }) = frame
        else {
            return false;
        };
        let link = self.links.get_mut(&id).expect("it has a frame");
        link.unoffered.keep(*alias, bytes)
    }

    fn announced(&mut self, id: LinkId, alias: &Alias<'_>) {
        if alias.upstream {
            let link = self.links.get_mut(&id).expect("it has a frame");
            link.unoffered.announced(alias, false);
            return self.upstream_announced(id, alias);
        }
        let topic_id = self.with(|node, _| node.open_stream(id, alias));
        let link = self.links.get_mut(&id).expect("it has a frame");
        link.heard.remove(&alias.alias);
        let is_unoffered = topic_id.is_none() && link.node == Some(alias.publisher);
        link.unoffered.announced(alias, is_unoffered);
        if let Some(topic_id) = topic_id {
            link.heard.insert(alias.alias, (topic_id, alias.publisher));
            let topic = self.topics.get_mut(&topic_id).expect("just found");
            let missed = topic.open_stream(id, alias);
            topic.tell_missed_on(id, alias.publisher, &mut self.subscribers, missed);
            self.announce_relayed(topic_id, alias.publisher, id);
            self.release(topic_id, alias.publisher);
        }
    }

    fn data(&mut self, id: LinkId, data: &Data<'_>) {
        if self.links[&id].upstreams.contains_key(&data.alias) {
            return self.upstream_data(id, data);
        }
        let Some((topic, publisher)) = self.stream_of(id, data.alias) else {
            return;
        };
        let streams = &mut self.topics.get_mut(&topic).expect("just found").streams;
        let stream = streams.get_mut(&publisher).expect("just found");
        let payload = Payload::copy_from(data.payload);
        let other_way = stream.link() != Some(id);
        let relayed = self.links[&id].node != Some(publisher);
        let judged = match (stream.receive(id, data.sequence, &payload), self.mutation) {
            (Judged::Discard, Some(Mutation::AcceptDuplicates)) => Judged::Deliver(Missed::NONE),
            (_, Some(Mutation::RelayWithoutOrigin)) if other_way => Judged::Deliver(Missed::NONE),
            (Judged::Discard, Some(Mutation::RelayWithoutOrigin)) if relayed => {
                Judged::Deliver(Missed::NONE)
            }
            (judged, _) => judged,
        };
        match judged {
            Judged::Deliver(missed) => {
                if other_way && self.mutation == Some(Mutation::RelayWithoutOrigin) {
                    self.forget_passed(topic, publisher, data.sequence);
                }
                self.heard(topic, publisher, id, missed, Some((data.sequence, payload)));
            }
            Judged::Wait => {}
            Judged::Discard => {
                let charged = self.charged(id, topic, publisher);
                self.give_back(id, charged, payload.len());
            }
        }
        self.release(topic, publisher);
    }

    /// What a link's alias stands for, as long as the topic and the stream are known.
    fn stream_of(&self, link: LinkId, alias: u32) -> Option<(TopicId, NodeId)> {
        let (topic, publisher) = *self.links.get(&link)?.heard.get(&alias)?;
        let streams = &self.topics.get(&topic)?.streams;
        streams
            .contains_key(&publisher)
            .then_some((topic, publisher))
    }

    /// What was heard of a stream: a loss, and a message.
    fn heard(
        &mut self,
        topic: TopicId,
        publisher: NodeId,
        link: LinkId,
        missed: Missed,
        message: Option<(u64, Payload)>,
    ) {
        if let Some((sequence, payload)) = &message {
            self.pass_on(topic, publisher, link, *sequence, payload);
        }
        let hidden = self.mutation == Some(Mutation::HideGaps) && message.is_some();
        let state = &self.topics[&topic];
        let listened = state.listens_to(link) || self.mutation == Some(Mutation::IgnoreRoute);
        if listened && !hidden {
            state.tell_missed_on(link, publisher, &mut self.subscribers, missed);
        }
        let Some((_, payload)) = message else { return };
        let mut charged = self.charged(link, topic, publisher);
        if listened {
            let queued = self.deliver(topic, &payload, Some((link, publisher)), &charged);
            charged.retain(|subscriber| !queued.contains(subscriber));
        }
        self.give_back(link, charged, payload.len());
    }

    /// What a subscriber was charged for and does not get takes no room of its.
    fn give_back(&mut self, link: LinkId, charged: Vec<SubscriberId>, len: usize) {
        for subscriber in charged {
            self.grant(subscriber, link, (1, len as u64));
        }
    }

    fn tail(&mut self, id: LinkId, alias: u32, next_sequence: u64, last: Last) {
        if let Some(upstream) = self
            .links
            .get_mut(&id)
            .and_then(|link| link.upstreams.get_mut(&alias))
        {
            let missed = upstream.receiver.told(next_sequence);
            let name = upstream.name.clone();
            return self.skip(&name, missed);
        }
        let heard = self.stream_of(id, alias);
        if last != Last::No {
            let link = self.links.get_mut(&id).expect("it has a frame");
            link.heard.remove(&alias);
        }
        let Some((topic, publisher)) = heard else {
            return;
        };
        let streams = &mut self.topics.get_mut(&topic).expect("just found").streams;
        let stream = streams.get_mut(&publisher).expect("just found");
        let was_its = stream.link() == Some(id);
        let missed = stream.tail(id, next_sequence, last);
        let (ended, link) = (stream.stream().has_ended(), stream.link());
        let is_cut = was_its && link.is_none() && !stream.is_spliced();
        self.heard(topic, publisher, id, missed, None);
        if was_its && last == Last::Ended && ended {
            self.cut_relayed(topic, publisher, true);
        } else if is_cut {
            self.cut_relayed(topic, publisher, false);
        } else if link == Some(id) {
            self.relay_tail(topic, publisher);
        }
        self.release(topic, publisher);
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
        let Some((topic_id, _)) = self.stream_of(id, past.alias) else {
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
        self.tail(id, alias, next_sequence, Last::No);
        let Some((topic_id, _)) = self.stream_of(id, alias) else {
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
        from: Option<(LinkId, NodeId)>,
        charged: &[SubscriberId],
    ) -> Vec<SubscriberId> {
        let topic = &self.topics[&topic];
        let live = topic.inboxes.iter().filter(|(id, _)| {
            let held = from.is_some_and(|(link, origin)| topic.awaiting.holds(**id, link, origin));
            !held
        });
        let live: Vec<(SubscriberId, Slot)> = live.map(|(id, slot)| (*id, *slot)).collect();
        let from = from.map(|(link, _)| link);
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
