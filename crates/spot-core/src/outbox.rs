//! A link's outgoing queue as a plain struct: encoded bytes, HWM, overflow policy, credit.
//!
//! Messages are encoded once, into the bytes that go to the socket. Control frames travel in line with them and never
//! count against a limit. What had to be dropped is announced when there is room again, so that the receiver learns of
//! a loss even when nothing more is published.

mod dropping;
mod gate;
mod past;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashMap;
use smallvec::SmallVec;
use zmtp::{FrameKind, MAX_FRAME_HEADER, put_frame, put_frame_header};

use self::gate::Gate;
use crate::drops::Drops;
use crate::frame::{Data, Frame, Last, NextHeader, kind};
use crate::inbox::{Limit, Offer};
use crate::limits::MAX_WAITING_GOSSIP_BYTES;
use crate::overflow::{Class, Overflow};
use crate::payload::{Payload, View};

/// Bytes collected in one segment before the next is begun: large enough for few system calls.
const SEGMENT_BYTES: usize = 64 * 1024;
/// Payloads from this size on are referenced instead of copied.
const SHARE_MIN_BYTES: usize = 8 * 1024;
/// The largest body of a frame that has one byte of length before it.
pub const SHORT_MAX_BYTES: usize = u8::MAX as usize;
/// Most gates of a link, so that a peer cannot make it keep more by granting credit to classes it made up.
const MAX_GATES: usize = 1 << 20;

/// A run of bytes to write.
#[derive(Debug)]
pub struct Segment {
    content: Content,
    start: usize,
    messages: usize,
    payload_bytes: usize,
    /// Messages whose frame begins here and that may be dropped.
    droppable: usize,
    /// The other messages that begin here, as stretches of the buffer: they must arrive.
    protected: VecDeque<Range<usize>>,
    /// Aliases that an ALIAS or a last TAIL in here gives or frees.
    renamed: SmallVec<[u32; 1]>,
    answer_bytes: usize,
}

#[derive(Debug)]
enum Content {
    Buffer(Vec<u8>),
    Shared(Bytes),
}

impl Segment {
    fn new(content: Content) -> Self {
        Self {
            content,
            start: 0,
            messages: 0,
            payload_bytes: 0,
            droppable: 0,
            protected: VecDeque::new(),
            renamed: SmallVec::new(),
            answer_bytes: 0,
        }
    }

    /// The bytes still to write.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Buffer(buffer) => &buffer[self.start..],
            Content::Shared(shared) => &shared[self.start..],
        }
    }

    /// Messages that begin here.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Marks bytes as written.
    pub fn advance(&mut self, written: usize) {
        self.start += written;
    }

    #[inline]
    fn has_space(&self, len: usize) -> bool {
        matches!(&self.content, Content::Buffer(buffer) if buffer.len() + len <= SEGMENT_BYTES)
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        match &mut self.content {
            Content::Buffer(buffer) => buffer,
            Content::Shared(_) => unreachable!("nothing is appended behind a shared payload"),
        }
    }

    fn count_message(&mut self, payload_len: usize) {
        self.messages += 1;
        self.payload_bytes += payload_len;
    }

    /// Notes a message that must arrive.
    #[inline]
    fn protect(&mut self, message: Range<usize>) {
        match self.protected.back_mut() {
            Some(last) if last.end == message.start => last.end = message.end,
            _ => self.protected.push_back(message),
        }
    }
}

/// A gate of an [`Outbox`], as given by [`Outbox::gate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateIndex(u32);

/// How the subscribers behind a link want a topic to be treated when the queue is full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkPolicy {
    /// Gates of the subscribers that block the publisher.
    pub gates: SmallVec<[GateIndex; 1]>,
    /// Whether a full queue holds the publisher up, apart from any gate.
    pub block: bool,
    /// Whether the oldest message gives way; otherwise the newest is dropped.
    pub drop_oldest: bool,
    /// Classes to end when a message is dropped.
    pub disconnect: SmallVec<[Class; 1]>,
}

impl SinkPolicy {
    /// Whether a message that finds no room holds its publisher up.
    #[must_use]
    #[inline]
    pub fn blocks(&self) -> bool {
        self.block || !self.gates.is_empty()
    }

    /// Why a message is dropped that finds no room.
    fn overflow(&self) -> Overflow {
        if self.blocks() {
            Overflow::Block
        } else if self.drop_oldest {
            Overflow::DropOldest
        } else if self.disconnect.is_empty() {
            Overflow::DropNewest
        } else {
            Overflow::Disconnect
        }
    }
}

