//! A link's outgoing queue, shared: the plain [`Outbox`] under a lock, and the one thread that writes it out.
//!
//! Whoever holds the flush token writes to the socket: a publisher whose link has been quiet for a moment (that saves a
//! thread hop), otherwise the reactor, which finds a batch. Nobody writes while holding the queue's lock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use spot_core::frame::NextHeader;
use spot_core::inbox::{Limit, Offer};
use spot_core::outbox::{Outbox, Segment, SinkPolicy};
use spot_core::{Class, LinkId, NodeId, Payload, View, limits};

use super::counters::{LinkTotals, Tally};
use super::{Apart, Deadline, Topic, lock, wait};
use crate::net::Stream;
use crate::reactor::{LinkPort, Waiting};

/// Bytes taken out of the queue for one round of writing.
const ROUND_BYTES: usize = 256 * 1024;
/// Slices given to one system call.
const MAX_SLICES: usize = 64;
/// A publisher writes itself when the last write is at least this long ago.
const QUIET: Duration = Duration::from_micros(50);
/// Unless messages were lately published so densely that a write took at least so many, and not longer ago than that;
const DENSE_MESSAGES: usize = 4;
const DENSE_FOR: Duration = Duration::from_millis(1);
/// or the thread has just come from writing: with many links, each of them looks idle meanwhile.
const BREATH: Duration = Duration::from_micros(10);
/// And never to more links than this for one message: writing to each takes a while, in which nothing more is published,
/// and by the end of which each of them looks idle again. The reactor finds batches, a thread is woken for it once.
const WRITTEN_LINKS_MAX: usize = 4;
/// To those, if a write lately took at least so many messages, those that follow are written together in a moment,
const GATHERED_MIN_MESSAGES: usize = 64;
/// or when so many wait: each write wakes a process, which costs as much as a hundred of them.
const GATHERED_MAX_MESSAGES: usize = 256;
/// Or when so much is queued that handing it over would cost more than writing it.
const WORTH_WRITING_BYTES: usize = 32 * 1024;
/// Or so many messages, so that their receiver works on them while the next are published.
const WORTH_WRITING_MESSAGES: usize = 128;

/// A link's outgoing queue with its writer.
#[derive(Debug)]
pub(crate) struct SharedOutbox {
    pub(crate) link: LinkId,
    state: Mutex<State>,
    space: Condvar,
    /// Segments taken out to be written; touched only by the holder of the flush token.
    writing: Mutex<VecDeque<Segment>>,
    stream: Arc<Stream>,
    pub(crate) port: LinkPort,
    closed: AtomicBool,
    in_use: AtomicBool,
    /// A message arrived over the link since a publisher last wrote to it.
    heard: AtomicBool,
    /// Apart from what publishers look at.
    incoming: Apart<Incoming>,
}

/// What arrived over a link, written by the one thread that reads it.
#[derive(Debug, Default)]
struct Incoming {
    messages: AtomicU64,
    bytes: AtomicU64,
    /// Microseconds, and one more: 0 before the first round trip.
    last_round_trip: AtomicU64,
    smoothed_round_trip: AtomicU64,
}

/// What is waiting in a link's queue, and how the link does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LinkView {
    pub(crate) totals: LinkTotals,
    pub(crate) queued_messages: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) high_water: usize,
    /// The last and the smoothed round trip, in microseconds.
    pub(crate) round_trip_us: Option<(u64, u64)>,
}

#[derive(Debug)]
struct State {
    queue: Outbox,
    /// The flush token is taken.
    flushing: bool,
    /// Somebody wanted to flush meanwhile.
    again: bool,
    /// The reactor has been asked to flush.
    scheduled: bool,
    /// It has been asked to flush in a moment, when more is there.
    gathers: bool,
    /// The socket takes no more for now; the reactor goes on when it does.
    stalled: bool,
    blocked: usize,
    /// Publishers that drive the poller while they wait.
    driving: usize,
    /// Links whose peers publish to us and wait for room here.
    waiting: Vec<LinkPort>,
    /// Streams passed on over this link that wait for room here.
    relays: Vec<(Weak<Topic>, NodeId)>,
    /// Counts the times that blocked publishers were told to look again.
    turns: u64,
    written_at: Instant,
    /// Messages in the last round of writing.
    last_round: usize,
    /// Bytes of the handshake that are still to be written.
    handshake_bytes: usize,
    /// Written to the socket after them.
    sent: Tally,
    /// What the node has kept of the counts so far.
    kept: LinkTotals,
    /// The classes that topics were lately wanted in, and what follows from them: mostly the same for all topics.
    policy: (Vec<Class>, Arc<SinkPolicy>),
}

