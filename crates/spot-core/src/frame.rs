//! The SPOT link codec: what two SPOT nodes say to each other, each message a single ZMTP frame.
//!
//! The first byte is the kind; the fields follow without padding. Integers are [`varint`]s unless
//! said, texts a varint length and that many bytes of UTF-8. `docs/PROTOCOL.md` is the
//! specification.

mod data;
mod digest;
mod error;
mod gossip;
mod interest;
mod members;
mod past;
mod reader;
#[cfg(test)]
mod tests;
mod topics;

pub use data::{DATA_HEADER_MAX_BYTES, Data, NextHeader, encode_data_header, put_data_header};
pub use digest::Digest;
pub use error::FrameError;
pub use gossip::Gossip;
pub use interest::{InterestEntry, interest_frames};
pub use members::{MemberEntry, Standing, members_frames};
pub use past::{
    PAST_HEADER_MAX_BYTES, Past, ReplayRequest, ResumeEntry, put_past_header, resume_frames,
};
pub use topics::{TopicChange, topics_frames};

use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_BYE_TEXT_BYTES, MAX_CONTROL_FRAME_BYTES, MAX_RELAY_HOPS};
use crate::missed::Missed;
use crate::overflow::Class;
use crate::varint;
pub(crate) use reader::Reader;

/// Kind bytes. 0x00 and 0x01 stay unused: they begin the subscription messages of plain ZeroMQ (RFC
/// 23).
pub mod kind {
    /// [`Frame::Use`](super::Frame::Use).
    pub const USE: u8 = 0x02;
    /// [`Frame::Cease`](super::Frame::Cease).
    pub const CEASE: u8 = 0x03;
    /// [`Frame::Ceased`](super::Frame::Ceased).
    pub const CEASED: u8 = 0x04;
    /// [`Frame::Bye`](super::Frame::Bye).
    pub const BYE: u8 = 0x0f;
    /// [`Frame::Interest`](super::Frame::Interest).
    pub const INTEREST: u8 = 0x10;
    /// [`Frame::InterestAck`](super::Frame::InterestAck).
    pub const INTEREST_ACK: u8 = 0x11;
    /// [`Frame::Credit`](super::Frame::Credit).
    pub const CREDIT: u8 = 0x12;
    /// [`Frame::Ended`](super::Frame::Ended).
    pub const ENDED: u8 = 0x13;
    /// [`Frame::Topics`](super::Frame::Topics).
    pub const TOPICS: u8 = 0x20;
    /// [`Frame::Sync`](super::Frame::Sync).
    pub const SYNC: u8 = 0x21;
    /// [`Frame::SyncAck`](super::Frame::SyncAck).
    pub const SYNC_ACK: u8 = 0x22;
    /// [`Frame::Digest`](super::Frame::Digest).
    pub const DIGEST: u8 = 0x23;
    /// [`Frame::Relist`](super::Frame::Relist).
    pub const RELIST: u8 = 0x24;
    /// [`Frame::Alias`](super::Frame::Alias).
    pub const ALIAS: u8 = 0x30;
    /// [`Frame::Data`](super::Frame::Data).
    pub const DATA: u8 = 0x31;
    /// [`Frame::Tail`](super::Frame::Tail).
    pub const TAIL: u8 = 0x32;
    /// [`Frame::Resume`](super::Frame::Resume).
    pub const RESUME: u8 = 0x40;
    /// [`Frame::Replay`](super::Frame::Replay).
    pub const REPLAY: u8 = 0x41;
    /// [`Frame::Past`](super::Frame::Past).
    pub const PAST: u8 = 0x42;
    /// [`Frame::Live`](super::Frame::Live).
    pub const LIVE: u8 = 0x43;
    /// [`Frame::Members`](super::Frame::Members).
    pub const MEMBERS: u8 = 0x50;
    /// [`Frame::Gossip`](super::Frame::Gossip).
    pub const GOSSIP: u8 = 0x51;
}

