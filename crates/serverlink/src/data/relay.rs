//! Passing on what a topic hears from another node.

use std::sync::{Arc, Weak};

use spot_core::credit::Grant;
use spot_core::frame::Frame;
use spot_core::inbox::Offer;
use spot_core::outbox::SinkPolicy;
use spot_core::relay::{Passed, Relay, Send};
use spot_core::{Class, LinkId, Missed, NodeId, Payload};

use super::heard::HeardSide;
use super::topic::{SinkSide, Topic};
use super::{Aftermath, SharedOutbox, lock};

/// What is passed on of one origin's stream.
#[derive(Debug)]
pub(super) struct RelaySide {
    relay: Relay<Arc<SharedOutbox>>,
    /// The topic itself, for links that are to try again.
    topic: Weak<Topic>,
    /// Where credit goes, and in which class.
    window: Option<(Class, Arc<SharedOutbox>)>,
}

impl Topic {
    /// Passes on over a link what is heard from an origin, announcing it there once it is heard.
    pub(crate) fn attach_relay(
        self: &Arc<Self>,
        origin: NodeId,
        alias: u32,
        outbox: &Arc<SharedOutbox>,
        policy: SinkPolicy,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        let side = sinks.heard.get_or_insert_default();
        let relay = side.ensure_relay(origin, alias, self);
        relay.relay.attach(outbox.link, outbox.clone(), policy);
        let streams = side.streams.iter();
        let mut live = streams.filter(|heard| heard.stream.is_live());
        if let Some(heard) = live.find(|heard| heard.stream.stream().publisher() == origin) {
            let stream = heard.stream.stream();
            let (incarnation, next) = (stream.incarnation(), stream.next());
            let relay = side.relays.iter_mut().find(|known| known.is_of(origin));
            let relay = &mut relay.expect("just ensured").relay;
            relay.announce(&self.name, incarnation, next, false, |_, outbox, what| {
                send(outbox, what, after)
            });
        }
        drop(sinks);
        // Those who wait may wait for a class that does not block any more.
        outbox.wake_blocked();
    }

    pub(crate) fn detach_relay(&self, origin: NodeId, link: LinkId, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let Some(side) = &mut sinks.heard else { return };
        let Some(relay) = side.relays.iter_mut().find(|known| known.is_of(origin)) else {
            return;
        };
        let outbox = relay.relay.queue(link).map(|(outbox, _)| outbox.clone());
        let in_use = outbox.as_ref().is_some_and(|outbox| outbox.is_in_use());
        let passed = relay
            .relay
            .detach(link, in_use, |_, outbox, what| send(outbox, what, after));
        relay.settle(passed, after);
        relay.drain(after);
        let alias = relay.relay.alias();
        if let Some(outbox) = outbox {
            side.relays_dropped += outbox.with(|queue| queue.forget_dropped_of(alias));
        }
        side.relays
            .retain(|known| !known.relay.is_empty() || known.window.is_some());
        sinks.end_if_unwanted();
    }

    /// Grants credit to the link that a stream is asked for on, in place of any other.
    pub(crate) fn open_relay_window(
        &self,
        origin: NodeId,
        class: Class,
        outbox: &Arc<SharedOutbox>,
    ) {
        let mut sinks = lock(&self.sinks);
        let Some(side) = &mut sinks.heard else { return };
        if let Some(relay) = side.relays.iter_mut().find(|known| known.is_of(origin)) {
            relay.window = Some((class, outbox.clone()));
            let grant = relay.relay.open_window(outbox.link);
            relay.grant(grant);
        }
    }

    /// There may be room for what waits to be passed on.
    pub(crate) fn drain_relay(&self, origin: NodeId, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let relays = sinks
            .heard
            .iter_mut()
            .flat_map(|side| side.relays.iter_mut());
        if let Some(relay) = relays.into_iter().find(|known| known.is_of(origin)) {
            relay.drain(after);
        }
    }
}

impl SinkSide {
    /// Passes a message on.
    #[inline]
    pub(super) fn relay(
        &mut self,
        index: usize,
        from: LinkId,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        let Some(relay) = self.relay_of(index) else {
            return;
        };
        let held_up = relay.relay.is_held_up();
        let passed = relay
            .relay
            .pass(from, sequence, payload, |_, outbox, what| {
                send(outbox, what, after)
            });
        relay.settle(passed, after);
        if !held_up && relay.relay.is_held_up() {
            relay.drain(after);
        }
    }

    /// A message that came over a link goes to nobody.
    pub(super) fn relay_discarded(&mut self, index: usize, from: LinkId, len: usize) {
        if let Some(relay) = self.relay_of(index)
            && let Some(grant) = relay.relay.discard(from, len)
        {
            relay.grant(grant);
        }
    }