thread_local! {
    /// When this thread last wrote as a publisher.
    static WROTE_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Who is to write what was just queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Somebody is at it already.
    Underway,
    /// The caller, once it has let go of its locks.
    Now,
}

/// Who writes to a link that was idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Publisher,
    Reactor,
}

impl Writer {
    /// Of a message that goes to so many links.
    pub(super) fn of(links: usize) -> Self {
        if links > WRITTEN_LINKS_MAX {
            Self::Reactor
        } else {
            Self::Publisher
        }
    }
}

impl State {
    /// Whether what was just published is likely to stay alone for a moment.
    fn is_quiet(&self) -> bool {
        let now = Instant::now();
        let quiet = now.saturating_duration_since(self.written_at);
        let dense = self.last_round >= DENSE_MESSAGES && quiet < DENSE_FOR;
        let breathless = |at: Instant| now.saturating_duration_since(at) < BREATH;
        quiet >= QUIET && !dense && !WROTE_AT.get().is_some_and(breathless)
    }
}

impl State {
    /// Whether so much was lately published at once that it pays to wait for more.
    fn may_gather(&self) -> bool {
        self.last_round >= GATHERED_MIN_MESSAGES
            && self.queue.messages() < GATHERED_MAX_MESSAGES
            && (self.gathers || self.written_at.elapsed() < DENSE_FOR)
    }
}

impl SharedOutbox {
    pub(crate) fn new(link: LinkId, limit: Limit, stream: Arc<Stream>, port: LinkPort) -> Self {
        let state = State {
            queue: Outbox::new(limit),
            flushing: false,
            again: false,
            scheduled: false,
            gathers: false,
            stalled: false,
            blocked: 0,
            driving: 0,
            turns: 0,
            waiting: Vec::new(),
            relays: Vec::new(),
            written_at: Instant::now() - QUIET,
            last_round: 0,
            handshake_bytes: 0,
            sent: Tally::default(),
            kept: LinkTotals::default(),
            policy: Default::default(),
        };
        Self {
            link,
            state: Mutex::new(state),
            space: Condvar::new(),
            writing: Mutex::new(VecDeque::new()),
            stream,
            port,
            closed: AtomicBool::new(false),
            in_use: AtomicBool::new(true),
            heard: AtomicBool::new(false),
            incoming: Apart::default(),
        }
    }

    pub(crate) fn set_limit(&self, limit: Limit) {
        let mut state = lock(&self.state);
        state.queue.set_limit(limit);
        self.tell_space(state);
    }

