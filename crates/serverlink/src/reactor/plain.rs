//! Traffic with plain ZeroMQ publishers and subscribers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use spot_core::{Filter, LinkId, Payload, limits, validate_topic};
use zmtp::{Command, Frame, Limits, MessageAssembler, Subscription};

use super::fault::Fault;
use crate::data::{Aftermath, Topic};
use crate::engine::NodeInner;

/// A plain PUB or XPUB: its messages enter under the name in their first frame.
pub(super) struct PlainPublisher {
    link: LinkId,
    assembler: MessageAssembler,
    messages: u64,
    topics: HashMap<Bytes, Arc<Topic>>,
}

impl PlainPublisher {
    pub(super) fn new(link: LinkId, limits: Limits) -> Self {
        Self {
            link,
            assembler: MessageAssembler::new(limits),
            messages: 0,
            topics: HashMap::new(),
        }
    }

    pub(super) fn frame(
        &mut self,
        node: &Arc<NodeInner>,
        frame: Frame<'_>,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        let Some(message) = self.assembler.push(frame).map_err(Fault::protocol)? else {
            return Ok(());
        };
        self.messages += 1;
        let (name, data) = match &message[..] {
            [name] => (name, Bytes::new()),
            [name, data] => (name, data.clone()),
            // Not a message of a topic: somebody else's business on the same socket.
            _ => {
                node.counters.messages_refused.fetch_add(1, Relaxed);
                return Ok(());
            }
        };
        match self.topic(node, name) {
            Some(topic) => topic.deliver_here(&Payload::from_bytes(data), after),
            None => {
                node.counters.messages_refused.fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }

    /// Messages that have come so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// The topic of this name, remembered; `None` if it is no topic name, or one too many.
    fn topic(&mut self, node: &Arc<NodeInner>, name: &Bytes) -> Option<&Arc<Topic>> {
        if !self.topics.contains_key(name) {
            if self.topics.len() >= limits::MAX_TOPICS_PER_LINK {
                return None;
            }
            let topic = node.foreign_topic(self.link, validate_topic(&name[..]).ok()?)?;
            self.topics.insert(name.clone(), topic);
        }
        self.topics.get(name)
    }
}

/// A plain SUB or XSUB: gets topic and data of what its prefixes match.
pub(super) struct PlainSubscriber {
    link: LinkId,
    /// The next frame belongs to the same message as the last one.
    within_message: bool,
}

impl PlainSubscriber {
    pub(super) fn new(link: LinkId) -> Self {
        Self {
            link,
            within_message: false,
        }
    }

    pub(super) fn frame(&mut self, node: &Arc<NodeInner>, frame: Frame<'_>) -> Result<(), Fault> {
        let first = !std::mem::replace(&mut self.within_message, frame.more);
        match Subscription::from_message(&frame.body) {
            Some(subscription) if first && !frame.more => self.apply(node, subscription),
            // XSUB may send messages of its users upstream; there is nobody here to take them.
            _ => Ok(()),
        }
    }

    pub(super) fn command(
        &self,
        node: &Arc<NodeInner>,
        command: &Command<'_>,
    ) -> Result<(), Fault> {
        match Subscription::from_command(command) {
            Some(subscription) => self.apply(node, subscription),
            None => Ok(()),
        }
    }

    fn apply(&self, node: &Arc<NodeInner>, subscription: Subscription<'_>) -> Result<(), Fault> {
        let (prefix, wanted) = match subscription {
            Subscription::Subscribe(prefix) => (prefix, true),
            Subscription::Cancel(prefix) => (prefix, false),
        };
        let filter = Filter::prefix(prefix);
        node.control(|control| control.core.plain_interest(self.link, &filter, wanted))
            .map_err(Fault::protocol)
    }
}