/// Whether gossip may overtake what is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overtaking {
    /// The handshake and the choice of the link may wait to be written.
    NotYet,
    /// The link is in use: once all that is queued now was taken.
    OnceEmpty,
    Allowed,
}

/// A link's outgoing queue.
#[derive(Debug)]
pub struct Outbox {
    segments: VecDeque<Segment>,
    /// What was kept in front of a message dropped as the oldest, in order; it is written first.
    kept: VecDeque<Segment>,
    /// Gossip that overtakes the rest.
    gossip: Vec<u8>,
    overtaking: Overtaking,
    messages: usize,
    bytes: usize,
    reserved_messages: usize,
    reserved_bytes: usize,
    limit: Limit,
    gates: Vec<Gate>,
    gate_of: HashMap<Class, GateIndex>,
    /// Bytes of answers to the peer's questions that are not written yet.
    unread_answers: usize,
    /// Next number of streams that lost messages here, by alias, to be announced.
    unannounced: BTreeMap<u32, u64>,
    drops: Drops,
    /// Messages dropped of each stream that lost any, by alias.
    dropped_of: BTreeMap<u32, u64>,
    /// Most messages that ever waited.
    high_water: usize,
    /// About what is queued between two times that it is taken: how large a buffer to begin with.
    burst_bytes: usize,
}

