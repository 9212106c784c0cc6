//! The past of topics: what is kept of those hosted here, and what subscribers get of it before what comes next.

use std::sync::Arc;

use spot_core::frame::Last;
use spot_core::history::History;
use spot_core::inbox::Source;
use spot_core::past::{Await, Past, Resume, Token};
use spot_core::stream::Verdict;
use spot_core::{LinkId, Missed, NodeId, Payload, SubscriberId};

use super::cut::Forgotten;
use super::heard::{CutStreams, Heard, HeardStream};
use super::topic::{InboxSink, PublishSide, SinkSide, Topic};
use super::{Aftermath, SharedInbox, SharedOutbox, lock};

impl Topic {
    /// How much is kept of the topic where it is hosted here: up to so many messages and payload bytes; 0 messages frees
    /// all.
    pub(crate) fn set_history(&self, max_messages: usize, max_bytes: usize) {
        let mut side = lock(&self.publish);
        if !side.hosted {
            return;
        }
        if max_messages == 0 {
            if let Some(outside) = &mut side.outside {
                outside.keep_history(None);
            }
            return;
        }
        let outside = side.outside.get_or_insert_default();
        outside.keep_history(Some((max_messages, max_bytes)));
    }

    /// A subscriber is going to be sent what the owner behind a link keeps.
    pub(crate) fn await_past(&self, of: Await) {
        let mut sinks = lock(&self.sinks);
        sinks.heard.get_or_insert_default().awaiting.begin(of);
    }

    /// The owner behind a link has sent all that was asked for.
    pub(crate) fn past_sent(&self, subscriber: SubscriberId, link: LinkId) {
        let mut sinks = lock(&self.sinks);
        if let Some(side) = &mut sinks.heard {
            side.awaiting.end(subscriber, link);
        }
    }

    /// As the owner's topic: hands what is kept to those of a node of this context who wait for it at its end of the link.
    pub(crate) fn hand_past_to(&self, theirs: &Self, link: LinkId) {
        let side = lock(&self.publish);
        if side.hosted {
            lock(&theirs.sinks).take_past(link, side.history());
        }
    }

    /// Sends what a link asked for to those behind it; the stream is announced.
    pub(super) fn replay(&self, side: &PublishSide, outbox: &SharedOutbox, past: &Past) {
        let (next, history) = (side.next_sequence, side.history());
        outbox.with(|queue| queue.replay(self.id.0, next, history, past));
    }

    /// Where the stream of a node stands that was heard here, if somebody still listens.
    pub(crate) fn cut_stream_of(&self, node: NodeId) -> Option<Resume> {
        let sinks = lock(&self.sinks);
        let side = sinks.heard.as_ref().filter(|_| !sinks.inboxes.is_empty())?;
        resume_of(&side.streams, node)
    }

    /// A message from before a subscriber's time arrived over a link.
    pub(crate) fn hear_past(
        &self,
        heard: Heard,
        token: Token,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        let (link, subscriber) = (heard.link, token.subscriber());
        let listened = sinks.stream(heard).is_some() && sinks.listens_to(link);
        let side = sinks.heard.as_mut().filter(|_| listened);
        let missed = match side.and_then(|side| side.awaiting.past(link, token, sequence)) {
            Some(Verdict::Deliver) => Missed::NONE,
            Some(Verdict::DeliverAfterGap(count)) => Missed::exactly(count),
            Some(Verdict::Duplicate) | None => {
                return sinks.return_credit_of(link, subscriber, payload.len());
            }
        };
        sinks.count_received(payload.len());
        if let Some(sink) = sinks.sink(subscriber) {
            self.tell_missed_to(sink, missed, after);
            sink.deliver(Source(link.0), payload, after);
        }
    }

    /// As [`ignore`](Self::ignore), of a message from before a subscriber's time.
    pub(crate) fn ignore_past(&self, link: LinkId, token: Token, len: usize) {
        lock(&self.sinks).return_credit_of(link, token.subscriber(), len);
    }

