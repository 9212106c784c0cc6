//! What is queued, in its order: the data of small messages lies back to back in one buffer, so that a message is copied
//! into it and out of it and nowhere else. What is large or rare stands beside it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Notice, Source};
use crate::missed::Missed;
use crate::payload::{Payload, View};

/// Data up to this many bytes is copied into a queue, unless it is shared already: an allocation costs more.
pub const COPIED_MAX_BYTES: usize = 256;
/// In the length of what is not in the buffer, but [`Rare`].
const RARE: u64 = 1 << 63;
/// In place of the length of a rare thing that is no message.
const NO_MESSAGE: u64 = u64::MAX;

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

/// What is known of an entry without looking at it. Of one that was taken it stays for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) slot: u32,
    pub(super) source: Source,
    /// Length of the data in the buffer; with [`RARE`] that of data which is not, or [`NO_MESSAGE`].
    len: u64,
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
    heads: Vec<Head>,
    /// Heads at the begin whose entries were taken.
    taken: usize,
    small: Vec<u8>,
    /// Bytes at the begin of `small` whose messages were taken.
    gone: usize,
    rare: VecDeque<Rare>,
}

impl Entries {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.heads.len() - self.taken
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.heads.len()
    }

    /// How many were taken whose heads are still there.
    #[inline]
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// The heads of those that were taken, from this one on.
    pub(super) fn taken_from(&self, first: usize) -> &[Head] {
        &self.heads[first..self.taken]
    }

    #[inline]
    pub(super) fn push(&mut self, slot: u32, source: Source, data: View<'_>) {
        let bytes = data.bytes();
        let mut len = bytes.len() as u64;
        if bytes.len() <= COPIED_MAX_BYTES && !data.is_shared() {
            if self.small.capacity() - self.small.len() < bytes.len() {
                self.reclaim();
            }
            self.small.extend_from_slice(bytes);
        } else {
            len |= RARE;
            self.rare.push_back(Rare::Large(data.to_shared()));
        }
        self.push_head(Head { slot, source, len });
    }

    /// Puts messages of `bytes` in all behind the others.
    pub(super) fn push_run<'a>(
        &mut self,
        slot: u32,
        source: Source,
        run: impl ExactSizeIterator<Item = View<'a>>,
        bytes: usize,
    ) {
        if self.heads.capacity() - self.heads.len() < run.len() {
            self.reclaim_heads();
            self.heads.reserve(run.len());
        }
        // What is large does not go there.
        let copied_max = bytes.min(run.len() * COPIED_MAX_BYTES);
        if self.small.capacity() - self.small.len() < copied_max {
            self.reclaim();
            self.small.reserve(copied_max);
        }
        for data in run {
            let bytes = data.bytes();
            if bytes.len() > COPIED_MAX_BYTES || data.is_shared() {
                self.push(slot, source, data);
                continue;
            }
            self.small.extend_from_slice(bytes);
            let len = bytes.len() as u64;
            self.heads.push(Head { slot, source, len });
        }
    }

    #[inline]
    fn push_head(&mut self, head: Head) {
        if self.heads.len() == self.heads.capacity() {
            self.reclaim_heads();
        }
        self.heads.push(head);
    }

    pub(super) fn push_gap(&mut self, slot: u32, missed: Missed) {
        self.push_head(Head::no_message(slot));
        self.rare.push_back(Rare::Gap(missed));
    }

    pub(super) fn push_notice(&mut self, notice: Notice) {
        self.push_head(Head::no_message(u32::MAX));
        self.rare.push_back(Rare::Notice(notice));
    }

    /// Puts all of `other` behind this.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.heads.extend_from_slice(&other.heads[other.taken..]);
        self.small.extend_from_slice(&other.small[other.gone..]);
        self.rare.append(&mut other.rare);
        other.small.clear();
        other.gone = 0;
        other.taken = other.heads.len();
        other.forget_taken();
    }

    /// The heads of those that were taken are not needed any more, if that is all there is.
    #[inline]
    pub(super) fn forget_taken(&mut self) {
        if self.is_empty() {
            self.heads.clear();
            self.taken = 0;
        }
    }

    /// What is first in line, if it is a message.
    #[inline]
    pub(super) fn first(&self) -> Option<First<'_>> {
        let head = self.heads.get(self.taken)?;
        let data = if head.is_rare() {
            self.first_rare()?
        } else {
            &self.small[self.gone..self.gone + head.len as usize]
        };
        Some(First {
            slot: head.slot,
            source: head.source,
            data,
        })
    }

    fn first_rare(&self) -> Option<&[u8]> {
        match self.rare.front() {
            Some(Rare::Large(data)) => Some(data),
            _ => None,
        }
    }

    /// Takes what is first in line without looking at it.
    #[inline]
    pub(super) fn discard_first(&mut self) {
        if let Some(head) = self.heads.get(self.taken) {
            self.taken += 1;
            if head.is_rare() {
                self.rare.pop_front();
            } else {
                self.free(head.len as usize);
            }
        }
    }

    /// Takes what is first in line.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let head = *self.heads.get(self.taken)?;
        self.taken += 1;
        Some(self.entry(head, 0))
    }

    /// Takes the first message out of the line. Gives its place there.
    pub(super) fn take_first_message(&mut self) -> Option<(usize, u32, Payload)> {
        let mut rare = 0;
        let is_message = |head: &Head| {
            rare += usize::from(!head.is_message());
            head.is_message()
        };
        let place = self.heads[self.taken..].iter().position(is_message)?;
        let head = self.remove_head(place);
        match self.entry(head, rare) {
            Entry::Message { slot, payload, .. } => Some((place, slot, payload)),
            Entry::Gap { .. } | Entry::Notice(_) => unreachable!("found to be a message"),
        }
    }

    /// Takes a gap of this slot out of the line, if one is at this place.
    pub(super) fn take_gap(&mut self, place: usize, slot: u32) -> Option<Missed> {
        let rare = self.rare_before(place);
        let head = self.heads.get(self.taken + place)?;
        match self.rare.get(rare) {
            Some(&Rare::Gap(missed)) if !head.is_message() && head.slot == slot => {
                self.remove_head(place);
                self.rare.remove(rare);
                Some(missed)
            }
            _ => None,
        }
    }

    pub(super) fn insert_gap(&mut self, place: usize, slot: u32, missed: Missed) {
        let rare = self.rare_before(place);
        let head = Head::no_message(slot);
        match self.taken.checked_sub(1) {
            Some(before) => {
                self.heads
                    .copy_within(self.taken..self.taken + place, before);
                self.taken = before;
                self.heads[before + place] = head;
            }
            None => self.heads.insert(place, head),
        }
        self.rare.insert(rare, Rare::Gap(missed));
    }

    /// Those before it move up, as they are mostly few.
    fn remove_head(&mut self, place: usize) -> Head {
        let head = self.heads[self.taken + place];
        let before = self.taken..self.taken + place;
        self.heads.copy_within(before, self.taken + 1);
        self.taken += 1;
        head
    }

    fn rare_before(&self, place: usize) -> usize {
        let before = self.heads[self.taken..].iter().take(place);
        before.filter(|head| head.is_rare()).count()
    }

    /// What a head stood for that was taken out; no small message is before it, and so many others.
    fn entry(&mut self, head: Head, rare: usize) -> Entry {
        let Head { slot, source, len } = head;
        let payload = if head.is_rare() {
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

    /// As [`reclaim`](Self::reclaim).
    #[cold]
    fn reclaim_heads(&mut self) {
        if self.taken * 2 >= self.heads.len() {
            self.heads.drain(..self.taken);
            self.taken = 0;
        }
    }
}

impl Head {
    fn no_message(slot: u32) -> Self {
        Self {
            slot,
            source: Source::LOCAL,
            len: NO_MESSAGE,
        }
    }

    #[inline]
    fn is_rare(&self) -> bool {
        self.len & RARE != 0
    }

    #[inline]
    fn is_message(&self) -> bool {
        self.len != NO_MESSAGE
    }

    /// The length of the message; `None` if it is none.
    #[inline]
    pub(super) fn message_len(&self) -> Option<usize> {
        self.is_message().then_some((self.len & !RARE) as usize)
    }
}
