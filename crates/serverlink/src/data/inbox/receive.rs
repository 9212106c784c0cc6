//! Receiving: from what was taken ahead, without the queue's lock, or else from the queue.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::task::Waker;
use std::time::Duration;

use smallvec::SmallVec;
use spot_core::inbox::{Ahead, Copied, Front, Left, Source, Taken};

use super::{SharedInbox, State, one};
use crate::api::Spin;
use crate::data::{Deadline, SharedOutbox, lock, wait};
use crate::reactor::Waiting;

/// Without a limit on messages, those received are settled in steps of so many.
const SETTLE_MESSAGES: usize = 1024;

/// What receivers took out of a queue ahead of time, and what publishers look at of it.
#[derive(Debug, Default)]
pub(super) struct TakenAhead {
    pub(super) batch: Mutex<Batch>,
    /// Things in the batch, and of those messages and their bytes; written by who holds its lock.
    pub(super) entries: AtomicUsize,
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

/// What receivers took ahead. Its lock is taken before the queue's.
#[derive(Debug, Default)]
pub(super) struct Batch {
    ahead: Ahead,
    /// How much of it may be received before it is settled.
    settle_after: usize,
}

impl Batch {
    #[inline]
    fn is_due(&self) -> bool {
        self.ahead.is_empty() || self.ahead.unsettled() >= self.settle_after
    }
}

/// Links that have credit to be written.
type Granted = SmallVec<[Arc<SharedOutbox>; 2]>;

/// The receiver writes itself: the publisher may wait for it, and the I/O thread would have to be woken.
fn write_credit(granted: impl IntoIterator<Item = Arc<SharedOutbox>>) {
    granted
        .into_iter()
        .for_each(|outbox| outbox.flush_as_publisher());
}

/// What a receive found.
pub(crate) enum Received<R> {
    Got(R),
    Empty,
    Closed,
}

/// What was taken from the queue, as far as accounting goes.
pub(crate) trait Receipt {
    /// The source and length of the message, if it is one.
    fn message(&self) -> Option<(Source, usize)>;
}

impl Receipt for Taken {
    fn message(&self) -> Option<(Source, usize)> {
        match self {
            Taken::Message {
                source, payload, ..
            } => Some((*source, payload.len())),
            _ => None,
        }
    }
}

impl SharedInbox {
    /// Takes what is first in line.
    #[inline]
    pub(crate) fn receive(&self, deadline: impl FnOnce() -> Deadline) -> Received<Taken> {
        self.receive_with(deadline, |mut front| front.take())
    }

