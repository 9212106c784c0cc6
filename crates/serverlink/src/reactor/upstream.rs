//! What another node publishes to us as the owner of a topic.
//!
//! An I/O thread cannot be held up by a blocking subscriber. So what finds no room waits here, and the credit for it is
//! withheld: the other node's publisher waits in its place, and nothing else of the link does.

use std::sync::Arc;

use spot_core::frame::Alias;
use spot_core::upstream::{Arrival, Receiver};
use spot_core::{Missed, Payload};

use super::fault::Fault;
use crate::data::{Aftermath, PeerRefusal, SharedOutbox, Topic};
use crate::engine::NodeInner;

/// A stream of messages to a topic hosted here, or that was, or may come to be.
pub(super) struct Upstream {
    name: Arc<str>,
    topic: Option<Arc<Topic>>,
    receiver: Receiver,
}

impl Upstream {
    /// The other side announced the stream; what was lost of it with an earlier link shows now.
    pub(super) fn announced(node: &NodeInner, alias: &Alias<'_>) -> Self {
        let topic = node.find_topic(alias.topic);
        let cut = topic
            .as_ref()
            .and_then(|topic| topic.take_cut_upstream(alias.publisher));
        let (receiver, missed) = Receiver::announced(alias, cut);
        let upstream = Self {
            name: alias.topic.into(),
            topic,
            receiver,
        };
        upstream.missed(missed);
        upstream
    }

    /// A message arrived.
    pub(super) fn data(
        &mut self,
        node: &NodeInner,
        outbox: &SharedOutbox,
        sequence: u64,
        payload: Payload,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        match self.receiver.arrived(sequence, payload) {
            Ok(Arrival::Waits(missed)) => self.missed(missed),
            Ok(Arrival::Duplicate) => {
                after.duplicates += 1;
                return Ok(());
            }
            Err(overrun) => return Err(Fault::protocol(overrun)),
        }
        // Behind what waits already there is nothing to try: it will be tried when there is room.
        if self.receiver.waiting() == 1 {
            self.drain(node, outbox, after);
        }
        Ok(())
    }

    /// Whether something waits for room.
    pub(super) fn is_held_up(&self) -> bool {
        self.receiver.waiting() > 0
    }

    /// Publishes what waits, as far as there is room; the rest is tried again when there is more.
    pub(super) fn drain(&mut self, node: &NodeInner, outbox: &SharedOutbox, after: &mut Aftermath) {
        while let Some(payload) = self.receiver.first().cloned() {
            if let Err(PeerRefusal::Full(blocker)) = self.publish(node, &payload, after) {
                if blocker.retry(payload.len(), &outbox.port) {
                    continue;
                }
                return;
            }
            if let Some(credit) = self.receiver.settle_first() {
                outbox.control(&credit.to_vec());
                outbox.flush_soon();
            }
        }
    }

    pub(super) fn tail(&mut self, next_sequence: u64) {
        let missed = self.receiver.told(next_sequence);
        self.missed(missed);
    }

    /// The stream ends here. Its publisher was told that what waits is on its way: it goes to all who have room, and the
    /// others are told what they miss. Unless a farewell was said, the topic remembers how far the stream was heard.
    pub(super) fn cut(self, graceful: bool, after: &mut Aftermath) {
        let Some(topic) = &self.topic else { return };
        let (stream, backlog) = self.receiver.cut();
        for payload in backlog {
            topic.publish_unheld(&payload, after);
        }
        if !graceful {
            topic.keep_cut_upstream(stream);
        }
    }

    fn publish(
        &mut self,
        node: &NodeInner,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Result<(), PeerRefusal> {
        if let Some(topic) = &self.topic {
            match topic.publish_for_peer(payload, after) {
                Err(PeerRefusal::NotHosted) => {}
                other => return other,
            }
        }
        // Not hosted: not any more, not yet, or created anew since it was looked up.
        self.topic = node.find_topic(&self.name);
        match &self.topic {
            Some(topic) => topic.publish_for_peer(payload, after),
            None => Err(PeerRefusal::NotHosted),
        }
    }

    fn missed(&self, missed: Missed) {
        if let Some(topic) = &self.topic
            && !missed.is_none()
        {
            topic.skip_for_peer(missed);
        }
    }
}
