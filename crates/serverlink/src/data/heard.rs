//! What a topic hears over links: streams judged by their numbers, and the credit of those who cancelled.

use std::sync::Arc;

use smallvec::SmallVec;
use spot_core::frame::{Alias, Last};
use spot_core::inbox::{COPIED_MAX_BYTES, Source};
use spot_core::past::Awaiting;
use spot_core::seldom::Seldom;
use spot_core::splice::{Judged, Released, Spliced};
use spot_core::stream::{Standing, Stream};
use spot_core::{LinkId, Missed, NodeId, Payload, TopicId, View};

use super::counters::{Gaps, Tally};
use super::relay::RelaySide;
use super::topic::{SinkSide, Topic};
use super::{Aftermath, SharedInbox, lock};

/// Streams of publishers that are gone, kept for each topic to tell a resumed one from a new one.
pub(super) const MAX_IDLE_STREAMS: usize = 8;

/// What a topic knows of the links it is heard on.
#[derive(Debug, Default)]
pub(super) struct HeardSide {
    pub(super) streams: SmallVec<[HeardStream; 1]>,
    next_serial: u32,
    /// Where the topic is routed, the one link to listen to.
    pub(super) routed: Option<Option<LinkId>>,
    /// Blocking subscribers that cancelled, until the link knows: what it sends until then is on their credit.
    pub(super) departed: Seldom<Departure>,
    /// What is passed on to other nodes, by origin.
    pub(super) relays: Seldom<RelaySide>,
    /// Subscribers that are still to get what was published before their time.
    pub(super) awaiting: Awaiting,
    /// What arrived of other nodes, each message once.
    pub(super) received: Tally,
    pub(super) gaps: Gaps,
    /// Dropped at links that are not passed on to any more.
    pub(super) relays_dropped: u64,
}

/// A blocking subscriber that cancelled, as a link is told.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) link: LinkId,
    /// The version of our interest that tells it.
    version: u64,
    pub(super) inbox: Arc<SharedInbox>,
}

/// A stream with a number of its own, because its place in the table may become another's.
#[derive(Debug)]
pub(super) struct HeardStream {
    pub(super) stream: Spliced,
    serial: u32,
    /// The link that is to carry it alone, once it does.
    awaited: Option<LinkId>,
}

/// What a topic had heard when its links were cut.
#[derive(Debug)]
pub(crate) struct CutStreams {
    pub(super) streams: SmallVec<[HeardStream; 1]>,
    /// How far subscribers were with what was before their time.
    pub(super) awaiting: Awaiting,
}

/// Which side of a link took its leave before the link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    None,
    /// This node did.
    Ours,
    Theirs,
}

/// A stream of a topic that a link announced: the key to [`Topic::hear`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(super) link: LinkId,
    index: usize,
    serial: u32,
    /// The other end of the link is not the origin: its leave does not end the stream.
    relayed: bool,
}

/// Messages of a stream that arrived over a link, numbered one after another.
#[derive(Debug)]
pub(crate) struct HeardRun<'a> {
    /// The number of the first one.
    pub(crate) first: u64,
    /// What they carry, in all so many bytes, at most so many each.
    pub(crate) messages: &'a [&'a [u8]],
    pub(crate) bytes: usize,
    pub(crate) longest: usize,
}

