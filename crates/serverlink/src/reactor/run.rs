//! Messages of one stream that follow one another on a link: their topic hears them together, under one lock.

use spot_core::Payload;

/// Most messages of a run. Receivers get to take of what was heard in between, and more would save next to nothing.
const MAX_MESSAGES: usize = 64;

/// The messages of a run so far.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The stream, while there is one.
    alias: Option<u32>,
    /// Their numbers and data.
    messages: Vec<(u64, Payload)>,
}

impl Run {
    /// Whether a message of this stream continues the run.
    #[inline]
    pub(super) fn is_of(&self, alias: u32) -> bool {
        self.alias == Some(alias)
    }

    /// Begins a run; the one before it was [taken](Self::take).
    pub(super) fn begin(&mut self, alias: u32) {
        self.alias = Some(alias);
    }

    #[inline]
    pub(super) fn add(&mut self, sequence: u64, payload: Payload) {
        self.messages.push((sequence, payload));
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES
    }

    /// Ends the run: its stream and messages, if there is one.
    pub(super) fn take(&mut self) -> Option<(u32, Vec<(u64, Payload)>)> {
        let alias = self.alias.take()?;
        Some((alias, std::mem::take(&mut self.messages)))
    }

    /// The memory of messages that were heard serves for the next run.
    pub(super) fn reuse(&mut self, mut messages: Vec<(u64, Payload)>) {
        messages.clear();
        self.messages = messages;
    }
}
