//! Tests that answers at the rate of messages cost no memory: the allocator counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null, null_mut};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as we were called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as we were called.
        unsafe { System.dealloc(start, layout) }
    }
}

unsafe extern "C" {
    fn slk_ctx_new() -> *mut c_void;
    fn slk_ctx_destroy(ctx: *mut c_void);
    fn slk_spot_new(ctx: *mut c_void) -> *mut c_void;
    fn slk_spot_topic_create(spot: *mut c_void, topic: *const c_char) -> c_int;
    fn slk_spot_subscribe(spot: *mut c_void, topic: *const c_char) -> c_int;
    fn slk_spot_publish(
        spot: *mut c_void,
        topic: *const c_char,
        data: *const c_void,
        len: usize,
    ) -> c_int;
    fn slk_spot_recv(
        spot: *mut c_void,
        topic: *mut c_char,
        topic_size: usize,
        topic_len: *mut usize,
        data: *mut c_void,
        data_size: usize,
        data_len: *mut usize,
        flags: c_int,
    ) -> c_int;
    fn slk_spot_setsockopt(
        spot: *mut c_void,
        option: c_int,
        value: *const c_void,
        len: usize,
    ) -> c_int;
    fn slk_errno() -> c_int;
    fn slk_errmsg() -> *const c_char;
}

const TOPIC: &CStr = c"t";
const EAGAIN: c_int = 3;

/// A full, blocking subscriber to a topic of its own, whose publishers do not wait.
fn full() -> (*mut c_void, *mut c_void) {
    let (rcvhwm, sndtimeo, overflow, block) = (24, 28, 203, 2);
    // SAFETY: handles of this library, texts that end with NUL, ints with their size.
    unsafe {
        let ctx = slk_ctx_new();
        let spot = slk_spot_new(ctx);
        let set = |option: c_int, value: c_int| {
            slk_spot_setsockopt(spot, option, (&raw const value).cast(), size_of::<c_int>())
        };
        assert_eq!(
            (set(rcvhwm, 1), set(sndtimeo, 0), set(overflow, block)),
            (0, 0, 0)
        );
        assert_eq!(slk_spot_topic_create(spot, TOPIC.as_ptr()), 0);
        assert_eq!(slk_spot_subscribe(spot, TOPIC.as_ptr()), 0);
        assert_eq!(publish(spot), 0);
        (ctx, spot)
    }
}

fn publish(spot: *mut c_void) -> c_int {
    // SAFETY: a text that ends with NUL, no data.
    unsafe { slk_spot_publish(spot, TOPIC.as_ptr(), null(), 0) }
}

fn receive(spot: *mut c_void) -> c_int {
    let (mut topic, dont_wait) = ([0; 8], 1);
    // SAFETY: a buffer with its size; no buffer for data.
    unsafe {
        slk_spot_recv(
            spot,
            topic.as_mut_ptr(),
            topic.len(),
            null_mut(),
            null_mut(),
            0,
            null_mut(),
            dont_wait,
        )
    }
}

/// Makes the call over and over, which answers EAGAIN; what it allocated.
fn allocations_of(call: impl Fn() -> c_int) -> usize {
    // The first one may set something up.
    assert_eq!(call(), -1);
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        assert_eq!(call(), -1);
    }
    let after = ALLOCATIONS.get();
    // SAFETY: valid until the next failure.
    let text = unsafe { CStr::from_ptr(slk_errmsg()) };
    // SAFETY: always.
    assert_eq!(unsafe { slk_errno() }, EAGAIN, "{text:?}");
    after - before
}

#[test]
fn a_receive_with_nothing_there_allocates_nothing() {
    let (ctx, spot) = full();
    assert_eq!(receive(spot), 0);
    assert_eq!(allocations_of(|| receive(spot)), 0);
    // SAFETY: a handle of this library.
    unsafe { slk_ctx_destroy(ctx) };
}

#[test]
fn a_publish_without_room_allocates_nothing() {
    let (ctx, spot) = full();
    assert_eq!(allocations_of(|| publish(spot)), 0);
    // SAFETY: a handle of this library.
    unsafe { slk_ctx_destroy(ctx) };
}
