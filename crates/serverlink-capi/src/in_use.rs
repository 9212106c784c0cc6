//! Tests of handles in use: what a thread remembers of them, while others destroy them.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use crate::handles;
use crate::publisher::Publisher;

unsafe extern "C" {
    fn slk_ctx_new() -> *mut c_void;
    fn slk_ctx_destroy(ctx: *mut c_void);
    fn slk_spot_new(ctx: *mut c_void) -> *mut c_void;
    fn slk_spot_destroy(spot: *mut *mut c_void);
    fn slk_spot_topic_create(spot: *mut c_void, topic: *const c_char) -> c_int;
    fn slk_spot_subscribe_pattern(spot: *mut c_void, pattern: *const c_char) -> c_int;
    fn slk_spot_publisher_new(spot: *mut c_void, topic: *const c_char) -> *mut c_void;
    fn slk_spot_publisher_publish(publisher: *mut c_void, data: *const c_void, len: usize)
    -> c_int;
    fn slk_spot_publisher_destroy(publisher: *mut *mut c_void);
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
    fn slk_errno() -> c_int;
}

const EINVAL: c_int = 1;
const ETERM: c_int = 6;
const WAIT_FOR_EVER: c_int = -1;

/// An instance that subscribes to everything.
struct Spot(usize, usize);

impl Spot {
    fn new() -> Self {
        // SAFETY: handles of this library, a text that ends with NUL.
        unsafe {
            let ctx = slk_ctx_new();
            let spot = slk_spot_new(ctx);
            assert_eq!(slk_spot_subscribe_pattern(spot, c"*".as_ptr()), 0);
            Self(ctx as usize, spot as usize)
        }
    }

    /// A publisher on a topic of its own.
    fn publisher(&self, topic: &CStr) -> usize {
        let spot = self.1 as *mut c_void;
        // SAFETY: a handle of this library, texts that end with NUL.
        unsafe {
            assert_eq!(slk_spot_topic_create(spot, topic.as_ptr()), 0);
            slk_spot_publisher_new(spot, topic.as_ptr()) as usize
        }
    }

    /// The topic of the next message.
    fn receive(&self) -> Result<String, c_int> {
        receive(self.1)
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        // SAFETY: a handle of this library.
        unsafe { slk_ctx_destroy(self.0 as *mut c_void) };
    }
}

fn receive(spot: usize) -> Result<String, c_int> {
    let (mut topic, mut len) = ([0_u8; 64], 0);
    // SAFETY: a buffer with its size, a place for a length; no buffer for data.
    unsafe {
        let received = slk_spot_recv(
            spot as *mut c_void,
            topic.as_mut_ptr().cast(),
            topic.len(),
            &raw mut len,
            null_mut(),
            0,
            null_mut(),
            WAIT_FOR_EVER,
        );
        match received {
            0 => Ok(String::from_utf8_lossy(&topic[..len]).into_owned()),
            _ => Err(slk_errno()),
        }
    }
}

fn publish(publisher: usize) -> Result<(), c_int> {
    // SAFETY: no data.
    match unsafe { slk_spot_publisher_publish(publisher as *mut c_void, null_mut(), 0) } {
        0 => Ok(()),
        // SAFETY: always.
        _ => Err(unsafe { slk_errno() }),
    }
}

fn destroy(publisher: usize) {
    let mut publisher = publisher as *mut c_void;
    // SAFETY: a variable of ours.
    unsafe { slk_spot_publisher_destroy(&raw mut publisher) };
}

#[test]
fn a_thread_uses_more_handles_than_it_remembers() {
    let spot = Spot::new();
    let names: Vec<_> = (0..50)
        .map(|number| CString::new(format!("t{number}")).unwrap())
        .collect();
    let publishers: Vec<_> = names.iter().map(|name| spot.publisher(name)).collect();
    for _ in 0..3 {
        for (publisher, name) in publishers.iter().zip(&names) {
            publish(*publisher).unwrap();
            assert_eq!(spot.receive().as_deref(), Ok(name.to_str().unwrap()));
        }
    }
    publishers
        .iter()
        .step_by(2)
        .for_each(|publisher| destroy(*publisher));
    for (index, publisher) in publishers.iter().enumerate() {
        let expected = if index % 2 == 0 { Err(EINVAL) } else { Ok(()) };
        assert_eq!(publish(*publisher), expected);
    }
}

#[test]
fn a_handle_that_another_thread_destroyed_is_refused_though_it_was_just_used() {
    let spot = Spot::new();
    let publisher = spot.publisher(c"t");
    let (go, gone) = channel::<()>();
    let (tell, told) = channel();
    let user = thread::spawn(move || {
        for () in gone {
            tell.send(publish(publisher)).unwrap();
        }
    });
    let publishes = || {
        go.send(()).unwrap();
        told.recv().unwrap()
    };
    assert_eq!(publishes(), Ok(()));
    let remembered = Arc::downgrade(&handles::get::<Publisher>(publisher).unwrap());
    destroy(publisher);
    assert_eq!(remembered.strong_count(), 1, "by its user, closed");
    assert_eq!(publishes(), Err(EINVAL));
    assert_eq!(remembered.strong_count(), 0);
    // One that comes after it is another one.
    let next = spot.publisher(c"next");
    assert_ne!(next, publisher);
    assert_eq!(publish(next), Ok(()));
    assert_eq!(publishes(), Err(EINVAL));
    drop(go);
    user.join().unwrap();
}

#[test]
fn threads_that_publish_while_a_handle_is_destroyed_are_refused_from_then_on() {
    let spot = Spot::new();
    for name in [c"a", c"b", c"c"] {
        let publisher = spot.publisher(name);
        let (begun, begins) = channel();
        let users = [(); 2].map(|()| {
            let begun = begun.clone();
            thread::spawn(move || {
                publish(publisher).unwrap();
                begun.send(()).unwrap();
                loop {
                    if let Err(errno) = publish(publisher) {
                        return errno;
                    }
                }
            })
        });
        users.iter().for_each(|_| begins.recv().unwrap());
        destroy(publisher);
        for user in users {
            assert_eq!(user.join().unwrap(), EINVAL);
        }
    }
}

#[test]
fn a_receive_that_waits_ends_when_its_instance_is_destroyed() {
    let spot = Spot::new();
    let handle = spot.1;
    let (begun, begins) = channel();
    let publisher = spot.publisher(c"t");
    let user = thread::spawn(move || {
        assert_eq!(receive(handle).as_deref(), Ok("t"));
        begun.send(()).unwrap();
        (receive(handle), receive(handle))
    });
    publish(publisher).unwrap();
    begins.recv().unwrap();
    let mut destroyed = handle as *mut c_void;
    // SAFETY: a variable of ours.
    unsafe { slk_spot_destroy(&raw mut destroyed) };
    let (first, second) = user.join().unwrap();
    // It may have been destroyed before the thread came to wait.
    assert!(first == Err(ETERM) || first == Err(EINVAL), "{first:?}");
    assert_eq!(second, Err(EINVAL));
}

#[test]
fn what_a_thread_destroys_it_does_not_hold_on_to() {
    let spot = Spot::new();
    let publisher = spot.publisher(c"t");
    publish(publisher).unwrap();
    let remembered = Arc::downgrade(&handles::get::<Publisher>(publisher).unwrap());
    assert_eq!(remembered.strong_count(), 2, "one in the table, one here");
    destroy(publisher);
    assert_eq!(remembered.strong_count(), 0);
}
