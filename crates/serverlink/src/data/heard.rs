//! What a topic hears over links: streams judged by their numbers, and the credit of those who cancelled.

use std::sync::Arc;

use spot_core::frame::Alias;
use spot_core::inbox::Source;
use spot_core::past::Awaiting;
use spot_core::stream::{Stream, Verdict};
use spot_core::{LinkId, Missed, NodeId, Payload};

use super::topic::{SinkSide, Topic};
use super::{Aftermath, SharedInbox, lock};

/// Streams of publishers that are gone, kept for each topic to tell a resumed one from a new one.
pub(super) const MAX_IDLE_STREAMS: usize = 8;

/// What a topic knows of the links it is heard on.
#[derive(Debug, Default)]
pub(super) struct HeardSide {
    pub(super) streams: Vec<HeardStream>,
    /// Where the topic is routed, the one link to listen to.
    pub(super) routed: Option<Option<LinkId>>,
    /// Blocking subscribers that cancelled, until the link knows: what it sends until then is on their credit.
    pub(super) departed: Vec<Departure>,
    /// Subscribers that are still to get what was published before their time.
    pub(super) awaiting: Awaiting,
}

/// A blocking subscriber that cancelled, as a link is told.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) link: LinkId,
    /// The version of our interest that tells it.
    version: u64,
    pub(super) inbox: Arc<SharedInbox>,
}

/// A stream with the link that carries it.
#[derive(Debug)]
pub(super) struct HeardStream {
    pub(super) stream: Stream,
    /// The link it is heard on now.
    pub(super) link: Option<LinkId>,
}

/// What a topic had heard when its links were cut.
#[derive(Debug)]
pub(crate) struct CutStreams {
    pub(super) streams: Vec<HeardStream>,
    /// How far subscribers were with what was before their time.
    pub(super) awaiting: Awaiting,
}

/// A stream of a topic that a link announced: the key to [`Topic::hear`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(super) link: LinkId,
    index: usize,
}

impl Topic {
    /// A blocking subscriber has cancelled, and the link does not know yet.
    pub(crate) fn depart(&self, link: LinkId, version: u64, inbox: &Arc<SharedInbox>) {
        let mut sinks = lock(&self.sinks);
        let side = sinks.heard.get_or_insert_default();
        side.departed.push(Departure {
            link,
            version,
            inbox: inbox.clone(),
        });
    }

    /// The link knows by now that it cancelled then, or is gone. It may have come back and cancelled again since.
    pub(crate) fn forget_departed(&self, link: LinkId, version: u64, inbox: &Arc<SharedInbox>) {
        let mut sinks = lock(&self.sinks);
        if let Some(side) = &mut sinks.heard {
            let is_it = |known: &Departure| {
                known.link == link && known.version <= version && Arc::ptr_eq(&known.inbox, inbox)
            };
            side.departed.retain(|known| !is_it(known));
        }
    }

    /// A link announced a stream of this topic.
    pub(crate) fn open_stream(&self, link: LinkId, alias: &Alias<'_>) -> (Heard, Missed) {
        let mut sinks = lock(&self.sinks);
        let streams = &mut sinks.heard.get_or_insert_default().streams;
        let known = streams
            .iter()
            .position(|heard| heard.stream.publisher() == alias.publisher);
        let (index, missed) = match known {
            Some(index) => {
                let heard = &mut streams[index];
                heard.link = Some(link);
                let missed = if alias.resumed {
                    heard.stream.resume(alias.incarnation, alias.next_sequence)
                } else {
                    heard.stream.reopen(alias.incarnation, alias.next_sequence)
                };
                (index, missed)
            }
            None => {
                let stream = Stream::new(alias.publisher, alias.incarnation, alias.next_sequence);
                (
                    insert_stream(
                        streams,
                        HeardStream {
                            stream,
                            link: Some(link),
                        },
                    ),
                    Missed::NONE,
                )
            }
        };
        sinks.tell_missed_on(link, missed);
        (Heard { link, index }, missed)
    }

    /// A message of a stream arrived over a link.
    #[inline]
    pub(crate) fn hear(
        &self,
        heard: Heard,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        let Some((stream, listened)) = sinks.stream(heard) else {
            return;
        };
        let missed = match stream.receive(sequence) {
            Verdict::Deliver => Missed::NONE,
            Verdict::DeliverAfterGap(count) => Missed::exactly(count),
            Verdict::Duplicate => {
                after.duplicates += 1;
                return sinks.return_credit(heard.link, false, payload.len());
            }
        };
        sinks.return_credit(heard.link, listened, payload.len());
        if !listened {
            return;
        }
        if !missed.is_none() {
            after.missed(&self.name, missed);
            sinks.tell_missed_on(heard.link, missed);
        }
        sinks.deliver_from(heard.link, payload, after);
    }

