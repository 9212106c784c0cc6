//! Reading what C points to. NULL where it is not allowed is EINVAL; what else a pointer must be, only the caller can know.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::time::Duration;

use serverlink::Filter;

use crate::errno::Errno;

/// "For ever" for interfaces that take a duration: centuries, yet safe to add to any clock.
pub(crate) const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A text.
///
/// # Safety
/// NULL, or a NUL-terminated text that stays as it is for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, Errno> {
    if text.is_null() {
        return Err(Errno::EINVAL);
    }
    // SAFETY: not NULL; the caller vouches for the rest.
    unsafe { CStr::from_ptr(text) }
        .to_str()
        .map_err(|_| Errno::EINVAL)
}

/// A topic name, for calls of the Rust API that take an invalid one for an unknown one.
pub(crate) fn topic(name: &str) -> Result<&str, Errno> {
    Filter::exact(name).map(|_| name).map_err(|_| Errno::EINVAL)
}

/// Bytes to read; NULL only for none.
///
/// # Safety
/// `len` readable bytes that stay as they are for `'a`.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Errno> {
    match (data.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Errno::EINVAL),
        (_, len) if isize::try_from(len).is_err() => Err(Errno::EMSGSIZE),
        // SAFETY: not NULL, no longer than any object may be; the caller vouches for the rest.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) }),
    }
}

/// A buffer to write to; NULL only for none. A size no object can have is cut to the largest one.
///
/// # Safety
/// `size` writable bytes that nobody else uses during `'a`.
pub(crate) unsafe fn buffer<'a>(data: *mut c_void, size: usize) -> Result<&'a mut [u8], Errno> {
    match (data.is_null(), size) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Errno::EINVAL),
        // SAFETY: not NULL; the caller vouches for the rest.
        (false, _) => Ok(unsafe {
            std::slice::from_raw_parts_mut(data.cast(), size.min(isize::MAX as usize))
        }),
    }
}

/// A place for one value that must be there.
pub(crate) fn place<T>(place: *mut T) -> Result<NonNull<T>, Errno> {
    NonNull::new(place).ok_or(Errno::EINVAL)
}

/// Writes to a place that may be NULL.
///
/// # Safety
/// NULL, or valid to write a `T` to.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller vouches for it.
        unsafe { place.write(value) };
    }
}

/// A timeout in milliseconds, -1 for ever.
pub(crate) fn timeout(timeout_ms: c_int) -> Result<Duration, Errno> {
    match timeout_ms {
        -1 => Ok(FOREVER),
        ms => Ok(Duration::from_millis(
            u64::try_from(ms).map_err(|_| Errno::EINVAL)?,
        )),
    }
}
