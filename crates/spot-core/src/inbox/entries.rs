//! What is queued, in its order: the data of small messages lies back to back in one buffer, so that a message is copied
//! into it and out of it and nowhere else. What is large or rare stands beside it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Notice, Source};
use crate::missed::Missed;
use crate::payload::{Payload, View};

/// Data up to this many bytes is copied into a queue, unless it is shared already: an allocation costs more.
pub const COPIED_MAX_BYTES: usize = 256;
/// In place of a length: see [`Rare`].
const RARE: u32 = u32::MAX;

/// One thing queued, taken out.
#[derive(Debug)]
pub(super) enum Entry {
    Message {
        slot: u32,
        source: Source,
        payload: Payload,
    },
    Gap {
        slot: u32,
        missed: Missed,
    },
    Notice(Notice),
}

/// A message where it is queued.
#[derive(Debug, Clone, Copy)]
pub(super) struct First<'a> {
    pub(super) slot: u32,
    pub(super) source: Source,
    pub(super) data: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Head {
    slot: u32,
    source: Source,
    /// Length of the data in the buffer, or [`RARE`].
    len: u32,
}

/// What is not in the buffer.
#[derive(Debug)]
enum Rare {
    Large(Bytes),
    Gap(Missed),
    Notice(Notice),
}

#[derive(Debug, Default)]
pub(super) struct Entries {
    heads: VecDeque<Head>,
    small: Vec<u8>,
    /// Bytes at the begin of `small` whose messages were taken.
    gone: usize,
    rare: VecDeque<Rare>,
}

impl Entries {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, slot: u32, source: Source, data: View<'_>) {
        let bytes = data.bytes();
        let mut len = bytes.len() as u32;
        if bytes.len() <= COPIED_MAX_BYTES && !data.is_shared() {
            if self.small.capacity() - self.small.len() < bytes.len() {
                self.reclaim();
            }
            self.small.extend_from_slice(bytes);
        } else {
            len = RARE;
            self.rare.push_back(Rare::Large(data.to_shared()));
        }
        self.heads.push_back(Head { slot, source, len });
    }

    pub(super) fn push_gap(&mut self, slot: u32, missed: Missed) {
        self.heads.push_back(Head::rare(slot));
        self.rare.push_back(Rare::Gap(missed));
    }

    pub(super) fn push_notice(&mut self, notice: Notice) {
        self.heads.push_back(Head::rare(u32::MAX));
        self.rare.push_back(Rare::Notice(notice));
    }

    /// Puts all of `other` behind this.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.heads.append(&mut other.heads);
        self.small.extend_from_slice(&other.small[other.gone..]);
        self.rare.append(&mut other.rare);
        other.small.clear();
        other.gone = 0;
    }

    /// What is first in line, if it is a message.
    #[inline]
    pub(super) fn first(&self) -> Option<First<'_>> {
        let head = self.heads.front()?;
        let data = if head.len == RARE {
            match self.rare.front() {
                Some(Rare::Large(data)) => data,
                _ => return None,
            }
        } else {
            &self.small[self.gone..self.gone + head.len as usize]
        };
        Some(First {
            slot: head.slot,
            source: head.source,
            data,
        })
    }

    /// Takes what is first in line without looking at it.
    #[inline]
    pub(super) fn discard_first(&mut self) {
        if let Some(head) = self.heads.pop_front() {
            if head.len == RARE {
                self.rare.pop_front();
            } else {
                self.free(head.len as usize);
            }
        }
    }

    /// Takes what is first in line.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let head = self.heads.pop_front()?;
        Some(self.entry(head, 0))
    }

    /// Takes the first message out of the line. Gives its place there.
    pub(super) fn take_first_message(&mut self) -> Option<(usize, u32, Payload)> {
        let mut rare = 0;
        let is_message = |head: &Head| {
            let is_rare = head.len == RARE;
            let found = !is_rare || matches!(self.rare.get(rare), Some(Rare::Large(_)));
            rare += usize::from(!found);
            found
        };
        let place = self.heads.iter().position(is_message)?;
        let head = self.heads.remove(place)?;
        match self.entry(head, rare) {
            Entry::Message { slot, payload, .. } => Some((place, slot, payload)),
            Entry::Gap { .. } | Entry::Notice(_) => unreachable!("found to be a message"),
        }
    }

    /// Takes a gap of this slot out of the line, if one is at this place.
    pub(super) fn take_gap(&mut self, place: usize, slot: u32) -> Option<Missed> {
        let rare = self.rare_before(place);
        let head = self.heads.get(place)?;
        match self.rare.get(rare) {
            Some(&Rare::Gap(missed)) if head.len == RARE && head.slot == slot => {
                self.heads.remove(place);
                self.rare.remove(rare);
                Some(missed)
            }
            _ => None,
        }
    }

    pub(super) fn insert_gap(&mut self, place: usize, slot: u32, missed: Missed) {
        let rare = self.rare_before(place);
        self.heads.insert(place, Head::rare(slot));
        self.rare.insert(rare, Rare::Gap(missed));
    }

    fn rare_before(&self, place: usize) -> usize {
        let before = self.heads.iter().take(place);
        before.filter(|head| head.len == RARE).count()
    }

    /// What a head stood for that was taken out; no small message is before it, and so many others.
    fn entry(&mut self, head: Head, rare: usize) -> Entry {
        let Head { slot, source, len } = head;
        let payload = if len == RARE {
            match self.rare.remove(rare) {
                Some(Rare::Large(data)) => Payload::from_bytes(data),
                Some(Rare::Gap(missed)) => return Entry::Gap { slot, missed },
                Some(Rare::Notice(notice)) => return Entry::Notice(notice),
                None => unreachable!("each rare head has its thing"),
            }
        } else {
            let len = len as usize;
            let payload = Payload::copy_from(&self.small[self.gone..self.gone + len]);
            self.free(len);
            payload
        };
        Entry::Message {
            slot,
            source,
            payload,
        }
    }

    #[inline]
    fn free(&mut self, len: usize) {
        self.gone += len;
        if self.gone == self.small.len() {
            self.small.clear();
            self.gone = 0;
        }
    }

    /// The buffer is full: it is used anew instead of growing if half of it is free.
    #[cold]
    fn reclaim(&mut self) {
        if self.gone * 2 >= self.small.len() {
            self.small.drain(..self.gone);
            self.gone = 0;
        }
    }
}

impl Head {
    fn rare(slot: u32) -> Self {
        Self {
            slot,
            source: Source::LOCAL,
            len: RARE,
        }
    }
}
