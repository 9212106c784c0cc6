//! Who drives a poller: its I/O thread, or for a while a thread of the program that waits for what arrives.
//!
//! Handing a message from one thread to another costs more than all the rest of its way. So a thread that has to wait for
//! the network takes the I/O thread's seat, where it may, and does its work until what it waits for is there. The I/O
//! thread leaves the seat to it between such waits, for a moment; it takes it back when there is something to do
//! meanwhile, or when nobody came.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::Reactor;
use super::thread::{Thread, Turn};
use crate::data::{Deadline, lock};

/// How long the seat stays free for a thread of the program to come back.
const LEASE: Duration = Duration::from_micros(200);

/// The seat of an I/O thread.
#[derive(Debug)]
pub(super) struct Seat {
    state: Mutex<State>,
    /// Where the I/O thread waits while it has left its seat.
    changed: Condvar,
    /// Nobody drives: there is something to do only if the I/O thread is told.
    vacant: AtomicBool,
    /// A thread of the program would have driven.
    wanted: AtomicBool,
    /// Threads of the program that wait for what arrives. With several, each would wait for the one that drives.
    waiting: AtomicUsize,
    /// Something is waited for in other ways than by blocking, so that nobody drives meanwhile.
    watched: AtomicBool,
}

#[derive(Debug)]
struct State {
    thread: Option<Box<Thread>>,
    driver: Option<ThreadId>,
    /// The I/O thread is to take its seat.
    poked: bool,
    /// It waits without a time limit.
    dozing: bool,
    stopped: bool,
    /// When a guest took or left the seat.
    changed_at: Instant,
}

impl Seat {
    pub(super) fn new() -> Self {
        let state = State {
            thread: None,
            driver: None,
            poked: false,
            dozing: false,
            stopped: false,
            changed_at: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            vacant: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            watched: AtomicBool::new(false),
        }
    }

    /// Whether the I/O thread should leave its seat.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Relaxed) && self.may_be_taken()
    }

    /// Whether there is nobody else who would wait while a thread of the program drives.
    fn may_be_taken(&self) -> bool {
        self.waiting.load(Relaxed) <= 1 && !self.watched.load(Relaxed)
    }

    /// Tells the I/O thread that there is something to do, if nobody drives.
    pub(super) fn poke(&self) {
        if self.vacant.load(SeqCst) {
            lock(&self.state).poked = true;
            self.changed.notify_one();
        }
    }

    /// Whether nobody drives: within twice the time that the seat stays free, the I/O thread takes it back.
    pub(super) fn is_vacant(&self) -> bool {
        self.vacant.load(SeqCst)
    }

    pub(super) fn is_driven_by_current_thread(&self) -> bool {
        lock(&self.state).driver == Some(std::thread::current().id())
    }

    /// Leaves the seat to threads of the program, and gives it back; `None` to stop.
    pub(super) fn lend(&self, reactor: &Reactor, thread: Box<Thread>) -> Option<Box<Thread>> {
        self.wanted.store(false, Relaxed);
        let mut state = lock(&self.state);
        self.vacate(&mut state, reactor, thread);
        loop {
            if state.stopped {
                // Kept here it would keep its nodes and sockets, and they this seat.
                let thread = state.thread.take();
                self.vacant.store(false, SeqCst);
                drop(state);
                drop(thread);
                return None;
            }
            let idle = state.changed_at.elapsed() >= LEASE;
            if state.driver.is_none() && (state.poked || idle) {
                state.poked = false;
                self.vacant.store(false, SeqCst);
                return state.thread.take();
            }
            state.dozing = state.driver.is_some() && idle;
            state = if state.dozing {
                let woken = self.changed.wait(state);
                woken.unwrap_or_else(PoisonError::into_inner)
            } else {
                let woken = self.changed.wait_timeout(state, LEASE);
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
            state.dozing = false;
        }
    }

    fn vacate(&self, state: &mut State, reactor: &Reactor, thread: Box<Thread>) {
        // What is not read yet the guest reads when it comes back, which is soon, or the I/O thread, which is not late.
        state.poked = false;
        state.thread = Some(thread);
        state.driver = None;
        state.changed_at = Instant::now();
        self.vacant.store(true, SeqCst);
        // Who sends mail looks for a vacant seat after that: here it is the other way round.
        state.poked |= reactor.has_mail();
    }

    fn sit(&self) -> Option<Box<Thread>> {
        let mut state = lock(&self.state);
        let thread = state.thread.take()?;
        state.driver = Some(std::thread::current().id());
        state.poked = false;
        state.changed_at = Instant::now();
        self.vacant.store(false, SeqCst);
        Some(thread)
    }

    fn stand_up(&self, reactor: &Reactor, thread: Box<Thread>, stopped: bool) {
        let mut state = lock(&self.state);
        self.vacate(&mut state, reactor, thread);
        state.stopped |= stopped;
        state.poked |= !self.may_be_taken();
        let wakes = state.poked || state.dozing || state.stopped;
        // It would wait for this lock first.
        drop(state);
        if wakes {
            self.changed.notify_one();
        }
    }
}

