//! Passing on what is heard from other nodes, as a hub.

use spot_core::credit::Grant;
use spot_core::frame::{Data, Frame};
use spot_core::inbox::Offer;
use spot_core::node::PASSAGE_ALIASES;
use spot_core::outbox::SinkPolicy;
use spot_core::relay::{Passed, Relay, Send};
use spot_core::splice::Spliced;
use spot_core::stream::Standing;
use spot_core::{Class, LinkId, Missed, NodeId, Overflow, Payload, SubscriberId, TopicId};

use super::Driver;

impl Driver {
    pub(super) fn attach_relay(
        &mut self,
        topic: TopicId,
        origin: NodeId,
        link: LinkId,
        alias: u32,
        classes: &[Class],
    ) {
        let policy = self.sink_policy(link, classes);
        let relays = &mut self.topics.get_mut(&topic).expect("added").relays;
        let relay = relays.entry(origin);
        let relay = relay.or_insert_with(|| Relay::new(origin, alias));
        relay.attach(link, (), policy);
        self.announce(topic, origin, false);
    }

    pub(super) fn detach_relay(&mut self, topic: TopicId, origin: NodeId, link: LinkId) {
        let in_use = self.links.get(&link).is_some_and(|link| link.active);
        self.relay(topic, origin, |relay, send| {
            relay.detach(link, in_use, send)
        });
        self.topics
            .get_mut(&topic)
            .expect("added")
            .end_if_unwanted();
        self.drain_relays();
    }

    pub(super) fn open_relay_window(
        &mut self,
        topic: TopicId,
        origin: NodeId,
        link: LinkId,
        class: Class,
    ) {
        let topic_state = self.topics.get_mut(&topic).expect("added");
        topic_state.windows.insert(origin, (link, class));
        let relay = topic_state.relays.get_mut(&origin).expect("attached");
        let grant = relay.open_window(link);
        self.grant_relay(topic, origin, grant);
    }

    /// The classes that a link wants something in, as its queue is to treat them.
    pub(super) fn sink_policy(&mut self, link: LinkId, classes: &[Class]) -> SinkPolicy {
        let link = self.links.get_mut(&link).expect("it wants something");
        let mut policy = SinkPolicy::default();
        for class in classes {
            match class.policy() {
                Overflow::DropNewest => {}
                Overflow::DropOldest => policy.drop_oldest = true,
                Overflow::Block => policy.gates.push(link.outbox.gate(*class)),
                Overflow::Disconnect => policy.disconnect.push(*class),
            }
        }
        policy
    }

    pub(super) fn pass_on(
        &mut self,
        topic: TopicId,
        origin: NodeId,
        from: LinkId,
        sequence: u64,
        payload: &Payload,
    ) {
        self.relay(topic, origin, |relay, send| {
            relay.pass(from, sequence, payload, send)
        });
    }

    /// A message goes to nobody: it was seen before, or waited in vain.
    pub(super) fn discard(&mut self, topic: TopicId, origin: NodeId, link: LinkId, len: usize) {
        let charged = self.charged(link, topic, origin);
        self.give_back(link, charged, len);
        self.relay(topic, origin, |relay, _| Passed {
            grant: relay.discard(link, len),
            ..Passed::default()
        });
    }

