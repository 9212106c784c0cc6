//! What a receiver takes out of a queue ahead of time, so that it needs the queue's lock once for many messages.

use std::sync::Arc;

use super::entries::{Entries, Entry};
use super::{Copying, Inbox, Source, Taken};
use crate::overflow::Overflow;

/// Entries taken out of an [`Inbox`] in one go by [`Inbox::hand_over`], in their order. They count as queued there until
/// [`Inbox::settle`] tells it how many were received.
#[derive(Debug, Default)]
pub struct Ahead {
    entries: Entries,
    /// Topics by slot, as they were at the hand-over.
    topics: Vec<Arc<str>>,
    topics_version: u64,
    left: Left,
    /// Entries taken since the last settlement, by slot.
    taken: Vec<(u32, u32)>,
}

/// Messages taken ahead that were not received yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// How many.
    pub messages: usize,
    /// Their payload bytes.
    pub bytes: usize,
}

impl Ahead {
    /// As [`Inbox::take_message`].
    #[inline]
    pub fn take_message<R>(
        &mut self,
        copy: impl FnOnce(&str, &[u8]) -> (Copying, R),
    ) -> Option<(Source, R)> {
        let first = self.entries.first()?;
        let (slot, source, len) = (first.slot, first.source, first.data.len());
        let (copied, result) = copy(&self.topics[slot as usize], first.data);
        if copied == Copying::Done {
            self.left.messages -= 1;
            self.left.bytes -= len;
            self.entries.discard_first();
            self.count_taken(slot);
        }
        Some((source, result))
    }

    /// Takes what is first in line.
    #[inline]
    pub fn take(&mut self) -> Option<Taken> {
        Some(match self.entries.pop()? {
            Entry::Message {
                slot,
                source,
                payload,
            } => {
                self.left.messages -= 1;
                self.left.bytes -= payload.len();
                let topic = self.entry_taken(slot);
                Taken::Message {
                    topic,
                    source,
                    payload,
                }
            }
            Entry::Gap { slot, missed } => {
                let topic = self.entry_taken(slot);
                Taken::Gap { topic, missed }
            }
            Entry::Notice(notice) => Taken::Notice(notice),
        })
    }

    /// Whether all was taken.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Things that were not taken yet: messages, gaps and notices.
    #[must_use]
    #[inline]
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// What was not received yet.
    #[must_use]
    #[inline]
    pub fn left(&self) -> Left {
        self.left
    }

    #[inline]
    fn entry_taken(&mut self, slot: u32) -> Arc<str> {
        self.count_taken(slot);
        self.topics[slot as usize].clone()
    }

    #[inline]
    fn count_taken(&mut self, slot: u32) {
        match self.taken.last_mut() {
            Some((last, count)) if *last == slot => *count += 1,
            _ => self.taken.push((slot, 1)),
        }
    }
}

impl Inbox {
    /// Hands all entries to a receiver that has received what it took before; false where they are to be taken one by
    /// one: the policy drops the oldest, which must then be here, or there is no more than one.
    pub fn hand_over(&mut self, ahead: &mut Ahead) -> bool {
        debug_assert!(ahead.is_empty() && self.ahead == Left::default());
        if self.overflow == Overflow::DropOldest || self.front_gaps > 0 || self.entries.len() < 2 {
            return false;
        }
        if ahead.topics_version != self.topics_version {
            let topics = self.slots.iter().map(|slot| slot.topic.clone());
            ahead.topics.clear();
            ahead.topics.extend(topics);
            ahead.topics_version = self.topics_version;
        }
        std::mem::swap(&mut self.entries, &mut ahead.entries);
        self.ahead = Left {
            messages: self.messages,
            bytes: self.bytes,
        };
        ahead.left = self.ahead;
        true
    }

    /// Whether some of the messages that count as queued may have been received since they were handed over.
    #[must_use]
    #[inline]
    pub fn has_ahead(&self) -> bool {
        self.ahead.messages > 0
    }

    /// What is left of the messages that were handed over: those received make room. Gives how many were received since
    /// this was last told, and their bytes.
    pub fn received_ahead(&mut self, left: Left) -> Left {
        let received = Left {
            messages: self.ahead.messages - left.messages,
            bytes: self.ahead.bytes - left.bytes,
        };
        self.messages -= received.messages;
        self.bytes -= received.bytes;
        self.ahead = left;
        received
    }

    /// As [`received_ahead`](Self::received_ahead), and slots that nothing of is queued any more are free again.
    pub fn settle(&mut self, ahead: &mut Ahead) -> Left {
        for (slot, count) in ahead.taken.drain(..) {
            let state = &mut self.slots[slot as usize];
            state.queued -= count;
            if !state.attached {
                self.release_if_unused(slot);
            }
        }
        self.received_ahead(ahead.left)
    }

    /// Puts back what was handed over and not received. Gives what was received, as [`settle`](Self::settle).
    pub fn take_back(&mut self, ahead: &mut Ahead) -> Left {
        let received = self.settle(ahead);
        ahead.entries.append(&mut self.entries);
        std::mem::swap(&mut self.entries, &mut ahead.entries);
        ahead.left = Left::default();
        self.ahead = Left::default();
        received
    }
}

/// Where a receiver takes from: the queue itself, or what it took ahead.
#[derive(Debug)]
pub enum Front<'a> {
    /// The queue.
    Queue(&'a mut Inbox),
    /// What was taken ahead.
    Ahead(&'a mut Ahead),
}

impl Front<'_> {
    /// As [`Inbox::take_message`].
    #[inline]
    pub fn take_message<R>(
        &mut self,
        copy: impl FnOnce(&str, &[u8]) -> (Copying, R),
    ) -> Option<(Source, R)> {
        match self {
            Self::Queue(inbox) => inbox.take_message(copy),
            Self::Ahead(ahead) => ahead.take_message(copy),
        }
    }

    /// Takes what is first in line.
    #[inline]
    pub fn take(&mut self) -> Option<Taken> {
        match self {
            Self::Queue(inbox) => inbox.take(),
            Self::Ahead(ahead) => ahead.take(),
        }
    }
}

/// Messages received of links under credit, merged where they follow one another.
#[derive(Debug, Default)]
pub struct Received(Vec<(Source, Left)>);

impl Received {
    /// A message of this source was received.
    #[inline]
    pub fn add(&mut self, source: Source, len: usize) {
        match self.0.last_mut() {
            Some((last, left)) if *last == source => {
                left.messages += 1;
                left.bytes += len;
            }
            _ => self.0.push((
                source,
                Left {
                    messages: 1,
                    bytes: len,
                },
            )),
        }
    }

    /// What was received since this was last asked.
    pub fn drain(&mut self) -> impl Iterator<Item = (Source, Left)> {
        self.0.drain(..)
    }
}