impl Outbox {
    /// An empty queue.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self {
            segments: VecDeque::new(),
            kept: VecDeque::new(),
            gossip: Vec::new(),
            overtaking: Overtaking::NotYet,
            messages: 0,
            bytes: 0,
            reserved_messages: 0,
            reserved_bytes: 0,
            limit,
            gates: Vec::new(),
            gate_of: HashMap::new(),
            unread_answers: 0,
            unannounced: BTreeMap::new(),
            drops: Drops::default(),
            dropped_of: BTreeMap::new(),
            high_water: 0,
            burst_bytes: 0,
        }
    }

    /// Changes the limit; what is queued stays.
    pub fn set_limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Messages waiting to be written.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Their payload bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Most messages that ever waited at once.
    #[must_use]
    pub fn high_water(&self) -> usize {
        self.high_water
    }

    /// Bytes that these messages are on the wire, about.
    #[must_use]
    #[inline]
    pub fn wire_bytes(&self) -> usize {
        self.bytes + self.messages * MAX_FRAME_HEADER
    }

    /// Messages dropped here so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.drops.total()
    }

    /// The same by the policy of those whom they were for.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// Messages of the stream with this alias that were dropped here.
    #[must_use]
    pub fn dropped_of(&self, alias: u32) -> u64 {
        self.dropped_of.get(&alias).copied().unwrap_or_default()
    }

    /// As [`dropped_of`](Self::dropped_of), for the last time: the alias may become another stream's.
    pub fn forget_dropped_of(&mut self, alias: u32) -> u64 {
        self.dropped_of.remove(&alias).unwrap_or_default()
    }

    /// Whether there is nothing to write.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.kept.is_empty() && self.gossip.is_empty()
    }

    /// Queues a SPOT frame that is not a message. Gossip overtakes messages: who waits for it would take us for dead.
    pub fn control(&mut self, frame: &[u8]) {
        match frame.first() {
            Some(&kind::GOSSIP) if self.overtaking == Overtaking::Allowed => {
                // What waits so long is stale.
                if self.gossip.len() < MAX_WAITING_GOSSIP_BYTES {
                    put_frame(&mut self.gossip, false, frame);
                }
                return;
            }
            Some(&kind::TOPICS) if self.overtaking == Overtaking::NotYet => {
                self.overtaking = Overtaking::OnceEmpty;
            }
            _ => {}
        }
        let segment = open_segment(&mut self.segments, frame.len());
        put_frame(segment.buffer(), false, frame);
        if let Some(alias) = renamed_alias(frame) {
            // The frame itself tells where the stream stands.
            self.unannounced.remove(&alias);
            segment.renamed.push(alias);
        }
        if let Some(&(kind::SYNC_ACK | kind::INTEREST_ACK | kind::GOSSIP)) = frame.first() {
            self.count_answer(frame.len());
        }
    }

    /// Queues an answer to a question of the peer: bytes that are framed already.
    pub fn answer(&mut self, bytes: &[u8]) {
        self.framed(bytes);
        self.count_answer(bytes.len());
    }

    /// Bytes of answers not written yet, SYNC_ACK and INTEREST_ACK among them. A peer that asks and does not read must
    /// not make them grow without end.
    #[must_use]
    pub fn unread_answers(&self) -> usize {
        self.unread_answers
    }

    /// Queues bytes that are framed already.
    pub fn framed(&mut self, bytes: &[u8]) {
        let segment = open_segment(&mut self.segments, bytes.len());
        segment.buffer().extend_from_slice(bytes);
    }

    /// The gate of a blocking class; it is shut until credit comes. Those beyond 1048576 of one link stay shut.
    pub fn gate(&mut self, class: Class) -> GateIndex {
        if let Some(known) = self.gate_of.get(&class) {
            return *known;
        }
        let index = GateIndex(u32::try_from(self.gates.len()).unwrap_or(u32::MAX));
        if self.gates.len() < MAX_GATES {
            self.gates.push(Gate::default());
            self.gate_of.insert(class, index);
        }
        index
    }

    /// Opens a gate anew, with this much credit and no more.
    pub fn reopen_gate(&mut self, class: Class, messages: u64, bytes: u64) -> GateIndex {
        let index = self.gate(class);
        if let Some(gate) = self.gates.get_mut(index.0 as usize) {
            *gate = Gate {
                messages,
                bytes,
                overdrawn_bytes: 0,
            };
        }
        index
    }

    /// Adds credit to a class.
    pub fn credit(&mut self, class: Class, messages: u64, bytes: u64) {
        let GateIndex(index) = self.gate(class);
        if let Some(gate) = self.gates.get_mut(index as usize) {
            gate.add(messages, bytes);
        }
    }

    /// Offers a message of a SPOT stream. `header` is the SPOT header of the message, the same for every link.
    #[inline]
    pub fn offer<'a>(
        &mut self,
        policy: &SinkPolicy,
        header: &[u8],
        data: impl Into<View<'a>>,
    ) -> Offer {
        let data = data.into();
        if self.has_room(policy, data.len()) {
            self.spend(policy, data.len());
            self.append(header, data, policy.blocks());
            return Offer::Queued;
        }
        self.overflowed(policy, header, data)
    }

    /// As [`offer`](Self::offer) for a message with this header, if it finds room and credit; otherwise nothing has changed.
    #[inline]
    pub fn offer_plainly(&mut self, policy: &SinkPolicy, header: &NextHeader, data: &[u8]) -> bool {
        let body_len = header
            .bytes()
            .map_or(usize::MAX, |(_, len)| len + data.len());
        if body_len > SHORT_MAX_BYTES || !self.spend_if_room(policy, data.len()) {
            return false;
        }
        self.append_short(header, data, body_len, policy.blocks());
        true
    }

    /// Sets room and credit aside for a message.
    pub fn reserve(&mut self, policy: &SinkPolicy, len: usize) -> bool {
        let room = self.has_room(policy, len);
        if room {
            self.spend(policy, len);
            self.reserved_messages += 1;
            self.reserved_bytes += len;
        }
        room
    }

    /// Gives reserved room and credit back.
    pub fn unreserve(&mut self, policy: &SinkPolicy, len: usize) {
        self.reserved_messages -= 1;
        self.reserved_bytes -= len;
        for GateIndex(index) in &policy.gates {
            self.gates[*index as usize].add(1, len as u64);
        }
    }

    /// Queues a message into room set aside by [`reserve`](Self::reserve).
    pub fn offer_reserved(&mut self, header: &[u8], payload: &Payload) {
        self.reserved_messages -= 1;
        self.reserved_bytes -= payload.len();
        self.append(header, payload.into(), true);
    }

    /// A message that found no room and that nobody waits with is lost. That is told as soon as there is room to tell, so
    /// that it shows though nothing more may be published.
    pub fn lose(&mut self, header: &[u8]) {
        self.note_loss(header, Overflow::Block);
        self.announce_losses_if_time();
    }

    /// Offers a plain ZeroMQ message: these frames. Dropped when there is no room.
    pub fn offer_plain(&mut self, frames: &[&[u8]]) -> Offer {
        let len: usize = frames.iter().map(|frame| frame.len()).sum();
        if !self.limit.has_room(self.messages, self.bytes, len) {
            self.drops.count(Overflow::DropNewest);
            return Offer::Dropped;
        }
        let framed_len = len + frames.len() * MAX_FRAME_HEADER;
        let segment = open_segment(&mut self.segments, framed_len);
        for (index, frame) in frames.iter().enumerate() {
            put_frame(segment.buffer(), index + 1 < frames.len(), frame);
        }
        segment.count_message(len);
        self.count_queued(len);
        Offer::Queued
    }

    /// Takes segments to write, at least one if there is any and then up to about `max_bytes`. They count as queued
    /// until [`written`](Self::written) is told.
    pub fn take(&mut self, max_bytes: usize, into: &mut VecDeque<Segment>) {
        if !self.gossip.is_empty() {
            let gossip = Content::Buffer(std::mem::take(&mut self.gossip));
            into.push_back(Segment::new(gossip));
        }
        let mut taken = 0;
        while (taken < max_bytes || self.begins_with_a_shared_payload())
            && let Some(segment) = self.kept.pop_front().or_else(|| self.segments.pop_front())
        {
            taken += segment.bytes().len();
            into.push_back(segment);
        }
        self.burst_bytes = taken.max(self.burst_bytes / 2).min(SEGMENT_BYTES);
        if self.overtaking == Overtaking::OnceEmpty && self.is_empty() {
            self.overtaking = Overtaking::Allowed;
        }
    }

    /// Tells that a segment is written. Returns whether blocked publishers may find room now.
    pub fn written(&mut self, segment: &Segment) -> bool {
        self.messages -= segment.messages;
        self.bytes -= segment.payload_bytes;
        self.unread_answers -= segment.answer_bytes;
        self.announce_losses_if_time();
        segment.messages > 0
    }

    /// Whether a message of `len` bytes would be queued now.
    #[must_use]
    #[inline]
    pub fn has_room(&self, policy: &SinkPolicy, len: usize) -> bool {
        let (messages, bytes) = (
            self.messages + self.reserved_messages,
            self.bytes + self.reserved_bytes,
        );
        self.limit.has_room(messages, bytes, len)
            && policy
                .gates
                .iter()
                .all(|GateIndex(index)| self.gates.get(*index as usize).is_some_and(Gate::is_open))
    }

    /// Its header was taken, so it must follow.
    fn begins_with_a_shared_payload(&self) -> bool {
        let first = self.kept.front().or(self.segments.front());
        first.is_some_and(|segment| matches!(segment.content, Content::Shared(_)))
    }

    /// As [`spend`](Self::spend) if there is [room](Self::has_room); otherwise nothing has changed.
    #[inline]
    fn spend_if_room(&mut self, policy: &SinkPolicy, len: usize) -> bool {
        // Mostly one subscriber blocks.
        if let [GateIndex(index)] = policy.gates.as_slice() {
            let (messages, bytes) = (
                self.messages + self.reserved_messages,
                self.bytes + self.reserved_bytes,
            );
            let gate = self.gates.get_mut(*index as usize);
            let gate = gate.filter(|gate| gate.is_open());
            let gate = gate.filter(|_| self.limit.has_room(messages, bytes, len));
            gate.map(|gate| gate.spend(len as u64)).is_some()
        } else if self.has_room(policy, len) {
            self.spend(policy, len);
            true
        } else {
            false
        }
    }

    #[inline]
    fn spend(&mut self, policy: &SinkPolicy, len: usize) {
        for GateIndex(index) in &policy.gates {
            self.gates[*index as usize].spend(len as u64);
        }
    }

    /// `must_arrive` where a publisher waited, or would have, for room and credit.
    #[inline]
    fn append(&mut self, header: &[u8], data: View<'_>, must_arrive: bool) {
        let is_large = data.len() >= SHARE_MIN_BYTES;
        let copied = if is_large { &[] } else { data.bytes() };
        self.count_queued(data.len());
        let len = MAX_FRAME_HEADER + header.len() + copied.len();
        if !self.segments.back().is_some_and(|last| last.has_space(len)) {
            self.begin_segment(len);
        }
        let segment = self.segments.back_mut().expect("just made sure of");
        let buffer = segment.buffer();
        let start = buffer.len();
        put_frame_header(buffer, FrameKind::Last, header.len() + data.len());
        buffer.extend_from_slice(header);
        buffer.extend_from_slice(copied);
        let end = buffer.len();
        if must_arrive {
            segment.protect(start..end);
        } else {
            segment.droppable += 1;
        }
        if is_large {
            self.append_large(data);
        } else {
            segment.count_message(data.len());
        }
    }

    /// As [`append`](Self::append) for a frame with a body of up to [`SHORT_MAX_BYTES`].
    #[inline]
    fn append_short(
        &mut self,
        header: &NextHeader,
        data: &[u8],
        body_len: usize,
        must_arrive: bool,
    ) {
        self.count_queued(data.len());
        let segment = match self.segments.back_mut() {
            Some(segment) if segment.has_space(MAX_FRAME_HEADER + body_len) => segment,
            _ => self.begin_segment(MAX_FRAME_HEADER + body_len),
        };
        let Content::Buffer(buffer) = &mut segment.content else {
            unreachable!("it has space");
        };
        let start = buffer.len();
        // Written at once with what does not belong to it, which is cut off.
        let (header, header_len) = header.bytes().expect("looked at before");
        let begin = u128::from(header) << 16 | (body_len as u128) << 8;
        buffer.extend_from_slice(&begin.to_le_bytes());
        buffer.truncate(start + 2 + header_len);
        buffer.extend_from_slice(data);
        let end = buffer.len();
        if must_arrive {
            segment.protect(start..end);
        } else {
            segment.droppable += 1;
        }
        segment.count_message(data.len());
    }

    #[inline]
    fn count_queued(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len;
        self.high_water = self.high_water.max(self.messages);
    }

    #[inline(never)]
    fn append_large(&mut self, data: View<'_>) {
        let mut shared = Segment::new(Content::Shared(data.to_shared()));
        shared.count_message(data.len());
        self.segments.push_back(shared);
    }

    /// Begins a segment in a buffer as large as bursts lately were.
    #[inline(never)]
    fn begin_segment(&mut self, len: usize) -> &mut Segment {
        let buffer = Vec::with_capacity(self.burst_bytes.max(len));
        self.segments
            .push_back(Segment::new(Content::Buffer(buffer)));
        self.segments.back_mut().expect("just put there")
    }

    fn count_answer(&mut self, len: usize) {
        self.unread_answers += len;
        let segment = self.segments.back_mut();
        segment.expect("it holds the answer").answer_bytes += len;
    }

    fn overflowed(&mut self, policy: &SinkPolicy, header: &[u8], data: View<'_>) -> Offer {
        if policy.blocks() {
            return Offer::Full;
        }
        if policy.drop_oldest {
            let dropped = self.dropped();
            while !self.has_room(policy, data.len()) && self.drop_oldest() {}
            // What is being written, or must arrive, cannot give way: the newest stands beside it, alone.
            self.append(header, data, false);
            return if self.dropped() > dropped {
                Offer::Dropped
            } else {
                Offer::Queued
            };
        }
        self.note_loss(header, policy.overflow());
        if policy.disconnect.is_empty() {
            Offer::Dropped
        } else {
            Offer::Ended
        }
    }

    fn note_loss(&mut self, header: &[u8], policy: Overflow) {
        self.drops.count(policy);
        if let Some(Ok(data)) = Data::decode(header) {
            *self.dropped_of.entry(data.alias).or_default() += 1;
            let next = self.unannounced.entry(data.alias).or_default();
            *next = (*next).max(data.sequence.saturating_add(1));
        }
    }

    /// Not before half of the queue is free: losses come in runs, and one announcement tells of a run.
    fn announce_losses_if_time(&mut self) {
        let is_time = self.limit.has_room(self.messages * 2, self.bytes * 2, 0);
        if self.unannounced.is_empty() || !is_time {
            return;
        }
        let mut frame = Vec::new();
        for (alias, next_sequence) in std::mem::take(&mut self.unannounced) {
            frame.clear();
            Frame::Tail {
                alias,
                next_sequence,
                last: Last::No,
            }
            .encode(&mut frame);
            self.control(&frame);
        }
    }
}

/// The alias that a frame gives to a stream or frees.
fn renamed_alias(frame: &[u8]) -> Option<u32> {
    if !matches!(frame.first(), Some(&(kind::ALIAS | kind::TAIL))) {
        return None;
    }
    match Frame::decode(frame) {
        Ok(Frame::Alias(stream)) => Some(stream.alias),
        Ok(Frame::Tail { alias, last, .. }) => last.frees_alias().then_some(alias),
        _ => None,
    }
}

/// The segment to append `len` bytes to the buffer of.
#[inline]
fn open_segment(segments: &mut VecDeque<Segment>, len: usize) -> &mut Segment {
    if !segments.back().is_some_and(|last| last.has_space(len)) {
        segments.push_back(Segment::new(Content::Buffer(Vec::new())));
    }
    segments.back_mut().expect("there is one")
}

#[cfg(test)]
mod tests;