/// A frame of the SPOT link. Texts and payloads are borrowed from the bytes it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The node with the smaller id chose this link, of all between the two.
    Use,
    /// An owner is about to leave: nothing more is to be published to it.
    Cease {
        /// The owner.
        owner: NodeId,
        /// Which of its lives.
        life: Incarnation,
    },
    /// Nothing more is published to that life of the owner by way of the sender.
    Ceased {
        /// The owner.
        owner: NodeId,
        /// Which of its lives.
        life: Incarnation,
    },
    /// The sender is about to close the link.
    Bye {
        /// Why.
        reason: ByeReason,
        /// Why, for people. Cut to [`MAX_BYE_TEXT_BYTES`] when encoded.
        text: &'a str,
    },
    /// Changes to what the sender wants. See [`interest_frames`] for long lists.
    Interest {
        /// Counts the sender's INTEREST frames on this link.
        version: u64,
        /// Filters with their complete class sets.
        entries: Vec<InterestEntry>,
    },
    /// Interest up to this version is in force, and the ALIAS frames it called for were sent.
    InterestAck {
        /// The version of the INTEREST frame.
        version: u64,
    },
    /// Widens the window of a class whose policy is block.
    Credit {
        /// The class.
        class: Class,
        /// Messages to add; `u64::MAX` lifts the limit.
        messages: u64,
        /// Payload bytes to add.
        bytes: u64,
    },
    /// The sender ended this class, whose policy is disconnect: it was too slow.
    Ended {
        /// The class.
        class: Class,
    },
    /// Changes to what the sender offers. See [`topics_frames`] for long lists.
    Topics {
        /// Counts the sender's TOPICS frames on this link.
        version: u64,
        /// Whether to forget what was offered before.
        reset: bool,
        /// Topics to add and remove, in order.
        changes: Vec<TopicChange<'a>>,
    },
    /// Asks for a SYNC_ACK once every topic offered now was sent.
    Sync {
        /// Returned in the answer.
        id: u64,
    },
    /// Every topic offered when the SYNC arrived was sent before this.
    SyncAck {
        /// From the SYNC.
        id: u64,
    },
    /// What all TOPICS so far amount to.
    Digest {
        /// The version of the last of them.
        version: u64,
        /// What the sender offers.
        offers: Digest,
    },
    /// The sender has missed some of them, and asks for the whole list.
    Relist {
        /// The highest version it has read of.
        version: u64,
    },
    /// Names a stream by a small number, before the first DATA.
    Alias(Alias<'a>),
    /// A message.
    Data(Data<'a>),
    /// Where an idle stream stands, so that a loss of its last messages shows.
    Tail {
        /// The stream.
        alias: u32,
        /// The number its next message will have.
        next_sequence: u64,
        /// Whether there will be none under this alias, and why.
        last: Last,
    },
    /// Streams that the sender heard on an earlier link. See [`resume_frames`] for long lists.
    Resume {
        /// Where each of them stands.
        entries: Vec<ResumeEntry<'a>>,
    },
    /// Asks for messages that were published before.
    Replay(ReplayRequest),
    /// Such a message.
    Past(Past<'a>),
    /// A subscriber was sent what it asked for of a stream: what follows is for it, too.
    Live {
        /// The stream.
        alias: u32,
        /// From the REPLAY.
        token: u64,
        /// The number of the stream's next message.
        next_sequence: u64,
    },
    /// What the sender knows of members, itself among them. See [`members_frames`] for long lists.
    Members {
        /// One entry for each member.
        entries: Vec<MemberEntry<'a>>,
    },
    /// A packet of the failure detector, on its way to a member.
    Gossip(Gossip<'a>),
}

/// A stream of messages: what one life of one publisher publishes on one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias<'a> {
    /// The number, of the sender's choice.
    pub alias: u32,
    /// The messages are published to the receiver, as the topic's owner, who fans them out.
    pub upstream: bool,
    /// It goes on where the receiver said by RESUME, or as near to it as messages are kept: numbers that the receiver
    /// has seen since come again.
    pub resumed: bool,
    /// The number of the next message.
    pub next_sequence: u64,
    /// For messages published to a topic's owner: the number that the first of them had, or would have had, that was sent to
    /// this life of the owner. Else 0.
    pub since: u64,
    /// Which life of the publisher.
    pub incarnation: Incarnation,
    /// For messages published to a topic's owner by way of the receiver: who that is.
    pub passage: Option<Passage>,
    /// Who numbers the messages.
    pub publisher: NodeId,
    /// The topic.
    pub topic: &'a str,
}

/// Whether a TAIL is the last of its alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Last {
    /// It is not.
    No = 0,
    /// The publisher has ended the stream: the alias is free again.
    Ended = 1,
    /// The receiver wants the stream no more, or not from here: the alias is free again.
    Withdrawn = 2,
    /// It is not. The number before it stands for messages that nobody can count: their publisher died.
    Lost = 3,
    /// A link broke behind the sender, which passed on what is published to the receiver as an owner: the alias is free
    /// again, and more may have been lost.
    Cut = 4,
}

impl Last {
    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::No,
            1 => Self::Ended,
            2 => Self::Withdrawn,
            3 => Self::Lost,
            _ => Self::Cut,
        }
    }

    /// Whether the alias is free again.
    #[must_use]
    pub fn frees_alias(self) -> bool {
        matches!(self, Self::Ended | Self::Withdrawn | Self::Cut)
    }

    /// Of a stream that goes on behind a loss.
    #[must_use]
    pub fn behind(missed: Missed) -> Self {
        match missed.count() {
            Some(_) => Self::No,
            None => Self::Lost,
        }
    }
}

