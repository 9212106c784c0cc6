//! The packets of the failure detector as bytes. `docs/PROTOCOL.md` is the specification.

use bytes::{Buf, BufMut};
use foca::{Codec, Header, Member, Message, State};
use thiserror::Error;

use super::life::Life;
use crate::frame::{FrameError, Reader};
use crate::identity::{Incarnation, NodeId};
use crate::varint;

/// What foca reads and writes its packets by.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketCodec;

/// Why something was not encoded or decoded.
#[derive(Debug, Error)]
pub(super) enum CodecError {
    /// The packet is full.
    #[error("no room in the packet")]
    Full,
    #[error(transparent)]
    Malformed(#[from] FrameError),
}

/// What a node that forwards a packet must know of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Who sent it.
    pub(crate) source: NodeId,
    /// In which of its lives.
    pub(crate) life: Incarnation,
    /// Of whom it tells.
    pub(crate) members: Vec<NodeId>,
}

impl Packet {
    /// Checks that bytes are exactly one packet.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut reader = Reader::new(bytes);
        let header = read_header(&mut reader)?;
        let mut members = vec![header.src.node];
        if !matches!(header.message, Message::Announce | Message::TurnUndead) {
            let count = u16::from_be_bytes(reader.array("number of members")?);
            for _ in 0..count {
                members.push(read_member(&mut reader)?.id().node);
            }
        }
        reader.end()?;
        Ok(Self {
            source: header.src.node,
            life: header.src.incarnation,
            members,
        })
    }
}

impl Codec<Life> for PacketCodec {
    type Error = CodecError;

    fn encode_header(&mut self, header: &Header<Life>, buf: impl BufMut) -> Result<(), CodecError> {
        let mut out = Vec::with_capacity(96);
        put_life(&mut out, &header.src);
        varint::put(&mut out, u64::from(header.src_incarnation));
        put_life(&mut out, &header.dst);
        put_message(&mut out, &header.message);
        put_all(&out, buf)
    }

    fn decode_header(&mut self, buf: impl Buf) -> Result<Header<Life>, CodecError> {
        take(buf, read_header)
    }

    fn encode_member(&mut self, member: &Member<Life>, buf: impl BufMut) -> Result<(), CodecError> {
        let mut out = Vec::with_capacity(48);
        put_life(&mut out, member.id());
        varint::put(&mut out, u64::from(member.incarnation()));
        out.push(match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        });
        put_all(&out, buf)
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<Member<Life>, CodecError> {
        take(buf, read_member)
    }
}

fn put_all(bytes: &[u8], mut buf: impl BufMut) -> Result<(), CodecError> {
    if buf.remaining_mut() < bytes.len() {
        return Err(CodecError::Full);
    }
    buf.put_slice(bytes);
    Ok(())
}

/// Reads something from the front of a buffer that is in one piece.
fn take<T>(
    mut buf: impl Buf,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, FrameError>,
) -> Result<T, CodecError> {
    let bytes = buf.chunk();
    let mut reader = Reader::new(bytes);
    let value = read(&mut reader)?;
    let taken = bytes.len() - reader.rest().len();
    buf.advance(taken);
    Ok(value)
}

fn put_life(out: &mut Vec<u8>, life: &Life) {
    out.extend(life.node.0);
    varint::put(out, life.incarnation.0);
    varint::put(out, life.returns);
}

fn read_life(reader: &mut Reader<'_>) -> Result<Life, FrameError> {
    Ok(Life {
        node: NodeId(reader.array("node")?),
        incarnation: Incarnation(reader.varint("incarnation")?),
        returns: reader.varint("returns")?,
    })
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header<Life>, FrameError> {
    Ok(Header {
        src: read_life(reader)?,
        src_incarnation: read_refutations(reader)?,
        dst: read_life(reader)?,
        message: read_message(reader)?,
    })
}

fn read_member(reader: &mut Reader<'_>) -> Result<Member<Life>, FrameError> {
    let life = read_life(reader)?;
    let refutations = read_refutations(reader)?;
    let state = match reader.byte(2, "state")? {
        0 => State::Alive,
        1 => State::Suspect,
        _ => State::Down,
    };
    Ok(Member::new(life, refutations, state))
}

fn read_refutations(reader: &mut Reader<'_>) -> Result<u16, FrameError> {
    let number = reader.varint_up_to(u64::from(u16::MAX), "refutations")?;
    Ok(number as u16)
}

/// Message numbers.
mod number {
    pub(super) const PING: u8 = 0;
    pub(super) const ACK: u8 = 1;
    pub(super) const PING_REQUEST: u8 = 2;
    pub(super) const INDIRECT_PING: u8 = 3;
    pub(super) const INDIRECT_ACK: u8 = 4;
    pub(super) const FORWARDED_ACK: u8 = 5;
    pub(super) const ANNOUNCE: u8 = 6;
    pub(super) const FEED: u8 = 7;
    pub(super) const GOSSIP: u8 = 8;
    pub(super) const HELD_FOR_DOWN: u8 = 9;
}

fn put_message(out: &mut Vec<u8>, message: &Message<Life>) {
    let (number, probe, other) = match message {
        Message::Ping(probe) => (number::PING, Some(*probe), None),
        Message::Ack(probe) => (number::ACK, Some(*probe), None),
        Message::PingReq {
            target,
            probe_number,
        } => (number::PING_REQUEST, Some(*probe_number), Some(target)),
        Message::IndirectPing {
            origin,
            probe_number,
        } => (number::INDIRECT_PING, Some(*probe_number), Some(origin)),
        Message::IndirectAck {
            target,
            probe_number,
        } => (number::INDIRECT_ACK, Some(*probe_number), Some(target)),
        Message::ForwardedAck {
            origin,
            probe_number,
        } => (number::FORWARDED_ACK, Some(*probe_number), Some(origin)),
        Message::Announce => (number::ANNOUNCE, None, None),
        Message::Feed => (number::FEED, None, None),
        Message::Gossip | Message::Broadcast => (number::GOSSIP, None, None),
        Message::TurnUndead => (number::HELD_FOR_DOWN, None, None),
    };
    out.push(number);
    out.extend(probe);
    if let Some(other) = other {
        put_life(out, other);
    }
}

fn read_message(reader: &mut Reader<'_>) -> Result<Message<Life>, FrameError> {
    let number = reader.byte(number::HELD_FOR_DOWN, "message")?;
    let probe_number = match number {
        number::PING..=number::FORWARDED_ACK => reader.byte(u8::MAX, "probe number")?,
        _ => 0,
    };
    Ok(match number {
        number::PING => Message::Ping(probe_number),
        number::ACK => Message::Ack(probe_number),
        number::PING_REQUEST => Message::PingReq {
            target: read_life(reader)?,
            probe_number,
        },
        number::INDIRECT_PING => Message::IndirectPing {
            origin: read_life(reader)?,
            probe_number,
        },
        number::INDIRECT_ACK => Message::IndirectAck {
            target: read_life(reader)?,
            probe_number,
        },
        number::FORWARDED_ACK => Message::ForwardedAck {
            origin: read_life(reader)?,
            probe_number,
        },
        number::ANNOUNCE => Message::Announce,
        number::FEED => Message::Feed,
        number::GOSSIP => Message::Gossip,
        _ => Message::TurnUndead,
    })
}
