//! What follows one another in what was read, to be done together: messages of one stream, which their topic hears under
//! one lock, or announcements of streams and interest, which the control plane is told under one.

use spot_core::frame::{Alias, Data, NextHeader};

use crate::data::HeardRun;

/// Most messages of a run. Receivers get to take of what was heard in between, and more would save next to nothing.
const MAX_MESSAGES: usize = 64;

/// Most frames that are told under one control lock, which others wait for.
const MAX_TOLD: usize = 64;

/// A frame for the control plane.
#[derive(Debug)]
pub(super) enum Told<'a> {
    /// A stream to subscribers here is announced.
    Alias(Alias<'a>),
    /// INTEREST.
    Interest(&'a [u8]),
}

/// What has been read and is to be done together, where it was read: messages of a run, or frames for the control plane.
#[derive(Debug, Default)]
pub(super) struct Run<'a> {
    /// The stream and the number of the first message; stale between runs.
    alias: u32,
    first: u64,
    /// What the next message of the run begins with.
    next: NextHeader,
    /// What the messages carry; none between runs.
    messages: Vec<&'a [u8]>,
    bytes: usize,
    longest: usize,
    /// Frames for the control plane, while there is no message.
    told: Vec<Told<'a>>,
}

impl<'a> Run<'a> {
    /// Whether a message continues the run.
    #[inline]
    pub(super) fn is_continued_by(&self, data: &Data<'_>) -> bool {
        (data.alias, data.sequence) == self.next.stream() && self.is_open()
    }

    /// Takes the message in this frame if it plainly continues the run, without decoding it.
    #[inline(always)]
    pub(super) fn take_next(&mut self, frame: &'a [u8]) -> bool {
        match self.next.payload(frame) {
            Some(payload) if self.is_open() => {
                self.push(payload);
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn is_open(&self) -> bool {
        (1..MAX_MESSAGES).contains(&self.messages.len())
    }

    /// Begins a run with this message; the one before it has [ended](Self::end).
    #[inline]
    pub(super) fn begin(&mut self, data: &Data<'a>) {
        (self.alias, self.first) = (data.alias, data.sequence);
        (self.bytes, self.longest) = (0, 0);
        self.next = NextHeader::new(data.alias, data.sequence);
        if self.messages.capacity() == 0 {
            self.messages.reserve_exact(MAX_MESSAGES);
        }
        self.add(data);
    }

    #[inline]
    pub(super) fn add(&mut self, data: &Data<'a>) {
        self.push(data.payload);
    }

    #[inline(always)]
    fn push(&mut self, payload: &'a [u8]) {
        self.messages.push(payload);
        self.bytes += payload.len();
        self.longest = self.longest.max(payload.len());
        self.next.advance();
    }

    /// Ends the run, if there is one: gives its stream and messages to `hear`.
    #[inline]
    pub(super) fn end(&mut self, hear: impl FnOnce(u32, &HeardRun<'_>)) {
        if self.messages.is_empty() {
            return;
        }
        let run = HeardRun {
            first: self.first,
            messages: &self.messages,
            bytes: self.bytes,
            longest: self.longest,
        };
        hear(self.alias, &run);
        self.messages.clear();
    }

    /// Adds a frame for the control plane; the run of messages before it has ended.
    pub(super) fn tell(&mut self, told: Told<'a>) {
        self.told.push(told);
    }

    /// Whether so much is to be told that it is time.
    pub(super) fn is_told_enough(&self) -> bool {
        self.told.len() >= MAX_TOLD
    }

    /// Takes what the control plane is to be told.
    pub(super) fn take_told(&mut self) -> Vec<Told<'a>> {
        std::mem::take(&mut self.told)
    }
}