    /// A stream announced its next number, or its end.
    pub(crate) fn hear_tail(
        &self,
        heard: Heard,
        next_sequence: u64,
        last: bool,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        let Some((stream, listened)) = sinks.stream(heard) else {
            return;
        };
        let missed = stream.announced(next_sequence);
        if last {
            stream.end();
        }
        if listened && !missed.is_none() {
            after.missed(&self.name, missed);
            sinks.tell_missed_on(heard.link, missed);
        }
    }

    /// The link of a stream is gone. After a farewell its streams have ended without loss, as have those that nobody here
    /// subscribes to.
    pub(crate) fn stream_cut(&self, heard: Heard, graceful: bool) {
        let mut sinks = lock(&self.sinks);
        let ended = graceful || sinks.inboxes.is_empty();
        let Some(side) = &mut sinks.heard else { return };
        let Some(stream) = side
            .streams
            .get_mut(heard.index)
            .filter(|known| known.link == Some(heard.link))
        else {
            return;
        };
        stream.link = None;
        if ended {
            stream.stream.end();
        }
    }

    /// Remembers how far a stream to us as the owner was heard; the oldest is forgotten when there are many.
    pub(crate) fn keep_cut_upstream(&self, stream: Stream) {
        let mut side = lock(&self.publish);
        let outside = side.outside.get_or_insert_default();
        outside.cut_upstreams.keep(stream);
    }

    /// The stream of this publisher that was cut.
    pub(crate) fn take_cut_upstream(&self, publisher: NodeId) -> Option<Stream> {
        let mut side = lock(&self.publish);
        side.outside.as_mut()?.cut_upstreams.take(publisher)
    }
}

impl SinkSide {
    /// A message that a link sends to all; those who wait for what was before it pass it by.
    #[inline]
    fn deliver_from(&self, link: LinkId, payload: &Payload, after: &mut Aftermath) {
        let source = Source(link.0);
        if !self.anybody_waits() {
            return self.deliver(source, payload, after);
        }
        for sink in &self.inboxes {
            if !self.is_held(sink.subscriber, link) {
                sink.deliver(source, payload, after);
            } else if sink.inbox.blocks() {
                sink.inbox.pass_by(source, payload.len());
            }
        }
    }

    /// What is missing of what a link sends to all. Those who wait for what was before count for themselves, unless the
    /// publisher began a new life.
    fn tell_missed_on(&self, link: LinkId, missed: Missed) {
        if missed.count().is_none() || !self.anybody_waits() {
            return self.tell_missed(missed);
        }
        for sink in &self.inboxes {
            if !missed.is_none() && !self.is_held(sink.subscriber, link) {
                sink.inbox.missed(sink.slot, missed);
            }
        }
    }

    fn anybody_waits(&self) -> bool {
        let side = self.heard.as_ref();
        side.is_some_and(|side| !side.awaiting.is_empty())
    }

    /// A stream, and whether it is listened to: a routed topic listens to its route alone.
    pub(super) fn stream(&mut self, heard: Heard) -> Option<(&mut Stream, bool)> {
        let side = self.heard.as_mut()?;
        let listened = side.routed.is_none_or(|link| link == Some(heard.link));
        let stream = side
            .streams
            .get_mut(heard.index)
            .filter(|known| known.link == Some(heard.link))?;
        Some((&mut stream.stream, listened))
    }

    /// A message of a link is not going to be received by everybody on whose credit it came: by those who cancelled,
    /// or, where the topic is routed elsewhere or the message was seen before, by anybody.
    fn return_credit(&self, link: LinkId, listened: bool, len: usize) {
        let Some(side) = &self.heard else { return };
        let departed = side.departed.iter().filter(|known| known.link == link);
        departed.for_each(|known| known.inbox.pass_by(Source(link.0), len));
        if !listened {
            let blocking = self.inboxes.iter().filter(|sink| sink.inbox.blocks());
            blocking.for_each(|sink| sink.inbox.pass_by(Source(link.0), len));
        }
    }
}

/// Adds a stream, in place of the oldest one that is no longer heard when there are many.
fn insert_stream(streams: &mut Vec<HeardStream>, stream: HeardStream) -> usize {
    let idle = streams.iter().filter(|heard| heard.link.is_none()).count();
    if idle >= MAX_IDLE_STREAMS
        && let Some(index) = streams.iter().position(|heard| heard.link.is_none())
    {
        streams[index] = stream;
        return index;
    }
    streams.push(stream);
    streams.len() - 1
}
