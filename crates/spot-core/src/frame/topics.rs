//! TOPICS: what the sender offers, as changes to a set of names.

use super::reader::Reader;
use super::{FrameError, append_entry, kind, put_text};
use crate::varint;

const ADD: u8 = 0;
const REMOVE: u8 = 1;

/// A topic that is offered, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicChange<'a> {
    /// The sender now offers the topic.
    Add(&'a str),
    /// The sender no longer offers it.
    Remove(&'a str),
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

fn put_change(out: &mut Vec<u8>, change: TopicChange<'_>) {
    let (operation, name) = match change {
        TopicChange::Add(name) => (ADD, name),
        TopicChange::Remove(name) => (REMOVE, name),
    };
    out.push(operation);
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
        let operation = reader.byte(REMOVE, "topic operation")?;
        let name = reader.topic()?;
        changes.push(if operation == ADD {
            TopicChange::Add(name)
        } else {
            TopicChange::Remove(name)
        });
    }
    Ok((version, reset, changes))
}