impl HeardRun<'_> {
    /// The numbers of the messages. A peer may send the largest there is.
    fn numbers(&self) -> impl Iterator<Item = u64> {
        let count = self.messages.len() as u64;
        (0..count).map(|index| self.first.wrapping_add(index))
    }
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

    /// A link announced a stream of this topic; `relayed` if the other end is not its origin.
    pub(crate) fn open_stream(
        &self,
        link: LinkId,
        alias: &Alias<'_>,
        relayed: bool,
        after: &mut Aftermath,
    ) -> Heard {
        let mut sinks = lock(&self.sinks);
        let side = sinks.heard.get_or_insert_default();
        let known = side
            .streams
            .iter()
            .position(|heard| heard.stream.stream().publisher() == alias.publisher);
        let (index, missed) = match known {
            Some(index) => (index, side.reopen(index, link, alias)),
            None => (side.insert(link, alias), Missed::NONE),
        };
        let heard = Heard {
            link,
            index,
            serial: side.streams[index].serial,
            relayed,
        };
        if side.streams[index].stream.link() == Some(link) {
            side.announce_relayed(index, &self.name, after);
        }
        if !missed.is_none() {
            after.missed(&self.name, missed);
            sinks.tell_missed_on(link, index, missed);
        }
        self.release(&mut sinks, heard, after);
        heard
    }

    /// Messages of a stream arrived over a link.
    pub(crate) fn hear(&self, heard: Heard, run: &HeardRun<'_>, after: &mut Aftermath) {
        if run.longest > COPIED_MAX_BYTES {
            return self.hear_large(heard, run, after);
        }
        let mut sinks = lock(&self.sinks);
        if sinks.receive_plain(heard, run) {
            let messages = run.messages.iter().map(|data| View::from(*data));
            sinks.deliver_run(Source(heard.link.0), messages, run.bytes, after);
            return;
        }
        for (number, data) in run.numbers().zip(run.messages) {
            let payload = Payload::copy_from(data);
            self.hear_judged(&mut sinks, heard, number, &payload, after);
        }
    }

    /// As [`hear`](Self::hear): what is large is copied before any lock is taken.
    #[inline(never)]
    fn hear_large(&self, heard: Heard, run: &HeardRun<'_>, after: &mut Aftermath) {
        let copied = run.messages.iter().map(|data| Payload::copy_from(data));
        let copied: Vec<Payload> = copied.collect();
        let mut sinks = lock(&self.sinks);
        if sinks.receive_plain(heard, run) {
            let messages = copied.iter().map(View::from);
            sinks.deliver_run(Source(heard.link.0), messages, run.bytes, after);
            return;
        }
        for (number, payload) in run.numbers().zip(&copied) {
            self.hear_judged(&mut sinks, heard, number, payload, after);
        }
    }

    /// A message that arrived by itself.
    pub(crate) fn hear_one(
        &self,
        heard: Heard,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        self.hear_judged(&mut lock(&self.sinks), heard, sequence, payload, after);
    }

    fn hear_judged(
        &self,
        sinks: &mut SinkSide,
        heard: Heard,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        let Some(stream) = sinks.stream(heard) else {
            return sinks.return_credit(heard.link, false, payload.len());
        };
        match stream.receive(heard.link, sequence, payload) {
            Judged::Deliver(missed) => {
                let spliced = stream.is_spliced();
                let message = Some((sequence, payload));
                self.heard(sinks, heard, heard.link, missed, message, after);
                if spliced {
                    self.release(sinks, heard, after);
                }
            }
            Judged::Wait => self.release(sinks, heard, after),
            Judged::Discard => {
                after.duplicates(u64::from(stream.link() == Some(heard.link)));
                sinks.discard(heard.index, heard.link, payload.len());
            }
        }
    }

    /// A message arrived over a link of a stream that was not wanted from there any more when it was announced.
    pub(crate) fn ignore(&self, link: LinkId, len: usize) {
        lock(&self.sinks).return_credit(link, false, len);
    }

    /// A stream announced its next number, or its end.
    pub(crate) fn hear_tail(
        &self,
        heard: Heard,
        next_sequence: u64,
        last: Last,
        after: &mut Aftermath,
    ) {
        let mut sinks = lock(&self.sinks);
        let Some(stream) = sinks.stream(heard) else {
            return;
        };
        let was_its = stream.link() == Some(heard.link);
        let missed = stream.tail(heard.link, next_sequence, last);
        let (ended, link) = (stream.stream().has_ended(), stream.link());
        let is_cut = was_its && link.is_none() && !stream.is_spliced();
        self.heard(&mut sinks, heard, heard.link, missed, None, after);
        if was_its && last == Last::Ended && ended {
            sinks.cut_relayed(heard.index, true, after);
        } else if is_cut {
            sinks.cut_relayed(heard.index, false, after);
        } else if link == Some(heard.link) {
            sinks.relay_tail(heard.index, missed, after);
        }
        self.release(&mut sinks, heard, after);
    }

    /// The link of a stream is gone. After a farewell its streams have ended; what passes while nobody here subscribes to
    /// them is no loss.
    pub(crate) fn stream_cut(&self, heard: Heard, farewell: Farewell, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let standing = match farewell {
            _ if sinks.inboxes.is_empty() => Standing::Unheard,
            Farewell::None => Standing::Open,
            _ if heard.relayed => Standing::Open,
            Farewell::Ours => Standing::Unheard,
            Farewell::Theirs => Standing::Ended,
        };
        let Some(stream) = sinks.stream(heard) else {
            return;
        };
        let was_its = stream.link() == Some(heard.link);
        stream.cut(heard.link, standing);
        if was_its && !stream.is_spliced() {
            let ended = farewell == Farewell::Theirs && !heard.relayed;
            sinks.cut_relayed(heard.index, ended, after);
        }
        self.release(&mut sinks, heard, after);
    }

    /// The way of a stream is cut somewhere behind its link.
    pub(crate) fn stream_lost(&self, origin: NodeId, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let Some(side) = &mut sinks.heard else { return };
        let is_its = |heard: &HeardStream| heard.stream.stream().publisher() == origin;
        if let Some(index) = side.streams.iter().position(is_its) {
            side.streams[index].stream.lost();
            let discarded = side.streams[index].stream.take_discarded();
            for (link, len) in discarded {
                sinks.discard(index, link, len);
            }
            sinks.cut_relayed(index, false, after);
        }
    }

    /// The publisher of a stream is not expected back.
    pub(crate) fn stream_gone(&self, origin: NodeId, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let Some(side) = &mut sinks.heard else { return };
        let is_its = |heard: &&mut HeardStream| heard.stream.stream().publisher() == origin;
        let Some(heard) = side.streams.iter_mut().find(is_its) else {
            return;
        };
        let missed = heard.stream.give_up();
        // A route that goes over to another endpoint is no loss.
        let is_routed = side.routed.is_some();
        if !missed.is_none() && !is_routed && !sinks.inboxes.is_empty() {
            after.missed(&self.name, missed);
            sinks.tell_missed(missed);
        }
    }

    /// A stream that comes over several links is not to come over this one any more.
    pub(crate) fn leave_way(&self, origin: NodeId, link: LinkId, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let Some(side) = &mut sinks.heard else { return };
        let is_its = |heard: &HeardStream| heard.stream.stream().publisher() == origin;
        let Some(index) = side.streams.iter().position(is_its) else {
            return;
        };
        let heard = Heard {
            link,
            index,
            serial: side.streams[index].serial,
            relayed: true,
        };
        drop(sinks);
        self.stream_cut(heard, Farewell::None, after);
    }

    /// A stream is to be followed on this link, and the others it comes by are to be left.
    pub(crate) fn follow_stream(&self, origin: NodeId, link: LinkId, after: &mut Aftermath) {
        let mut sinks = lock(&self.sinks);
        let side = sinks.heard.get_or_insert_default();
        let is_its = |heard: &HeardStream| heard.stream.stream().publisher() == origin;
        match side.streams.iter().position(is_its) {
            Some(index) => {
                side.streams[index].awaited = Some(link);
                sinks.tell_followed(self.id, index, after);
            }
            None => after.work().followed.push((self.id, origin, link)),
        }
    }

    /// What was heard of a stream: a loss, and a message.
    fn heard(
        &self,
        sinks: &mut SinkSide,
        heard: Heard,
        link: LinkId,
        missed: Missed,
        message: Option<(u64, &Payload)>,
        after: &mut Aftermath,
    ) {
        if let Some((sequence, payload)) = message {
            sinks.relay(heard.index, link, sequence, payload, after);
        }
        let listened = sinks.listens_to(link);
        if let Some((_, payload)) = message {
            sinks.return_credit(link, listened, payload.len());
        }
        if !listened {
            return;
        }
        if let Some((_, payload)) = message {
            sinks.count_received(payload.len());
        }
        if !missed.is_none() {
            after.missed(&self.name, missed);
            sinks.tell_missed_on(link, heard.index, missed);
        }
        if let Some((_, payload)) = message {
            sinks.deliver_from(link, heard.index, payload, after);
        }
    }

    /// Delivers what waited on a new way of a stream, if it is its turn.
    fn release(&self, sinks: &mut SinkSide, heard: Heard, after: &mut Aftermath) {
        while let Some(Released {
            link,
            missed,
            message,
        }) = sinks.stream(heard).and_then(Spliced::release)
        {
            let message = message.as_ref();
            let message = message.map(|(sequence, payload)| (*sequence, payload));
            self.heard(sinks, heard, link, missed, message, after);
            if message.is_none() {
                sinks.relay_tail(heard.index, missed, after);
            }
        }
        let stream = sinks.stream(heard);
        for (link, len) in stream.map(Spliced::take_discarded).unwrap_or_default() {
            sinks.discard(heard.index, link, len);
        }
        sinks.tell_followed(self.id, heard.index, after);
    }

    /// Remembers how far a stream to us as the owner was heard; the oldest is forgotten when there are many.
    pub(crate) fn keep_cut_upstream(&self, stream: Stream, at_ms: u64) {
        let mut side = lock(&self.publish);
        let outside = side.outside.get_or_insert_default();
        outside.kept().cut_upstreams.keep(stream, at_ms);
    }

    /// A publisher elsewhere that was cut off then is taken for dead.
    pub(crate) fn give_up_publisher(&self, publisher: NodeId, cut_at_ms: u64) {
        let mut side = lock(&self.publish);
        let outside = side.outside.as_mut();
        let missed = outside.map(|outside| {
            let kept = outside.kept();
            kept.cut_upstreams.give_up(publisher, cut_at_ms)
        });
        drop(side);
        if let Some(missed) = missed.filter(|missed| !missed.is_none()) {
            self.skip_for_peer(missed);
        }
    }

    /// What is known of a stream that goes on with the number `next` by its only way. One that is not known is `unheard`,
    /// unless an earlier topic of this name may have heard it.
    pub(crate) fn take_cut_upstream(&self, next: u64, unheard: Stream) -> Option<Stream> {
        let mut side = lock(&self.publish);
        let outside = side.outside.as_mut();
        let cut = outside.and_then(|outside| {
            let kept = outside.kept();
            kept.cut_upstreams.take(unheard.publisher(), next)
        });
        cut.or_else(|| self.life.is_first().then_some(unheard))
    }
}

