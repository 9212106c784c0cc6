//! Topics by name: a table of the node, and before it what each thread has published on by name last.
//!
//! A thread that publishes on the same names again finds their topics without a lock, a hash or a counter that other
//! cores write. It is never told that a topic is gone: the topic itself refuses what is published on it then, and the
//! thread [forgets](forget) it.

use std::cell::{Cell, RefCell};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::NodeInner;
use crate::data::Topic;

/// Places for the names that a thread publishes on by turns, at first and at most. Each holds on to a topic, in use or not,
/// until another one takes its place or the thread ends. All of them take 2 MiB.
const PLACES_MIN: usize = 64;
const PLACES_MAX: usize = 64 * 1024;
/// Places that a name may have.
const WAYS: usize = 4;

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

/// The topics that a thread knows.
struct Knowledge {
    places: Vec<Place>,
    /// How many had to give way to others since there are so many places.
    displaced: usize,
}

/// A place for a topic that a thread knows.
#[derive(Default)]
struct Place {
    hash: Cell<u64>,
    /// Whose it is.
    names: Cell<u64>,
    topic: RefCell<Option<Arc<Topic>>>,
}

thread_local! {
    static KNOWN: RefCell<Knowledge> = const { RefCell::new(Knowledge::new()) };
}

impl Knowledge {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            displaced: 0,
        }
    }

    /// The places that a name may have.
    #[inline(always)]
    fn ways(&self, hash: u64) -> &[Place] {
        let first = hash as usize & self.places.len().wrapping_sub(1) & !(WAYS - 1);
        self.places.get(first..first + WAYS).unwrap_or_default()
    }

    /// Makes places for more, where many had to give way. What was known is to be learnt anew.
    fn grow_if_due(&mut self) -> Vec<Place> {
        let count = self.places.len();
        if self.displaced < count || count == PLACES_MAX {
            return Vec::new();
        }
        let count = (count * 4).clamp(PLACES_MIN, PLACES_MAX);
        self.displaced = 0;
        let places = std::iter::repeat_with(Place::default);
        std::mem::replace(&mut self.places, places.take(count).collect())
    }
}

impl Place {
    fn is_free(&self) -> bool {
        self.topic.try_borrow().is_ok_and(|topic| topic.is_none())
    }
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

    /// By the length of a name and both of its ends: names in use together mostly differ there.
    #[inline]
    fn hash(&self, name: &[u8]) -> u64 {
        let ends = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(head), Some(tail)) => {
                u64::from_le_bytes(*head).rotate_left(29) ^ u64::from_le_bytes(*tail)
            }
            _ => name
                .iter()
                .fold(0, |ends, byte| ends << 8 | u64::from(*byte)),
        };
        let mixed = u128::from(ends ^ self.serial.rotate_left(48) ^ name.len() as u64)
            * 0x9e37_79b9_7f4a_7c15;
        (mixed >> 64) as u64 ^ mixed as u64
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
    #[inline(always)]
    pub(crate) fn with_known_topic<R>(
        &self,
        name: &[u8],
        publish: impl FnOnce(&Topic) -> R,
    ) -> Option<R> {
        let hash = self.names.hash(name);
        let is_it =
            |place: &&Place| (place.hash.get(), place.names.get()) == (hash, self.names.serial);
        // Without thread-local storage the thread is ending: then it knows nothing.
        let published = KNOWN.try_with(|known| {
            let known = known.try_borrow().ok()?;
            let place = known.ways(hash).iter().find(is_it)?;
            // Borrowed while it is in use, so that it stays: what is published may have a waker publish, too.
            let topic = place.topic.try_borrow().ok()?;
            let topic = topic.as_deref()?;
            are_same(topic.name.as_bytes(), name).then(|| publish(topic))
        });
        published.ok().flatten()
    }

    /// Has this thread know a topic.
    pub(crate) fn know_topic(&self, topic: &Arc<Topic>) {
        self.forget_topic(&topic.name);
        let hash = self.names.hash(topic.name.as_bytes());
        let former = KNOWN.try_with(|known| {
            let unused = known.try_borrow_mut().ok()?.grow_if_due();
            let mut known = known.try_borrow_mut().ok()?;
            let displaced = known.displaced;
            let ways = known.ways(hash);
            let free = ways.iter().find(|place| place.is_free());
            let is_displaced = free.is_none();
            let place = free.or_else(|| ways.get(displaced % WAYS))?;
            place.hash.set(hash);
            place.names.set(self.names.serial);
            let former = place.topic.replace(Some(topic.clone()));
            known.displaced += usize::from(is_displaced);
            Some((former, unused))
        });
        // Not while anything is borrowed: dropping a topic may take a while.
        drop(former);
    }

    /// Has this thread forget the topic of a name.
    pub(crate) fn forget_topic(&self, name: &str) {
        let hash = self.names.hash(name.as_bytes());
        let former = KNOWN.try_with(|known| {
            let known = known.try_borrow().ok()?;
            let ways = known.ways(hash).iter();
            let its = ways.filter(|place| place.names.get() == self.names.serial);
            let is_it = |topic: &mut Arc<Topic>| &*topic.name == name;
            let take = |place: &Place| place.topic.try_borrow_mut().ok()?.take_if(is_it);
            its.filter_map(take).next()
        });
        // As above.
        drop(former);
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