/// Where a stream of published messages goes that the receiver is to pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// The topic's owner.
    pub owner: NodeId,
    /// Which of the owner's lives; a later one is not to get them.
    pub life: Incarnation,
    /// Relaying nodes that the messages have passed: at most [`MAX_RELAY_HOPS`].
    pub hops: u8,
}

/// Why a link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ByeReason {
    /// The node leaves the cluster or removed the peer.
    Leaving = 0,
    /// Another link between the two is in use.
    Duplicate = 1,
    /// The node does not want this peer.
    Refused = 2,
    /// The node reached itself.
    ToSelf = 3,
    /// The peer sent what the protocol does not allow.
    ProtocolError = 4,
    /// A newer incarnation of the peer took its place.
    Replaced = 5,
}

impl ByeReason {
    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Leaving,
            1 => Self::Duplicate,
            2 => Self::Refused,
            3 => Self::ToSelf,
            5 => Self::Replaced,
            _ => Self::ProtocolError,
        }
    }
}

/// ALIAS flags, bit 0. The bits not named here are zero in this version.
const UPSTREAM: u8 = 1;
/// ALIAS flags, bit 1, never beside bit 0: a stream to its owner is not resumed.
const RESUMED: u8 = 2;
/// ALIAS flags, bit 2, only beside bit 0: a passage follows the flags.
const PASSAGE: u8 = 4;

