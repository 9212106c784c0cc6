//! A stream that another node publishes to us as the topic's owner.
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

use super::connection::Fault;
use crate::data::{Aftermath, Blocker, SharedOutbox, Topic};
use crate::engine::NodeInner;

/// A stream published to us: to a topic hosted here, or that was, or may come to be.
pub(super) struct Inflow {
    name: Arc<str>,
    topic: Option<Arc<Topic>>,
    stream: Stream,
    class: Class,
    window: Window,
    /// What waits for room, in order.
    backlog: VecDeque<Payload>,
}

impl Inflow {
    /// The other side announced the stream; what was lost of it with an earlier link shows now.
    pub(super) fn new(node: &NodeInner, alias: &Alias<'_>) -> Self {
        let limit = Limit {
            messages: limits::UPSTREAM_WINDOW_MESSAGES,
            bytes: limits::UPSTREAM_WINDOW_BYTES,
        };
        // The first window is the publisher's without asking.
        let (window, _) = Window::open(limit, 1);
        let topic = node.find_topic(alias.topic);
        let cut = topic
            .as_ref()
            .and_then(|topic| topic.take_cut_upstream(alias.publisher));
        let mut inflow = Self {
            name: alias.topic.into(),
            topic,
            stream: cut.unwrap_or_else(|| {
                Stream::new(alias.publisher, alias.incarnation, alias.next_sequence)
            }),
            class: Class::upstream(alias.alias),
            window,
            backlog: VecDeque::new(),
        };
        let missed = inflow.stream.reopen(alias.incarnation, alias.next_sequence);
        inflow.missed(missed);
        inflow
    }

    /// A message arrived.
    pub(super) fn take(
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
        while let Some(payload) = self.backlog.front() {
            let len = payload.len();
            match publish(node, &self.name, &mut self.topic, payload, after) {
                Ok(()) => {
                    self.backlog.pop_front();
                    self.window.arrived(len);
                    if let Some(grant) = self.window.received(len) {
                        let (messages, bytes) = (grant.messages, grant.bytes);
                        let credit = Frame::Credit {
                            class: self.class,
                            messages,
                            bytes,
                        };
                        outbox.control(&credit.to_vec());
                        outbox.flush_soon();
                    }
                }
                Err(blocker) if blocker.retry(len, &outbox.port) => {}
                Err(_) => return,
            }
        }
    }

    /// The stream announced its next number.
    pub(super) fn announced(&mut self, next_sequence: u64) {
        let missed = self.stream.announced(next_sequence);
        self.missed(missed);
    }

    /// The link is gone. Its publisher was told that these messages are on their way: they go to all who have room, and
    /// the others are told what they miss. Without a farewell the topic remembers how far the stream was heard.
    pub(super) fn cut(mut self, graceful: bool, after: &mut Aftermath) {
        let Some(topic) = self.topic else { return };
        for payload in self.backlog.drain(..) {
            topic.publish_unheld(&payload, after);
        }
        if !graceful {
            topic.keep_cut_upstream(self.stream);
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

/// Publishes on the topic as it is hosted here now: it may have been created, or created anew, since it was looked up.
/// Where it is not hosted the message goes to nobody.
fn publish(
    node: &NodeInner,
    name: &str,
    topic: &mut Option<Arc<Topic>>,
    payload: &Payload,
    after: &mut Aftermath,
) -> Result<(), Blocker> {
    if let Some(topic) = topic
        && topic.publish_for_peer(payload, after)?
    {
        return Ok(());
    }
    *topic = node.find_topic(name);
    match topic {
        Some(topic) => topic.publish_for_peer(payload, after).map(drop),
        None => Ok(()),
    }
}
