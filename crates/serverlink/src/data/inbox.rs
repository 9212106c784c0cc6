//! A subscriber's queue, shared: the plain [`Inbox`] under a lock, with everything that waits on it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::task::Waker;

use spot_core::credit::Window;
use spot_core::history::History;
use spot_core::inbox::{Inbox, Left, Limit, Notice, Offer, Slot, Source};
use spot_core::{Class, LinkId, Missed, Overflow, Payload, SubscriberId, View};

use self::receive::TakenAhead;
pub(crate) use self::receive::{Receipt, Received};
use self::spin::SPIN_MAX_US;
use super::counters::{InboxTotals, Tally};
use super::credit::Windows;
use super::{Apart, Deadline, SharedOutbox, lock, wait};
use crate::api::{Spin, SubscriberOptions};
use crate::engine::NodeInner;
use crate::reactor::{LinkPort, Reactor};
use crate::sys::EventFd;

mod receive;
mod spin;

/// Receivers are woken for so many messages that came in one batch, though there may be more in it.
const ANNOUNCE_MESSAGES: usize = 64;

/// What became of messages that came over a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfferedOfLink {
    /// There was no room and the policy is to disconnect.
    pub(crate) ended: bool,
    /// Receivers may be asleep: they are to be [announced](SharedInbox::announce) to.
    pub(crate) to_announce: bool,
}

/// A subscriber's queue with its sleepers.
#[derive(Debug)]
pub(crate) struct SharedInbox {
    /// Whose it is, to end its subscriptions when it is too slow.
    pub(crate) owner: Weak<NodeInner>,
    pub(crate) subscriber: SubscriberId,
    reactor: Reactor,
    /// Messages come over links, so that waiting for them is waiting for the network.
    over_links: AtomicBool,
    /// What receivers took out of the queue ahead of time: theirs alone, as long as publishers find room.
    ahead: Apart<TakenAhead>,
    state: Apart<Mutex<State>>,
    ready: Condvar,
    space: Condvar,
    /// Whether something is queued, for receivers that spin without the lock.
    is_ready: Apart<AtomicBool>,
    /// How often publishers were told that there may be room, for those that spin.
    space_told: Apart<AtomicU32>,
    /// Whether the policy is to block; read by publishers without the lock.
    blocks: AtomicBool,
    spin_us: AtomicU32,
    space_spin_us: AtomicU32,
    spin: Mutex<Spin>,
    event_fd: OnceLock<EventFd>,
}

#[derive(Debug)]
struct State {
    queue: Inbox,
    /// Receivers asleep on `ready` that nobody has woken yet, and wake-ups on their way.
    sleepers: usize,
    wakes: usize,
    /// Receivers that drive the poller while they wait.
    driving: usize,
    /// Publishers asleep on `space` that nobody has woken yet.
    blocked: usize,
    /// Counts the times that a topic was detached, which ends the wait of its publishers.
    turns: u64,
    wakers: Vec<Waker>,
    /// Messages that came over links since receivers were last woken for such.
    unannounced: usize,
    fd_set: bool,
    closed: bool,
    received: Tally,
    /// Most messages that ever waited.
    high_water: usize,
    limit: Limit,
    windows: Windows,
    /// Links whose peers publish to us and wait for room here.
    waiting: Vec<LinkPort>,
}

impl State {
    /// Whether somebody is to be told when something is queued.
    #[inline]
    fn is_awaited(&self) -> bool {
        self.sleepers + self.driving + self.wakers.len() > 0
    }
}

impl SharedInbox {
    pub(crate) fn new(
        owner: Weak<NodeInner>,
        reactor: Reactor,
        subscriber: SubscriberId,
        options: &SubscriberOptions,
        spin: Spin,
    ) -> Self {
        let limit = Limit {
            messages: options.hwm,
            bytes: options.hwm_bytes,
        };
        let mut queue = Inbox::new(limit, options.overflow);
        queue.tell_gaps(options.tell_gaps);
        let state = State {
            queue,
            sleepers: 0,
            wakes: 0,
            driving: 0,
            blocked: 0,
            turns: 0,
            wakers: Vec::new(),
            unannounced: 0,
            fd_set: false,
            closed: false,
            received: Tally::default(),
            high_water: 0,
            limit,
            windows: Windows::default(),
            waiting: Vec::new(),
        };
        Self {
            owner,
            subscriber,
            reactor,
            over_links: AtomicBool::new(false),
            ahead: Apart::default(),
            state: Apart(Mutex::new(state)),
            ready: Condvar::new(),
            space: Condvar::new(),
            is_ready: Apart::default(),
            space_told: Apart::default(),
            blocks: AtomicBool::new(options.overflow == Overflow::Block),
            spin_us: AtomicU32::new(SPIN_MAX_US / 4),
            space_spin_us: AtomicU32::new(SPIN_MAX_US / 4),
            spin: Mutex::new(spin),
            event_fd: OnceLock::new(),
        }
    }

