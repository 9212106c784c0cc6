//! The data plane: publish -> topic -> inboxes and outboxes. It takes no control lock and decides nothing.
//!
//! Locks are taken in this order and each is held for a few instructions, never across a system call other than a wake-up:
//! a topic's upstream lock, its publish lock, its sinks lock (of the same topic or, over an in-process link, of the
//! peer's), then an inbox or an outbox.

mod aftermath;
mod buffers;
mod counters;
mod credit;
mod cut;
mod heard;
mod inbox;
mod outbox;
mod past;
mod plainly;
mod publish;
mod relay;
mod reservation;
mod topic;
mod upstream;
mod wait;

pub(crate) use aftermath::{Aftermath, Work};
pub(crate) use buffers::Buffers;
pub(crate) use counters::{Counters, HandshakeFailure, LinkTotals};
pub(crate) use cut::Forgotten;
pub(crate) use heard::{CutStreams, Farewell, Heard, HeardRun};
pub(crate) use inbox::{Receipt, Received, SharedInbox};
pub(crate) use outbox::{LinkView, SharedOutbox};
pub(crate) use publish::{Blocker, Identity, Mail, PeerRefusal, PublishFailure};
pub(crate) use topic::{LinkSink, SinkKind, Topic, TopicCounts};
pub(crate) use upstream::{Sent, Upstream};
pub(crate) use wait::{Deadline, wait};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose data is consistent whenever it is unlocked, also after a panic of another thread.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something with cache lines of its own, so that who writes to it does not slow down those who use what lies beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T> std::ops::Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
