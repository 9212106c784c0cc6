//! What follows one another in what was read, to be done together: messages of one stream, which their topic hears under
//! one lock, or announcements of streams and interest, which the control plane is told under one.

use spot_core::frame::{Alias, Data};

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
    /// The stream, while there is one.
    alias: Option<u32>,
    /// Their numbers and data.
    messages: Vec<(u64, &'a [u8])>,
    /// Frames for the control plane, while there is no stream.
    told: Vec<Told<'a>>,
}

impl<'a> Run<'a> {
    /// Whether a message of this stream continues the run.
    #[inline]
    pub(super) fn is_of(&self, alias: u32) -> bool {
        self.alias == Some(alias)
    }

    /// Begins a run; the one before it has [ended](Self::end).
    pub(super) fn begin(&mut self, alias: u32) {
        self.alias = Some(alias);
    }

    #[inline]
    pub(super) fn add(&mut self, data: Data<'a>) {
        self.messages.push((data.sequence, data.payload));
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES
    }

    /// Ends the run, if there is one: gives its stream and messages to `hear`.
    pub(super) fn end(&mut self, hear: impl FnOnce(u32, &[(u64, &[u8])])) {
        if let Some(alias) = self.alias.take() {
            hear(alias, &self.messages);
            self.messages.clear();
        }
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