    /// Runs `take` on what is first in line until it gives something, waiting in between. `take` may look without taking.
    #[inline]
    pub(crate) fn receive_with<R: Receipt>(
        &self,
        deadline: impl FnOnce() -> Deadline,
        mut take: impl FnMut(Front<'_>) -> Option<R>,
    ) -> Received<R> {
        match self.receive_now(&mut take) {
            Received::Empty => self.receive_later(deadline(), take),
            found => found,
        }
    }

    /// Runs `take` on what is first in line now.
    #[inline]
    pub(crate) fn receive_now<R: Receipt>(
        &self,
        take: &mut impl FnMut(Front<'_>) -> Option<R>,
    ) -> Received<R> {
        loop {
            if self.ahead.entries.load(Acquire) > 0
                && let Some(got) = self.receive_ahead(take)
            {
                return Received::Got(got);
            }
            if let Some(found) = self.receive_queued(take) {
                return found;
            }
        }
    }

    /// Takes from the queue itself; `None` if another receiver took ahead meanwhile: that is first in line.
    #[inline(never)]
    fn receive_queued<R: Receipt>(
        &self,
        take: &mut impl FnMut(Front<'_>) -> Option<R>,
    ) -> Option<Received<R>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Some(Received::Closed);
        }
        if self.ahead.entries.load(Relaxed) > 0 {
            return None;
        }
        let untold = state.queue.take_untold();
        let found = match take(Front::Queue(&mut state.queue)) {
            Some(got) => {
                self.received(state, got.message());
                Received::Got(got)
            }
            None => {
                self.refresh(&mut state);
                drop(state);
                Received::Empty
            }
        };
        if !untold.is_empty()
            && let Some(owner) = self.owner.upgrade()
        {
            owner.tell_missed(untold);
        }
        Some(found)
    }

    #[inline(never)]
    fn receive_later<R: Receipt>(
        &self,
        deadline: Deadline,
        mut take: impl FnMut(Front<'_>) -> Option<R>,
    ) -> Received<R> {
        if matches!(deadline, Deadline::Now) {
            return Received::Empty;
        }
        let waiting = Waiting::new(&self.reactor);
        let mut spun = false;
        loop {
            let drove = self.over_links.load(Relaxed) && self.drive(&waiting, deadline);
            if !drove && !std::mem::replace(&mut spun, true) {
                self.spin_until_ready(deadline);
            }
            match self.receive_now(&mut take) {
                Received::Empty if drove && deadline.is_past() => return Received::Empty,
                Received::Empty if drove => continue,
                Received::Empty => {}
                found => return found,
            }
            let mut state = lock(&self.state);
            if self.has_something(&state) {
                continue;
            }
            state.sleepers += 1;
            let (guard, in_time) = wait(&self.ready, state, deadline);
            state = guard;
            if state.wakes > 0 {
                state.wakes -= 1;
            } else {
                state.sleepers -= 1;
            }
            if !in_time && !self.has_something(&state) {
                return Received::Empty;
            }
        }
    }

    /// Waits by doing the I/O thread's work; false if that is not possible now.
    fn drive(&self, waiting: &Waiting<'_>, deadline: Deadline) -> bool {
        let spin = match *lock(&self.spin) {
            Spin::Micros(spin_us) => Duration::from_micros(u64::from(spin_us)),
            // The kernel wakes who polls as soon as anything arrives.
            Spin::Adaptive => Duration::ZERO,
        };
        lock(&self.state).driving += 1;
        let drove = waiting.drive(deadline, spin, || self.is_ready.load(Relaxed));
        lock(&self.state).driving -= 1;
        drove
    }

    #[inline(never)]
    fn receive_ahead<R: Receipt>(
        &self,
        take: &mut impl FnMut(Front<'_>) -> Option<R>,
    ) -> Option<R> {
        let mut batch = lock(&self.ahead.batch);
        let got = take(Front::Ahead(&mut batch.ahead))?;
        self.tell_left(&batch.ahead);
        if batch.is_due() {
            self.settle_batch(&mut batch);
        }
        Some(got)
    }

    /// Copies what is first in line into these buffers and gives the lengths of topic and data, if it is a message that they
    /// have room for. All else is for [`receive_with`](Self::receive_with).
    #[inline]
    pub(crate) fn copy_message(&self, topic: &mut [u8], data: &mut [u8]) -> Option<(usize, usize)> {
        match self.ahead.entries.load(Acquire) {
            0 => self.copy_queued(topic, data),
            _ => self.copy_ahead(topic, data),
        }
    }

    #[inline]
    fn copy_ahead(&self, topic: &mut [u8], data: &mut [u8]) -> Option<(usize, usize)> {
        let mut batch = lock(&self.ahead.batch);
        let Some(Copied::Taken {
            topic_len,
            data_len,
            ..
        }) = batch.ahead.copy_message(topic, data)
        else {
            return None;
        };
        self.tell_left(&batch.ahead);
        if batch.is_due() {
            self.settle_batch(&mut batch);
        }
        Some((topic_len, data_len))
    }

    #[inline(never)]
    fn copy_queued(&self, topic: &mut [u8], data: &mut [u8]) -> Option<(usize, usize)> {
        let mut state = lock(&self.state);
        let is_plain = !state.closed && self.ahead.entries.load(Relaxed) == 0;
        if !is_plain || state.queue.has_untold() {
            return None;
        }
        let Some(Copied::Taken {
            source,
            topic_len,
            data_len,
        }) = state.queue.copy_message(topic, data)
        else {
            return None;
        };
        self.received(state, Some((source, data_len)));
        Some((topic_len, data_len))
    }

    /// What was received makes room, and credit for those who sent it.
    #[inline(never)]
    fn settle_batch(&self, batch: &mut Batch) {
        let mut state = lock(&self.state);
        let State { queue, windows, .. } = &mut *state;
        let mut granted = Granted::new();
        let received = queue.settle(&mut batch.ahead, |source, received| {
            if source != Source::LOCAL {
                granted.extend(windows.settle(source, received));
            }
        });
        self.settled(&mut state, received);
        self.refresh(&mut state);
        self.tell_space(&mut state);
        self.wake_next(state);
        write_credit(granted);
    }

    /// Puts back what was taken ahead, to work on all that is queued. Who calls this holds the lock of the batch.
    pub(super) fn take_back(&self, batch: &mut Batch, state: &mut State) {
        let State { queue, windows, .. } = &mut *state;
        let received = queue.take_back(&mut batch.ahead, |source, received| {
            if source != Source::LOCAL {
                windows.received(source, received);
            }
        });
        self.tell_left(&batch.ahead);
        self.settled(state, received);
    }

    /// Counts what was received of the batch so far, which makes room.
    pub(super) fn count_ahead(&self, state: &mut State) {
        let left = Left {
            messages: self.ahead.messages.load(Relaxed),
            bytes: self.ahead.bytes.load(Relaxed),
        };
        let received = state.queue.received_ahead(left);
        self.settled(state, received);
    }

    fn settled(&self, state: &mut State, received: Left) {
        state.received.messages += received.messages as u64;
        state.received.bytes += received.bytes as u64;
    }

    #[inline]
    fn tell_left(&self, ahead: &Ahead) {
        let left = ahead.left();
        self.ahead.messages.store(left.messages, Relaxed);
        self.ahead.bytes.store(left.bytes, Relaxed);
        self.ahead.entries.store(ahead.entries(), Release);
    }

    /// One thing was taken from the queue: what is behind it is taken ahead.
    #[inline(always)]
    fn received(&self, mut state: MutexGuard<'_, State>, message: Option<(Source, usize)>) {
        let mut granted = None;
        if let Some((source, len)) = message {
            let received = one(len);
            self.settled(&mut state, received);
            if source != Source::LOCAL {
                granted = state.windows.settle(source, received);
            }
            self.tell_space(&mut state);
            if state.queue.messages() >= 2 {
                self.take_ahead(&mut state);
            }
        }
        self.refresh(&mut state);
        self.wake_next(state);
        write_credit(granted);
    }

    #[inline(never)]
    fn take_ahead(&self, state: &mut State) {
        let settle_after = match state.limit.messages {
            0 => SETTLE_MESSAGES,
            // Of many links the credit comes back in large parts anyway.
            messages => messages / 4 / state.windows.len().clamp(1, 2),
        };
        if settle_after < 2 {
            return;
        }
        // Against the order of the locks, so without waiting: whoever has it is about to need the queue's.
        let mut batch = match self.ahead.batch.try_lock() {
            Ok(batch) => batch,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if batch.ahead.is_empty() && state.queue.hand_over(&mut batch.ahead) {
            batch.settle_after = settle_after;
            self.tell_left(&batch.ahead);
        }
    }

    /// A waker is woken once and then forgotten: the next in line gets its turn if there is more.
    #[inline]
    fn wake_next(&self, state: MutexGuard<'_, State>) {
        if !state.wakers.is_empty() && self.has_something(&state) {
            self.wake(state);
        }
    }

    /// Registers a waker to be woken when something arrives; false if something is there already.
    pub(crate) fn wake_when_ready(&self, waker: &Waker) -> bool {
        self.reactor.watch();
        let mut state = lock(&self.state);
        if self.has_something(&state) {
            return false;
        }
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        true
    }
}