impl SinkSide {
    /// What is published while nobody here wants it is no loss.
    pub(super) fn end_if_unwanted(&mut self) {
        if !self.inboxes.is_empty() {
            return;
        }
        let Some(side) = &mut self.heard else { return };
        for heard in &mut side.streams {
            let origin = heard.stream.stream().publisher();
            let mut relays = side.relays.iter();
            if relays.all(|relay| !relay.is_wanted_of(origin)) {
                heard.stream.stand(Standing::Unheard);
            }
        }
    }

    /// A message that a link sends to all; those who wait for what was before it pass it by.
    #[inline]
    fn deliver_from(&self, link: LinkId, index: usize, payload: &Payload, after: &mut Aftermath) {
        let source = Source(link.0);
        if !self.anybody_waits() {
            return self.deliver(source, payload, after);
        }
        for sink in &self.inboxes {
            if !self.is_held(sink.subscriber, link, index) {
                sink.deliver(source, payload, after);
            } else if sink.inbox.blocks() {
                sink.inbox.pass_by(source, payload.len());
            }
        }
    }

    /// Whether these messages are plainly the next ones of their stream and go to all subscribers here and to nobody else;
    /// then they count as heard.
    #[inline]
    fn receive_plain(&mut self, heard: Heard, run: &HeardRun<'_>) -> bool {
        let Some(side) = &mut self.heard else {
            return false;
        };
        let is_plain =
            side.departed.is_empty() && side.relays.is_empty() && side.awaiting.is_empty();
        let is_routed_here = (side.routed).is_none_or(|route| route == Some(heard.link));
        let count = run.messages.len() as u64;
        let is_next = is_plain
            && is_routed_here
            && side.streams.get_mut(heard.index).is_some_and(|known| {
                known.serial == heard.serial
                    && known.stream.receive_run(heard.link, run.first, count)
            });
        if is_next {
            side.received += Tally {
                messages: count,
                bytes: run.bytes as u64,
            };
        }
        is_next
    }