    pub(crate) fn configure(&self, options: &SubscriberOptions) {
        let mut batch = lock(&self.ahead.batch);
        let mut state = lock(&self.state);
        self.take_back(&mut batch, &mut state);
        state.limit = Limit {
            messages: options.hwm,
            bytes: options.hwm_bytes,
        };
        let limit = state.limit;
        state.queue.configure(limit, options.overflow);
        state.windows.set_limit(limit);
        state.queue.tell_gaps(options.tell_gaps);
        self.blocks
            .store(options.overflow == Overflow::Block, Relaxed);
        self.tell_space(&mut state);
    }

    pub(crate) fn set_spin(&self, spin: Spin) {
        *lock(&self.spin) = spin;
    }

    #[inline]
    pub(crate) fn blocks(&self) -> bool {
        self.blocks.load(Relaxed)
    }

    pub(crate) fn attach(&self, topic: Arc<str>) -> Slot {
        lock(&self.state).queue.attach(topic)
    }

    /// Gives how many messages of the slot were dropped.
    pub(crate) fn detach(&self, slot: Slot) -> u64 {
        let mut state = lock(&self.state);
        let dropped = state.queue.detach(slot);
        state.turns += 1;
        self.tell_space(&mut state);
        dropped
    }

    pub(crate) fn dropped_of(&self, slot: Slot) -> u64 {
        lock(&self.state).queue.dropped_of(slot)
    }

    /// Offers a message that was published in this process.
    #[inline]
    pub(crate) fn offer(&self, slot: Slot, data: View<'_>) -> Offer {
        let mut state = self.state_with_room(data.len());
        let offer = state.queue.offer(slot, Source::LOCAL, data);
        if offer != Offer::Full {
            self.wake(state);
        }
        offer
    }

    /// As [`offer`](Self::offer), if that leaves nothing to do; false if nothing has happened.
    #[inline]
    pub(super) fn offer_plainly(&self, slot: Slot, data: &[u8]) -> bool {
        let mut state = self.state_with_room(data.len());
        let is_done = state.queue.offer_plainly(slot, data);
        if is_done {
            self.wake(state);
        }
        is_done
    }

