//! Queues of events for those who listen.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use crate::api::Event;
use crate::data::{Deadline, lock, wait};

/// Events kept for one listener; older ones give way.
const CAPACITY: usize = 4096;

/// The events of one listener.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    dropped: u64,
    closed: bool,
}

impl EventQueue {
    pub(crate) fn push(&self, event: Event) {
        let mut state = lock(&self.state);
        if state.events.len() == CAPACITY {
            state.events.pop_front();
            state.dropped += 1;
        }
        state.events.push_back(event);
        drop(state);
        self.ready.notify_one();
    }

    pub(crate) fn next(&self, deadline: Deadline) -> Option<Event> {
        let mut state = lock(&self.state);
        loop {
            if let Some(event) = state.events.pop_front() {
                return Some(event);
            }
            if state.closed {
                return None;
            }
            let (guard, in_time) = wait(&self.ready, state, deadline);
            state = guard;
            if !in_time {
                return state.events.pop_front();
            }
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.state).dropped
    }

    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.ready.notify_all();
    }
}
