//! GOSSIP: a packet of the failure detector, handed on from node to node until it reaches its member.

use super::reader::Reader;
use super::{FrameError, kind};
use crate::identity::NodeId;
use crate::limits::{MAX_GOSSIP_BYTES, MAX_GOSSIP_HOPS};

/// A packet and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gossip<'a> {
    /// The member it is for.
    pub destination: NodeId,
    /// How many nodes have forwarded it. At most [`MAX_GOSSIP_HOPS`].
    pub hops: u8,
    /// The packet. At most [`MAX_GOSSIP_BYTES`].
    pub packet: &'a [u8],
}

impl<'a> Gossip<'a> {
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Self, FrameError> {
        let destination = NodeId(reader.array("destination")?);
        let hops = reader.byte(MAX_GOSSIP_HOPS, "hops")?;
        let packet = reader.rest();
        if packet.len() > MAX_GOSSIP_BYTES {
            return Err(FrameError::PacketTooLong {
                bytes: packet.len(),
            });
        }
        Ok(Self {
            destination,
            hops,
            packet,
        })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(kind::GOSSIP);
        out.extend(self.destination.0);
        out.push(self.hops);
        out.extend_from_slice(self.packet);
    }
}
