//! TOPICS: what the sender offers, as changes to a set of names.

use super::reader::Reader;
use super::{FrameError, append_entry, kind, put_text};
use crate::identity::{Incarnation, NodeId};
use crate::limits::MAX_RELAY_HOPS;
use crate::varint;

const ADD: u8 = 0;
const REMOVE: u8 = 1;
const RELAY: u8 = 2;
const UNRELAY: u8 = 3;

/// A topic that is offered, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicChange<'a> {
    /// The sender now offers the topic.
    Add(&'a str),
    /// The sender no longer offers it.
    Remove(&'a str),
    /// The sender relays the topic, which another node hosts.
    Relay {
        /// The node that hosts it.
        origin: NodeId,
        /// Relaying nodes that its messages pass, the sender among them: 1 to [`MAX_RELAY_HOPS`].
        hops: u8,
        /// The life of the origin that can be reached now; `None`: it is only known.
        reached: Option<Incarnation>,
        /// The topic.
        topic: &'a str,
    },
    /// The sender relays it no longer.
    Unrelay {
        /// The node that hosts, or hosted, it.
        origin: NodeId,
        /// Whether the origin has ended the topic; otherwise it is lost.
        ended: bool,
        /// The topic.
        topic: &'a str,
    },
}

/// Encodes changes of the offered topics as TOPICS frames within the control frame limit. The first
/// has `first_version` and each further one the next. With `reset` the first one forgets what was
/// offered before; it is sent even if there are no changes. Without `reset` no changes make no
/// frames.
pub fn topics_frames<'a>(
    first_version: u64,
    reset: bool,
    changes: impl IntoIterator<Item = TopicChange<'a>>,
) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut encoded = Vec::new();
    if reset {
        append_entry(&mut frames, &[], |out, _| {
            put_head(out, first_version, true)
        });
    }
    for change in changes {
        encoded.clear();
        put_change(&mut encoded, change);
        append_entry(&mut frames, &encoded, |out, index| {
            put_head(out, first_version + index, false)
        });
    }
    frames
}

pub(super) fn put(out: &mut Vec<u8>, version: u64, reset: bool, changes: &[TopicChange<'_>]) {
    put_head(out, version, reset);
    changes.iter().for_each(|change| put_change(out, *change));
}

fn put_head(out: &mut Vec<u8>, version: u64, reset: bool) {
    out.push(kind::TOPICS);
    varint::put(out, version);
    out.push(u8::from(reset));
}

pub(super) fn put_change(out: &mut Vec<u8>, change: TopicChange<'_>) {
    let name = match change {
        TopicChange::Add(name) => {
            out.push(ADD);
            name
        }
        TopicChange::Remove(name) => {
            out.push(REMOVE);
            name
        }
        TopicChange::Relay {
            origin,
            hops,
            reached,
            topic,
        } => {
            out.push(RELAY);
            out.extend(origin.0);
            out.extend([hops, u8::from(reached.is_some())]);
            if let Some(life) = reached {
                varint::put(out, life.0);
            }
            topic
        }
        TopicChange::Unrelay {
            origin,
            ended,
            topic,
        } => {
            out.push(UNRELAY);
            out.extend(origin.0);
            out.push(u8::from(ended));
            topic
        }
    };
    put_text(out, name);
}

/// The version, whether to forget what was offered before, and the changes, which run to the end of
/// the frame.
pub(super) fn read(
    mut reader: Reader<'_>,
) -> Result<(u64, bool, Vec<TopicChange<'_>>), FrameError> {
    let version = reader.varint("version")?;
    let reset = reader.flag("reset")?;
    let mut changes = Vec::new();
    while !reader.is_empty() {
        changes.push(read_change(&mut reader)?);
    }
    Ok((version, reset, changes))
}

fn read_change<'a>(reader: &mut Reader<'a>) -> Result<TopicChange<'a>, FrameError> {
    Ok(match reader.byte(UNRELAY, "topic operation")? {
        ADD => TopicChange::Add(reader.topic()?),
        REMOVE => TopicChange::Remove(reader.topic()?),
        RELAY => TopicChange::Relay {
            origin: NodeId(reader.array("origin")?),
            hops: reader.byte(MAX_RELAY_HOPS, "hops")?,
            reached: match reader.flag("reachable")? {
                true => Some(Incarnation(reader.varint("incarnation")?)),
                false => None,
            },
            topic: reader.topic()?,
        },
        _ => TopicChange::Unrelay {
            origin: NodeId(reader.array("origin")?),
            ended: reader.flag("ended")?,
            topic: reader.topic()?,
        },
    })
}
