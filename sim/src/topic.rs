//! A topic's data plane: who gets its messages, and the streams it is heard by.

use std::collections::BTreeMap;
use std::sync::Arc;

use spot_core::frame::Alias;
use spot_core::history::History;
use spot_core::inbox::{Inbox, Slot};
use spot_core::outbox::SinkPolicy;
use spot_core::past::{Awaiting, Resume};
use spot_core::stream::{Stream, Verdict};
use spot_core::{LinkId, Missed, NodeId, Place, SubscriberId};

/// A topic as a driver knows it.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) place: Place,
    /// The number of the next message published here.
    pub(crate) next_sequence: u64,
    pub(crate) inboxes: BTreeMap<SubscriberId, Slot>,
    pub(crate) sinks: BTreeMap<LinkId, SinkPolicy>,
    /// By publisher.
    pub(crate) streams: BTreeMap<NodeId, Heard>,
    /// The last messages, where it is hosted here and some are kept.
    pub(crate) history: Option<History>,
    /// Subscribers that are still to get what was before their time.
    pub(crate) awaiting: Awaiting,
}

/// A stream that comes, or came, over a link.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) stream: Stream,
    pub(crate) link: Option<LinkId>,
}

impl Topic {
    pub(crate) fn new(name: Arc<str>, next_sequence: u64) -> Self {
        Self {
            name,
            place: Place::default(),
            next_sequence,
            inboxes: BTreeMap::new(),
            sinks: BTreeMap::new(),
            streams: BTreeMap::new(),
            history: None,
            awaiting: Awaiting::default(),
        }
    }

    /// A link announced a stream of the topic: what was missed of it meanwhile.
    pub(crate) fn open_stream(&mut self, link: LinkId, alias: &Alias<'_>) -> Missed {
        let link = Some(link);
        if let Some(heard) = self.streams.get_mut(&alias.publisher) {
            heard.link = link;
            return if alias.resumed {
                heard.stream.resume(alias.incarnation, alias.next_sequence)
            } else {
                heard.stream.reopen(alias.incarnation, alias.next_sequence)
            };
        }
        let stream = Stream::new(alias.publisher, alias.incarnation, alias.next_sequence);
        self.streams.insert(alias.publisher, Heard { stream, link });
        Missed::NONE
    }

    /// A link is gone; after a farewell its streams have ended.
    pub(crate) fn cut(&mut self, link: LinkId, graceful: bool) {
        for heard in self.streams.values_mut() {
            if heard.link == Some(link) {
                heard.link = None;
                if graceful {
                    heard.stream.end();
                }
            }
        }
    }

    /// Where the stream of a node stands that was cut, if somebody still listens.
    pub(crate) fn cut_stream_of(&self, node: NodeId) -> Option<Resume> {
        let heard = self.streams.get(&node).filter(|heard| {
            heard.link.is_none() && !heard.stream.has_ended() && !self.inboxes.is_empty()
        })?;
        let (incarnation, next_sequence) = heard.stream.position();
        Some(Resume {
            incarnation,
            next_sequence,
        })
    }

    /// What is missing of what a link sends to all. Those who wait for what was before count for themselves, unless the
    /// publisher began a new life.
    pub(crate) fn tell_missed_on(
        &self,
        link: LinkId,
        inboxes: &mut BTreeMap<SubscriberId, Inbox>,
        missed: Missed,
    ) {
        if missed.count().is_none() {
            return self.tell_missed(inboxes, missed);
        }
        for (id, slot) in &self.inboxes {
            if !missed.is_none() && !self.awaiting.holds(*id, link) {
                inboxes.get_mut(id).expect("attached").missed(*slot, missed);
            }
        }
    }

    pub(crate) fn tell_missed(&self, inboxes: &mut BTreeMap<SubscriberId, Inbox>, missed: Missed) {
        if missed.is_none() {
            return;
        }
        for (id, slot) in &self.inboxes {
            let inbox = inboxes.get_mut(id).expect("attached");
            inbox.missed(*slot, missed);
        }
    }
}

impl Heard {
    /// Judges a message: what is missing before it, or `None` if it was seen before.
    pub(crate) fn receive(&mut self, sequence: u64) -> Option<Missed> {
        match self.stream.receive(sequence) {
            Verdict::Deliver => Some(Missed::NONE),
            Verdict::DeliverAfterGap(count) => Some(Missed::exactly(count)),
            Verdict::Duplicate => None,
        }
    }
}
