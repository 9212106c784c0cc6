//! A topic's data plane: who gets its messages, and the streams it is heard by.

use std::collections::BTreeMap;
use std::sync::Arc;

use spot_core::frame::Alias;
use spot_core::history::History;
use spot_core::inbox::{Inbox, Slot};
use spot_core::outbox::SinkPolicy;
use spot_core::past::{Awaiting, Resume};
use spot_core::relay::Relay;
use spot_core::splice::Spliced;
use spot_core::stream::{Standing, Stream};
use spot_core::upstream::{CutStreams, Sender};
use spot_core::{Class, LinkId, Missed, NodeId, Place, SubscriberId};

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
    pub(crate) streams: BTreeMap<NodeId, Spliced>,
    /// What is passed on of other nodes' streams.
    pub(crate) relays: BTreeMap<NodeId, Relay<()>>,
    /// Credit for it goes to this link, in this class.
    pub(crate) windows: BTreeMap<NodeId, (LinkId, Class)>,
    /// Streams that are to be followed on a link.
    pub(crate) awaited: BTreeMap<NodeId, LinkId>,
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

impl Topic {
    pub(crate) fn new(name: Arc<str>, life: u64) -> Self {
        Self {
            name,
            place: Place::default(),
            next_sequence: 0,
            inboxes: BTreeMap::new(),
            sinks: BTreeMap::new(),
            streams: BTreeMap::new(),
            relays: BTreeMap::new(),
            windows: BTreeMap::new(),
            awaited: BTreeMap::new(),
            senders: BTreeMap::new(),
            cut: CutStreams::default(),
            life,
            history: None,
            awaiting: Awaiting::default(),
        }
    }

    /// What is known of a stream to this owner that comes by its only way.
    pub(crate) fn take_cut(&mut self, next: u64, unheard: Stream) -> Option<Stream> {
        let cut = self.cut.take(unheard.publisher(), next);
        cut.or_else(|| (self.life == 0).then_some(unheard))
    }

    /// A link announced a stream of the topic: what was missed of it meanwhile.
    pub(crate) fn open_stream(&mut self, link: LinkId, alias: &Alias<'_>) -> Missed {
        let (publisher, life, next) = (alias.publisher, alias.incarnation, alias.next_sequence);
        match self.streams.get_mut(&publisher) {
            Some(stream) => {
                let known = *stream.stream();
                let missed = stream.announced(link, life, next);
                if known.incarnation() < life && known.is_ended_by_publisher() {
                    self.awaiting.begins_anew(link, publisher);
                }
                missed
            }
            None => {
                let stream = Spliced::new(link, publisher, life, next);
                self.streams.insert(publisher, stream);
                Missed::NONE
            }
        }
    }

    /// As [`open_stream`](Self::open_stream), by a receiver for which a stream that has ended was the last of its publisher.
    pub(crate) fn open_stream_anew(&mut self, link: LinkId, alias: &Alias<'_>) -> Missed {
        let known = self.streams.get_mut(&alias.publisher);
        if let Some(known) = known.filter(|known| known.stream().has_ended()) {
            known.stand(Standing::Unheard);
        }
        self.open_stream(link, alias)
    }

    /// What is published while nobody here wants it is no loss.
    pub(crate) fn end_if_unwanted(&mut self) {
        if !self.inboxes.is_empty() {
            return;
        }
        for (origin, stream) in &mut self.streams {
            if self.relays.get(origin).is_none_or(Relay::is_empty) {
                stream.stand(Standing::Unheard);
            }
        }
    }

    /// Whether what a link brings is for the subscribers here: a routed topic listens to its route alone.
    pub(crate) fn listens_to(&self, link: LinkId) -> bool {
        !self.place.routed || self.place.link() == Some(link)
    }

    /// What is missing of what a link sends to all. Those who wait for what was before count for themselves what can be
    /// counted.
    pub(crate) fn tell_missed_on(
        &self,
        link: LinkId,
        publisher: NodeId,
        inboxes: &mut BTreeMap<SubscriberId, Inbox>,
        missed: Missed,
    ) {
        for (id, slot) in &self.inboxes {
            let missed = match self.awaiting.holds(*id, link, publisher) {
                true => missed.uncounted(),
                false => missed,
            };
            if !missed.is_none() {
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
pub(crate) fn cut_stream_of(streams: &BTreeMap<NodeId, Spliced>, node: NodeId) -> Option<Resume> {
    let heard = streams.get(&node);
    let heard = heard.filter(|heard| heard.link().is_none() && heard.stream().is_wanted())?;
    let (incarnation, next_sequence) = heard.stream().position();
    Some(Resume {
        incarnation,
        next_sequence,
    })
}