    /// Runs `change` on the queue, for what is neither a message nor hot.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Outbox) -> R) -> R {
        change(&mut lock(&self.state).queue)
    }

    /// How messages are to be treated that are wanted in these classes, shared by the topics that are.
    pub(crate) fn policy_for(
        &self,
        classes: &[Class],
        make: impl FnOnce(&mut Outbox, &[Class]) -> SinkPolicy,
    ) -> Arc<SinkPolicy> {
        let State { queue, policy, .. } = &mut *lock(&self.state);
        if policy.0 != classes {
            *policy = (classes.to_vec(), Arc::new(make(queue, classes)));
        }
        policy.1.clone()
    }

    /// Queues what the handshake left to write.
    pub(crate) fn begin_with(&self, handshake: &[u8]) {
        let mut state = lock(&self.state);
        state.handshake_bytes = handshake.len();
        state.queue.framed(handshake);
    }

    /// Queues a SPOT frame that is not a message; the caller flushes.
    pub(crate) fn control(&self, frame: &[u8]) {
        self.with(|queue| queue.control(frame));
    }

    /// Queues an answer to a question of the peer and has it written; false if too many of them are not read.
    #[must_use]
    pub(crate) fn answer(&self, framed: &[u8]) -> bool {
        let accepted = self.reads_answers();
        if accepted {
            self.with(|queue| queue.answer(framed));
            self.flush_soon();
        }
        accepted
    }

    /// Whether the peer takes the answers to what it asks.
    pub(crate) fn reads_answers(&self) -> bool {
        self.with(|queue| queue.unread_answers()) <= limits::MAX_UNREAD_ANSWER_BYTES
    }

    /// Offers a message; says who is to write it.
    #[inline]
    pub(crate) fn offer<'a>(
        &self,
        policy: &SinkPolicy,
        header: &[u8],
        data: impl Into<View<'a>>,
    ) -> (Offer, Flush) {
        self.offer_among(policy, header, data.into(), Writer::Publisher)
    }

    /// As [`offer`](Self::offer), if the message finds room; `None` if nothing has happened.
    #[inline]
    pub(super) fn offer_plainly(
        &self,
        policy: &SinkPolicy,
        header: &NextHeader,
        data: &[u8],
    ) -> Option<Flush> {
        let mut state = lock(&self.state);
        let is_queued = state.queue.offer_plainly(policy, header, data);
        is_queued.then(|| self.after_queueing(state, Writer::Publisher))
    }

    /// As [`offer`](Self::offer), for one of several links that get the message.
    #[inline]
    pub(super) fn offer_among(
        &self,
        policy: &SinkPolicy,
        header: &[u8],
        data: View<'_>,
        writer: Writer,
    ) -> (Offer, Flush) {
        let mut state = lock(&self.state);
        let offer = state.queue.offer(policy, header, data);
        (offer, self.after_queueing(state, writer))
    }

    /// A message that found no room is lost; says who is to write that.
    pub(crate) fn lose(&self, header: &[u8]) -> Flush {
        let mut state = lock(&self.state);
        state.queue.lose(header);
        self.after_queueing(state, Writer::Publisher)
    }

    pub(crate) fn reserve(&self, policy: &SinkPolicy, len: usize) -> bool {
        lock(&self.state).queue.reserve(policy, len)
    }

    pub(crate) fn unreserve(&self, policy: &SinkPolicy, len: usize) {
        let mut state = lock(&self.state);
        state.queue.unreserve(policy, len);
        self.tell_space(state);
    }

    pub(super) fn offer_reserved(&self, header: &[u8], payload: &Payload, writer: Writer) -> Flush {
        let mut state = lock(&self.state);
        state.queue.offer_reserved(header, payload);
        self.after_queueing(state, writer)
    }

    pub(super) fn offer_plain(&self, frames: &[&[u8]], writer: Writer) -> (Offer, Flush) {
        let mut state = lock(&self.state);
        let offer = state.queue.offer_plain(frames);
        (offer, self.after_queueing(state, writer))
    }

    pub(crate) fn credit(&self, class: Class, messages: u64, bytes: u64) {
        let mut state = lock(&self.state);
        state.queue.credit(class, messages, bytes);
        self.tell_space(state);
    }

    /// How often blocked publishers were told to look again; see [`wait_for_room`](Self::wait_for_room).
    pub(crate) fn turns(&self) -> u64 {
        lock(&self.state).turns
    }

    /// Waits until a message of `len` bytes may find room and credit; false when the time is up. Returns at once if
    /// something has changed since `turns`: the link may not want the topic any more.
    pub(crate) fn wait_for_room(
        &self,
        policy: &SinkPolicy,
        len: usize,
        turns: u64,
        deadline: Deadline,
    ) -> bool {
        let waiting = Waiting::new(self.port.reactor());
        let may_have_room = |state: &State| {
            self.is_closed() || state.turns != turns || state.queue.has_room(policy, len)
        };
        lock(&self.state).driving += 1;
        let drove = waiting.drive(deadline, Duration::ZERO, || {
            may_have_room(&lock(&self.state))
        });
        let mut state = lock(&self.state);
        state.driving -= 1;
        if drove {
            // Another publisher may have taken the room: the caller tries again, unless the time is up.
            return !deadline.is_past() || may_have_room(&state);
        }
        loop {
            if may_have_room(&state) {
                return true;
            }
            state.blocked += 1;
            let (guard, in_time) = wait(&self.space, state, deadline);
            state = guard;
            state.blocked -= 1;
            if !in_time {
                return may_have_room(&state);
            }
        }
    }

    /// As [`wait_for_room`](Self::wait_for_room) for a link, which cannot be held up: true if there may be room now,
    /// otherwise the link is told when there is.
    pub(crate) fn retry_when_room(
        &self,
        policy: &SinkPolicy,
        len: usize,
        turns: u64,
        port: &LinkPort,
    ) -> bool {
        let mut state = lock(&self.state);
        let now = self.is_closed() || state.turns != turns || state.queue.has_room(policy, len);
        if !now && !state.waiting.contains(port) {
            state.waiting.push(port.clone());
        }
        now
    }

    /// As [`retry_when_room`](Self::retry_when_room) for a stream that is passed on over this link, which tries again
    /// itself.
    pub(crate) fn relay_when_room(
        &self,
        policy: &SinkPolicy,
        len: usize,
        topic: &Weak<Topic>,
        origin: NodeId,
    ) -> bool {
        let mut state = lock(&self.state);
        let now = self.is_closed() || state.queue.has_room(policy, len);
        let is_it = |known: &(Weak<Topic>, NodeId)| known.0.ptr_eq(topic) && known.1 == origin;
        if !now && !state.relays.iter().any(is_it) {
            state.relays.push((topic.clone(), origin));
        }
        now
    }

    /// The streams that waited for room here.
    pub(crate) fn take_waiting_relays(&self) -> Vec<(Weak<Topic>, NodeId)> {
        std::mem::take(&mut lock(&self.state).relays)
    }

    /// Ends the wait of blocked publishers: they are to look again at how things stand.
    pub(crate) fn wake_blocked(&self) {
        let mut state = lock(&self.state);
        state.turns += 1;
        self.tell_space(state);
    }

    /// Has the reactor write what is queued.
    pub(crate) fn flush_soon(&self) {
        let mut state = lock(&self.state);
        if !std::mem::replace(&mut state.scheduled, true) {
            drop(state);
            self.port.flush();
        }
    }

    /// Writes what is queued, as the reactor.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.flush_rounds(usize::MAX)
    }

    /// Writes what is queued, as a publisher: one round; if more has come meanwhile, the reactor goes on.
    pub(crate) fn flush_as_publisher(&self) {
        // What fails here fails again at the reactor, which reads the socket and ends the link.
        let _ = self.flush_rounds(1);
        WROTE_AT.set(Some(Instant::now()));
        if !self.is_drained() {
            self.flush_soon();
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        let state = lock(&self.state);
        state.queue.is_empty() && !state.flushing && lock(&self.writing).is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Whether the control plane still uses the link.
    pub(crate) fn is_in_use(&self) -> bool {
        self.in_use.load(Relaxed)
    }

    /// The control plane does not use the link any more.
    pub(crate) fn leave_use(&self) {
        self.in_use.store(false, Relaxed);
    }

    /// No more messages are taken, nobody waits any more; what is queued may still be written.
    pub(crate) fn close(&self) {
        let state = lock(&self.state);
        self.closed.store(true, Relaxed);
        self.tell_space(state);
    }

    /// What the link has counted, and how it stands.
    pub(crate) fn view(&self) -> LinkView {
        let state = lock(&self.state);
        let incoming = &self.incoming;
        let last = incoming.last_round_trip.load(Relaxed).checked_sub(1);
        let smoothed = incoming.smoothed_round_trip.load(Relaxed).checked_sub(1);
        LinkView {
            totals: self.totals(&state),
            queued_messages: state.queue.messages(),
            queued_bytes: state.queue.bytes(),
            high_water: state.queue.high_water(),
            round_trip_us: last.zip(smoothed),
        }
    }

    /// What the link has counted since this was last called, and the high-water mark of its queue.
    pub(crate) fn take_totals(&self) -> (LinkTotals, usize) {
        let mut state = lock(&self.state);
        let totals = self.totals(&state);
        let before = std::mem::replace(&mut state.kept, totals);
        (totals - before, state.queue.high_water())
    }

    fn totals(&self, state: &State) -> LinkTotals {
        let received = Tally {
            messages: self.incoming.messages.load(Relaxed),
            bytes: self.incoming.bytes.load(Relaxed),
        };
        LinkTotals {
            sent: state.sent,
            received,
            drops: state.queue.drops(),
        }
    }

    /// So many bytes arrived over the link, and so many messages by now. To be told by the thread that reads it.
    pub(crate) fn note_received(&self, bytes: usize, messages: u64) {
        let incoming = &self.incoming;
        let bytes = incoming.bytes.load(Relaxed) + bytes as u64;
        incoming.bytes.store(bytes, Relaxed);
        incoming.messages.store(messages, Relaxed);
    }

    /// A heartbeat was answered: the last and the smoothed round trip, in microseconds.
    pub(crate) fn note_round_trip(&self, last_us: u64, smoothed_us: u64) {
        let incoming = &self.incoming;
        incoming
            .smoothed_round_trip
            .store(smoothed_us.saturating_add(1), Relaxed);
        incoming
            .last_round_trip
            .store(last_us.saturating_add(1), Relaxed);
    }

    /// There may be room. Who waits for it is woken once the queue's lock is free, which is what it needs first.
    fn tell_space(&self, mut state: MutexGuard<'_, State>) {
        let (blocked, driving) = (state.blocked > 0, state.driving > 0);
        let waiting = std::mem::take(&mut state.waiting);
        let relays = !state.relays.is_empty();
        drop(state);
        if blocked {
            self.space.notify_all();
        }
        if driving {
            self.port.reactor().nudge();
        }
        waiting.iter().for_each(LinkPort::retry);
        if relays {
            self.port.retry();
        }
    }

    /// A message arrived over the link: what is published next may be the answer, which is not to wait for a batch.
    pub(crate) fn note_heard(&self) {
        if !self.heard.load(Relaxed) {
            self.heard.store(true, Relaxed);
        }
    }

    #[inline]
    fn after_queueing(&self, mut state: MutexGuard<'_, State>, writer: Writer) -> Flush {
        if state.flushing || state.stalled {
            return Flush::Underway;
        }
        let is_run =
            writer == Writer::Publisher && state.queue.messages() >= WORTH_WRITING_MESSAGES;
        if is_run || state.queue.wire_bytes() >= WORTH_WRITING_BYTES {
            return Flush::Now;
        }
        if state.scheduled {
            return Flush::Underway;
        }
        if writer == Writer::Publisher && (self.heard.load(Relaxed) || state.is_quiet()) {
            self.heard.store(false, Relaxed);
            return Flush::Now;
        }
        if writer == Writer::Reactor && state.may_gather() {
            if !std::mem::replace(&mut state.gathers, true) {
                drop(state);
                self.port.flush_later();
            }
            return Flush::Underway;
        }
        state.scheduled = true;
        drop(state);
        self.port.flush_in_a_while();
        Flush::Underway
    }

    fn flush_rounds(&self, rounds: usize) -> io::Result<()> {
        {
            let mut state = lock(&self.state);
            state.scheduled = false;
            state.gathers = false;
            if std::mem::replace(&mut state.flushing, true) {
                state.again = true;
                return Ok(());
            }
        }
        let mut writing = lock(&self.writing);
        let mut left = rounds;
        loop {
            if writing.is_empty() {
                let mut state = lock(&self.state);
                if left == 0 || state.queue.is_empty() {
                    state.flushing = false;
                    state.stalled = false;
                    state.written_at = Instant::now();
                    return Ok(());
                }
                left -= 1;
                state.queue.take(ROUND_BYTES, &mut writing);
                state.last_round = writing.iter().map(Segment::messages).sum();
            }
            match self.write(&mut writing) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let mut state = lock(&self.state);
                    let blocked = error.kind() == io::ErrorKind::WouldBlock;
                    if blocked && std::mem::take(&mut state.again) {
                        continue;
                    }
                    state.flushing = false;
                    state.again = false;
                    state.stalled = blocked;
                    return if blocked { Ok(()) } else { Err(error) };
                }
            }
        }
    }

    fn write(&self, writing: &mut VecDeque<Segment>) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = writing.len().min(MAX_SLICES);
        for (slice, segment) in slices.iter_mut().zip(writing.iter()) {
            *slice = IoSlice::new(segment.bytes());
        }
        let offered: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        let mut written = if offered == 0 {
            0
        } else {
            self.stream.write_vectored(&slices[..count])?
        };
        let total = written;
        if written == 0 && offered > 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let mut done = 0;
        for segment in writing.iter_mut().take(count) {
            let len = segment.bytes().len();
            if written < len {
                segment.advance(written);
                break;
            }
            written -= len;
            done += 1;
        }
        let mut state = lock(&self.state);
        let mut room = false;
        let of_handshake = total.min(state.handshake_bytes);
        state.handshake_bytes -= of_handshake;
        state.sent.bytes += (total - of_handshake) as u64;
        for segment in writing.drain(..done) {
            state.sent.messages += segment.messages() as u64;
            room |= state.queue.written(&segment);
        }
        if room {
            self.tell_space(state);
        }
        Ok(())
    }
}
