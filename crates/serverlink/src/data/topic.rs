//! A topic in the data plane: who is to get its messages.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use smallvec::SmallVec;
use spot_core::frame::{Alias, Frame, Last, NextHeader};
use spot_core::history::History;
use spot_core::inbox::{Offer, Slot, Source};
use spot_core::node::WayToOwner;
use spot_core::outbox::SinkPolicy;
use spot_core::past::Past;
use spot_core::stream::Standing;
use spot_core::upstream;
use spot_core::{Incarnation, LinkId, Missed, Payload, Place, SubscriberId, TopicId, View};

use super::counters::{Gaps, Tally};
use super::heard::{CutStreams, HeardSide};
use super::upstream::{Sent, Upstream};
use super::{Aftermath, Identity, SharedInbox, SharedOutbox, lock};
use crate::engine::NodeInner;

/// A topic as publishers and links see it. A million of them must fit: what most lack is behind one pointer.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: TopicId,
    /// Tells its stream from that of an earlier topic of this name.
    pub(super) life: Life,
    /// Messages published here that went to an owner elsewhere.
    pub(super) published_upstream: PublishedUpstream,
    pub(super) publish: Mutex<PublishSide>,
    pub(super) sinks: Mutex<SinkSide>,
}

/// Which of the topics of one name that a node has had: each begins with its numbers anew.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Life(pub(super) u32);

impl Life {
    pub(super) fn is_first(self) -> bool {
        self.0 == 0
    }

    /// Which life of its publisher a stream is of.
    pub(super) fn of(self, identity: Identity) -> Incarnation {
        Incarnation(identity.incarnation.0.saturating_add(u64::from(self.0)))
    }
}

/// How messages published here leave.
#[derive(Debug)]
pub(super) struct PublishSide {
    pub(super) next_sequence: u64,
    pub(super) hosted: bool,
    pub(super) known: bool,
    /// Messages published here while the topic is hosted here.
    pub(super) published: Tally,
    /// The same subscribers as in [`SinkSide`], so that a publisher needs one lock.
    pub(super) local: SmallVec<[InboxSink; 1]>,
    pub(super) outside: Option<Box<Outside>>,
}

/// As a [`Tally`], counted without a lock.
#[derive(Debug, Default)]
pub(super) struct PublishedUpstream {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl PublishedUpstream {
    #[inline]
    pub(super) fn add(&self, len: usize) {
        self.messages.fetch_add(1, Relaxed);
        self.bytes.fetch_add(len as u64, Relaxed);
    }
}

#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The header of the message that is published next, unless another has been published since it was made.
    pub(super) header: NextHeader,
    pub(super) links: SmallVec<[LinkSink; 1]>,
    pub(super) upstream: Option<Arc<Upstream>>,
    /// What most topics that links want have nothing of.
    kept: Option<Box<Kept>>,
}

/// What is kept of messages, and remembered of those that were published from one node to another as the owner.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The last messages, where some are kept.
    history: Option<Box<History>>,
    sent: Sent,
    /// Streams of other nodes to us as the owner, whose links were cut.
    pub(super) cut_upstreams: upstream::CutStreams,
    counts: OutsideCounts,
}

/// What is counted of few topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OutsideCounts {
    /// Published by other nodes to us as the owner.
    from_peers: Tally,
    /// Lost on the way to us as the owner.
    skipped: Gaps,
    /// Dropped at subscribers and links that are not attached any more.
    dropped: u64,
}

/// What a topic has counted since it is known here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TopicCounts {
    /// By callers of this node.
    pub(crate) published: Tally,
    /// From other nodes.
    pub(crate) received: Tally,
    /// At queues of subscribers here, and of links.
    pub(crate) dropped: u64,
    pub(crate) gaps: Gaps,
    /// Messages and bytes kept now.
    pub(crate) history: (usize, usize),
}

impl Outside {
    pub(super) fn kept(&mut self) -> &mut Kept {
        self.kept.get_or_insert_default()
    }

    fn counts(&self) -> OutsideCounts {
        let kept = self.kept.as_ref();
        kept.map_or_else(OutsideCounts::default, |kept| kept.counts)
    }

    /// The last messages, where some are kept.
    #[inline]
    pub(super) fn history(&self) -> Option<&History> {
        self.kept.as_ref()?.history.as_deref()
    }

    pub(super) fn history_mut(&mut self) -> Option<&mut History> {
        self.kept.as_mut()?.history.as_deref_mut()
    }

