//! Room set aside for one message at every subscriber that blocks its publishers.

use std::sync::Arc;

use smallvec::SmallVec;

use super::publish::Blocker;
use super::topic::{PublishSide, SinkKind, Topic};
use super::{SharedInbox, lock};

/// Who of a topic's subscribers has room set aside, in the order in which the topic has them; it keeps that order while
/// its publish lock is held. What is left of it when the message was delivered, or cannot be, is given back.
#[derive(Debug, Default)]
pub(super) struct Reservation {
    pub(super) local: SmallVec<[bool; 8]>,
    pub(super) links: SmallVec<[bool; 8]>,
    /// Subscribers of other nodes of this context, which may come and go meanwhile.
    pub(super) direct: Vec<Arc<SharedInbox>>,
}

impl Reservation {
    /// Sets room aside everywhere, or nowhere and says who has none.
    pub(super) fn make(side: &PublishSide, len: usize) -> Result<Self, Blocker> {
        let mut held = Self::default();
        match held.fill(side, len) {
            Ok(()) => Ok(held),
            Err(blocker) => {
                held.give_back(side, len);
                Err(blocker)
            }
        }
    }

    fn fill(&mut self, side: &PublishSide, len: usize) -> Result<(), Blocker> {
        for sink in &side.local {
            let blocks = sink.inbox.blocks();
            if blocks && !sink.inbox.reserve(len) {
                return Err(Blocker::inbox(&sink.inbox));
            }
            self.local.push(blocks);
        }
        let links = side.outside.iter().flat_map(|outside| &outside.links);
        for sink in links {
            let mut blocks = false;
            match &sink.kind {
                SinkKind::Wire { outbox, policy } => {
                    blocks = policy.blocks() && !outbox.is_closed();
                    if blocks && !outbox.reserve(policy, len) {
                        return Err(Blocker::outbox(outbox, policy));
                    }
                }
                SinkKind::Direct {
                    topic: Some(topic), ..
                } => self.fill_direct(topic, len)?,
                _ => {}
            }
            self.links.push(blocks);
        }
        Ok(())
    }

    fn fill_direct(&mut self, topic: &Topic, len: usize) -> Result<(), Blocker> {
        let sinks = lock(&topic.sinks);
        for sink in sinks.inboxes.iter().filter(|sink| sink.inbox.blocks()) {
            if !sink.inbox.reserve(len) {
                return Err(Blocker::inbox(&sink.inbox));
            }
            self.direct.push(sink.inbox.clone());
        }
        Ok(())
    }

    fn give_back(&mut self, side: &PublishSide, len: usize) {
        for (sink, _) in side
            .local
            .iter()
            .zip(&self.local)
            .filter(|(_, held)| **held)
        {
            sink.inbox.unreserve(len);
        }
        let links = side.outside.iter().flat_map(|outside| &outside.links);
        for (sink, _) in links.zip(&self.links).filter(|(_, held)| **held) {
            if let SinkKind::Wire { outbox, policy } = &sink.kind {
                outbox.unreserve(policy, len);
            }
        }
        self.give_back_direct(len);
    }

    /// Gives back what was set aside at subscribers that have gone since.
    pub(super) fn give_back_direct(&mut self, len: usize) {
        self.direct.drain(..).for_each(|inbox| inbox.unreserve(len));
    }
}
