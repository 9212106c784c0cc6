//! A subscriber's queue as a plain struct: HWM, overflow policy, and gaps told in their place.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::drops::Drops;
use crate::history::History;
use crate::missed::Missed;
use crate::overflow::Overflow;
use crate::payload::{Payload, View};

pub use self::ahead::{Ahead, Front, Left, Received};
pub use self::entries::COPIED_MAX_BYTES;
use self::entries::{Entries, Entry};

mod ahead;
mod entries;

/// Where a topic's messages enter an [`Inbox`]; given by [`Inbox::attach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(u32);

/// What a subscriber's queue may hold; 0 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Messages.
    pub messages: usize,
    /// Payload bytes. A single message larger than this is accepted into an empty queue.
    pub bytes: usize,
}

impl Limit {
    /// Whether a message of `len` bytes fits beside what is queued.
    #[must_use]
    #[inline]
    pub fn has_room(self, messages: usize, bytes: usize, len: usize) -> bool {
        (self.messages == 0 || messages < self.messages)
            && (self.bytes == 0 || messages == 0 || bytes + len <= self.bytes)
    }

    /// How many messages of these lengths, told from the newest on, fit beside what is queued.
    #[must_use]
    pub fn room_for(
        self,
        messages: usize,
        bytes: usize,
        lens_back: impl Iterator<Item = usize>,
    ) -> usize {
        let (mut count, mut total) = (0, 0);
        for len in lens_back {
            if !self.has_room(messages + count, bytes + total, len) {
                break;
            }
            count += 1;
            total += len;
        }
        count
    }
}

/// What became of a message offered to an [`Inbox`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It is queued.
    Queued,
    /// It, or an older one in its place, was dropped and will be told as a gap.
    Dropped,
    /// There is no room and the policy is to block: nothing changed.
    Full,
    /// There is no room and the policy is to disconnect: the subscriber is ended.
    Ended,
}

/// One thing taken out of an [`Inbox`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A message.
    Message {
        /// The topic it was published on.
        topic: Arc<str>,
        /// Which source it came from, as given to [`Inbox::offer`].
        source: Source,
        /// Its data.
        payload: Payload,
    },
    /// Messages that are missing here.
    Gap {
        /// The topic they were published on.
        topic: Arc<str>,
        /// How many.
        missed: Missed,
    },
    /// News that is no message, in its place.
    Notice(Notice),
}

/// Whether who copies a message is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copying {
    /// It has what it wants.
    Done,
    /// The message stays first in line.
    Refused,
}

/// News that is no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A node that served one of the subscriptions was lost.
    PeerLost {
        /// Its id.
        node: crate::NodeId,
        /// Its name or endpoint.
        name: Arc<str>,
    },
    /// The subscriptions were ended because the subscriber was too slow.
    Ended,
}

/// Who handed a message to an [`Inbox`]: this process, or a link by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(pub u32);

impl Source {
    /// A publisher of this process.
    pub const LOCAL: Self = Self(u32::MAX);
}

#[derive(Debug)]
struct SlotState {
    topic: Arc<str>,
    /// Entries of this slot in the queue.
    queued: u32,
    /// Missing before the first queued message of the slot.
    front_gap: Missed,
    /// Missing after the last one.
    back_gap: Missed,
    attached: bool,
    /// Messages of this slot that were dropped.
    dropped: u64,
    /// Those of them that are yet to be told by [`Inbox::take_untold`].
    untold: u64,
}

