//! Counters of a node of what is rare, and of what topics and subscribers that are gone had counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters. Messages are counted where they are published and received, under locks that are held there anyway.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    published_before: Published,
    pub(crate) duplicates_refused: AtomicU64,
    pub(crate) missed_messages: AtomicU64,
    pub(crate) relayed_messages: AtomicU64,
    pub(crate) relayed_bytes: AtomicU64,
    pub(crate) commands_refused: AtomicU64,
    pub(crate) messages_refused: AtomicU64,
    /// Messages that the queues of links that are gone had dropped.
    pub(crate) closed_outbox_drops: AtomicU64,
    received_before: Received,
    pub(crate) handshake_timeouts: AtomicU64,
    pub(crate) handshake_failures: AtomicU64,
    pub(crate) protocol_errors: AtomicU64,
    pub(crate) heartbeat_failures: AtomicU64,
}

/// What subscribers that are gone had counted.
#[derive(Debug, Default)]
struct Received {
    messages: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
}

/// What topics that are gone had counted.
#[derive(Debug, Default)]
struct Published {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    /// Keeps what a topic had counted, once it is gone: messages and bytes published.
    pub(crate) fn keep_published(&self, (messages, bytes): (u64, u64)) {
        self.published_before.messages.fetch_add(messages, Relaxed);
        self.published_before.bytes.fetch_add(bytes, Relaxed);
    }

    /// What topics that are gone had counted.
    pub(crate) fn published_before(&self) -> (u64, u64) {
        let Published { messages, bytes } = &self.published_before;
        (messages.load(Relaxed), bytes.load(Relaxed))
    }

    /// Keeps what a subscriber had counted, once it is gone: messages and bytes received, messages dropped.
    pub(crate) fn keep_received(&self, (messages, bytes, dropped): (u64, u64, u64)) {
        self.received_before.messages.fetch_add(messages, Relaxed);
        self.received_before.bytes.fetch_add(bytes, Relaxed);
        self.received_before.dropped.fetch_add(dropped, Relaxed);
    }

    /// What subscribers that are gone had counted.
    pub(crate) fn received_before(&self) -> (u64, u64, u64) {
        let Received {
            messages,
            bytes,
            dropped,
        } = &self.received_before;
        (
            messages.load(Relaxed),
            bytes.load(Relaxed),
            dropped.load(Relaxed),
        )
    }
}