    /// Has the last messages kept, or no more.
    pub(super) fn keep_history(&mut self, limit: Option<(usize, usize)>) {
        let Some((max_messages, max_bytes)) = limit else {
            if let Some(kept) = &mut self.kept {
                kept.history = None;
            }
            return;
        };
        let made = || Box::new(History::new(max_messages, max_bytes));
        let history = self.kept().history.get_or_insert_with(made);
        history.set_limit(max_messages, max_bytes);
    }

    /// Whether messages go anywhere outside.
    #[inline]
    pub(super) fn is_used(&self) -> bool {
        !self.links.is_empty() || self.history().is_some()
    }

    /// The one thing outside that messages go to, if that is a wire.
    #[inline]
    pub(super) fn only_wire(&self) -> Option<(&Arc<SharedOutbox>, &SinkPolicy)> {
        match self.links.as_slice() {
            [
                LinkSink {
                    kind: SinkKind::Wire { outbox, policy },
                    ..
                },
            ] if self.history().is_none() && policy.disconnect.is_empty() => Some((outbox, policy)),
            _ => None,
        }
    }
}

/// A link that wants the topic.
#[derive(Debug)]
pub(crate) struct LinkSink {
    pub(crate) link: LinkId,
    pub(crate) kind: SinkKind,
}

/// What the other end of a link is, as far as sending messages goes.
#[derive(Debug)]
pub(crate) enum SinkKind {
    /// A SPOT node over a socket.
    Wire {
        outbox: Arc<SharedOutbox>,
        policy: Arc<SinkPolicy>,
    },
    /// A plain ZeroMQ subscriber: topic and data.
    Plain { outbox: Arc<SharedOutbox> },
    /// A commander: an empty frame, PUBLISH, topic and data.
    Commander { outbox: Arc<SharedOutbox> },
    /// A node of the same context: its topic of the same name, once it has it.
    Direct {
        node: Weak<NodeInner>,
        /// The link as that node numbers it.
        link: LinkId,
        topic: Option<Arc<Topic>>,
    },
}

/// How messages of the topic arrive at the subscribers of this node.
#[derive(Debug, Default)]
pub(super) struct SinkSide {
    pub(super) inboxes: SmallVec<[InboxSink; 1]>,
    pub(super) heard: Option<Box<HeardSide>>,
}

#[derive(Debug, Clone)]
pub(super) struct InboxSink {
    pub(super) subscriber: SubscriberId,
    pub(super) inbox: Arc<SharedInbox>,
    pub(super) slot: Slot,
}

impl Topic {
    pub(crate) fn new(id: TopicId, name: Arc<str>, life: u32) -> Self {
        let publish = PublishSide {
            next_sequence: 0,
            hosted: false,
            known: false,
            published: Tally::default(),
            local: SmallVec::new(),
            outside: None,
        };
        Self {
            name,
            id,
            life: Life(life),
            published_upstream: PublishedUpstream::default(),
            publish: Mutex::new(publish),
            sinks: Mutex::default(),
        }
    }

    /// Where the topic lives has changed. `upstream` is made by the caller when there is a new one. True if numbers of what
    /// is sent to an owner were forgotten: those made from now on must be of a later life.
    pub(crate) fn place(
        &self,
        place: Place,
        identity: Identity,
        upstream: impl FnOnce(WayToOwner) -> Option<Upstream>,
    ) -> bool {
        let mut side = lock(&self.publish);
        side.hosted = place.hosted;
        side.known = place.known;
        if let Some(outside) = side.outside.as_mut().filter(|_| !place.hosted) {
            outside.keep_history(None);
        }
        let wanted = place.upstream.filter(|_| !place.hosted);
        let known = side
            .outside
            .as_ref()
            .and_then(|outside| outside.upstream.as_ref())
            .map(|upstream| upstream.way);
        let (mut before, mut now, mut forgets) = (None, None, false);
        if wanted != known {
            let made = wanted.and_then(upstream);
            if made.is_some() || side.outside.is_some() {
                let outside = side.outside.get_or_insert_default();
                let made = made.map(|made| made.going_on(&mut outside.kept().sent));
                forgets = made.as_ref().is_some_and(|(_, forgets)| *forgets);
                now = made.map(|(made, _)| Arc::new(made));
                before = std::mem::replace(&mut outside.upstream, now.clone());
            }
        }
        drop(side);
        before.iter().for_each(|upstream| upstream.leave(self.id.0));
        now.iter()
            .for_each(|upstream| upstream.enter(self, identity));
        let mut sinks = lock(&self.sinks);
        let routed = place.routed.then(|| place.link());
        if routed.is_some() || sinks.heard.is_some() {
            sinks.heard.get_or_insert_default().routed = routed;
        }
        forgets
    }