/// A subscriber's queue. Message order is the order of the offers; a loss is told where it happened: before the next
/// message of its topic, or once the queue is drained.
#[derive(Debug)]
pub struct Inbox {
    entries: Entries,
    slots: Vec<SlotState>,
    free_slots: Vec<u32>,
    /// Counts changes of what topic a slot is of.
    topics_version: u64,
    /// Slots with a `back_gap`, in the order in which they got it.
    gapped: VecDeque<u32>,
    /// Slots with a `front_gap`.
    front_gaps: usize,
    /// Slots with something `untold`.
    untold: Vec<u32>,
    /// Of what is queued, what a receiver has taken ahead.
    ahead: Left,
    messages: usize,
    bytes: usize,
    reserved_messages: usize,
    reserved_bytes: usize,
    limit: Limit,
    overflow: Overflow,
    tells_gaps: bool,
    ended: bool,
    drops: Drops,
}

impl Inbox {
    /// An empty queue.
    #[must_use]
    pub fn new(limit: Limit, overflow: Overflow) -> Self {
        Self {
            entries: Entries::default(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            topics_version: 0,
            gapped: VecDeque::new(),
            front_gaps: 0,
            untold: Vec::new(),
            ahead: Left::default(),
            messages: 0,
            bytes: 0,
            reserved_messages: 0,
            reserved_bytes: 0,
            limit,
            overflow,
            tells_gaps: true,
            ended: false,
            drops: Drops::default(),
        }
    }

    /// Changes limit and policy; what is queued stays.
    pub fn configure(&mut self, limit: Limit, overflow: Overflow) {
        self.limit = limit;
        self.overflow = overflow;
    }

    /// Whether losses are handed out as [`Taken::Gap`] (the default); otherwise those that happen here are told by
    /// [`take_untold`](Self::take_untold), and of others nothing is kept.
    pub fn tell_gaps(&mut self, tell: bool) {
        self.tells_gaps = tell;
    }

    /// The overflow policy.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Makes a way in for a topic's messages.
    pub fn attach(&mut self, topic: Arc<str>) -> Slot {
        let state = SlotState {
            topic,
            queued: 0,
            front_gap: Missed::NONE,
            back_gap: Missed::NONE,
            attached: true,
            dropped: 0,
            untold: 0,
        };
        self.topics_version += 1;
        match self.free_slots.pop() {
            Some(index) => {
                self.slots[index as usize] = state;
                Slot(index)
            }
            None => {
                self.slots.push(state);
                Slot(self.slots.len() as u32 - 1)
            }
        }
    }

    /// Ends a way in. What is queued stays, and the slot is reused once that is taken. Gives how many of its messages were
    /// dropped.
    pub fn detach(&mut self, slot: Slot) -> u64 {
        let state = &mut self.slots[slot.0 as usize];
        state.attached = false;
        let dropped = state.dropped;
        // The topic may come back by another slot: its loss is to be told before its next message.
        self.queue_back_gap(slot.0);
        self.release_if_unused(slot.0);
        dropped
    }

    /// Offers a message; see [`Offer`] for what becomes of it.
    #[inline]
    pub fn offer<'a>(&mut self, slot: Slot, source: Source, data: impl Into<View<'a>>) -> Offer {
        let data = data.into();
        if self.has_room(data.len()) {
            self.append(slot, source, data);
            return Offer::Queued;
        }
        self.overflowed(slot, source, data)
    }

    /// Sets room aside for a message, so that a later [`offer_reserved`](Self::offer_reserved) cannot fail.
    pub fn reserve(&mut self, len: usize) -> bool {
        let room = self.has_room(len);
        if room {
            self.reserved_messages += 1;
            self.reserved_bytes += len;
        }
        room
    }

    /// Queues the last `count` messages of a topic as far as there is room: the newest win.
    pub fn replay(&mut self, slot: Slot, history: &History, count: usize) {
        let (messages, bytes) = (
            self.messages + self.reserved_messages,
            self.bytes + self.reserved_bytes,
        );
        let lens_back = history.lens_back().take(count);
        let room = self.limit.room_for(messages, bytes, lens_back);
        for (_, payload) in history.last(room) {
            self.append(slot, Source::LOCAL, payload.into());
        }
    }

    /// Gives reserved room back.
    pub fn unreserve(&mut self, len: usize) {
        self.reserved_messages -= 1;
        self.reserved_bytes -= len;
    }