impl<'a> Frame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`], if `bytes` is not exactly one well-formed frame within the
    /// [limits](crate::limits). The size of DATA is bounded where ZMTP frames are read, not here.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if let Some(data) = Data::decode(bytes) {
            return data.map(Self::Data);
        }
        match Past::decode(bytes) {
            Some(past) => past.map(Self::Past),
            None => Self::decode_control(bytes),
        }
    }

    fn decode_control(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX_CONTROL_FRAME_BYTES {
            return Err(FrameError::TooLong { bytes: bytes.len() });
        }
        let (&kind, body) = bytes.split_first().ok_or(FrameError::Empty)?;
        let mut reader = Reader::new(body);
        let frame = match kind {
            // The lists run to the end of the frame.
            kind::INTEREST => {
                let (version, entries) = interest::read(reader)?;
                return Ok(Self::Interest { version, entries });
            }
            kind::TOPICS => {
                let (version, reset, changes) = topics::read(reader)?;
                return Ok(Self::Topics {
                    version,
                    reset,
                    changes,
                });
            }
            kind::RESUME => {
                let entries = past::read_resume(reader)?;
                return Ok(Self::Resume { entries });
            }
            kind::MEMBERS => {
                return Ok(Self::Members {
                    entries: members::read(reader)?,
                });
            }
            kind::GOSSIP => return Ok(Self::Gossip(Gossip::read(reader)?)),
            kind::USE => Self::Use,
            kind::BYE => Self::Bye {
                reason: ByeReason::from_number(reader.byte(5, "reason")?),
                text: reader.text(MAX_BYE_TEXT_BYTES, "text")?,
            },
            kind::CEASE => Self::Cease {
                owner: NodeId(reader.array("owner")?),
                life: Incarnation(reader.varint("owner's incarnation")?),
            },
            kind::CEASED => Self::Ceased {
                owner: NodeId(reader.array("owner")?),
                life: Incarnation(reader.varint("owner's incarnation")?),
            },
            kind::INTEREST_ACK => Self::InterestAck {
                version: reader.varint("version")?,
            },
            kind::CREDIT => Self::Credit {
                class: Class(reader.varint("class")?),
                messages: reader.varint("messages")?,
                bytes: reader.varint("bytes")?,
            },
            kind::ENDED => Self::Ended {
                class: Class(reader.varint("class")?),
            },
            kind::SYNC => Self::Sync {
                id: reader.varint("id")?,
            },
            kind::SYNC_ACK => Self::SyncAck {
                id: reader.varint("id")?,
            },
            kind::DIGEST => Self::Digest {
                version: reader.varint("version")?,
                offers: Digest::read(&mut reader)?,
            },
            kind::RELIST => Self::Relist {
                version: reader.varint("version")?,
            },
            kind::ALIAS => Self::Alias(Alias::read(&mut reader)?),
            kind::TAIL => Self::Tail {
                alias: read_alias(&mut reader)?,
                next_sequence: reader.varint("next sequence")?,
                last: Last::from_number(reader.byte(4, "last")?),
            },
            kind::REPLAY => Self::Replay(ReplayRequest::read(&mut reader)?),
            kind::LIVE => Self::Live {
                alias: read_alias(&mut reader)?,
                token: reader.varint("token")?,
                next_sequence: reader.varint("next sequence")?,
            },
            kind => return Err(FrameError::UnknownKind { kind }),
        };
        reader.end()?;
        Ok(frame)
    }

    /// Appends the frame to `out`.
    ///
    /// # Panics
    /// As [`interest_frames`], for INTEREST.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Use => out.push(kind::USE),
            Self::Bye { reason, text } => {
                out.extend([kind::BYE, *reason as u8]);
                put_text(out, &text[..text.floor_char_boundary(MAX_BYE_TEXT_BYTES)]);
            }
            Self::Cease { owner, life } => put_life(out, kind::CEASE, *owner, *life),
            Self::Ceased { owner, life } => put_life(out, kind::CEASED, *owner, *life),
            Self::Interest { version, entries } => interest::put(out, *version, entries),
            Self::InterestAck { version } => put_numbers(out, kind::INTEREST_ACK, &[*version]),
            Self::Credit {
                class,
                messages,
                bytes,
            } => {
                put_numbers(out, kind::CREDIT, &[class.0, *messages, *bytes]);
            }
            Self::Ended { class } => put_numbers(out, kind::ENDED, &[class.0]),
            Self::Topics {
                version,
                reset,
                changes,
            } => topics::put(out, *version, *reset, changes),
            Self::Sync { id } => put_numbers(out, kind::SYNC, &[*id]),
            Self::SyncAck { id } => put_numbers(out, kind::SYNC_ACK, &[*id]),
            Self::Digest { version, offers } => {
                put_numbers(out, kind::DIGEST, &[*version, offers.count]);
                out.extend(offers.sum.to_be_bytes());
            }
            Self::Relist { version } => put_numbers(out, kind::RELIST, &[*version]),
            Self::Alias(alias) => alias.put(out),
            Self::Data(data) => {
                put_data_header(out, data.alias, data.sequence);
                out.extend_from_slice(data.payload);
            }
            Self::Tail {
                alias,
                next_sequence,
                last,
            } => {
                put_numbers(out, kind::TAIL, &[u64::from(*alias), *next_sequence]);
                out.push(*last as u8);
            }
            Self::Resume { entries } => past::put_resume(out, entries),
            Self::Replay(request) => request.put(out),
            Self::Past(past) => {
                put_past_header(out, past.alias, past.token, past.sequence);
                out.extend_from_slice(past.payload);
            }
            Self::Live {
                alias,
                token,
                next_sequence,
            } => put_numbers(
                out,
                kind::LIVE,
                &[u64::from(*alias), *token, *next_sequence],
            ),
            Self::Members { entries } => members::put(out, entries),
            Self::Gossip(gossip) => gossip.put(out),
        }
    }

    /// The frame as bytes of its own.
    ///
    /// # Panics
    /// As [`Frame::encode`].
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FEW_BYTES);
        self.encode(&mut out);
        out
    }
}

