//! Subscribing and receiving.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::AsRawFd;
use std::time::Duration;

use serverlink::{RecvIntoError, Subscriber, Wait};

use crate::errno::Errno;
use crate::{args, fence, spot};

/// `SLK_DONTWAIT`.
const DONTWAIT: c_int = 1;

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_subscribe(spot: *mut c_void, topic: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(spot, topic, |subscriber, topic| {
            Ok(subscriber.subscribe(topic)?)
        })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_subscribe_pattern(
    spot: *mut c_void,
    pattern: *const c_char,
) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(spot, pattern, |subscriber, pattern| {
            Ok(subscriber.subscribe_pattern(pattern)?)
        })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_unsubscribe(
    spot: *mut c_void,
    topic_or_pattern: *const c_char,
) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(spot, topic_or_pattern, |subscriber, filter| {
            Ok(subscriber.unsubscribe(filter)?)
        })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_wait_subscribed(
    spot: *mut c_void,
    topic: *const c_char,
    timeout_ms: c_int,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let timeout = args::timeout(timeout_ms)?;
        let subscriber = &spot.running()?.subscriber;
        if topic.is_null() {
            return Ok(subscriber.wait_subscribed(timeout)?);
        }
        // SAFETY: the caller's text.
        let topic = args::topic(unsafe { args::text(topic)? })?;
        Ok(subscriber.wait_subscribed_to(topic, timeout)?)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_recv(
    spot: *mut c_void,
    topic: *mut c_char,
    topic_size: usize,
    topic_len: *mut usize,
    data: *mut c_void,
    data_size: usize,
    data_len: *mut usize,
    flags: c_int,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let wait = wait(flags)?;
        // SAFETY: the caller's buffers.
        let (topic, data) = unsafe {
            (
                args::buffer(topic.cast(), topic_size)?,
                args::buffer(data, data_size)?,
            )
        };
        let received = spot.running()?.subscriber.recv_into(topic, data, wait);
        let lens = match &received {
            Ok(lens) => Some(*lens),
            Err(RecvIntoError::TooSmall {
                topic_len,
                data_len,
            }) => Some((*topic_len, *data_len)),
            Err(_) => None,
        };
        if let Some(lens) = lens {
            // SAFETY: NULL or the caller's places.
            unsafe {
                args::put(topic_len, lens.0);
                args::put(data_len, lens.1);
            }
        }
        let lens = received?;
        terminate(topic, lens.0);
        terminate(data, lens.1);
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_fd(spot: *mut c_void, fd: *mut c_int) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let fd = args::place(fd)?;
        let poll_fd = spot
            .running()?
            .subscriber
            .poll_fd()
            .map_err(|error| Errno::from(&error))?;
        // SAFETY: the caller's place.
        unsafe { fd.write(poll_fd.as_raw_fd()) };
        Ok(())
    })
}

/// How long the last argument of `slk_spot_recv` says to wait.
fn wait(flags: c_int) -> Result<Wait, Errno> {
    match flags {
        0 => Ok(Wait::Default),
        DONTWAIT => Ok(Wait::Never),
        -1 => Ok(Wait::Forever),
        ms => Ok(Wait::For(Duration::from_millis(
            u64::try_from(ms).map_err(|_| Errno::EINVAL)?,
        ))),
    }
}

/// Writes the NUL that a text, or data that is one, ends with where there is room.
fn terminate(buffer: &mut [u8], len: usize) {
    if let Some(end) = buffer.get_mut(len) {
        *end = 0;
    }
}

/// # Safety
/// `text` is NULL or the caller's text.
unsafe fn with_text(
    spot: *mut c_void,
    text: *const c_char,
    body: impl FnOnce(&Subscriber, &str) -> Result<(), Errno>,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller vouches for it.
        let text = unsafe { args::text(text)? };
        body(&spot.running()?.subscriber, text)
    })
}
