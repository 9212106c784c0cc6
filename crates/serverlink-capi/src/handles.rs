//! Handles: what C holds is a number, never an address that is dereferenced.
//!
//! A number is given out once and never again, so a handle that was destroyed, made up, or inherited through `fork` is
//! simply not in the table. The table is off the hot path: each thread remembers the objects it used last, and uses
//! them in place, without touching anything another core writes.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::ffi::c_int;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::LocalKey;

use crate::errno::Errno;
use crate::failure::Failure;
use crate::fence;

/// An object C holds a handle to.
pub(crate) trait Object: Sized + 'static {
    /// Different for each type, 1 to 3, so that a handle of one never passes for another.
    const KIND: usize;

    /// What the header calls the handle.
    const NAME: &'static str;

    /// The type's part of the tables.
    fn table(tables: &Tables) -> &Table<Self>;

    /// False once it is destroyed: then no thread shall remember it any more.
    fn is_open(&self) -> bool;
}

/// An object that is used at the rate of messages.
pub(crate) trait Cached: Object {
    /// What this thread used last.
    fn cache() -> &'static LocalKey<Cache<Self>>;
}

/// Registers an object; the result is its handle.
pub(crate) fn insert<T: Object>(object: Arc<T>) -> Result<usize, Failure> {
    let tables = tables_or_new();
    let serial = tables.next.fetch_add(1, Ordering::Relaxed);
    let handle = layout::encode(T::KIND, tables.epoch, serial).ok_or(USED_UP)?;
    T::table(tables).write().insert(handle, object);
    Ok(handle)
}

/// Runs `body` on the object of a handle. A failure is set before anything is handed up, so that no more than a number
/// is.
#[inline]
pub(crate) fn status<T: Cached>(
    handle: usize,
    body: impl FnOnce(&T) -> Result<(), Failure>,
) -> c_int {
    fence::shield(|| {
        let Some(object) = find::<T>(handle) else {
            return fence::told(Err(refused::<T>(handle)));
        };
        let told = fence::told(body(&object));
        if !object.is_open() {
            forget(handle, object);
        }
        told
    })
}

/// An object in use by a call.
enum InUse<T: 'static> {
    /// Where this thread keeps it.
    Here(Ref<'static, T>),
    Shared(Arc<T>),
}

impl<T> Deref for InUse<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Here(object) => object,
            Self::Shared(object) => object,
        }
    }
}

#[inline]
fn find<T: Cached>(handle: usize) -> Option<InUse<T>> {
    match Cache::get(handle) {
        Some(object) => Some(InUse::Here(object)),
        None => look_up(handle).map(InUse::Shared),
    }
}

/// What this thread does not remember yet, or was destroyed meanwhile.
#[cold]
#[inline(never)]
fn look_up<T: Cached>(handle: usize) -> Option<Arc<T>> {
    let object = in_table::<T>(handle);
    match &object {
        Some(object) => Cache::put(handle, object.clone()),
        None => Cache::<T>::remove(handle),
    }
    object
}

/// It was destroyed while it was in use.
#[cold]
#[inline(never)]
fn forget<T: Cached>(handle: usize, object: InUse<T>) {
    drop(object);
    Cache::<T>::remove(handle);
}

/// The object of a handle, from the table.
pub(crate) fn get<T: Object>(handle: usize) -> Result<Arc<T>, Failure> {
    in_table(handle).ok_or_else(|| refused::<T>(handle))
}

fn in_table<T: Object>(handle: usize) -> Option<Arc<T>> {
    let object = T::table(tables()?).read().get(&handle).cloned();
    object.filter(|object| object.is_open())
}

/// Why a handle is none.
#[cold]
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
    T::table(tables()?).write().remove(&handle)
}

/// As [`remove`], for an object that this thread may remember.
pub(crate) fn remove_cached<T: Cached>(handle: usize) -> Option<Arc<T>> {
    let removed = remove(handle);
    Cache::<T>::remove(handle);
    removed
}

/// The objects a thread used last. One that is destroyed by another thread meanwhile lingers, closed, until this thread
/// uses it or another one in its place, or ends.
pub(crate) struct Cache<T>([Place<T>; CACHED]);

/// Borrowed while its object is in use, so that it stays what it is. A call within a call finds its object in the table
/// if it would need the place of another.
type Place<T> = RefCell<Option<(usize, Arc<T>)>>;

/// Enough for a thread that serves several nodes and topics by turns.
const CACHED: usize = 16;

impl<T: Cached> Cache<T> {
    pub(crate) const fn new() -> Self {
        Self([const { RefCell::new(None) }; CACHED])
    }

    #[inline]
    fn place(&self, handle: usize) -> &Place<T> {
        &self.0[layout::serial(handle) % CACHED]
    }

    /// The object of a handle, kept where it is by the result.
    #[inline]
    fn get(handle: usize) -> Option<Ref<'static, T>> {
        // Without thread-local storage the thread is ending: then there is just no cache.
        let object = T::cache().try_with(|cache| {
            // SAFETY: the storage is there until its thread ends, and the result stays within a call on that thread: it
            // cannot be sent to another one, and `status` has dropped it when the call returns.
            let place: &'static Place<T> = unsafe { &*ptr::from_ref(cache.place(handle)) };
            Ref::filter_map(place.try_borrow().ok()?, |entry| match entry {
                Some((known, object)) if *known == handle && object.is_open() => Some(&**object),
                _ => None,
            })
            .ok()
        });
        object.ok().flatten()
    }

    fn put(handle: usize, object: Arc<T>) {
        let former = T::cache().try_with(|cache| {
            let mut entry = cache.place(handle).try_borrow_mut().ok()?;
            entry.replace((handle, object))
        });
        // Not while the place is borrowed: dropping an object may take a while.
        drop(former);
    }

    /// Forgets a handle.
    fn remove(handle: usize) {
        let former = T::cache().try_with(|cache| {
            let mut entry = cache.place(handle).try_borrow_mut().ok()?;
            entry.take_if(|(known, _)| *known == handle)
        });
        // As above.
        drop(former);
    }

    /// Abandons everything without dropping it.
    fn forget() {
        let _ = T::cache().try_with(|cache| {
            for place in &cache.0 {
                if let Ok(mut entry) = place.try_borrow_mut() {
                    std::mem::forget(entry.take());
                }
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
