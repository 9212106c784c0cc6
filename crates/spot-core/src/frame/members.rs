//! MEMBERS: what members say of themselves, passed on from link to link.

use super::reader::Reader;
use super::{FrameError, append_entry, kind, put_text};
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_ENDPOINT_BYTES, MAX_ENDPOINTS_PER_LIST, MAX_NODE_NAME_BYTES};
use crate::varint;

/// How a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Standing {
    /// It is there, as far as the sender knows.
    Alive = 0,
    /// It did not answer; it may be down.
    Suspect = 1,
    /// It is down, or cut off.
    Down = 2,
    /// It took its leave, or is known to come back no more.
    Left = 3,
}

/// What is known of a member. Of two entries the one with the higher incarnation and version holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberEntry<'a> {
    /// Which node.
    pub node: NodeId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Counts what this life said of itself.
    pub version: u64,
    /// How it stands. Only [`Standing::Left`] is part of what holds; the others are what the sender sees.
    pub standing: Standing,
    /// Its name; empty without one. At most [`MAX_NODE_NAME_BYTES`].
    pub name: &'a str,
    /// Where it can be reached. At most [`MAX_ENDPOINTS_PER_LIST`] of [`MAX_ENDPOINT_BYTES`].
    pub endpoints: Vec<&'a str>,
}

/// Encodes entries as MEMBERS frames within the control frame limit; no entries make no frames.
pub fn members_frames<'a>(entries: impl IntoIterator<Item = MemberEntry<'a>>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut encoded = Vec::new();
    for entry in entries {
        encoded.clear();
        put_entry(&mut encoded, &entry);
        append_entry(&mut frames, &encoded, |out, _| out.push(kind::MEMBERS));
    }
    frames
}

pub(super) fn put(out: &mut Vec<u8>, entries: &[MemberEntry<'_>]) {
    out.push(kind::MEMBERS);
    entries.iter().for_each(|entry| put_entry(out, entry));
}

fn put_entry(out: &mut Vec<u8>, entry: &MemberEntry<'_>) {
    out.extend(entry.node.0);
    varint::put(out, entry.incarnation.0);
    varint::put(out, entry.version);
    out.push(entry.standing as u8);
    put_text(out, entry.name);
    varint::put(out, entry.endpoints.len() as u64);
    entry
        .endpoints
        .iter()
        .for_each(|endpoint| put_text(out, endpoint));
}

/// The entries, which run to the end of the frame.
pub(super) fn read(mut reader: Reader<'_>) -> Result<Vec<MemberEntry<'_>>, FrameError> {
    let mut entries = Vec::new();
    while !reader.is_empty() {
        entries.push(read_entry(&mut reader)?);
    }
    Ok(entries)
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<MemberEntry<'a>, FrameError> {
    let node = NodeId(reader.array("member")?);
    let incarnation = Incarnation(reader.varint("incarnation")?);
    let version = reader.varint("version")?;
    let standing = match reader.byte(3, "standing")? {
        0 => Standing::Alive,
        1 => Standing::Suspect,
        2 => Standing::Down,
        _ => Standing::Left,
    };
    let name = reader.line(MAX_NODE_NAME_BYTES, "name")?;
    let count = reader.varint_up_to(MAX_ENDPOINTS_PER_LIST as u64, "number of endpoints")?;
    let endpoints = (0..count)
        .map(|_| reader.line(MAX_ENDPOINT_BYTES, "endpoint"))
        .collect::<Result<_, _>>()?;
    Ok(MemberEntry {
        node,
        incarnation,
        version,
        standing,
        name,
        endpoints,
    })
}
