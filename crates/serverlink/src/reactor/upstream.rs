//! What another node publishes to us as the owner of a topic.
//!
//! An I/O thread cannot be held up by a blocking subscriber. So what finds no room waits here, and the credit for it is
//! withheld: the other node's publisher waits in its place, and nothing else of the link does.

use std::collections::VecDeque;
use std::sync::Arc;

use spot_core::credit::Window;
use spot_core::frame::{Alias, Frame};
use spot_core::inbox::Limit;
use spot_core::stream::{Stream, Verdict};
use spot_core::{Class, Missed, Payload, limits};

use super::fault::Fault;
use crate::data::{Aftermath, PeerRefusal, SharedOutbox, Topic};
use crate::engine::NodeInner;

/// A stream of messages to a topic hosted here, or that was, or may come to be.
pub(super) struct Upstream {
    name: Arc<str>,
    topic: Option<Arc<Topic>>,
    stream: Stream,
    class: Class,
    window: Window,
    /// What waits for room, in order.
    backlog: VecDeque<Payload>,
}

impl Upstream {
    /// The other side announced the stream; what was lost of it with an earlier link shows now.
    pub(super) fn announced(node: &NodeInner, alias: &Alias<'_>) -> Self {
        let topic = node.find_topic(alias.topic);
        let cut = topic
            .as_ref()
            .and_then(|topic| topic.take_cut_upstream(alias.publisher));
        let limit = Limit {
            messages: limits::UPSTREAM_WINDOW_MESSAGES,
            bytes: limits::UPSTREAM_WINDOW_BYTES,
        };
        // The first window is the publisher's without asking.
        let (window, _) = Window::open(limit, 1);
        let mut upstream = Self {
            name: alias.topic.into(),
            topic,
            stream: cut.unwrap_or_else(|| {
                Stream::new(alias.publisher, alias.incarnation, alias.next_sequence)
            }),
            class: Class::upstream(alias.alias),
            window,
            backlog: VecDeque::new(),
        };
        let missed = upstream
            .stream
            .reopen(alias.incarnation, alias.next_sequence);
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
        match self.stream.receive(sequence) {
            Verdict::Deliver => {}
            Verdict::DeliverAfterGap(count) => self.missed(Missed::exactly(count)),
            Verdict::Duplicate => {
                after.duplicates += 1;
                return Ok(());
            }
        }
        // Credit that was on its way when the stream was announced anew may come on top of the window.
        if self.backlog.len() >= 4 * limits::UPSTREAM_WINDOW_MESSAGES {
            return Err(Fault::protocol(
                "more messages published to us than credit was given for",
            ));
        }
        // Behind what waits already there is nothing to try: it will be tried when there is room.
        let first = self.backlog.is_empty();
        self.backlog.push_back(payload);
        if first {
            self.drain(node, outbox, after);
        }
        Ok(())
    }

    /// Whether something waits for room.
    pub(super) fn is_held_up(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Publishes what waits, as far as there is room; the rest is tried again when there is more.
    pub(super) fn drain(&mut self, node: &NodeInner, outbox: &SharedOutbox, after: &mut Aftermath) {
        while let Some(payload) = self.backlog.pop_front() {
            let Err(PeerRefusal::Full(blocker)) = self.publish(node, &payload, after) else {
                self.give_credit(outbox, payload.len());
                continue;
            };
            let retry = blocker.retry(payload.len(), &outbox.port);
            self.backlog.push_front(payload);
            if !retry {
                return;
            }
        }
    }

    pub(super) fn tail(&mut self, next_sequence: u64) {
        let missed = self.stream.announced(next_sequence);
        self.missed(missed);
    }

    /// The stream ends here. Its publisher was told that what waits is on its way: it goes to all who have room, and the
    /// others are told what they miss. Unless a farewell was said, the topic remembers how far the stream was heard.
    pub(super) fn cut(&mut self, graceful: bool, after: &mut Aftermath) {
        let Some(topic) = &self.topic else { return };
        for payload in self.backlog.drain(..) {
            topic.publish_unheld(&payload, after);
        }
        if !graceful {
            topic.keep_cut_upstream(self.stream);
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

    fn give_credit(&mut self, outbox: &SharedOutbox, len: usize) {
        self.window.arrived(len);
        if let Some(grant) = self.window.received(len) {
            let credit = Frame::Credit {
                class: self.class,
                messages: grant.messages,
                bytes: grant.bytes,
            };
            outbox.control(&credit.to_vec());
            outbox.flush_soon();
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