impl<'a> Alias<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let alias = read_alias(reader)?;
        let flags = reader.byte(UPSTREAM | PASSAGE, "alias flags")?;
        if !matches!(flags, 0 | UPSTREAM | RESUMED) && flags != UPSTREAM | PASSAGE {
            return Err(FrameError::OutOfRange {
                field: "alias flags",
                value: u64::from(flags),
                limit: u64::from(RESUMED),
            });
        }
        let passage = match flags & PASSAGE {
            0 => None,
            _ => Some(Passage {
                hops: reader.byte(MAX_RELAY_HOPS, "hops")?,
                owner: NodeId(reader.array("owner")?),
                life: Incarnation(reader.varint("owner's incarnation")?),
            }),
        };
        let upstream = flags & UPSTREAM != 0;
        let next_sequence = reader.varint("next sequence")?;
        let since = match upstream {
            true => reader.varint("since")?,
            false => 0,
        };
        if since > next_sequence {
            return Err(FrameError::OutOfRange {
                field: "since",
                value: since,
                limit: next_sequence,
            });
        }
        Ok(Self {
            alias,
            upstream,
            resumed: flags == RESUMED,
            passage,
            next_sequence,
            since,
            incarnation: Incarnation(reader.varint("incarnation")?),
            publisher: NodeId(reader.array("publisher")?),
            topic: reader.topic()?,
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_numbers(out, kind::ALIAS, &[u64::from(self.alias)]);
        out.push(match (self.passage, self.upstream, self.resumed) {
            (Some(_), _, _) => UPSTREAM | PASSAGE,
            (None, true, _) => UPSTREAM,
            (None, false, true) => RESUMED,
            (None, false, false) => 0,
        });
        if let Some(Passage { owner, life, hops }) = self.passage {
            out.push(hops);
            out.extend(owner.0);
            varint::put(out, life.0);
        }
        varint::put(out, self.next_sequence);
        if self.upstream {
            varint::put(out, self.since);
        }
        varint::put(out, self.incarnation.0);
        out.extend(self.publisher.0);
        put_text(out, self.topic);
    }
}

fn read_alias(reader: &mut Reader<'_>) -> Result<u32, FrameError> {
    reader
        .varint_up_to(u64::from(u32::MAX), "alias")
        .map(|alias| alias as u32)
}

fn put_life(out: &mut Vec<u8>, kind: u8, node: NodeId, life: Incarnation) {
    out.push(kind);
    out.extend(node.0);
    varint::put(out, life.0);
}

fn put_numbers(out: &mut Vec<u8>, kind: u8, numbers: &[u64]) {
    out.push(kind);
    numbers.iter().for_each(|number| varint::put(out, *number));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// What a frame is encoded into holds so many bytes from the start: most are not longer.
const FEW_BYTES: usize = 48;

/// Appends `entry` to the last frame, or to a new one if it does not fit there; `put_head` begins
/// the new frame, given its index.
fn append_entry(frames: &mut Vec<Vec<u8>>, entry: &[u8], put_head: impl FnOnce(&mut Vec<u8>, u64)) {
    match frames.last_mut() {
        Some(last) if last.len() + entry.len() <= MAX_CONTROL_FRAME_BYTES => {
            last.extend_from_slice(entry)
        }
        _ => {
            let mut frame = Vec::with_capacity(FEW_BYTES + entry.len());
            put_head(&mut frame, frames.len() as u64);
            frame.extend_from_slice(entry);
            frames.push(frame);
        }
    }
}