    /// A stream stands where it has come to, and this is the last that is missing before it.
    pub(super) fn relay_tail(&mut self, index: usize, missed: Missed, after: &mut Aftermath) {
        let next = self.next_of(index);
        if let Some(relay) = self.relay_of(index) {
            let relay = &mut relay.relay;
            relay.tail(next, missed, |_, outbox, what| send(outbox, what, after));
        }
    }

    /// A stream has ended, or its way is cut.
    pub(super) fn cut_relayed(&mut self, index: usize, ended: bool, after: &mut Aftermath) {
        let next = self.next_of(index);
        if let Some(relay) = self.relay_of(index) {
            let passed = relay
                .relay
                .cut(next, ended, |_, outbox, what| send(outbox, what, after));
            relay.settle(passed, after);
        }
    }

    fn next_of(&self, index: usize) -> u64 {
        let side = self.heard.as_ref();
        side.map_or(0, |side| side.streams[index].stream.stream().next())
    }

    #[inline]
    fn relay_of(&mut self, index: usize) -> Option<&mut RelaySide> {
        let side = self.heard.as_mut().filter(|side| !side.relays.is_empty())?;
        let origin = side.streams[index].stream.stream().publisher();
        side.relays.iter_mut().find(|known| known.is_of(origin))
    }
}

impl HeardSide {
    /// Announces a stream that was just announced here to those it is passed on to.
    pub(super) fn announce_relayed(&mut self, index: usize, topic: &str, after: &mut Aftermath) {
        let stream = self.streams[index].stream.stream();
        let (incarnation, next) = (stream.incarnation(), stream.next());
        let origin = stream.publisher();
        let Some(relay) = self.relays.iter_mut().find(|known| known.is_of(origin)) else {
            return;
        };
        let relay = &mut relay.relay;
        let all = !relay.is_held_up();
        relay.tail(next, Missed::NONE, |_, outbox, what| {
            send(outbox, what, after)
        });
        relay.announce(topic, incarnation, next, all, |_, outbox, what| {
            send(outbox, what, after)
        });
    }

    fn ensure_relay(&mut self, origin: NodeId, alias: u32, topic: &Arc<Topic>) -> &mut RelaySide {
        let known = self.relays.iter().position(|known| known.is_of(origin));
        let index = known.unwrap_or_else(|| {
            self.relays.push(RelaySide {
                relay: Relay::new(origin, alias),
                topic: Arc::downgrade(topic),
                window: None,
            });
            self.relays.len() - 1
        });
        &mut self.relays[index]
    }
}

impl RelaySide {
    /// Whether somebody wants what this origin publishes.
    pub(super) fn is_wanted_of(&self, origin: NodeId) -> bool {
        self.is_of(origin) && !self.relay.is_empty()
    }

    /// Messages dropped at the queues of the links that it is passed on over.
    pub(super) fn dropped(&self) -> u64 {
        let alias = self.relay.alias();
        let outboxes = self.relay.queues();
        outboxes
            .map(|outbox| outbox.with(|queue| queue.dropped_of(alias)))
            .sum()
    }

    fn is_of(&self, origin: NodeId) -> bool {
        self.relay.origin() == origin
    }

    /// Passes on what waits; the link that has no room tries again when it has.
    fn drain(&mut self, after: &mut Aftermath) {
        loop {
            let mut passed = Passed::default();
            let blocker = self
                .relay
                .drain(&mut passed, |_, outbox, what| send(outbox, what, after));
            self.settle(passed, after);
            let Some((link, len)) = blocker else { return };
            let (outbox, policy) = self.relay.queue(link).expect("it has no room");
            if !outbox.relay_when_room(policy, len, &self.topic, self.relay.origin()) {
                return;
            }
        }
    }

    /// Does what follows from passing messages on.
    fn settle(&self, passed: Passed, after: &mut Aftermath) {
        if !passed.ended.is_empty() {
            after.work().ended_classes.extend(passed.ended);
        }
        if let Some(grant) = passed.grant {
            self.grant(grant);
        }
    }

    fn grant(&self, grant: Grant) {
        let Some((class, outbox)) = &self.window else {
            return;
        };
        let credit = Frame::Credit {
            class: *class,
            messages: grant.messages,
            bytes: grant.bytes,
        };
        outbox.control(&credit.to_vec());
        outbox.flush_soon();
    }
}

fn send(outbox: &Arc<SharedOutbox>, what: Send<'_>, after: &mut Aftermath) -> Offer {
    match what {
        // It is about to be detached; nobody waits for it.
        Send::Message { .. } if outbox.is_closed() => Offer::Dropped,
        Send::Message {
            policy,
            header,
            payload,
        } => {
            let (offer, flush) = outbox.offer(policy, header, payload);
            if offer == Offer::Queued {
                after.relayed(payload.len());
            }
            if offer != Offer::Full {
                after.queued(outbox, flush);
            }
            offer
        }
        Send::Control(frame) => {
            outbox.control(frame);
            outbox.flush_soon();
            Offer::Queued
        }
    }
}
