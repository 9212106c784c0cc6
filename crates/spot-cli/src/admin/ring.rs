//! The last events of a node, numbered, for whoever asks and whoever waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use serverlink::{Event, Node};
use tokio::sync::watch;

use crate::commands::events::object;
use crate::interrupt::FOREVER;

/// Events kept; older ones give way.
const CAPACITY: usize = 1000;

/// The last events of a node.
pub(super) struct Ring {
    /// When this life of the node began. Numbers begin anew with it, so that it is part of the ids.
    life_ms: u64,
    kept: Mutex<Kept>,
    /// How many there were; its end is that of the node.
    count: Mutex<Option<watch::Sender<u64>>>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Value>,
    /// How many there were before the first that is kept.
    forgotten: u64,
}

/// What comes after a number.
pub(super) struct Next {
    /// Events that were forgotten in between.
    pub(super) missed: u64,
    /// Its number.
    pub(super) number: u64,
    pub(super) event: Value,
}

impl Ring {
    /// Keeps what happens to the node from now on.
    pub(super) fn follow(node: &Node) -> Arc<Self> {
        let ring = Arc::new(Self {
            life_ms: now_ms(),
            kept: Mutex::default(),
            count: Mutex::new(Some(watch::Sender::new(0))),
        });
        let (events, filled) = (node.events(), Arc::clone(&ring));
        thread::spawn(move || {
            while let Some(event) = events.next_timeout(FOREVER) {
                filled.push(&event);
            }
            lock(&filled.count).take();
        });
        ring
    }

    fn push(&self, event: &Event) {
        let mut kept = lock(&self.kept);
        let number = kept.last() + 1;
        let mut numbered = serde_json::Map::new();
        numbered.insert("id".into(), self.id(number).into());
        numbered.insert("at_ms".into(), now_ms().into());
        numbered.extend(object(event));
        kept.push(numbered.into());
        drop(kept);
        if let Some(count) = &*lock(&self.count) {
            count.send_replace(number);
        }
    }

    /// All that are kept.
    pub(super) fn all(&self) -> Vec<Value> {
        lock(&self.kept).events.iter().cloned().collect()
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        lock(&self.kept).last()
    }

    /// The first one after a number that is still kept.
    pub(super) fn after(&self, number: u64) -> Option<Next> {
        lock(&self.kept).after(number)
    }

    /// Tells when there are more; `None` once the node is closed.
    pub(super) fn watch(&self) -> Option<watch::Receiver<u64>> {
        lock(&self.count).as_ref().map(watch::Sender::subscribe)
    }

    /// The id of a number.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.life_ms)
    }

    /// The number of an id; that of another life, or of none, comes before everything of this one.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        let (life_ms, number) = id.split_once('-')?;
        let (life_ms, number): (u64, u64) = (life_ms.parse().ok()?, number.parse().ok()?);
        // One that was never given would wait for ever.
        let is_given = life_ms == self.life_ms && number <= self.last();
        Some(if is_given { number } else { 0 })
    }
}

impl Kept {
    fn push(&mut self, event: Value) {
        if self.events.len() == CAPACITY {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(event);
    }

    fn last(&self) -> u64 {
        self.forgotten + self.events.len() as u64
    }

    fn after(&self, number: u64) -> Option<Next> {
        let missed = self.forgotten.saturating_sub(number);
        let at = usize::try_from((number + missed).checked_sub(self.forgotten)?).ok()?;
        let event = self.events.get(at)?.clone();
        Some(Next {
            missed,
            number: number + missed + 1,
            event,
        })
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_is_told_as_missed() {
        let mut kept = Kept::default();
        for number in 1..=1003_u64 {
            kept.push(number.into());
        }
        assert_eq!((kept.last(), kept.events.len()), (1003, CAPACITY));
        let first = kept.after(1).unwrap();
        assert_eq!((first.missed, first.number, first.event), (2, 4, 4.into()));
        let next = kept.after(4).unwrap();
        assert_eq!((next.missed, next.number, next.event), (0, 5, 5.into()));
        assert!(kept.after(1003).is_none());
        assert!(kept.after(u64::MAX).is_none());
    }
}
