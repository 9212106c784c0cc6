//! Counters of a node of what is rare, and of what topics, subscribers and links that are gone had counted.

use std::ops::{AddAssign, Sub};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spot_core::{Drops, Missed};

use super::lock;

/// Counters. Messages are counted where they are published and received, under locks that are held there anyway.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    gone: Mutex<Gone>,
    pub(crate) duplicates_refused: AtomicU64,
    pub(crate) missed_messages: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) relayed_messages: AtomicU64,
    pub(crate) relayed_bytes: AtomicU64,
    pub(crate) unhosted_messages: AtomicU64,
    pub(crate) commands_refused: AtomicU64,
    pub(crate) messages_refused: AtomicU64,
    pub(crate) connect_failures: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
    pub(crate) handshake_timeouts: AtomicU64,
    handshake_failures: [AtomicU64; HandshakeFailure::COUNT],
    pub(crate) protocol_errors: AtomicU64,
    pub(crate) heartbeat_failures: AtomicU64,
}

/// Why a handshake failed for what the other side said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// The greeting is none of ZMTP.
    Greeting,
    /// It speaks another version, of ZMTP or of the link.
    Version,
    /// It wants another security mechanism.
    Mechanism,
    /// What follows the greeting is malformed or out of place.
    Malformed,
    /// It is a socket of a kind that has no business here.
    SocketType,
    /// It says wrongly who it is.
    Identity,
    /// It refused us.
    RefusedByPeer,
}

impl HandshakeFailure {
    const COUNT: usize = Self::RefusedByPeer as usize + 1;
}

/// What was counted by what is gone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gone {
    /// By topics.
    pub(crate) published: Tally,
    pub(crate) skipped: Gaps,
    /// By subscribers.
    pub(crate) inboxes: InboxTotals,
    /// By links.
    pub(crate) links: LinkTotals,
    pub(crate) link_high_water: usize,
}

/// Messages and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// How often messages were missing, and how many, as far as they could be counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    pub(crate) times: u64,
    pub(crate) missed: u64,
}

/// What a subscriber's queue has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InboxTotals {
    pub(crate) received: Tally,
    pub(crate) drops: Drops,
    pub(crate) high_water: usize,
}

/// What a link has counted since it is up: messages, bytes on the wire, messages its queue dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LinkTotals {
    pub(crate) sent: Tally,
    pub(crate) received: Tally,
    pub(crate) drops: Drops,
}

impl Counters {
    pub(crate) fn handshake_failures(&self, why: HandshakeFailure) -> &AtomicU64 {
        &self.handshake_failures[why as usize]
    }

    pub(crate) fn all_handshake_failures(&self) -> u64 {
        let failures = self.handshake_failures.iter();
        failures.map(|count| count.load(Relaxed)).sum()
    }

    /// Keeps what a topic had counted, once it is gone.
    pub(crate) fn keep_topic(&self, published: Tally, skipped: Gaps) {
        let mut gone = lock(&self.gone);
        gone.published += published;
        gone.skipped += skipped;
    }

    /// Keeps what a subscriber had counted, once it is gone.
    pub(crate) fn keep_inbox(&self, totals: InboxTotals) {
        lock(&self.gone).inboxes += totals;
    }

    /// Keeps what a link has counted since it was last kept, once the control plane does not have it any more.
    pub(crate) fn keep_link(&self, totals: LinkTotals, high_water: usize) {
        let mut gone = lock(&self.gone);
        gone.links += totals;
        gone.link_high_water = gone.link_high_water.max(high_water);
    }

    /// What was counted by what is gone.
    pub(crate) fn gone(&self) -> Gone {
        *lock(&self.gone)
    }
}

impl Tally {
    #[inline]
    pub(crate) fn add(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len as u64;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            messages: self.messages - earlier.messages,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

impl Gaps {
    pub(crate) fn add(&mut self, missed: Missed) {
        self.times += 1;
        self.missed = self.missed.saturating_add(missed.counted());
    }
}

impl AddAssign for Gaps {
    fn add_assign(&mut self, other: Self) {
        self.times += other.times;
        self.missed = self.missed.saturating_add(other.missed);
    }
}

impl AddAssign for InboxTotals {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.drops += other.drops;
        self.high_water = self.high_water.max(other.high_water);
    }
}

impl AddAssign for LinkTotals {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.drops += other.drops;
    }
}

impl Sub for LinkTotals {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            received: self.received - earlier.received,
            drops: self.drops - earlier.drops,
        }
    }
}