    /// Offers messages of `bytes` in all that came over a link, one after another; those under credit are taken on that credit. Messages of
    /// links come in batches, so the receivers may be left asleep.
    pub(crate) fn offer_of_link<'a>(
        &self,
        slot: Slot,
        source: Source,
        run: impl ExactSizeIterator<Item = View<'a>>,
        bytes: usize,
    ) -> OfferedOfLink {
        if !self.over_links.load(Relaxed) {
            self.over_links.store(true, Relaxed);
        }
        let count = run.len();
        let mut state = lock(&self.state);
        self.count_ahead(&mut state);
        let State { queue, windows, .. } = &mut *state;
        let mut ended = false;
        if self.blocks() {
            let mut window = windows.of(source);
            let all = |window: &mut &mut Window| window.arrived_many(count, bytes);
            if window.as_mut().is_some_and(all) {
                queue.offer_run_credited(slot, source, run, bytes);
            } else {
                offer_one_by_one(queue, window, slot, source, run);
            }
        } else {
            ended = queue.offer_run(slot, source, run, bytes);
        }
        OfferedOfLink {
            ended,
            to_announce: self.announce_later(state, count),
        }
    }

    /// Wakes receivers for so many messages that came over links if they are due; true if there are the first ones of which
    /// they are yet to be told.
    fn announce_later(&self, mut state: MutexGuard<'_, State>, count: usize) -> bool {
        if state.sleepers == 0 && state.wakers.is_empty() {
            self.refresh(&mut state);
            return false;
        }
        let first = state.unannounced == 0;
        state.unannounced += count;
        if state.unannounced >= ANNOUNCE_MESSAGES {
            state.unannounced = 0;
            self.wake(state);
        } else {
            self.refresh(&mut state);
        }
        first
    }

    /// Wakes a receiver for what came over links.
    pub(crate) fn announce(&self) {
        let mut state = lock(&self.state);
        if std::mem::take(&mut state.unannounced) > 0 {
            self.wake(state);
        }
    }

    /// Queues the last `count` messages of a topic as far as there is room: the newest win.
    pub(crate) fn replay(&self, slot: Slot, history: &History, count: usize) {
        let mut state = lock(&self.state);
        self.count_ahead(&mut state);
        state.queue.replay(slot, history, count);
        self.refresh(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        state.wakes += std::mem::take(&mut state.sleepers);
        let driving = state.driving > 0;
        drop(state);
        if driving {
            self.reactor.nudge();
        }
        wakers.into_iter().for_each(Waker::wake);
        self.ready.notify_all();
    }

    pub(crate) fn reserve(&self, len: usize) -> bool {
        self.state_with_room(len).queue.reserve(len)
    }

    pub(crate) fn unreserve(&self, len: usize) {
        let mut state = lock(&self.state);
        state.queue.unreserve(len);
        self.tell_space(&mut state);
    }

    pub(crate) fn offer_reserved(&self, slot: Slot, payload: &Payload) {
        let mut state = lock(&self.state);
        state.queue.offer_reserved(slot, Source::LOCAL, payload);
        self.wake(state);
    }

    /// A message that found no room, and whose publisher cannot be held up, is lost.
    pub(crate) fn lose(&self, slot: Slot) {
        let mut state = lock(&self.state);
        state.queue.lose(slot);
        self.wake(state);
    }

    pub(crate) fn missed(&self, slot: Slot, missed: Missed) {
        let mut state = lock(&self.state);
        state.queue.missed(slot, missed);
        self.wake(state);
    }

    pub(crate) fn notice(&self, notice: Notice) {
        let mut state = lock(&self.state);
        state.queue.notice(notice);
        self.wake(state);
    }

    /// Ends the subscriber as too slow, unless that is told already.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.state);
        state.queue.end();
        self.wake(state);
    }

    /// Lets a subscriber that was ended as too slow begin anew.
    pub(crate) fn revive(&self) {
        lock(&self.state).queue.revive();
    }

    /// How often blocked publishers were told to look again; see [`wait_for_room`](Self::wait_for_room).
    pub(crate) fn turns(&self) -> u64 {
        lock(&self.state).turns
    }

    /// Waits until a message of `len` bytes may find room; false when the time is up. Returns at once if something has
    /// changed since `turns`: the subscriber may not want the topic any more.
    pub(crate) fn wait_for_room(&self, len: usize, turns: u64, deadline: Deadline) -> bool {
        let mut state = lock(&self.state);
        if !self.may_have_room(&mut state, len, turns) {
            let told = self.space_told.load(Relaxed);
            drop(state);
            self.spin_until_space(told, deadline);
            state = lock(&self.state);
        }
        loop {
            if self.may_have_room(&mut state, len, turns) {
                return true;
            }
            state.blocked += 1;
            let told = self.space_told.load(Relaxed);
            let (guard, in_time) = wait(&self.space, state, deadline);
            state = guard;
            if self.space_told.load(Relaxed) == told {
                state.blocked -= 1;
            }
            if !in_time {
                return self.may_have_room(&mut state, len, turns);
            }
        }
    }

    fn may_have_room(&self, state: &mut State, len: usize, turns: u64) -> bool {
        self.count_ahead(state);
        state.closed || state.turns != turns || !self.blocks() || state.queue.has_room(len)
    }

    /// As [`wait_for_room`](Self::wait_for_room) for a link, which cannot be held up: true if there may be room now,
    /// otherwise the link is told when there is.
    pub(crate) fn retry_when_room(&self, len: usize, turns: u64, port: &LinkPort) -> bool {
        let mut state = lock(&self.state);
        let now = self.may_have_room(&mut state, len, turns);
        if !now && !state.waiting.contains(port) {
            state.waiting.push(port.clone());
        }
        now
    }

    /// The descriptor that is readable exactly while something is there.
    pub(crate) fn event_fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.reactor.watch();
        if self.event_fd.get().is_none() {
            let made = EventFd::new()?;
            let _ = self.event_fd.set(made);
        }
        self.refresh(&mut lock(&self.state));
        Ok(self.event_fd.get().expect("just set").as_fd())
    }

    /// Discards what is queued of topics that are no longer wanted.
    pub(crate) fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut batch = lock(&self.ahead.batch);
        let mut state = lock(&self.state);
        self.take_back(&mut batch, &mut state);
        let State { queue, windows, .. } = &mut *state;
        queue.retain(keep, |source, len| windows.received(source, one(len)));
        self.refresh(&mut state);
        self.tell_space(&mut state);
    }

    /// A message that a link sent on this subscriber's credit is not going to be received.
    pub(crate) fn pass_by(&self, source: Source, len: usize) {
        let mut state = lock(&self.state);
        state.windows.arrived(source, len);
        state.windows.received(source, one(len));
    }

    /// Opens a credit window for a link.
    pub(crate) fn open_window(&self, link: LinkId, outbox: Arc<SharedOutbox>) {
        let class = Class::new(Overflow::Block, u64::from(self.subscriber.0));
        let mut state = lock(&self.state);
        let limit = state.limit;
        state.windows.open(link, class, limit, outbox);
    }

    /// Closes the credit window of a link.
    pub(crate) fn close_window(&self, link: LinkId) {
        let mut state = lock(&self.state);
        let limit = state.limit;
        state.windows.close(link, limit);
    }

    pub(crate) fn messages(&self) -> usize {
        self.depth().0
    }

    /// What waits: messages and their bytes.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let mut state = lock(&self.state);
        self.count_ahead(&mut state);
        (state.queue.messages(), state.queue.bytes())
    }

    /// What was received and dropped here, and how much ever waited at once.
    pub(crate) fn totals(&self) -> InboxTotals {
        let mut state = lock(&self.state);
        self.count_ahead(&mut state);
        InboxTotals {
            received: state.received,
            drops: state.queue.drops(),
            high_water: state.high_water,
        }
    }

    #[inline]
    fn note_depth(&self, state: &mut State) {
        let messages = state.queue.messages();
        if messages > state.high_water {
            match state.queue.has_ahead() {
                false => state.high_water = messages,
                true => self.raise_high_water(state),
            }
        }
    }

    /// What was received ahead does not wait any more.
    #[cold]
    fn raise_high_water(&self, state: &mut State) {
        self.count_ahead(state);
        state.high_water = state.high_water.max(state.queue.messages());
    }

    /// Ends every wait with "closed".
    pub(crate) fn close(&self) {
        let mut batch = lock(&self.ahead.batch);
        let mut state = lock(&self.state);
        self.take_back(&mut batch, &mut state);
        state.closed = true;
        state.windows.clear();
        let wakers = std::mem::take(&mut state.wakers);
        self.tell_space(&mut state);
        self.refresh(&mut state);
        drop((state, batch));
        wakers.into_iter().for_each(Waker::wake);
        self.reactor.nudge();
        self.ready.notify_all();
        self.space.notify_all();
    }

    /// The queue, with all that was received out of it counted if a message of `len` bytes would find no room otherwise.
    #[inline]
    fn state_with_room(&self, len: usize) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        if !state.queue.has_room(len) {
            self.count_ahead(&mut state);
        }
        state
    }

    #[inline]
    fn tell_space(&self, state: &mut State) {
        // Written by who holds the lock.
        let told = self.space_told.load(Relaxed).wrapping_add(1);
        self.space_told.store(told, Relaxed);
        if state.blocked + state.waiting.len() > 0 {
            self.tell_waiting(state);
        }
    }

    #[cold]
    fn tell_waiting(&self, state: &mut State) {
        // Once: they may need a while to come, and each wake-up is a system call.
        if std::mem::take(&mut state.blocked) > 0 {
            self.space.notify_all();
        }
        if !state.waiting.is_empty() {
            state.waiting.drain(..).for_each(|port| port.retry());
        }
    }

    #[inline]
    fn has_something(&self, state: &State) -> bool {
        state.closed || !state.queue.is_empty() || self.ahead.entries.load(Relaxed) > 0
    }

    /// Brings the hint for spinners and the descriptor in line with the queue, after every change of that.
    #[inline]
    fn refresh(&self, state: &mut State) {
        self.note_depth(state);
        let ready = self.has_something(state);
        self.show(state, ready);
    }

    #[inline]
    fn show(&self, state: &mut State, ready: bool) {
        if self.is_ready.load(Relaxed) != ready {
            self.is_ready.store(ready, Relaxed);
        }
        if self.event_fd.get().is_some() {
            self.show_on_descriptor(state, ready);
        }
    }

    #[cold]
    fn show_on_descriptor(&self, state: &mut State, ready: bool) {
        if let Some(event_fd) = self.event_fd.get()
            && state.fd_set != ready
        {
            state.fd_set = ready;
            if ready {
                event_fd.signal()
            } else {
                event_fd.clear()
            }
        }
    }

    /// Something was queued: one sleeper is enough for it.
    #[inline]
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        self.refresh(&mut state);
        if state.is_awaited() {
            self.wake_one(state);
        }
    }

    #[inline(never)]
    fn wake_one(&self, mut state: MutexGuard<'_, State>) {
        if let Some(waker) = state.wakers.pop() {
            drop(state);
            waker.wake();
        } else if state.sleepers > 0 {
            state.sleepers -= 1;
            state.wakes += 1;
            drop(state);
            self.ready.notify_one();
        } else if state.driving > 0 {
            drop(state);
            self.reactor.nudge();
        }
    }
}

/// Offers messages to a subscriber that blocks, some of which are not on credit.
#[inline(never)]
fn offer_one_by_one<'a>(
    queue: &mut Inbox,
    mut window: Option<&mut Window>,
    slot: Slot,
    source: Source,
    run: impl Iterator<Item = View<'a>>,
) {
    for data in run {
        let window = window.as_deref_mut();
        let credited = window.is_some_and(|window| window.arrived(data.len()));
        queue.offer_credited(slot, source, data, credited);
    }
}

fn one(len: usize) -> Left {
    Left {
        messages: 1,
        bytes: len,
    }
}
