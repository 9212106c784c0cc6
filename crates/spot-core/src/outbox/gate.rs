//! Credit as its spender sees it.

/// Credit of one blocking subscriber on the other side; `u64::MAX` is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gate {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// What the last message overdrew the bytes by: it comes off the next credit.
    pub(super) overdrawn_bytes: u64,
}

impl Gate {
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.messages > 0 && self.bytes > 0
    }

    /// Whether a message of `len` bytes may go beside `messages` others of `bytes` in all. Only a single one may overdraw.
    pub(super) fn allows(&self, messages: usize, bytes: usize, len: usize) -> bool {
        self.is_open()
            && (messages as u64) < self.messages
            && (messages == 0 || (bytes + len) as u64 <= self.bytes)
    }

    #[inline]
    pub(super) fn spend(&mut self, len: u64) {
        if self.messages != u64::MAX {
            self.messages = self.messages.saturating_sub(1);
        }
        if self.bytes != u64::MAX {
            self.overdrawn_bytes += len.saturating_sub(self.bytes);
            self.bytes = self.bytes.saturating_sub(len);
        }
    }

    pub(super) fn add(&mut self, messages: u64, bytes: u64) {
        let settled = self.overdrawn_bytes.min(bytes);
        self.overdrawn_bytes -= settled;
        self.messages = self.messages.saturating_add(messages);
        self.bytes = self.bytes.saturating_add(bytes - settled);
    }
}