    /// The topic is gone; publishers that hold it look it up anew. Gives the streams that somebody here listened to: those
    /// that were cut may go on, and those that have ended may come once more, by a slower way. And how far owners were
    /// sent to. `is_in_use` tells of a link whether it is.
    pub(crate) fn retire(
        &self,
        is_in_use: impl Fn(LinkId) -> bool,
    ) -> (Option<CutStreams>, Option<Sent>) {
        let mut side = lock(&self.publish);
        side.hosted = false;
        side.known = false;
        side.local = SmallVec::new();
        let outside = side.outside.take();
        let counts = outside.as_ref().map(|outside| outside.counts());
        if let Some(counts) = counts.filter(|counts| *counts != OutsideCounts::default()) {
            side.outside.get_or_insert_default().kept().counts = counts;
        }
        drop(side);
        let (upstream, sent) = outside
            .map(|outside| {
                let kept = outside.kept.unwrap_or_default();
                (outside.upstream, kept.sent)
            })
            .unwrap_or_default();
        upstream
            .iter()
            .for_each(|upstream| upstream.leave(self.id.0));
        (
            self.retire_heard(is_in_use),
            Some(sent).filter(|sent| !sent.is_empty()),
        )
    }

    fn retire_heard(&self, is_in_use: impl Fn(LinkId) -> bool) -> Option<CutStreams> {
        let mut sinks = lock(&self.sinks);
        let inboxes = std::mem::take(&mut sinks.inboxes);
        for sink in inboxes.iter() {
            sink.inbox.detach(sink.slot);
        }
        let HeardSide {
            mut streams,
            mut awaiting,
            ..
        } = *sinks.heard.take()?;
        awaiting.cut();
        for heard in &mut streams {
            // A link that breaks is told first: what still comes ends with the topic, or is not wanted any more.
            if let Some(link) = heard.stream.link() {
                heard.stream.stand(match is_in_use(link) {
                    true => Standing::Ended,
                    false => Standing::Unheard,
                });
            }
            heard.stream.lost();
        }
        let cut = CutStreams { streams, awaiting };
        (!cut.streams.is_empty() && !inboxes.is_empty()).then_some(cut)
    }

    /// The topic is back: goes on with the streams that were heard.
    pub(crate) fn resume(&self, cut: CutStreams) {
        let mut sinks = lock(&self.sinks);
        sinks.heard.get_or_insert_default().resume(cut);
    }

    /// As [`resume`](Self::resume), with the numbers of what is sent to its owners.
    pub(crate) fn resume_sending(&self, mut sent: Sent) {
        sent.iter_mut()
            .for_each(|state| lock(state).sender.resume());
        let mut side = lock(&self.publish);
        side.outside.get_or_insert_default().kept().sent = sent;
    }

    /// Delivers to a subscriber from here on; where the topic is hosted here, it gets up to so many of the last messages
    /// first, and nothing is published in between.
    pub(crate) fn attach_inbox(
        &self,
        subscriber: SubscriberId,
        inbox: &Arc<SharedInbox>,
        history: usize,
    ) {
        let mut side = lock(&self.publish);
        let mut sinks = lock(&self.sinks);
        if sinks
            .inboxes
            .iter()
            .all(|sink| sink.subscriber != subscriber)
        {
            if let Some(side) = &mut sinks.heard {
                side.departed
                    .retain(|known| !Arc::ptr_eq(&known.inbox, inbox));
            }
            let slot = inbox.attach(self.name.clone());
            if history > 0
                && let Some(kept) = side.history()
            {
                inbox.replay(slot, kept, history);
            }
            let sink = InboxSink {
                subscriber,
                inbox: inbox.clone(),
                slot,
            };
            side.local.push(sink.clone());
            sinks.inboxes.push(sink);
        }
    }

    pub(crate) fn detach_inbox(&self, subscriber: SubscriberId) {
        let mut side = lock(&self.publish);
        let mut sinks = lock(&self.sinks);
        side.local.retain(|sink| sink.subscriber != subscriber);
        if let Some(index) = sinks
            .inboxes
            .iter()
            .position(|sink| sink.subscriber == subscriber)
        {
            let sink = sinks.inboxes.swap_remove(index);
            side.count_dropped(sink.inbox.detach(sink.slot));
        }
        if let Some(side) = &mut sinks.heard {
            side.awaiting.forget(subscriber);
        }
        sinks.end_if_unwanted();
    }