    /// Delivers messages of a link, of so many bytes in all.
    #[inline]
    fn deliver_run<'a>(
        &self,
        source: Source,
        run: impl ExactSizeIterator<Item = View<'a>> + Clone,
        bytes: usize,
        after: &mut Aftermath,
    ) {
        for sink in &self.inboxes {
            sink.deliver_of_link(source, run.clone(), bytes, after);
        }
    }

    pub(super) fn stream(&mut self, heard: Heard) -> Option<&mut Spliced> {
        let known = self.heard.as_mut()?.streams.get_mut(heard.index)?;
        (known.serial == heard.serial).then_some(&mut known.stream)
    }

    /// Tells if a stream has come to be carried by the link that it is to be followed on.
    fn tell_followed(&mut self, topic: TopicId, index: usize, after: &mut Aftermath) {
        let streams = self.heard.as_mut().map(|side| &mut side.streams);
        let Some(heard) = streams.and_then(|streams| streams.get_mut(index)) else {
            return;
        };
        let carried = |link: &mut LinkId| heard.stream.is_carried_by(*link);
        if let Some(link) = heard.awaited.take_if(carried) {
            let origin = heard.stream.stream().publisher();
            after.work().followed.push((topic, origin, link));
        }
    }

    /// A routed topic listens to its route alone.
    pub(super) fn listens_to(&self, link: LinkId) -> bool {
        let routed = self.heard.as_ref().and_then(|side| side.routed);
        routed.is_none_or(|route| route == Some(link))
    }

    /// What is missing of what a link sends to all. Those who wait for what was before count for themselves what can be
    /// counted.
    fn tell_missed_on(&self, link: LinkId, index: usize, missed: Missed) {
        if !self.anybody_waits() {
            return self.tell_missed(missed);
        }
        for sink in &self.inboxes {
            let missed = match self.is_held(sink.subscriber, link, index) {
                true => missed.uncounted(),
                false => missed,
            };
            if !missed.is_none() {
                sink.inbox.missed(sink.slot, missed);
            }
        }
    }

    fn anybody_waits(&self) -> bool {
        let side = self.heard.as_ref();
        side.is_some_and(|side| side.is_awaited())
    }

    /// A message goes to nobody: it was seen before, or waited in vain.
    fn discard(&mut self, index: usize, link: LinkId, len: usize) {
        self.return_credit(link, false, len);
        self.relay_discarded(index, link, len);
    }

    /// A message of a link is not going to be received by everybody on whose credit it came: by those who cancelled,
    /// or, where the topic is routed elsewhere or the message was seen before, by anybody.
    fn return_credit(&self, link: LinkId, listened: bool, len: usize) {
        let departed = self.heard.iter().flat_map(|side| side.departed.iter());
        let departed = departed.filter(|known| known.link == link);
        departed.for_each(|known| known.inbox.pass_by(Source(link.0), len));
        if !listened {
            let blocking = self.inboxes.iter().filter(|sink| sink.inbox.blocks());
            blocking.for_each(|sink| sink.inbox.pass_by(Source(link.0), len));
        }
    }
}