    /// Broken: what was passed on of a stream is forgotten, so that numbers go over links a second time.
    pub(super) fn forget_passed(&mut self, topic: TopicId, origin: NodeId, next: u64) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        let name = self.topics[&topic].name.clone();
        let life = self.topics[&topic].streams[&origin].stream().incarnation();
        self.relay(topic, origin, |relay, send| {
            for link in links {
                let policy = relay.queue(link).map(|(_, policy)| policy.clone());
                if let Some(policy) = policy {
                    relay.detach(link, false, |_, _, _| Offer::Queued);
                    relay.attach(link, (), policy);
                }
            }
            relay.announce(&name, life, next, false, send);
            Passed::default()
        });
    }

    /// A stream was announced on a link: if it is followed there, those who get it from us are told.
    pub(super) fn announce_relayed(&mut self, topic: TopicId, origin: NodeId, link: LinkId) {
        if self.topics[&topic].streams[&origin].link() != Some(link) {
            return;
        }
        self.relay_tail(topic, origin, Missed::NONE);
        let relay = self.topics[&topic].relays.get(&origin);
        let all = relay.is_some_and(|relay| !relay.is_held_up());
        self.announce(topic, origin, all);
    }

    /// A stream stands where it has come to, and this is the last that is missing before it.
    pub(super) fn relay_tail(&mut self, topic: TopicId, origin: NodeId, missed: Missed) {
        let next = self.topics[&topic].streams[&origin].stream().next();
        self.relay(topic, origin, |relay, send| {
            relay.tail(next, missed, send);
            Passed::default()
        });
    }

    pub(super) fn cut_relayed(&mut self, topic: TopicId, origin: NodeId, ended: bool) {
        let next = self.topics[&topic].streams[&origin].stream().next();
        self.relay(topic, origin, |relay, send| relay.cut(next, ended, send));
    }

    /// A link is gone, and with it the ways of streams.
    pub(super) fn cut_streams(&mut self, link: LinkId, graceful: bool, left: bool) {
        let peer = self.links[&link].node;
        let streams = self.topics.iter().flat_map(|(topic, state)| {
            let origins = state.streams.keys();
            origins.map(|origin| (*topic, *origin))
        });
        for (topic, origin) in streams.collect::<Vec<_>>() {
            let is_its = peer == Some(origin);
            let streams = &mut self.topics.get_mut(&topic).expect("listed").streams;
            let stream = streams.get_mut(&origin).expect("listed");
            let was_its = stream.link() == Some(link);
            stream.cut(link, standing_of(graceful && is_its, left));
            if was_its && !stream.is_spliced() {
                self.cut_relayed(topic, origin, left && is_its);
            }
            self.release(topic, origin);
        }
    }

    pub(super) fn stream_lost(&mut self, topic: TopicId, origin: NodeId) {
        let streams = &mut self.topics.get_mut(&topic).expect("added").streams;
        if let Some(stream) = streams.get_mut(&origin) {
            stream.lost();
            self.cut_relayed(topic, origin, false);
            self.release(topic, origin);
        }
    }

    pub(super) fn stream_gone(&mut self, topic: TopicId, origin: NodeId) {
        let state = self.topics.get_mut(&topic).expect("added");
        if let Some(stream) = state.streams.get_mut(&origin) {
            let missed = stream.give_up();
            if !state.place.routed {
                state.tell_missed(&mut self.subscribers, missed);
            }
        }
    }

    pub(super) fn leave_way(&mut self, topic: TopicId, origin: NodeId, link: LinkId) {
        let streams = &mut self.topics.get_mut(&topic).expect("added").streams;
        let Some(stream) = streams.get_mut(&origin) else {
            return;
        };
        let was_its = stream.link() == Some(link);
        stream.cut(link, Standing::Open);
        if was_its && !stream.is_spliced() {
            self.cut_relayed(topic, origin, false);
        }
        self.release(topic, origin);
        self.topics
            .get_mut(&topic)
            .expect("added")
            .end_if_unwanted();
    }

    pub(super) fn follow_stream(&mut self, topic: TopicId, origin: NodeId, link: LinkId) {
        let state = self.topics.get_mut(&topic).expect("added");
        state.awaited.insert(origin, link);
        self.tell_followed(topic, origin);
    }

    /// What waited on another way, if it is its turn.
    pub(super) fn release(&mut self, topic: TopicId, origin: NodeId) {
        loop {
            let streams = self.topics.get_mut(&topic).map(|topic| &mut topic.streams);
            let stream = streams.and_then(|streams| streams.get_mut(&origin));
            let Some(released) = stream.and_then(Spliced::release) else {
                break;
            };
            let is_loss = released.message.is_none();
            let (link, missed) = (released.link, released.missed);
            self.heard(topic, origin, link, missed, released.message);
            if is_loss {
                self.relay_tail(topic, origin, missed);
            }
        }
        let streams = self.topics.get_mut(&topic).map(|topic| &mut topic.streams);
        let stream = streams.and_then(|streams| streams.get_mut(&origin));
        let discarded = stream.map(Spliced::take_discarded);
        for (link, len) in discarded.unwrap_or_default() {
            self.discard(topic, origin, link, len);
        }
        self.tell_followed(topic, origin);
    }

    /// Who a message was charged to that came by this link. A hub acknowledges what it is asked for when its own asking is
    /// acknowledged, and in order: what is in force there before that is not known, and counts as charged.
    pub(super) fn charged(
        &self,
        link: LinkId,
        topic: TopicId,
        origin: NodeId,
    ) -> Vec<SubscriberId> {
        let state = &self.topics[&topic];
        let mut charged = self.charges.of(link, &state.name);
        let mut versions = self.node.interest_versions();
        let unsure = self
            .links
            .get(&link)
            .is_none_or(|link| link.node != Some(origin))
            || versions.any(|(known, acked, sent)| known == link && acked < sent);
        if unsure {
            let blocking = state.inboxes.keys().filter(|id| {
                let inbox = &self.subscribers[*id];
                inbox.overflow() == Overflow::Block && !charged.contains(id)
            });
            charged.extend(blocking.copied().collect::<Vec<_>>());
        }
        charged
    }

    fn tell_followed(&mut self, topic: TopicId, origin: NodeId) {
        let Some(state) = self.topics.get_mut(&topic) else {
            return;
        };
        let Some(&link) = state.awaited.get(&origin) else {
            return;
        };
        let stream = state.streams.get(&origin);
        if stream.is_none_or(|stream| stream.is_carried_by(link)) {
            state.awaited.remove(&origin);
            self.followed.push((topic, origin, link));
        }
    }

    /// Tries again to pass on what waits for room.
    pub(super) fn drain_relays(&mut self) {
        let relays = self.topics.iter().flat_map(|(topic, state)| {
            let held_up = state.relays.iter().filter(|(_, relay)| relay.is_held_up());
            held_up.map(|(origin, _)| (*topic, *origin))
        });
        for (topic, origin) in relays.collect::<Vec<_>>() {
            self.relay(topic, origin, |relay, send| {
                let mut passed = Passed::default();
                relay.drain(&mut passed, send);
                passed
            });
        }
    }

    fn announce(&mut self, topic: TopicId, origin: NodeId, all: bool) {
        let state = &self.topics[&topic];
        let name = state.name.clone();
        let Some(stream) = state.streams.get(&origin).filter(|stream| stream.is_live()) else {
            return;
        };
        let (life, next) = (stream.stream().incarnation(), stream.stream().next());
        self.relay(topic, origin, |relay, send| {
            relay.announce(&name, life, next, all, send);
            Passed::default()
        });
    }

    /// Calls a relay, and does what follows.
    fn relay(
        &mut self,
        topic: TopicId,
        origin: NodeId,
        call: impl FnOnce(&mut Relay<()>, &mut dyn FnMut(LinkId, &(), Send<'_>) -> Offer) -> Passed,
    ) {
        let relays = self.topics.get_mut(&topic).map(|state| &mut state.relays);
        let Some(mut relay) = relays.and_then(|relays| relays.remove(&origin)) else {
            return;
        };
        let passed = call(&mut relay, &mut |link, (), what| {
            self.send_relayed(link, what)
        });
        let relays = self.topics.get_mut(&topic).map(|state| &mut state.relays);
        relays.expect("just found").insert(origin, relay);
        if let Some(grant) = passed.grant {
            self.grant_relay(topic, origin, grant);
        }
        for (link, class) in passed.ended {
            self.slow.push((link, class));
        }
    }

    fn send_relayed(&mut self, id: LinkId, what: Send<'_>) -> Offer {
        let Some(link) = self.links.get_mut(&id) else {
            return Offer::Dropped;
        };
        match what {
            Send::Control(frame) => {
                link.outbox.control(frame);
                if let Ok(Frame::Alias(alias)) = Frame::decode(frame) {
                    let key = (id, alias.alias);
                    self.passed_on.insert(key, alias.next_sequence);
                }
                Offer::Queued
            }
            Send::Message {
                policy,
                header,
                payload,
            } => {
                let offer = link.outbox.offer(policy, header, payload);
                self.note_passed(id, header, offer);
                offer
            }
        }
    }

    /// A message was passed on over a link: that it was not before is checked.
    pub(super) fn note_passed(&mut self, id: LinkId, header: &[u8], offer: Offer) {
        let data = Data::decode(header).expect("DATA").expect("our own");
        let key = (id, data.alias);
        if data.alias & PASSAGE_ALIASES == PASSAGE_ALIASES {
            self.passed_on.entry(key).or_insert(data.sequence);
        }
        match self.passed_on.get_mut(&key) {
            Some(next) if data.sequence >= *next && offer != Offer::Full => {
                *next = data.sequence + 1;
            }
            Some(next) if data.sequence >= *next => {}
            next => self.faults.push(format!(
                "{} is passed on over {id:?} after {next:?}",
                data.sequence
            )),
        }
    }

    fn grant_relay(&mut self, topic: TopicId, origin: NodeId, grant: Grant) {
        let Some((link, class)) = self.topics[&topic].windows.get(&origin) else {
            return;
        };
        if let Some(link) = self.links.get_mut(link) {
            let credit = Frame::Credit {
                class: *class,
                messages: grant.messages,
                bytes: grant.bytes,
            };
            link.outbox.control(&credit.to_vec());
        }
    }
}

/// How a stream stands whose link is gone: `graceful` if its publisher left, or if we gave it up.
fn standing_of(graceful: bool, left: bool) -> Standing {
    match (graceful, left) {
        (false, _) => Standing::Open,
        (true, true) => Standing::Ended,
        (true, false) => Standing::Unheard,
    }
}