    /// A subscriber was sent what it asked for: what the link sends to all is for it, too, from here on.
    pub(crate) fn hear_live(&self, heard: Heard, token: Token, next: u64, after: &mut Aftermath) {
        // It stands for a tail as well, for those who were there before.
        self.hear_tail(heard, next, Last::No, after);
        let mut sinks = lock(&self.sinks);
        let Some(side) = &mut sinks.heard else { return };
        let missed = side.awaiting.live(heard.link, token, next);
        if let (Some(missed), Some(sink)) = (missed, sinks.sink(token.subscriber())) {
            self.tell_missed_to(sink, missed, after);
        }
    }

    fn tell_missed_to(&self, sink: &InboxSink, missed: Missed, after: &mut Aftermath) {
        if !missed.is_none() {
            after.missed(&self.name, missed);
            sink.inbox.missed(sink.slot, missed);
        }
    }
}

impl PublishSide {
    /// What is kept of the topic.
    pub(super) fn history(&self) -> Option<&History> {
        self.outside.as_ref()?.history()
    }
}

impl SinkSide {
    /// Hands what is kept to those who wait for it at this end of an in-process link: they have it before what comes next.
    pub(super) fn take_past(&mut self, link: LinkId, history: Option<&History>) {
        let Some(side) = &mut self.heard else { return };
        if side.awaiting.is_empty() {
            return;
        }
        for of in side.awaiting.hand(link) {
            let sink = self.sink(of.token.subscriber());
            if let (Some(history), Some(sink)) = (history, sink) {
                sink.inbox.replay(sink.slot, history, of.count);
            }
        }
    }

    /// Whether a subscriber is still to get what came before, so that what this link sends to all of a stream passes it by.
    pub(super) fn is_held(&self, subscriber: SubscriberId, link: LinkId, stream: usize) -> bool {
        let side = self.heard.as_ref();
        side.is_some_and(|side| {
            let publisher = side.streams[stream].stream.stream().publisher();
            side.awaiting.holds(subscriber, link, publisher)
        })
    }

    fn sink(&self, subscriber: SubscriberId) -> Option<&InboxSink> {
        let mut sinks = self.inboxes.iter();
        sinks.find(|sink| sink.subscriber == subscriber)
    }

    /// A message on the credit of one subscriber is not going to be received.
    fn return_credit_of(&self, link: LinkId, subscriber: SubscriberId, len: usize) {
        let departed = self.heard.iter().flat_map(|side| side.departed.iter());
        let departed = departed.filter(|known| known.link == link);
        let mut inboxes = departed
            .map(|known| &known.inbox)
            .chain(self.inboxes.iter().map(|sink| &sink.inbox));
        let inbox: Option<&Arc<SharedInbox>> =
            inboxes.find(|inbox| inbox.subscriber == subscriber && inbox.blocks());
        if let Some(inbox) = inbox {
            inbox.pass_by(Source(link.0), len);
        }
    }
}

impl CutStreams {
    /// Forgets how far those were who do not want the topic any more.
    pub(crate) fn retain_waiting(&mut self, wants: impl Fn(SubscriberId) -> bool) {
        self.awaiting.retain(wants);
    }
}

impl Forgotten<CutStreams> {
    /// Where the streams of a node stand, by topic.
    pub(crate) fn streams_of(&self, node: NodeId) -> impl Iterator<Item = (&Arc<str>, Resume)> {
        let topics = self.iter();
        topics.filter_map(move |(topic, cut)| Some((topic, resume_of(&cut.streams, node)?)))
    }
}

/// Where the stream of a node is to go on: not where nobody listened, nor where it still comes by way of others.
fn resume_of(streams: &[HeardStream], node: NodeId) -> Option<Resume> {
    let mut cut = streams.iter().filter(|heard| !heard.stream.is_live());
    let stream = cut.find_map(|heard| {
        let stream = heard.stream.stream();
        (stream.publisher() == node && stream.is_wanted()).then_some(stream)
    })?;
    let (incarnation, next_sequence) = stream.position();
    Some(Resume {
        incarnation,
        next_sequence,
    })
}
