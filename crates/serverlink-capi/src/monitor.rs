//! Events by callback, on a thread of their own.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use serverlink::{Event, Events, Node};

use crate::errno::Errno;
use crate::failure::Failure;
use crate::{args, fence, spot};

/// `slk_monitor_fn`.
type Function = unsafe extern "C" fn(event: *const EventOfC, user: *mut c_void);

/// `slk_event_t`.
#[repr(C)]
struct EventOfC {
    kind: c_int,
    endpoint: *const c_char,
    name: *const c_char,
    node_id: *const c_char,
    topic: *const c_char,
    reason: *const c_char,
    count: u64,
    size: u64,
    majority: c_int,
}

#[unsafe(no_mangle)]
extern "C" fn slk_spot_monitor(
    spot: *mut c_void,
    callback: Option<Function>,
    user: *mut c_void,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let callback = callback.map(|function| Callback { function, user });
        spot.monitor.set(&spot.running()?.node, callback)
    })
}

/// An instance's monitor: nothing until it is first asked for.
#[derive(Default)]
pub(crate) struct Monitor {
    slot: Arc<Slot>,
    thread: Mutex<Thread>,
}

#[derive(Default)]
struct Thread {
    handle: Option<JoinHandle<()>>,
    /// The instance is being destroyed: a thread started now might never end.
    refused: bool,
}

/// What the thread and those who change the callback share.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// A callback has returned.
    returned: Condvar,
}

#[derive(Default)]
struct State {
    callback: Option<Callback>,
    /// The thread that is in a callback now.
    within: Option<ThreadId>,
    /// Callbacks that have returned.
    calls: u64,
}

#[derive(Clone, Copy)]
struct Callback {
    function: Function,
    user: *mut c_void,
}

// SAFETY: the header says that the callback runs on another thread, with its `user`.
unsafe impl Send for Callback {}

impl Monitor {
    /// Changes the callback, and waits for the former one if it is running on another thread.
    fn set(&self, node: &Node, callback: Option<Callback>) -> Result<(), Failure> {
        if callback.is_some() {
            self.watch(node)?;
        }
        let mut state = self.slot.state();
        state.callback = callback;
        let calls = state.calls;
        let waits = |state: &mut State| {
            state.calls == calls
                && state
                    .within
                    .is_some_and(|thread| thread != thread::current().id())
        };
        drop(self.slot.returned.wait_while(state, waits));
        Ok(())
    }

    /// Lets no thread start any more. Comes before the node is closed.
    pub(crate) fn refuse(&self) {
        self.thread().refused = true;
    }

    /// Waits for the thread, which ends when the node is closed; unless this is that thread.
    pub(crate) fn join(&self) {
        let handle = self.thread().handle.take();
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id())
        {
            // A panic there was printed there.
            let _ = handle.join();
        }
    }

    fn watch(&self, node: &Node) -> Result<(), Failure> {
        let mut thread = self.thread();
        if thread.refused {
            return Err(Failure::destroyed());
        }
        if thread.handle.is_none() {
            let (events, slot) = (node.events(), Arc::clone(&self.slot));
            let spawned = thread::Builder::new()
                .name(String::from("spot-monitor"))
                .spawn(move || run(&events, &slot));
            thread.handle = Some(spawned.map_err(|error| {
                let says = format_args!("cannot start the monitor's thread: {error}");
                Failure::new(Errno::from(&error), says)
            })?);
        }
        Ok(())
    }

    fn thread(&self) -> MutexGuard<'_, Thread> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: hands over events until the node is closed.
fn run(events: &Events, slot: &Slot) {
    let mut dropped = 0;
    while let Some(event) = events.next_timeout(args::FOREVER) {
        let dropped_now = events.dropped();
        if dropped_now > dropped {
            slot.call(&Report {
                kind: 9,
                count: dropped_now - dropped,
                ..Report::default()
            });
            dropped = dropped_now;
        }
        if let Some(report) = Report::of(event) {
            slot.call(&report);
        }
    }
}