    /// Queues a message into room set aside by [`reserve`](Self::reserve).
    pub fn offer_reserved(&mut self, slot: Slot, source: Source, payload: &Payload) {
        self.unreserve(payload.len());
        self.append(slot, source, payload.into());
    }

    /// Queues a message that came over a link to a subscriber that blocks. A message on credit has its room. One that is
    /// not was sent before its sender knew of the subscriber, or overdraws: with more than twice the limit queued it is
    /// lost instead of growing the queue.
    #[inline]
    pub fn offer_credited<'a>(
        &mut self,
        slot: Slot,
        source: Source,
        data: impl Into<View<'a>>,
        credited: bool,
    ) -> Offer {
        let data = data.into();
        if credited {
            self.append(slot, source, data);
            return Offer::Queued;
        }
        let limit = Limit {
            messages: self.limit.messages.saturating_mul(2),
            bytes: self.limit.bytes.saturating_mul(2),
        };
        if limit.has_room(self.messages, self.bytes, data.len()) {
            self.append(slot, source, data);
            return Offer::Queued;
        }
        self.drop_newest(slot);
        Offer::Dropped
    }

    /// A message that found no room, and whose publisher cannot be held up, is lost.
    pub fn lose(&mut self, slot: Slot) {
        self.drop_newest(slot);
    }

    /// Tells that messages of a topic were lost before they came here.
    pub fn missed(&mut self, slot: Slot, missed: Missed) {
        if self.tells_gaps {
            self.add_back_gap(slot.0, missed);
        }
    }

    /// Queues news; it takes no room.
    pub fn notice(&mut self, notice: Notice) {
        self.entries.push_notice(notice);
    }

    /// Hands topic and data of what is first in line to `copy` if it is a message, and takes it if that is done with it.
    /// Gives its source and what `copy` gave; `None` if no message is first in line.
    #[inline]
    pub fn take_message<R>(
        &mut self,
        copy: impl FnOnce(&str, &[u8]) -> (Copying, R),
    ) -> Option<(Source, R)> {
        let first = self.entries.first()?;
        let (slot, source, len) = (first.slot, first.source, first.data.len());
        let state = &self.slots[slot as usize];
        if self.front_gaps > 0 && !state.front_gap.is_none() {
            return None;
        }
        let (copied, result) = copy(&state.topic, first.data);
        if copied == Copying::Done {
            self.messages -= 1;
            self.bytes -= len;
            self.entries.discard_first();
            self.count_taken(slot);
        }
        Some((source, result))
    }

    /// Takes what is first in line.
    pub fn take(&mut self) -> Option<Taken> {
        if self.front_gaps > 0
            && let Some(first) = self.entries.first()
        {
            let state = &mut self.slots[first.slot as usize];
            if !state.front_gap.is_none() {
                let missed = std::mem::take(&mut state.front_gap);
                self.front_gaps -= 1;
                return Some(Taken::Gap {
                    topic: state.topic.clone(),
                    missed,
                });
            }
        }
        match self.entries.pop() {
            Some(Entry::Message {
                slot,
                source,
                payload,
            }) => {
                self.messages -= 1;
                self.bytes -= payload.len();
                let topic = self.entry_taken(slot);
                Some(Taken::Message {
                    topic,
                    source,
                    payload,
                })
            }
            Some(Entry::Gap { slot, mut missed }) => {
                missed += self.take_front_gap(slot);
                let topic = self.entry_taken(slot);
                Some(Taken::Gap { topic, missed })
            }
            Some(Entry::Notice(notice)) => Some(Taken::Notice(notice)),
            None => self.take_trailing_gap(),
        }
    }

    /// What was dropped here and not handed out as [`Taken::Gap`], by topic: told once.
    #[must_use]
    #[inline]
    pub fn take_untold(&mut self) -> Vec<(Arc<str>, Missed)> {
        if self.untold.is_empty() {
            return Vec::new();
        }
        self.drain_untold()
    }

    /// Whether [`take`](Self::take) would give nothing.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.gapped.is_empty()
    }

    /// Messages queued.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Their payload bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages dropped here so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.drops.total()
    }

    /// The same by the policy that was in force.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// Messages of a topic that were dropped here since its slot was attached.
    #[must_use]
    pub fn dropped_of(&self, slot: Slot) -> u64 {
        self.slots[slot.0 as usize].dropped
    }

    /// Whether a message of `len` bytes would be queued now.
    #[must_use]
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        self.limit.has_room(
            self.messages + self.reserved_messages,
            self.bytes + self.reserved_bytes,
            len,
        )
    }

    /// Ends the subscriber as too slow: told once, after what is queued.
    pub fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.notice(Notice::Ended);
        }
    }

    /// Lets an ended subscriber start anew.
    pub fn revive(&mut self) {
        self.ended = false;
    }

    /// Discards everything queued of topics that `keep` refuses; the sources of discarded messages are told to
    /// `discarded` with their lengths.
    pub fn retain(
        &mut self,
        keep: impl Fn(&str) -> bool,
        mut discarded: impl FnMut(Source, usize),
    ) {
        let wanted: Vec<bool> = self.slots.iter().map(|slot| keep(&slot.topic)).collect();
        let mut entries = std::mem::take(&mut self.entries);
        while let Some(entry) = entries.pop() {
            match entry {
                Entry::Message {
                    slot,
                    source,
                    payload,
                } if wanted[slot as usize] => self.entries.push(slot, source, (&payload).into()),
                Entry::Message {
                    slot,
                    source,
                    payload,
                } => {
                    self.messages -= 1;
                    self.bytes -= payload.len();
                    discarded(source, payload.len());
                    self.entry_taken(slot);
                }
                Entry::Gap { slot, missed } if wanted[slot as usize] => {
                    self.entries.push_gap(slot, missed);
                }
                Entry::Gap { slot, .. } => {
                    self.entry_taken(slot);
                }
                Entry::Notice(notice) => self.entries.push_notice(notice),
            }
        }
        for index in (0..wanted.len()).filter(|&index| !wanted[index]) {
            self.take_front_gap(index as u32);
        }
        for slot in std::mem::take(&mut self.gapped) {
            if wanted[slot as usize] {
                self.gapped.push_back(slot);
            } else {
                self.slots[slot as usize].back_gap = Missed::NONE;
                self.release_if_unused(slot);
            }
        }
    }

    #[inline(never)]
    fn overflowed(&mut self, slot: Slot, source: Source, data: View<'_>) -> Offer {
        match self.overflow {
            Overflow::Block => Offer::Full,
            Overflow::DropNewest => {
                self.drop_newest(slot);
                Offer::Dropped
            }
            Overflow::DropOldest => {
                while !self.has_room(data.len()) && self.drop_oldest() {}
                self.append(slot, source, data);
                Offer::Dropped
            }
            Overflow::Disconnect => {
                self.end();
                self.count_drop(slot.0);
                Offer::Ended
            }
        }
    }

    #[inline]
    fn append(&mut self, slot: Slot, source: Source, data: View<'_>) {
        if !self.gapped.is_empty() {
            self.queue_back_gap(slot.0);
        }
        self.slots[slot.0 as usize].queued += 1;
        self.messages += 1;
        self.bytes += data.len();
        self.entries.push(slot.0, source, data);
    }

    /// What is missing after the last message of a slot takes its place in line.
    #[inline]
    fn queue_back_gap(&mut self, slot: u32) {
        if !self.slots[slot as usize].back_gap.is_none() {
            self.queue_gap(slot);
        }
    }

    #[cold]
    fn queue_gap(&mut self, slot: u32) {
        let state = &mut self.slots[slot as usize];
        let missed = std::mem::take(&mut state.back_gap);
        state.queued += 1;
        self.gapped.retain(|&gapped| gapped != slot);
        self.entries.push_gap(slot, missed);
    }

    fn count_drop(&mut self, slot: u32) {
        self.drops.count(self.overflow);
        let state = &mut self.slots[slot as usize];
        state.dropped += 1;
        if !self.tells_gaps {
            if state.untold == 0 {
                self.untold.push(slot);
            }
            state.untold += 1;
        }
    }

    fn drop_newest(&mut self, slot: Slot) {
        self.count_drop(slot.0);
        if self.tells_gaps {
            self.add_back_gap(slot.0, Missed::exactly(1));
        }
    }

    /// Drops the oldest message; false if none is queued.
    fn drop_oldest(&mut self) -> bool {
        let Some((mut place, slot, payload)) = self.entries.take_first_message() else {
            return false;
        };
        self.messages -= 1;
        self.bytes -= payload.len();
        self.count_drop(slot);
        let mut missed = Missed::exactly(1);
        // A gap told just before the message grows, instead of leaving one marker for each message dropped.
        if let Some(before) = place.checked_sub(1)
            && let Some(earlier) = self.entries.take_gap(before, slot)
        {
            missed += earlier;
            self.slots[slot as usize].queued -= 1;
            place = before;
        }
        let earlier = self.take_front_gap(slot);
        let state = &mut self.slots[slot as usize];
        state.queued -= 1;
        if self.tells_gaps {
            missed += earlier;
            if state.queued > 0 {
                state.front_gap = missed;
                self.front_gaps += 1;
            } else if state.attached {
                self.add_back_gap(slot, missed);
            } else {
                // The topic may be queued behind by another slot.
                state.queued += 1;
                self.entries.insert_gap(place, slot, missed);
            }
        }
        self.release_if_unused(slot);
        true
    }

    fn take_front_gap(&mut self, slot: u32) -> Missed {
        let missed = std::mem::take(&mut self.slots[slot as usize].front_gap);
        self.front_gaps -= usize::from(!missed.is_none());
        missed
    }

    fn add_back_gap(&mut self, slot: u32, missed: Missed) {
        let state = &mut self.slots[slot as usize];
        if state.back_gap.is_none() {
            self.gapped.push_back(slot);
        }
        state.back_gap += missed;
    }

    fn take_trailing_gap(&mut self) -> Option<Taken> {
        let slot = self.gapped.pop_front()?;
        let state = &mut self.slots[slot as usize];
        let missed = std::mem::take(&mut state.back_gap);
        let topic = state.topic.clone();
        self.release_if_unused(slot);
        Some(Taken::Gap { topic, missed })
    }

    #[cold]
    fn drain_untold(&mut self) -> Vec<(Arc<str>, Missed)> {
        let slots = std::mem::take(&mut self.untold);
        let told = slots.iter().map(|&slot| {
            let state = &mut self.slots[slot as usize];
            let missed = Missed::exactly(std::mem::take(&mut state.untold));
            let topic = state.topic.clone();
            self.release_if_unused(slot);
            (topic, missed)
        });
        told.collect()
    }

    fn entry_taken(&mut self, slot: u32) -> Arc<str> {
        let topic = self.slots[slot as usize].topic.clone();
        self.count_taken(slot);
        topic
    }

    #[inline]
    fn count_taken(&mut self, slot: u32) {
        let state = &mut self.slots[slot as usize];
        state.queued -= 1;
        if !state.attached {
            self.release_if_unused(slot);
        }
    }

    fn release_if_unused(&mut self, slot: u32) {
        let state = &self.slots[slot as usize];
        if !state.attached && state.queued == 0 && state.back_gap.is_none() && state.untold == 0 {
            self.free_slots.push(slot);
        }
    }
}

#[cfg(test)]
mod tests;
