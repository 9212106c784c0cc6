//! Topics by name: a table of the node, and before it what each thread has published on by name last.
//!
//! A thread that publishes on the same names again finds their topics without a lock, a hash or a counter that other
//! cores write. It is never told that a topic is gone: the topic itself refuses what is published on it then, and the
//! thread [forgets](forget) it.

use std::cell::{Ref, RefCell};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::NodeInner;
use crate::data::Topic;

/// Places for the names that a thread publishes on by turns. Each holds on to a topic, in use or not, until another one
/// takes its place or the thread ends.
const PLACES: usize = 64;

/// The topics of a node by name, for publishing without the control lock.
#[derive(Debug)]
pub(super) struct Names {
    /// Never again that of another node of this process.
    serial: u64,
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    topics: HashTable<Arc<Topic>>,
    hasher: DefaultHashBuilder,
}

/// A topic that a thread knows, and whose it is.
struct Known {
    names: u64,
    topic: Arc<Topic>,
}

type Place = RefCell<Option<Known>>;

thread_local! {
    static KNOWN: [Place; PLACES] = const { [const { RefCell::new(None) }; PLACES] };
}

impl Names {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            serial: NEXT.fetch_add(1, Relaxed),
            table: RwLock::default(),
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Topic>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.find(name).cloned()
    }

    pub(super) fn insert(&self, topic: Arc<Topic>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Table { topics, hasher } = &mut *table;
        topics.insert_unique(hasher.hash_one(&*topic.name), topic, |topic| {
            hasher.hash_one(&*topic.name)
        });
    }

    pub(super) fn remove(&self, name: &str) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Table { topics, hasher } = &mut *table;
        if let Ok(entry) = topics.find_entry(hasher.hash_one(name), |topic| &*topic.name == name) {
            entry.remove();
        }
    }

    /// The place of a name, by its length and both of its ends: names in use together mostly differ there.
    #[inline]
    fn place(&self, name: &[u8]) -> usize {
        let ends = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(head), Some(tail)) => {
                u64::from_le_bytes(*head).rotate_left(29) ^ u64::from_le_bytes(*tail)
            }
            _ => name
                .iter()
                .fold(0, |ends, byte| ends << 8 | u64::from(*byte)),
        };
        let mixed = (ends ^ self.serial.rotate_left(48) ^ name.len() as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize % PLACES
    }
}

impl Table {
    fn find(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics
            .find(self.hasher.hash_one(name), |topic| &*topic.name == name)
    }
}

impl NodeInner {
    /// The topic of this name, in use now.
    pub(crate) fn find_topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.names.find(name)
    }

    /// Runs `publish` on the topic of this name if this thread knows one, which may not be in use any more.
    #[inline]
    pub(crate) fn with_known_topic<R>(
        &self,
        name: &[u8],
        publish: impl FnOnce(&Topic) -> R,
    ) -> Option<R> {
        // Without thread-local storage the thread is ending: then it knows nothing.
        let published = KNOWN.try_with(|known| {
            // Borrowed while it is in use, so that it stays: what is published may have a waker publish, too.
            let place = known[self.names.place(name)].try_borrow().ok()?;
            let topic = Ref::filter_map(place, |known| self.names.of_place(known, name)).ok()?;
            Some(publish(&topic))
        });
        published.ok().flatten()
    }

    /// Has this thread know a topic.
    pub(crate) fn know_topic(&self, topic: &Arc<Topic>) {
        let known = Known {
            names: self.names.serial,
            topic: topic.clone(),
        };
        replace(self.names.place(topic.name.as_bytes()), Some(known));
    }

    /// Has this thread forget the topic of a name.
    pub(crate) fn forget_topic(&self, name: &str) {
        replace(self.names.place(name.as_bytes()), None);
    }
}

impl Names {
    #[inline]
    fn of_place<'a>(&self, known: &'a Option<Known>, name: &[u8]) -> Option<&'a Topic> {
        let known = known.as_ref()?;
        let is_it = known.names == self.serial && are_same(known.topic.name.as_bytes(), name);
        is_it.then_some(&*known.topic)
    }
}

/// Whether two names are the same: most are of a length that two loads cover.
#[inline(always)]
fn are_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match (one.first_chunk::<8>(), one.last_chunk::<8>()) {
        (Some(head), Some(tail)) if one.len() <= 16 => {
            other.first_chunk() == Some(head) && other.last_chunk() == Some(tail)
        }
        _ => one == other,
    }
}

fn replace(place: usize, known: Option<Known>) {
    let former = KNOWN.try_with(|places| {
        let mut place = places[place].try_borrow_mut().ok()?;
        std::mem::replace(&mut *place, known)
    });
    // Not while the place is borrowed: dropping a topic may take a while.
    drop(former);
}