impl HeardSide {
    /// Whether subscribers are still to get what was published before their time.
    #[inline]
    pub(super) fn is_awaited(&self) -> bool {
        !self.awaiting.is_empty()
    }

    /// Dropped at the queues of links that streams are passed on to.
    pub(super) fn dropped_at_links(&self) -> u64 {
        let relays = self.relays.iter().map(RelaySide::dropped);
        self.relays_dropped + relays.sum::<u64>()
    }

    /// Goes on with streams that were heard before.
    pub(super) fn resume(&mut self, cut: CutStreams) {
        let serials = cut.streams.iter().map(|heard| heard.serial);
        self.next_serial = serials.max().unwrap_or_default();
        self.streams = cut.streams;
        self.awaiting = cut.awaiting;
    }

    /// A link announced a stream that was heard before: what is missing of it.
    fn reopen(&mut self, index: usize, link: LinkId, alias: &Alias<'_>) -> Missed {
        let stream = &mut self.streams[index].stream;
        let known = *stream.stream();
        let missed = stream.announced(link, alias.incarnation, alias.next_sequence);
        if known.incarnation() < alias.incarnation && known.is_ended_by_publisher() {
            self.awaiting.begins_anew(link, alias.publisher);
        }
        missed
    }

    /// Adds a stream, in place of the oldest one that is no longer heard when there are many.
    fn insert(&mut self, link: LinkId, alias: &Alias<'_>) -> usize {
        self.next_serial = self.next_serial.wrapping_add(1);
        let Alias {
            publisher,
            incarnation,
            next_sequence,
            ..
        } = *alias;
        let stream = HeardStream {
            stream: Spliced::new(link, publisher, incarnation, next_sequence),
            serial: self.next_serial,
            awaited: None,
        };
        let is_idle = |heard: &HeardStream| heard.stream.link().is_none();
        let idle = self.streams.iter().filter(|heard| is_idle(heard)).count();
        if idle >= MAX_IDLE_STREAMS
            && let Some(index) = self.streams.iter().position(is_idle)
        {
            self.streams[index] = stream;
            return index;
        }
        self.streams.push(stream);
        self.streams.len() - 1
    }
}
