//! INTEREST: what the sender wants, as changes to a set of filters.

use super::reader::Reader;
use super::{FrameError, append_entry, kind, put_text};
use crate::filter::Filter;
use crate::limits::{MAX_CLASSES_PER_FILTER, MAX_PATTERN_BYTES, MAX_TOPIC_BYTES};
use crate::overflow::Class;
use crate::varint;

const EXACT: u8 = 0;
const PATTERN: u8 = 1;

/// One filter and everyone at the sender who wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterestEntry {
    /// Exact or a pattern; a [`Filter::Prefix`] has no place on a SPOT link.
    pub filter: Filter,
    /// All classes of subscribers with this filter, at most [`MAX_CLASSES_PER_FILTER`]. They
    /// replace those that were sent before; none removes the filter.
    pub classes: Vec<Class>,
}

/// Encodes changes of interest as INTEREST frames within the control frame limit. The first has
/// `first_version` and each further one the next, so none of them is acknowledged before it is
/// applied. No entries, no frames.
///
/// # Panics
/// If an entry holds a [`Filter::Prefix`] or more than [`MAX_CLASSES_PER_FILTER`] classes.
pub fn interest_frames<'a>(
    first_version: u64,
    entries: impl IntoIterator<Item = &'a InterestEntry>,
) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut encoded = Vec::new();
    for entry in entries {
        encoded.clear();
        put_entry(&mut encoded, entry);
        append_entry(&mut frames, &encoded, |out, index| {
            put_head(out, first_version + index)
        });
    }
    frames
}

pub(super) fn put(out: &mut Vec<u8>, version: u64, entries: &[InterestEntry]) {
    put_head(out, version);
    entries.iter().for_each(|entry| put_entry(out, entry));
}

fn put_head(out: &mut Vec<u8>, version: u64) {
    out.push(kind::INTEREST);
    varint::put(out, version);
}

fn put_entry(out: &mut Vec<u8>, entry: &InterestEntry) {
    assert!(
        entry.classes.len() <= MAX_CLASSES_PER_FILTER,
        "too many classes of one filter"
    );
    put_filter(out, &entry.filter);
    varint::put(out, entry.classes.len() as u64);
    entry
        .classes
        .iter()
        .for_each(|class| varint::put(out, class.0));
}

pub(super) fn put_filter(out: &mut Vec<u8>, filter: &Filter) {
    let (filter_kind, text) = match filter {
        Filter::Exact(topic) => (EXACT, &**topic),
        Filter::Pattern(glob) => (PATTERN, glob.text()),
        Filter::Prefix(_) => panic!("a prefix filter is not sent on a SPOT link"),
    };
    out.push(filter_kind);
    put_text(out, text);
}

/// The version and the entries, which run to the end of the frame.
pub(super) fn read(mut reader: Reader<'_>) -> Result<(u64, Vec<InterestEntry>), FrameError> {
    let version = reader.varint("version")?;
    let mut entries = Vec::new();
    while !reader.is_empty() {
        entries.push(read_entry(&mut reader)?);
    }
    Ok((version, entries))
}

fn read_entry(reader: &mut Reader<'_>) -> Result<InterestEntry, FrameError> {
    let filter = read_filter(reader)?;
    let count = reader.varint_up_to(MAX_CLASSES_PER_FILTER as u64, "class count")?;
    // Collecting grows with the bytes that are there, not with the count a peer claims.
    let classes = (0..count)
        .map(|_| reader.varint("class").map(Class))
        .collect::<Result<_, _>>()?;
    Ok(InterestEntry { filter, classes })
}

pub(super) fn read_filter(reader: &mut Reader<'_>) -> Result<Filter, FrameError> {
    Ok(match reader.byte(PATTERN, "filter kind")? {
        EXACT => Filter::exact(reader.text(MAX_TOPIC_BYTES, "topic")?)?,
        _ => Filter::pattern(reader.text(MAX_PATTERN_BYTES, "pattern")?)?,
    })
}
