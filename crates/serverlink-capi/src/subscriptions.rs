//! Subscribing and receiving.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::AsRawFd;
use std::time::Duration;

use serverlink::{RecvIntoError, Subscriber, Wait};

use crate::errno::Errno;
use crate::failure::Failure;
use crate::{args, fence, spot};

/// `SLK_DONTWAIT`.
const DONTWAIT: c_int = 1;

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_subscribe(spot: *mut c_void, topic: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(
            spot,
            topic,
            "topic of slk_spot_subscribe",
            |subscriber, topic| Ok(subscriber.subscribe(topic)?),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_subscribe_pattern(
    spot: *mut c_void,
    pattern: *const c_char,
) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(
            spot,
            pattern,
            "pattern of slk_spot_subscribe_pattern",
            |subscriber, pattern| Ok(subscriber.subscribe_pattern(pattern)?),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_unsubscribe(
    spot: *mut c_void,
    topic_or_pattern: *const c_char,
) -> c_int {
    // SAFETY: the caller's text.
    unsafe {
        with_text(
            spot,
            topic_or_pattern,
            "topic_or_pattern of slk_spot_unsubscribe",
            |subscriber, filter| Ok(subscriber.unsubscribe(filter)?),
        )
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
        let timeout = args::timeout(timeout_ms, "timeout_ms of slk_spot_wait_subscribed")?;
        let subscriber = &spot.running()?.subscriber;
        if topic.is_null() {
            return Ok(subscriber.wait_subscribed(timeout)?);
        }
        // SAFETY: the caller's text.
        let topic =
            args::topic(unsafe { args::text(topic, "topic of slk_spot_wait_subscribed")? })?;
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
    spot::status(spot, |running| {
        let wait = wait(flags)?;
        // SAFETY: the caller's buffers.
        let (topic, data) = unsafe {
            (
                args::buffer(topic.cast(), topic_size, "topic of slk_spot_recv")?,
                args::buffer(data, data_size, "data of slk_spot_recv")?,
            )
        };
        // SAFETY: NULL or the caller's places.
        let tell = |lens: (usize, usize)| unsafe {
            args::put(topic_len, lens.0);
            args::put(data_len, lens.1);
        };
        match running.subscriber.recv_into(topic, data, wait) {
            Ok(lens) => {
                tell(lens);
                terminate(topic, lens.0);
                terminate(data, lens.1);
                Ok(())
            }
            Err(error) => {
                if let RecvIntoError::TooSmall {
                    topic_len,
                    data_len,
                } = error
                {
                    tell((topic_len, data_len));
                }
                Err(error.into())
            }
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_fd(spot: *mut c_void, fd: *mut c_int) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let fd = args::place(fd, "fd of slk_spot_fd")?;
        let poll_fd = spot.running()?.subscriber.poll_fd().map_err(|error| {
            Failure::new(
                Errno::from(&error),
                format_args!("cannot make a descriptor to poll: {error}"),
            )
        })?;
        // SAFETY: the caller's place.
        unsafe { fd.write(poll_fd.as_raw_fd()) };
        Ok(())
    })
}

/// How long the last argument of `slk_spot_recv` says to wait.
#[inline]
fn wait(flags: c_int) -> Result<Wait, Failure> {
    match flags {
        0 => Ok(Wait::Default),
        DONTWAIT => Ok(Wait::Never),
        -1 => Ok(Wait::Forever),
        2.. => Ok(Wait::For(Duration::from_millis(
            flags.unsigned_abs().into(),
        ))),
        _ => Err(no_flags(flags)),
    }
}

#[cold]
fn no_flags(flags: c_int) -> Failure {
    Failure::invalid(format_args!(
        "flags of slk_spot_recv is {flags}; it must be 0 (wait as SLK_RCVTIMEO says), 1 (SLK_DONTWAIT), -1 (wait \
         for ever), or milliseconds from 2 up"
    ))
}

/// Writes the NUL that a text, or data that is one, ends with where there is room.
#[inline]
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
    what: &str,
    body: impl FnOnce(&Subscriber, &str) -> Result<(), Failure>,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller vouches for it.
        let text = unsafe { args::text(text, what)? };
        body(&spot.running()?.subscriber, text)
    })
}