impl Slot {
    fn call(&self, report: &Report) {
        let Some(callback) = self.enter() else { return };
        // SAFETY: the caller's function and what it said to pass; the event lives until it returns.
        unsafe { (callback.function)(&report.view(), callback.user) };
        let mut state = self.state();
        state.within = None;
        state.calls += 1;
        self.returned.notify_all();
    }

    /// The callback, marked as running.
    fn enter(&self) -> Option<Callback> {
        let mut state = self.state();
        let callback = state.callback?;
        state.within = Some(thread::current().id());
        Some(callback)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event with its texts as C wants them.
#[derive(Default)]
struct Report {
    kind: c_int,
    endpoint: CString,
    name: CString,
    node_id: CString,
    topic: CString,
    reason: CString,
    count: u64,
    size: u64,
    majority: c_int,
}

impl Report {
    fn of_member(kind: c_int, node: serverlink::NodeId, name: &str) -> Self {
        Self {
            kind,
            node_id: c_text(&node.to_string()),
            name: c_text(name),
            ..Self::default()
        }
    }

    /// `None` for an event the header has no number for yet.
    fn of(event: Event) -> Option<Self> {
        let none = Self::default();
        let id = |node: Option<serverlink::NodeId>| {
            c_text(&node.map(|id| id.to_string()).unwrap_or_default())
        };
        Some(match event {
            Event::PeerUp {
                endpoint,
                node,
                name,
            } => Self {
                kind: 1,
                endpoint: c_text(&endpoint),
                node_id: id(node),
                name: c_text(&name),
                ..none
            },
            Event::PeerDown {
                endpoint,
                node,
                name,
                reason,
                graceful,
            } => Self {
                kind: 2,
                endpoint: c_text(&endpoint),
                node_id: id(node),
                name: c_text(&name),
                reason: c_text(&reason),
                count: graceful.into(),
                ..none
            },
            Event::ConnectFailed { endpoint, reason } => Self {
                kind: 3,
                endpoint: c_text(&endpoint),
                reason: c_text(&reason),
                ..none
            },
            Event::Rejected { endpoint, reason } => Self {
                kind: 4,
                endpoint: c_text(&endpoint),
                reason: c_text(&reason),
                ..none
            },
            Event::TopicAdded { topic } => Self {
                kind: 5,
                topic: c_text(&topic),
                ..none
            },
            Event::TopicRemoved { topic } => Self {
                kind: 6,
                topic: c_text(&topic),
                ..none
            },
            Event::Gap { topic, missed } => Self {
                kind: 7,
                topic: c_text(&topic),
                count: missed.unwrap_or(u64::MAX),
                ..none
            },
            Event::SlowSubscriber { endpoint } => Self {
                kind: 8,
                endpoint: c_text(&endpoint),
                ..none
            },
            Event::MemberUp { node, name } => Self::of_member(10, node, &name),
            Event::MemberSuspect { node, name } => Self::of_member(11, node, &name),
            Event::MemberDown { node, name, left } => Self {
                count: left.into(),
                ..Self::of_member(12, node, &name)
            },
            Event::Partition {
                reachable,
                size,
                majority,
            } => Self {
                kind: 13,
                count: reachable as u64,
                size: size as u64,
                majority: majority.into(),
                ..none
            },
            Event::Heal { size } => Self {
                kind: 14,
                count: size as u64,
                size: size as u64,
                majority: 1,
                ..none
            },
            _ => return None,
        })
    }

    fn view(&self) -> EventOfC {
        EventOfC {
            kind: self.kind,
            endpoint: self.endpoint.as_ptr(),
            name: self.name.as_ptr(),
            node_id: self.node_id.as_ptr(),
            topic: self.topic.as_ptr(),
            reason: self.reason.as_ptr(),
            count: self.count,
            size: self.size,
            majority: self.majority,
        }
    }
}

/// A text for C; one with a NUL in it, which only a peer could have sent, is cut there.
fn c_text(text: &str) -> CString {
    let until_nul = text.split('\0').next().unwrap_or_default();
    CString::new(until_nul).unwrap_or_default()
}
