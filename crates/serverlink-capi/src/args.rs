//! Reading what C points to. NULL where it is not allowed is EINVAL; what else a pointer must be, only the caller can know.
//!
//! `what` names the argument for the message: "topic of slk_spot_subscribe".

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt::Display;
use std::ptr::NonNull;
use std::time::Duration;

use serverlink::Filter;

use crate::errno::Errno;
use crate::failure::Failure;

/// "For ever" for interfaces that take a duration: centuries, yet safe to add to any clock.
pub(crate) const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// No object is longer.
const MAX_BYTES: usize = isize::MAX as usize;

/// Bytes of a text shown when it is not UTF-8.
const SHOWN_BYTES: usize = 64;

/// A text.
///
/// # Safety
/// NULL, or a NUL-terminated text that stays as it is for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Failure> {
    // SAFETY: the caller vouches for it.
    utf8(unsafe { text_bytes(text, what)? }, what)
}

/// The bytes of a text, not checked to be one.
///
/// # Safety
/// As [`text`].
#[inline(always)]
pub(crate) unsafe fn text_bytes<'a>(text: *const c_char, what: &str) -> Result<&'a [u8], Failure> {
    if text.is_null() {
        return Err(no_text(what));
    }
    // SAFETY: not NULL; the caller vouches for the rest.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

#[cold]
fn no_text(what: &str) -> Failure {
    Failure::invalid(format_args!(
        "{what} is NULL: pass a text that ends with NUL"
    ))
}

/// Bytes that are to be a text.
pub(crate) fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| {
        Failure::invalid(format_args!(
            "{what} is not UTF-8 from byte {} on: \"{}\"; encode it as UTF-8",
            error.valid_up_to(),
            bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii()
        ))
    })
}

/// A topic name, for calls of the Rust API that take an invalid one for an unknown one.
pub(crate) fn topic(name: &str) -> Result<&str, Failure> {
    Filter::exact(name).map(|_| name).map_err(Failure::invalid)
}

/// Bytes to read; NULL only for none.
///
/// # Safety
/// `len` readable bytes that stay as they are for `'a`.
#[inline]
pub(crate) unsafe fn bytes<'a>(
    data: *const c_void,
    len: usize,
    what: impl Display,
) -> Result<&'a [u8], Failure> {
    match len {
        0 => Ok(&[]),
        // SAFETY: not NULL, no longer than any object may be; the caller vouches for the rest.
        1..=MAX_BYTES if !data.is_null() => {
            Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) })
        }
        _ => Err(no_bytes(data, len, what)),
    }
}

#[cold]
fn no_bytes(data: *const c_void, len: usize, what: impl Display) -> Failure {
    match data.is_null() {
        true => Failure::invalid(format_args!(
            "{what} is NULL with a length of {len}: pass the bytes, or a length of 0"
        )),
        false => Failure::new(
            Errno::EMSGSIZE,
            format_args!("{what} has a length of {len}: no object is that long"),
        ),
    }
}

/// A buffer to write to; NULL only for none. A size no object can have is cut to the largest one.
///
/// # Safety
/// `size` writable bytes that nobody else uses during `'a`.
#[inline]
pub(crate) unsafe fn buffer<'a>(
    data: *mut c_void,
    size: usize,
    what: &str,
) -> Result<&'a mut [u8], Failure> {
    match size {
        0 => Ok(&mut []),
        // SAFETY: not NULL; the caller vouches for the rest.
        _ if !data.is_null() => {
            Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), size.min(MAX_BYTES)) })
        }
        _ => Err(no_buffer(size, what)),
    }
}

#[cold]
fn no_buffer(size: usize, what: &str) -> Failure {
    Failure::invalid(format_args!(
        "{what} is NULL with a size of {size}: pass a buffer, or a size of 0"
    ))
}

/// A place for one value that must be there.
pub(crate) fn place<T>(place: *mut T, what: impl Display) -> Result<NonNull<T>, Failure> {
    NonNull::new(place)
        .ok_or_else(|| Failure::invalid(format_args!("{what} is NULL: pass where it lies")))
}

/// Writes to a place that may be NULL.
///
/// # Safety
/// NULL, or valid to write a `T` to.
#[inline]
pub(crate) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller vouches for it.
        unsafe { place.write(value) };
    }
}

/// A number from 0 up.
pub(crate) fn count(number: c_int, what: &str) -> Result<usize, Failure> {
    usize::try_from(number)
        .map_err(|_| Failure::invalid(format_args!("{what} is {number}; it must be 0 or more")))
}

/// A timeout in milliseconds, -1 for ever.
pub(crate) fn timeout(timeout_ms: c_int, what: &str) -> Result<Duration, Failure> {
    match timeout_ms {
        -1 => Ok(FOREVER),
        0.. => Ok(Duration::from_millis(timeout_ms.unsigned_abs().into())),
        _ => Err(Failure::invalid(format_args!(
            "{what} is {timeout_ms}; it must be -1 (for ever) or milliseconds from 0 up"
        ))),
    }
}
