//! Drop-oldest: the oldest message that may be lost gives way, also from behind some that must arrive.
//!
//! What stays in front of it, control frames and messages that must arrive, moves to a queue of its own that is written
//! first. So the order stays, each byte moves once at most, and what is dropped is always at the front.

use super::{Content, Outbox, Segment, open_segment, renamed_alias};
use crate::frame::{Data, Past, kind};
use crate::overflow::Overflow;

impl Outbox {
    /// Drops the oldest message that may be lost and is not being written yet. False if there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        while let Some(segment) = self.segments.front_mut() {
            if segment.droppable == 0 {
                self.keep_segment();
                continue;
            }
            let frame = FrameSpan::first(segment.bytes()).expect("a message begins here");
            if frame.is_message(segment.bytes()) && !segment.begins_protected() {
                self.drop_first(&frame);
                return true;
            }
            self.keep_first(&frame);
        }
        false
    }

    /// Moves the first segment out of the way.
    fn keep_segment(&mut self) {
        let Some(segment) = self.segments.pop_front() else {
            return;
        };
        let bytes = segment.bytes();
        let is_buffer = matches!(segment.content, Content::Buffer(_));
        match self.kept.back_mut() {
            Some(last) if bytes.is_empty() => last.count(&segment),
            // All of it was dropped, or moved and taken to be written since.
            None if bytes.is_empty() => self.unread_answers -= segment.answer_bytes,
            Some(last) if is_buffer && last.has_space(bytes.len()) => {
                last.count(&segment);
                let kept = open_segment(&mut self.kept, bytes.len());
                kept.buffer().extend_from_slice(bytes);
            }
            _ => self.kept.push_back(segment),
        }
    }

    /// Moves the first frame out of the way.
    fn keep_first(&mut self, frame: &FrameSpan) {
        let segment = &mut self.segments[0];
        let bytes = &segment.bytes()[..frame.in_buffer];
        let kept = open_segment(&mut self.kept, bytes.len());
        kept.buffer().extend_from_slice(bytes);
        let body = &bytes[frame.header..];
        if !frame.is_message(bytes) {
            if let Some(alias) = renamed_alias(body) {
                let position = segment.renamed.iter().position(|known| *known == alias);
                segment
                    .renamed
                    .remove(position.expect("noted when it was queued"));
            }
        } else if frame.is_whole() {
            let payload_len = frame.payload_len(body);
            segment.messages -= 1;
            segment.payload_bytes -= payload_len;
            let kept = self.kept.back_mut().expect("just opened");
            kept.messages += 1;
            kept.payload_bytes += payload_len;
        }
        segment.start += frame.in_buffer;
        if !frame.is_whole() {
            let payload = self.segments.remove(1);
            self.kept.extend(payload);
        }
    }

    /// Drops the first frame, a message.
    fn drop_first(&mut self, frame: &FrameSpan) {
        let segment = &mut self.segments[0];
        let body = segment.bytes()[frame.header..frame.in_buffer].to_vec();
        let payload_len = frame.payload_len(&body);
        segment.start += frame.in_buffer;
        segment.droppable -= 1;
        if frame.is_whole() {
            segment.messages -= 1;
            segment.payload_bytes -= payload_len;
        } else {
            self.segments.remove(1);
        }
        self.messages -= 1;
        self.bytes -= payload_len;
        self.tell_loss(&body);
    }

    /// Where the stream is announced again or ended behind the message, that shows the loss, and by then the alias may
    /// be another stream's. What is missing of the past shows at the next of it, or at its end.
    fn tell_loss(&mut self, body: &[u8]) {
        let stream = Data::decode(body).and_then(Result::ok);
        let mut segments = self.segments.iter();
        let is_told =
            stream.is_none_or(|data| segments.any(|segment| segment.renamed.contains(&data.alias)));
        if is_told {
            self.drops.count(Overflow::DropOldest);
            if let Some(alias) = alias_of(body) {
                *self.dropped_of.entry(alias).or_default() += 1;
            }
        } else {
            self.note_loss(body, Overflow::DropOldest);
        }
    }
}

impl Segment {
    /// Whether the first frame is a message that must arrive.
    fn begins_protected(&mut self) -> bool {
        while self
            .protected
            .front()
            .is_some_and(|message| message.end <= self.start)
        {
            self.protected.pop_front();
        }
        let first = self.protected.front();
        first.is_some_and(|messages| messages.contains(&self.start))
    }

    /// Takes over the counts of another one, whose bytes follow.
    fn count(&mut self, other: &Self) {
        self.messages += other.messages;
        self.payload_bytes += other.payload_bytes;
        self.answer_bytes += other.answer_bytes;
    }
}

/// Where the first ZMTP frame of our own encoding ends.
struct FrameSpan {
    header: usize,
    /// Bytes of it in the buffer; fewer than `total` when a shared payload follows.
    in_buffer: usize,
    total: usize,
}

impl FrameSpan {
    fn first(bytes: &[u8]) -> Option<Self> {
        let long = bytes.first()? & 0b10 != 0;
        let (header, body) = if long {
            (
                9,
                u64::from_be_bytes(bytes[1..9].try_into().expect("eight bytes")) as usize,
            )
        } else {
            (2, usize::from(bytes[1]))
        };
        Some(Self {
            header,
            in_buffer: bytes.len().min(header + body),
            total: header + body,
        })
    }

    fn is_message(&self, bytes: &[u8]) -> bool {
        self.in_buffer > self.header && matches!(bytes[self.header], kind::DATA | kind::PAST)
    }

    /// Whether no shared payload follows.
    fn is_whole(&self) -> bool {
        self.in_buffer == self.total
    }

    /// Bytes of the payload of a message; `body` is what the buffer has of it.
    fn payload_len(&self, body: &[u8]) -> usize {
        let header_len = body.len() - own_payload(body).len();
        self.total - self.header - header_len
    }
}

fn alias_of(body: &[u8]) -> Option<u32> {
    let data = Data::decode(body).and_then(Result::ok);
    let past = Past::decode(body).and_then(Result::ok);
    data.map(|data| data.alias).or(past.map(|past| past.alias))
}

fn own_payload(body: &[u8]) -> &[u8] {
    match (Data::decode(body), Past::decode(body)) {
        (Some(Ok(data)), _) => data.payload,
        (_, Some(Ok(past))) => past.payload,
        _ => unreachable!("only own messages are dropped or kept"),
    }
}