    /// Sends the topic's messages over a link from here on; announces it in line unless it was attached already, and sends
    /// what is kept of its past and asked for.
    pub(crate) fn attach_link(&self, sink: LinkSink, identity: Identity, past: &Past) {
        let mut side = lock(&self.publish);
        let next_sequence = side.next_sequence;
        let Outside { links, kept, .. } = &mut **side.outside.get_or_insert_default();
        let known = links.iter_mut().find(|known| known.link == sink.link);
        match (&sink.kind, known) {
            (SinkKind::Wire { outbox, .. }, Some(known)) => {
                // Those who wait may wait for a class that does not block any more.
                outbox.wake_blocked();
                let outbox = outbox.clone();
                *known = sink;
                self.replay(&side, &outbox, past);
            }
            (SinkKind::Wire { outbox, policy }, None) => {
                let alias = Alias {
                    alias: self.id.0,
                    upstream: false,
                    resumed: false,
                    since: 0,
                    passage: None,
                    next_sequence,
                    incarnation: self.life.of(identity),
                    publisher: identity.node,
                    topic: &self.name,
                };
                let history = kept.as_ref().and_then(|kept| kept.history.as_deref());
                outbox.with(|queue| queue.announce(alias, policy, history, past.resume));
                let outbox = outbox.clone();
                links.push(sink);
                self.replay(&side, &outbox, past);
            }
            (_, Some(_)) => {}
            (_, None) => links.push(sink),
        }
    }

    pub(crate) fn detach_link(&self, link: LinkId, ended: bool) {
        let mut side = lock(&self.publish);
        let next_sequence = side.next_sequence;
        let Some(outside) = &mut side.outside else {
            return;
        };
        let Some(index) = outside.links.iter().position(|sink| sink.link == link) else {
            return;
        };
        let sink = outside.links.swap_remove(index);
        if let SinkKind::Wire { outbox, .. } = &sink.kind {
            let dropped = outbox.with(|queue| queue.forget_dropped_of(self.id.0));
            outside.count_dropped(dropped);
            outbox.control(
                &Frame::Tail {
                    alias: self.id.0,
                    next_sequence,
                    // A link that is not in use any more is not the end: another may go on with the stream.
                    last: match outbox.is_in_use() {
                        false => Last::No,
                        true if ended => Last::Ended,
                        true => Last::Withdrawn,
                    },
                }
                .to_vec(),
            );
            outbox.wake_blocked();
        }
    }

    /// Subscribers that listen: inboxes of this process, and one for each interested link.
    pub(crate) fn subscribers(&self) -> usize {
        let links = {
            let side = lock(&self.publish);
            side.outside.as_ref().map_or(0, |outside| {
                let wires = outside.links.iter();
                wires
                    .map(|sink| {
                        sink.kind
                            .direct_topic()
                            .map_or(1, |topic| topic.local_subscribers())
                    })
                    .sum()
            })
        };
        links + self.local_subscribers()
    }

    /// What the topic has counted.
    pub(crate) fn counts(&self) -> TopicCounts {
        let side = lock(&self.publish);
        let sinks = lock(&self.sinks);
        let (published, skipped) = self.published(&side);
        let mut counts = TopicCounts {
            published,
            gaps: skipped,
            ..TopicCounts::default()
        };
        if let Some(outside) = &side.outside {
            let OutsideCounts {
                from_peers,
                dropped,
                ..
            } = outside.counts();
            counts.received = from_peers;
            counts.dropped = dropped + outside.dropped_at_links(self.id.0);
            if let Some(history) = outside.history() {
                counts.history = (history.messages(), history.bytes());
            }
        }
        let inboxes = sinks.inboxes.iter();
        counts.dropped += inboxes
            .map(|sink| sink.inbox.dropped_of(sink.slot))
            .sum::<u64>();
        if let Some(heard) = &sinks.heard {
            counts.received += heard.received;
            counts.gaps += heard.gaps;
            counts.dropped += heard.dropped_at_links();
        }
        counts
    }

    /// What was published here, and what was lost on the way to us as the owner.
    pub(crate) fn published_and_skipped(&self) -> (Tally, Gaps) {
        self.published(&lock(&self.publish))
    }

