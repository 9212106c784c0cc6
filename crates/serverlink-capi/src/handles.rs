//! Handles: what C holds is a number, never an address that is dereferenced.
//!
//! A number is given out once and never again, so a handle that was destroyed, made up, or inherited through `fork` is
//! simply not in the table. The table is off the hot path: each thread remembers the objects it used last, and takes
//! them from there without touching anything another core writes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::LocalKey;

use crate::errno::Errno;
use crate::failure::Failure;

/// An object C holds a handle to.
pub(crate) trait Object: Sized + 'static {
    /// Different for each type, 1 to 3, so that a handle of one never passes for another.
    const KIND: usize;

    /// What the header calls the handle.
    const NAME: &'static str;

    /// The type's part of the tables.
    fn table(tables: &Tables) -> &Table<Self>;

    /// What this thread used last.
    fn cache() -> &'static LocalKey<Cache<Self>>;

    /// False once it is destroyed: then no thread shall remember it any more.
    fn is_open(&self) -> bool;
}

/// Registers an object; the result is its handle.
pub(crate) fn insert<T: Object>(object: Arc<T>) -> Result<usize, Failure> {
    let tables = tables_or_new();
    let serial = tables.next.fetch_add(1, Ordering::Relaxed);
    let handle = layout::encode(T::KIND, tables.epoch, serial).ok_or(USED_UP)?;
    T::table(tables).write().insert(handle, object);
    Ok(handle)
}

/// The object of a handle, kept alive by the result.
pub(crate) fn get<T: Object>(handle: usize) -> Result<Pin<T>, Failure> {
    let object = match Cache::take(handle) {
        Some(object) => Some(object),
        None => tables().and_then(|tables| T::table(tables).read().get(&handle).cloned()),
    };
    match object {
        Some(object) if object.is_open() => Ok(Pin {
            handle,
            object: Some(object),
        }),
        _ => Err(refused::<T>(handle)),
    }
}

/// Why a handle is none.
pub(crate) fn refused<T: Object>(handle: usize) -> Failure {
    let name = T::NAME;
    match handle {
        0 => Failure::invalid(format_args!(
            "the {name} is NULL: it was not made, or is destroyed"
        )),
        _ => Failure::invalid(format_args!(
            "{handle:#x} is not a live {name} of this library: it was destroyed, never was one, or is of the process \
             that forked this one"
        )),
    }
}

const USED_UP: Failure = Failure::fixed(
    Errno::ENOMEM,
    c"this process has used up its handles: restart it",
);

/// Takes the object of a handle out of the table; of several callers at once, one gets it.
pub(crate) fn remove<T: Object>(handle: usize) -> Option<Arc<T>> {
    let removed = T::table(tables()?).write().remove(&handle);
    drop(Cache::<T>::take(handle));
    removed
}

/// An object in use. When done it goes back to where its thread finds it fastest.
pub(crate) struct Pin<T: Object> {
    handle: usize,
    object: Option<Arc<T>>,
}

impl<T: Object> Pin<T> {
    /// The object, shared for longer than this call.
    pub(crate) fn share(&self) -> Arc<T> {
        Arc::clone(self.object())
    }

    fn object(&self) -> &Arc<T> {
        self.object.as_ref().expect("there until dropped")
    }
}

impl<T: Object> Deref for Pin<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.object()
    }
}

impl<T: Object> Drop for Pin<T> {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && object.is_open()
        {
            Cache::put(self.handle, object);
        }
    }
}

/// The objects a thread used last. One that is destroyed meanwhile lingers, closed, until its thread uses another one
/// in its place or ends.
pub(crate) struct Cache<T>(RefCell<[Entry<T>; CACHED]>);

/// A handle and its object.
type Entry<T> = Option<(usize, Arc<T>)>;

/// Enough for a thread that serves several nodes by turns.
const CACHED: usize = 4;

impl<T: Object> Cache<T> {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new([const { None }; CACHED]))
    }

    fn take(handle: usize) -> Option<Arc<T>> {
        let place = layout::serial(handle) % CACHED;
        // Without thread-local storage the thread is ending: then there is just no cache.
        let entry = T::cache()
            .try_with(|cache| cache.0.borrow_mut()[place].take_if(|entry| entry.0 == handle));
        entry.ok().flatten().map(|(_, object)| object)
    }

    fn put(handle: usize, object: Arc<T>) {
        let place = layout::serial(handle) % CACHED;
        let former =
            T::cache().try_with(|cache| cache.0.borrow_mut()[place].replace((handle, object)));
        // Not while the cache is borrowed: dropping an object may take a while.
        drop(former);
    }

    /// Abandons everything without dropping it.
    fn forget() {
        let _ = T::cache().try_with(|cache| {
            if let Ok(mut entries) = cache.0.try_borrow_mut() {
                std::mem::forget(std::mem::replace(&mut *entries, [const { None }; CACHED]));
            }
        });
    }
}

