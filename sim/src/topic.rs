//! A topic's data plane: who gets its messages, and the streams it is heard by.

use std::collections::BTreeMap;
use std::sync::Arc;

use spot_core::frame::Alias;
use spot_core::history::History;
use spot_core::inbox::{Inbox, Slot};
use spot_core::outbox::SinkPolicy;
use spot_core::past::{Awaiting, Resume};
use spot_core::stream::{Stream, Verdict};
use spot_core::upstream::{CutStreams, Sender};
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
    /// How far what is published here for each owner elsewhere is numbered.
    pub(crate) senders: BTreeMap<NodeId, Sender>,
    /// Streams published to us as the owner, whose links were cut.
    pub(crate) cut: CutStreams,
    /// Tells its stream from that of an earlier topic of this name.
    pub(crate) life: u64,
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
    pub(crate) fn new(name: Arc<str>, life: u64) -> Self {
        Self {
            name,
            place: Place::default(),
            next_sequence: 0,
            inboxes: BTreeMap::new(),
            sinks: BTreeMap::new(),
            streams: BTreeMap::new(),
            senders: BTreeMap::new(),
            cut: CutStreams::default(),
            life,
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

    /// Whether what a link brings is for the subscribers here: a routed topic listens to its route alone.
    pub(crate) fn listens_to(&self, link: LinkId) -> bool {
        !self.place.routed || self.place.upstream == Some(link)
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

/// Where the stream of a node stands that was cut.
pub(crate) fn cut_stream_of(streams: &BTreeMap<NodeId, Heard>, node: NodeId) -> Option<Resume> {
    let heard = streams.get(&node);
    let heard = heard.filter(|heard| heard.link.is_none() && !heard.stream.has_ended())?;
    let (incarnation, next_sequence) = heard.stream.position();
    Some(Resume {
        incarnation,
        next_sequence,
    })
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
