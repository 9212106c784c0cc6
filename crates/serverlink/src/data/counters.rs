//! Counters of a node that many threads bump: striped, so that no two threads fight over a cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const STRIPES: usize = 8;

/// Counts messages and bytes published; one stripe for each of a few threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    stripes: [Stripe; STRIPES],
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

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    #[inline]
    pub(crate) fn count_published(&self, len: usize) {
        let stripe = &self.stripes[stripe_of_thread()];
        stripe.messages.fetch_add(1, Relaxed);
        stripe.bytes.fetch_add(len as u64, Relaxed);
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

    pub(crate) fn published(&self) -> (u64, u64) {
        self.stripes
            .iter()
            .fold((0, 0), |(messages, bytes), stripe| {
                (
                    messages + stripe.messages.load(Relaxed),
                    bytes + stripe.bytes.load(Relaxed),
                )
            })
    }
}

fn stripe_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    STRIPE.with(|stripe| {
        if stripe.get() == usize::MAX {
            stripe.set(NEXT.fetch_add(1, Relaxed) % STRIPES);
        }
        stripe.get()
    })
}
