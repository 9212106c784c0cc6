//! What a receiver takes out of a queue ahead of time, so that it needs the queue's lock once for many messages.

use std::sync::Arc;

use super::entries::{Entries, Entry, Head};
use super::{Copied, Inbox, Source, Taken, copy};
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
    /// How many of the entries were taken and settled.
    settled: usize,
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
    /// As [`Inbox::copy_message`].
    #[inline(always)]
    pub fn copy_message(&mut self, topic: &mut [u8], data: &mut [u8]) -> Option<Copied> {
        let first = self.entries.first()?;
        let (name, len) = (&*self.topics[first.slot as usize], first.data.len());
        let copied = copy(&first, name, topic, data);
        if let Copied::Taken { .. } = copied {
            self.left.messages -= 1;
            self.left.bytes -= len;
            self.entries.discard_first();
        }
        Some(copied)
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
                let topic = self.topics[slot as usize].clone();
                Taken::Message {
                    topic,
                    source,
                    payload,
                }
            }
            Entry::Gap { slot, missed } => {
                let topic = self.topics[slot as usize].clone();
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

    /// Things taken and not settled yet.
    #[must_use]
    #[inline]
    pub fn unsettled(&self) -> usize {
        self.entries.taken() - self.settled
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
        ahead.settled = ahead.entries.taken();
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

    /// As [`received_ahead`](Self::received_ahead), and slots that nothing of is queued any more are free again. What was
    /// received of each source since the last time is told to `received`, in steps.
    pub fn settle(&mut self, ahead: &mut Ahead, mut received: impl FnMut(Source, Left)) -> Left {
        let taken = ahead.entries.taken_from(ahead.settled);
        for of_source in taken.chunk_by(|a, b| a.source == b.source) {
            for of_slot in of_source.chunk_by(|a, b| a.slot == b.slot) {
                self.settle_slot(of_slot[0].slot, of_slot.len());
            }
            let lens = of_source.iter().filter_map(Head::message_len);
            let left = lens.fold(Left::default(), |left, len| Left {
                messages: left.messages + 1,
                bytes: left.bytes + len,
            });
            if left.messages > 0 {
                received(of_source[0].source, left);
            }
        }
        ahead.entries.forget_taken();
        ahead.settled = ahead.entries.taken();
        self.received_ahead(ahead.left)
    }

    fn settle_slot(&mut self, slot: u32, taken: usize) {
        // News has no slot.
        if let Some(state) = self.slots.get_mut(slot as usize) {
            state.queued -= taken as u32;
            if !state.attached {
                self.release_if_unused(slot);
            }
        }
    }

    /// Puts back what was handed over and not received. Gives and tells what was received, as [`settle`](Self::settle).
    pub fn take_back(&mut self, ahead: &mut Ahead, received: impl FnMut(Source, Left)) -> Left {
        let received = self.settle(ahead, received);
        ahead.entries.append(&mut self.entries);
        std::mem::swap(&mut self.entries, &mut ahead.entries);
        ahead.left = Left::default();
        ahead.settled = 0;
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
    /// As [`Inbox::copy_message`].
    #[inline]
    pub fn copy_message(&mut self, topic: &mut [u8], data: &mut [u8]) -> Option<Copied> {
        match self {
            Self::Queue(inbox) => inbox.copy_message(topic, data),
            Self::Ahead(ahead) => ahead.copy_message(topic, data),
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
