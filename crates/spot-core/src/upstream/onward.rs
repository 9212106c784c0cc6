//! Passing on, as a hub, what is published to an owner that is reached by way of us.

use std::sync::Arc;

use super::open;
use crate::frame::{Alias, DATA_HEADER_MAX_BYTES, Frame, Last, Passage, encode_data_header};
use crate::identity::{Incarnation, NodeId};
use crate::inbox::Offer;
use crate::limits::MAX_RELAY_HOPS;
use crate::node::{LinkId, WayToOwner};
use crate::outbox::{Outbox, SinkPolicy};
use crate::payload::Payload;

/// The further way of a stream of published messages. Its numbers stay, so the owner sees what was lost where it changes.
#[derive(Debug)]
pub struct Onward<Q> {
    topic: Arc<str>,
    owner: NodeId,
    /// Which of the owner's lives it was published to.
    life: Incarnation,
    /// That life is over: what is still to be passed on may have been overtaken by what the owner got otherwise.
    outlived: bool,
    /// Relaying nodes that it has passed, this one among them.
    hops: u8,
    publisher: NodeId,
    incarnation: Incarnation,
    since: u64,
    from: LinkId,
    alias: u32,
    way: Option<Way<Q>>,
    /// The count of changes of ways when this one was looked up.
    looked_up: Option<u64>,
}

#[derive(Debug)]
struct Way<Q> {
    link: LinkId,
    queue: Q,
    policy: SinkPolicy,
}

/// A way to an owner, with the queue of its link, as the driver has it.
#[derive(Debug)]
pub struct Found<Q> {
    /// The way.
    pub way: WayToOwner,
    /// The queue.
    pub queue: Q,
}

impl<Q> Onward<Q> {
    /// A stream that is to be passed on under an alias of ours was announced on a link.
    #[must_use]
    pub fn new(from: LinkId, stream: &Alias<'_>, passage: Passage, alias: u32) -> Self {
        Self {
            topic: stream.topic.into(),
            owner: passage.owner,
            life: passage.life,
            outlived: false,
            hops: passage.hops.saturating_add(1),
            publisher: stream.publisher,
            incarnation: stream.incarnation,
            since: stream.since,
            from,
            alias,
            way: None,
            looked_up: None,
        }
    }

    /// The topic and its owner, to look for the way.
    #[must_use]
    pub fn target(&self) -> (&str, NodeId) {
        (&self.topic, self.owner)
    }

    /// Whether the owner cannot be reached, as far as was tried.
    #[must_use]
    pub fn has_no_way(&self) -> bool {
        self.looked_up.is_some() && self.way.is_none()
    }

    /// Whether the way is to be looked for: ways have changed, which the node counts, or its queue is closed.
    #[inline]
    pub fn is_to_look(&self, changes: u64, is_closed: impl FnOnce(&Q) -> bool) -> bool {
        let closed = || self.way.as_ref().is_some_and(|way| is_closed(&way.queue));
        !self.outlived && (self.looked_up != Some(changes) || closed())
    }

    /// The way was looked for: if it is another than before, the stream ends there, at the number of what is to be passed on
    /// next, and is announced on the new one. `on` carries out a change of a queue, unless its link is not in use any more.
    pub fn turn_to(
        &mut self,
        changes: u64,
        found: Option<Found<Q>>,
        next_sequence: u64,
        mut on: impl FnMut(&Q, &mut dyn FnMut(&mut Outbox)),
    ) {
        self.looked_up = Some(changes);
        self.outlived = found
            .as_ref()
            .is_some_and(|found| found.way.life > self.life);
        let goes_on = |found: &Found<Q>| {
            found.way.life == self.life
                && found.way.link != self.from
                && self.hops <= MAX_RELAY_HOPS
        };
        let found = found.filter(goes_on);
        let now = self.way.as_ref().map(|way| way.link);
        if found.as_ref().map(|found| found.way.link) == now {
            return;
        }
        self.end(next_sequence, Last::Withdrawn, &mut on);
        self.way = found.map(|found| self.enter(found, next_sequence, on));
    }

    /// Passes a message on, and says what became of it; `None` if there is no way. `held`: it is to wait for room and credit.
    /// Without, it is lost if there is none, which its number tells. One that was published to an earlier life of the owner
    /// is dropped.
    #[inline]
    pub fn send(
        &self,
        sequence: u64,
        payload: &Payload,
        held: bool,
        offer: impl FnOnce(&Q, &SinkPolicy, &[u8], &Payload) -> Offer,
    ) -> Option<Offer> {
        if self.outlived {
            return Some(Offer::Dropped);
        }
        let way = self.way.as_ref()?;
        let mut header = [0; DATA_HEADER_MAX_BYTES];
        let length = encode_data_header(&mut header, self.alias, sequence);
        let header = &header[..length];
        Some(match held {
            true => offer(&way.queue, &way.policy, header, payload),
            false => offer(&way.queue, &SinkPolicy::default(), header, payload),
        })
    }

    /// The queue that it goes into now, and how.
    #[must_use]
    pub fn queue(&self) -> Option<(&Q, &SinkPolicy)> {
        let way = self.way.as_ref()?;
        Some((&way.queue, &way.policy))
    }

    /// The stream ends here, at this number; `last` says why.
    pub fn end(
        &mut self,
        next_sequence: u64,
        last: Last,
        on: &mut impl FnMut(&Q, &mut dyn FnMut(&mut Outbox)),
    ) {
        let Some(way) = self.way.take() else { return };
        let tail = Frame::Tail {
            alias: self.alias,
            next_sequence,
            last,
        };
        on(&way.queue, &mut |queue| queue.control(&tail.to_vec()));
    }

    fn enter(
        &self,
        found: Found<Q>,
        next_sequence: u64,
        mut on: impl FnMut(&Q, &mut dyn FnMut(&mut Outbox)),
    ) -> Way<Q> {
        let passage = Passage {
            hops: self.hops,
            owner: self.owner,
            life: self.life,
        };
        let alias = Alias {
            alias: self.alias,
            upstream: true,
            resumed: false,
            since: self.since,
            passage: (!found.way.direct).then_some(passage),
            next_sequence,
            incarnation: self.incarnation,
            publisher: self.publisher,
            topic: &self.topic,
        };
        let mut policy = SinkPolicy::default();
        on(&found.queue, &mut |queue| {
            queue.control(&Frame::Alias(alias).to_vec());
            policy = open(queue, self.alias);
        });
        Way {
            link: found.way.link,
            queue: found.queue,
            policy,
        }
    }
}

#[cfg(test)]
mod tests;
