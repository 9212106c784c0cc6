//! What concerns the past of streams: RESUME, REPLAY, PAST, LIVE.

use super::reader::Reader;
use super::{FrameError, append_entry, interest, kind, put_numbers, put_text, read_alias};
use crate::filter::Filter;
use crate::identity::{Incarnation, NodeId};
use crate::overflow::Class;
use crate::varint;

/// The most bytes before the payload of PAST: kind, a 32 bit alias, token and sequence of 64 bits.
pub const PAST_HEADER_MAX_BYTES: usize = 1 + 5 + 2 * varint::MAX_BYTES;

/// A stream that the sender heard on an earlier link, and from which number on it wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeEntry<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Who numbers the messages.
    pub publisher: NodeId,
    /// Which life of the publisher.
    pub incarnation: Incarnation,
    /// The number after the last one that was heard.
    pub next_sequence: u64,
}

/// Asks for the last messages of the topics that match a filter, for one subscriber of the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// Returned with each message.
    pub token: u64,
    /// The class of the subscriber.
    pub class: Class,
    /// How many messages of each topic.
    pub count: u64,
    /// Exact or a pattern; the INTEREST entry of the same filter follows.
    pub filter: Filter,
}

/// A message from before a subscriber's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past<'a> {
    /// The stream, as the ALIAS frame before it named it.
    pub alias: u32,
    /// From the REPLAY.
    pub token: u64,
    /// The number of the message in its stream.
    pub sequence: u64,
    /// The message.
    pub payload: &'a [u8],
}

impl<'a> Past<'a> {
    /// Reads a PAST frame, or `None` if `frame` is of another kind.
    ///
    /// # Errors
    /// If it is a PAST frame but malformed.
    pub fn decode(frame: &'a [u8]) -> Option<Result<Self, FrameError>> {
        match frame {
            [kind::PAST, body @ ..] => Some(Self::decode_body(body)),
            _ => None,
        }
    }

    fn decode_body(body: &'a [u8]) -> Result<Self, FrameError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            alias: read_alias(&mut reader)?,
            token: reader.varint("token")?,
            sequence: reader.varint("sequence")?,
            payload: reader.rest(),
        })
    }
}

/// Appends the part of a PAST frame that comes before the payload.
pub fn put_past_header(out: &mut Vec<u8>, alias: u32, token: u64, sequence: u64) {
    put_numbers(out, kind::PAST, &[u64::from(alias), token, sequence]);
}

/// Encodes the streams to go on with as RESUME frames within the control frame limit. No streams, no frames.
pub fn resume_frames<'a>(entries: impl IntoIterator<Item = ResumeEntry<'a>>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut encoded = Vec::new();
    for entry in entries {
        encoded.clear();
        put_resume_entry(&mut encoded, &entry);
        append_entry(&mut frames, &encoded, |out, _| out.push(kind::RESUME));
    }
    frames
}

pub(super) fn put_resume(out: &mut Vec<u8>, entries: &[ResumeEntry<'_>]) {
    out.push(kind::RESUME);
    entries
        .iter()
        .for_each(|entry| put_resume_entry(out, entry));
}

fn put_resume_entry(out: &mut Vec<u8>, entry: &ResumeEntry<'_>) {
    put_text(out, entry.topic);
    out.extend(entry.publisher.0);
    varint::put(out, entry.incarnation.0);
    varint::put(out, entry.next_sequence);
}

/// The entries, which run to the end of the frame.
pub(super) fn read_resume(mut reader: Reader<'_>) -> Result<Vec<ResumeEntry<'_>>, FrameError> {
    let mut entries = Vec::new();
    while !reader.is_empty() {
        entries.push(ResumeEntry {
            topic: reader.topic()?,
            publisher: NodeId(reader.array("publisher")?),
            incarnation: Incarnation(reader.varint("incarnation")?),
            next_sequence: reader.varint("next sequence")?,
        });
    }
    Ok(entries)
}

impl ReplayRequest {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_numbers(out, kind::REPLAY, &[self.token, self.class.0, self.count]);
        interest::put_filter(out, &self.filter);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(Self {
            token: reader.varint("token")?,
            class: Class(reader.varint("class")?),
            count: reader.varint("count")?,
            filter: interest::read_filter(reader)?,
        })
    }
}