/// A thread of the program that waits for what arrives.
pub(crate) struct Waiting<'a>(&'a Reactor);

impl<'a> Waiting<'a> {
    pub(crate) fn new(reactor: &'a Reactor) -> Self {
        reactor.0.seat.waiting.fetch_add(1, Relaxed);
        Self(reactor)
    }

    /// Drives the poller until `done`, if that is possible now; otherwise false, and maybe the next time. For as long as
    /// `spin` it polls without sleeping.
    pub(crate) fn drive(
        &self,
        deadline: Deadline,
        spin: Duration,
        mut done: impl FnMut() -> bool,
    ) -> bool {
        let seat = &self.0.0.seat;
        if !seat.may_be_taken() || deadline.is_past() {
            return false;
        }
        let Some(thread) = seat.sit() else {
            seat.wanted.store(true, Relaxed);
            return false;
        };
        let mut guest = Guest {
            reactor: self.0,
            thread: Some(thread),
            stopped: false,
        };
        let spinning = (!spin.is_zero()).then(|| Instant::now() + spin);
        while !done() && !guest.stopped {
            let Some(limit) = left_until(deadline) else {
                break;
            };
            let spins = spinning.is_some_and(|until| Instant::now() < until);
            guest.turn(if spins { Some(Duration::ZERO) } else { limit });
        }
        guest.finish();
        true
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.seat.waiting.fetch_sub(1, Relaxed);
    }
}

/// How long a turn may sleep; `None` when the time is up.
fn left_until(deadline: Deadline) -> Option<Option<Duration>> {
    match deadline {
        Deadline::Never => Some(None),
        Deadline::Now => None,
        Deadline::At(at) => {
            let left = at.saturating_duration_since(Instant::now());
            (!left.is_zero()).then_some(Some(left))
        }
    }
}

/// A thread of the program in the seat; gives it back when dropped, whatever happened.
struct Guest<'a> {
    reactor: &'a Reactor,
    thread: Option<Box<Thread>>,
    stopped: bool,
}

impl Guest<'_> {
    fn turn(&mut self, limit: Option<Duration>) {
        let thread = self.thread.as_mut().expect("there until dropped");
        self.stopped |= thread.turn_of_guest(limit) == Turn::Stop;
    }

    /// Does what the last turn left to do, which nobody may be there for.
    fn finish(&mut self) {
        if !self.stopped && self.reactor.has_mail() {
            let thread = self.thread.as_mut().expect("there until dropped");
            self.stopped |= thread.run_commands() == Turn::Stop;
        }
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let seat = &self.reactor.0.seat;
            seat.stand_up(self.reactor, thread, self.stopped);
        }
    }
}

impl Reactor {
    /// Something is waited for by a descriptor or a waker from now on.
    pub(crate) fn watch(&self) {
        self.0.seat.watched.store(true, Relaxed);
        self.0.seat.poke();
    }

    /// Ends the sleep of whoever drives.
    pub(crate) fn nudge(&self) {
        lock(&self.0.mailbox).nudged = true;
        self.wake();
    }

    fn has_mail(&self) -> bool {
        !lock(&self.0.mailbox).is_empty()
    }
}
