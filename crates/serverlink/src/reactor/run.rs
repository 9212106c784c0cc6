//! Messages of one stream that follow one another in what was read: their topic hears them together, under one lock.

use spot_core::frame::Data;

/// Most messages of a run. Receivers get to take of what was heard in between, and more would save next to nothing.
const MAX_MESSAGES: usize = 64;

/// The messages of a run so far, where they were read.
#[derive(Debug, Default)]
pub(super) struct Run<'a> {
    /// The stream, while there is one.
    alias: Option<u32>,
    /// Their numbers and data.
    messages: Vec<(u64, &'a [u8])>,
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
}
