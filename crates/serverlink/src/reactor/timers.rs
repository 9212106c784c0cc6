//! Deadlines of an I/O thread.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mio::Token;

use crate::engine::NodeInner;

/// What is due.
#[derive(Debug, Clone)]
pub(super) enum Due {
    /// A connection, if its serial number still is this.
    Connection(Token, u64),
    /// A node's control plane.
    Node(Weak<NodeInner>),
    /// A listener that ran out of descriptors may try again.
    Listener(Token, u64),
}

/// Deadlines, soonest first. One that has become pointless fires and is ignored.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Timer>);

#[derive(Debug)]
struct Timer {
    at: Instant,
    due: Due,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, due: Due) {
        self.0.push(Timer { at, due });
    }

    pub(super) fn set_node(&mut self, node: &Arc<NodeInner>, at_ms: u64) {
        let wait = Duration::from_millis(at_ms.saturating_sub(node.now_ms()));
        self.set(Instant::now() + wait, Due::Node(Arc::downgrade(node)));
    }

    /// How long to sleep until the next one.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let next = self.0.peek()?;
        // The poller counts whole milliseconds: waking just before the deadline would spin until it.
        Some(next.at.saturating_duration_since(Instant::now()) + Duration::from_millis(1))
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        if self.0.peek()?.at > now {
            return None;
        }
        self.0.pop().map(|timer| timer.due)
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Timer {}
