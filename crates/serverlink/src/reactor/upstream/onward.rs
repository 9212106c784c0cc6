//! Passing on what is published to an owner that is reached by way of us.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use spot_core::frame::{Alias, DATA_HEADER_MAX_BYTES, Frame, Last, Passage, encode_data_header};
use spot_core::inbox::Offer;
use spot_core::outbox::SinkPolicy;
use spot_core::{Incarnation, LinkId, NodeId, Payload, limits, upstream};

use super::Refusal;
use crate::data::{Aftermath, Blocker, SharedOutbox};
use crate::engine::{LinkHandle, NodeInner};

/// The further way of a stream of published messages.
pub(super) struct Onward {
    topic: Arc<str>,
    owner: NodeId,
    /// Relaying nodes that it has passed, this one among them.
    hops: u8,
    publisher: NodeId,
    incarnation: Incarnation,
    from: LinkId,
    alias: u32,
    way: Option<Way>,
    /// The count of changes of ways when this one was looked up.
    looked_up: Option<u64>,
}

struct Way {
    outbox: Arc<SharedOutbox>,
    policy: SinkPolicy,
}

impl Onward {
    pub(super) fn new(node: &NodeInner, from: LinkId, alias: &Alias<'_>, passage: Passage) -> Self {
        Self {
            topic: alias.topic.into(),
            owner: passage.owner,
            hops: passage.hops + 1,
            publisher: alias.publisher,
            incarnation: alias.incarnation,
            from,
            alias: node.passage_alias(),
            way: None,
            looked_up: None,
        }
    }

    pub(super) fn has_no_way(&self) -> bool {
        self.looked_up.is_some() && self.way.is_none()
    }

    pub(super) fn send(
        &mut self,
        node: &NodeInner,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Result<(), Refusal> {
        self.find_way(node, sequence);
        let way = self.way.as_ref().ok_or(Refusal::NoWay)?;
        match self.offer(way, &way.policy, sequence, payload, after) {
            Offer::Full => Err(Refusal::Full(Blocker::outbox(&way.outbox, &way.policy))),
            _ => Ok(()),
        }
    }

    /// As [`send`](Self::send), holding nobody up: without room the message is lost, which its number tells.
    pub(super) fn send_unheld(
        &mut self,
        node: &NodeInner,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        self.find_way(node, sequence);
        if let Some(way) = &self.way {
            self.offer(way, &SinkPolicy::default(), sequence, payload, after);
        }
    }

    /// The stream ends here, at this number.
    pub(super) fn end(&mut self, next_sequence: u64) {
        let Some(way) = self.way.take() else { return };
        if way.outbox.is_in_use() {
            let tail = Frame::Tail {
                alias: self.alias,
                next_sequence,
                last: Last::Withdrawn,
            };
            way.outbox.control(&tail.to_vec());
            way.outbox.flush_soon();
        }
    }

    fn offer(
        &self,
        way: &Way,
        policy: &SinkPolicy,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Offer {
        let mut header = [0; DATA_HEADER_MAX_BYTES];
        let header_len = encode_data_header(&mut header, self.alias, sequence);
        let (offer, flush) = way.outbox.offer(policy, &header[..header_len], payload);
        if offer == Offer::Queued {
            after.relayed(payload.len());
        }
        if offer != Offer::Full {
            after.queued(&way.outbox, flush);
        }
        offer
    }

    /// Looks for the way anew if ways have changed, and announces the stream there.
    fn find_way(&mut self, node: &NodeInner, next_sequence: u64) {
        let changes = node.ways_changed.load(Relaxed);
        let holds = self.way.as_ref().is_some_and(|way| !way.outbox.is_closed());
        if self.looked_up == Some(changes) && (holds || self.way.is_none()) {
            return;
        }
        self.looked_up = Some(changes);
        let found = node.inspect(|control| {
            let (link, direct) = control.core.way_to(&self.topic, self.owner)?;
            let outbox = control.links.get(&link).and_then(LinkHandle::outbox)?;
            let goes_on = control.core.relays() && link != self.from;
            goes_on.then(|| (outbox.clone(), direct))
        });
        let found = found.filter(|_| self.hops <= limits::MAX_RELAY_HOPS);
        let now = self.way.as_ref().map(|way| way.outbox.link);
        if found.as_ref().map(|(outbox, _)| outbox.link) == now {
            return;
        }
        self.end(next_sequence);
        let Some((outbox, direct)) = found else {
            return;
        };
        let passage = Passage {
            owner: self.owner,
            hops: self.hops,
        };
        let alias = Alias {
            alias: self.alias,
            upstream: true,
            resumed: false,
            passage: (!direct).then_some(passage),
            next_sequence,
            incarnation: self.incarnation,
            publisher: self.publisher,
            topic: &self.topic,
        };
        outbox.control(&Frame::Alias(alias).to_vec());
        let policy = outbox.with(|queue| upstream::open(queue, self.alias));
        self.way = Some(Way { outbox, policy });
    }
}