    fn published(&self, side: &PublishSide) -> (Tally, Gaps) {
        let upstream = &self.published_upstream;
        let mut published = side.published;
        published += Tally {
            messages: upstream.messages.load(Relaxed),
            bytes: upstream.bytes.load(Relaxed),
        };
        let outside = side.outside.as_ref();
        let skipped = outside.map(|outside| outside.counts().skipped);
        (published, skipped.unwrap_or_default())
    }

    /// A link told that messages are missing.
    pub(crate) fn count_gap(&self, missed: Missed) {
        let mut sinks = lock(&self.sinks);
        sinks.heard.get_or_insert_default().gaps.add(missed);
    }

    fn local_subscribers(&self) -> usize {
        lock(&self.sinks).inboxes.len()
    }

    /// A message of a plain publisher, who cannot be held up: a blocking subscriber without room misses it.
    pub(crate) fn deliver_here(&self, payload: &Payload, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        sinks.count_received(payload.len());
        sinks.deliver(Source::LOCAL, payload, after);
    }

    pub(super) fn tell_missed(&self, missed: Missed) {
        lock(&self.sinks).tell_missed(missed);
    }
}

impl SinkKind {
    /// The peer's topic behind an in-process link.
    pub(super) fn direct_topic(&self) -> Option<&Arc<Topic>> {
        match self {
            Self::Direct { topic, .. } => topic.as_ref(),
            _ => None,
        }
    }
}

impl InboxSink {
    #[inline]
    pub(super) fn deliver(&self, source: Source, payload: &Payload, after: &mut Aftermath) {
        if source != Source::LOCAL {
            let run = std::iter::once(payload.into());
            return self.deliver_of_link(source, run, payload.len(), after);
        }
        match self.inbox.offer(self.slot, payload.into()) {
            Offer::Queued | Offer::Dropped => {}
            // No room was set aside: the publisher cannot be held up from here.
            Offer::Full => self.inbox.lose(self.slot),
            Offer::Ended => after.work().ended_inboxes.push(self.inbox.clone()),
        }
    }

    /// Delivers messages of so many bytes in all that came over a link, one after another.
    #[inline]
    pub(super) fn deliver_of_link<'a>(
        &self,
        source: Source,
        run: impl ExactSizeIterator<Item = View<'a>>,
        bytes: usize,
        after: &mut Aftermath,
    ) {
        let offered = self.inbox.offer_of_link(self.slot, source, run, bytes);
        if offered.to_announce {
            after.work().announce.push(self.inbox.clone());
        }
        if offered.ended {
            after.work().ended_inboxes.push(self.inbox.clone());
        }
    }
}

impl PublishSide {
    /// A message of another node was published.
    pub(super) fn count_from_peer(&mut self, len: usize) {
        let outside = self.outside.get_or_insert_default();
        outside.kept().counts.from_peers.add(len);
    }

    /// Messages of other nodes are missing.
    pub(super) fn count_skipped(&mut self, missed: Missed) {
        let outside = self.outside.get_or_insert_default();
        outside.kept().counts.skipped.add(missed);
    }

    fn count_dropped(&mut self, dropped: u64) {
        if dropped > 0 {
            self.outside.get_or_insert_default().count_dropped(dropped);
        }
    }
}

impl Outside {
    fn count_dropped(&mut self, dropped: u64) {
        if dropped > 0 {
            self.kept().counts.dropped += dropped;
        }
    }

    /// Dropped at the queues of links that want the topic.
    fn dropped_at_links(&self, alias: u32) -> u64 {
        let wires = self.links.iter().filter_map(|sink| match &sink.kind {
            SinkKind::Wire { outbox, .. } => Some(outbox),
            _ => None,
        });
        wires
            .map(|outbox| outbox.with(|queue| queue.dropped_of(alias)))
            .sum()
    }
}

impl SinkSide {
    /// A message of another node arrived.
    #[inline]
    pub(super) fn count_received(&mut self, len: usize) -> &HeardSide {
        let heard = self.heard.get_or_insert_default();
        heard.received.add(len);
        heard
    }

    pub(super) fn deliver(&self, source: Source, payload: &Payload, after: &mut Aftermath) {
        for sink in &self.inboxes {
            sink.deliver(source, payload, after);
        }
    }

    pub(super) fn tell_missed(&self, missed: Missed) {
        if !missed.is_none() {
            for sink in &self.inboxes {
                sink.inbox.missed(sink.slot, missed);
            }
        }
    }
}