/// All objects of one type.
pub(crate) struct Table<T>(RwLock<HashMap<usize, Arc<T>>>);

impl<T> Table<T> {
    fn read(&self) -> impl Deref<Target = HashMap<usize, Arc<T>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> impl std::ops::DerefMut<Target = HashMap<usize, Arc<T>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

/// All objects of this process.
pub(crate) struct Tables {
    pub(crate) contexts: Table<crate::context::Context>,
    pub(crate) spots: Table<crate::spot::Spot>,
    pub(crate) publishers: Table<crate::publisher::Publisher>,
    next: AtomicUsize,
    epoch: usize,
}

/// The tables; null until the first handle is made, and again in the child of a `fork`.
static TABLES: AtomicPtr<Tables> = AtomicPtr::new(ptr::null_mut());
/// How many forks lie between the first process and this one.
static EPOCH: AtomicUsize = AtomicUsize::new(0);

fn tables() -> Option<&'static Tables> {
    // SAFETY: null, or leaked by `tables_or_new` after it was built.
    unsafe { TABLES.load(Ordering::Acquire).as_ref() }
}

fn tables_or_new() -> &'static Tables {
    if let Some(tables) = tables() {
        return tables;
    }
    watch_forks();
    let fresh = Box::into_raw(Box::new(Tables {
        contexts: Table::default(),
        spots: Table::default(),
        publishers: Table::default(),
        next: AtomicUsize::new(1),
        epoch: EPOCH.load(Ordering::Relaxed),
    }));
    match TABLES.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: ours, and never freed from here on.
        Ok(_) => unsafe { &*fresh },
        Err(first) => {
            // SAFETY: `fresh` was never shared; `first` was leaked by the thread that won.
            unsafe {
                drop(Box::from_raw(fresh));
                &*first
            }
        }
    }
}

/// Has the tables abandoned in the child of every `fork` to come.
///
/// A flag and not a `Once`: another thread may be just here at the moment of a fork, and the child would wait for it
/// for ever. Registering twice does no harm.
fn watch_forks() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: the handler only stores to atomics and to storage of its own thread.
        unsafe { libc::pthread_atfork(None, None, Some(abandon_parent)) };
        WATCHED.store(true, Ordering::Release);
    }
}

/// Runs in the child of a `fork`, alone. Locks of the parent may be held by threads that do not exist here, so nothing
/// of the parent is ever touched again, not even to free it.
unsafe extern "C" fn abandon_parent() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
    TABLES.store(ptr::null_mut(), Ordering::Release);
    Cache::<crate::context::Context>::forget();
    Cache::<crate::spot::Spot>::forget();
    Cache::<crate::publisher::Publisher>::forget();
}

/// The bits of a handle, from the top: one, epoch, serial, kind. The top bit keeps handles apart from small numbers
/// and from addresses of user space.
mod layout {
    const KIND_BITS: u32 = 2;
    const EPOCH_BITS: u32 = usize::BITS / 4 - 1;
    const SERIAL_BITS: u32 = usize::BITS - 1 - EPOCH_BITS - KIND_BITS;

    /// `None` when the process has used up its serial numbers.
    pub(super) fn encode(kind: usize, epoch: usize, serial: usize) -> Option<usize> {
        let epoch = epoch & ((1 << EPOCH_BITS) - 1);
        let parts = (1 << EPOCH_BITS | epoch) << SERIAL_BITS | serial;
        (serial < 1 << SERIAL_BITS).then_some(parts << KIND_BITS | kind)
    }

    pub(super) fn serial(handle: usize) -> usize {
        (handle >> KIND_BITS) & ((1 << SERIAL_BITS) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::layout;

    #[test]
    fn handles_differ_by_kind_epoch_and_serial() {
        let handles = [(1, 0, 1), (2, 0, 1), (1, 1, 1), (1, 0, 2)]
            .map(|(k, e, s)| layout::encode(k, e, s).unwrap());
        let distinct: std::collections::HashSet<_> = handles.iter().collect();
        assert_eq!(distinct.len(), handles.len());
    }

    #[test]
    fn handles_are_no_addresses_of_user_space() {
        assert!(layout::encode(1, 0, 1).unwrap() > usize::MAX / 2);
    }

    #[test]
    fn serials_run_out_instead_of_coming_back() {
        assert_eq!(layout::encode(1, 0, usize::MAX >> 2), None);
    }

    #[test]
    fn a_handle_tells_its_serial() {
        assert_eq!(layout::serial(layout::encode(3, 77, 12345).unwrap()), 12345);
    }
}
