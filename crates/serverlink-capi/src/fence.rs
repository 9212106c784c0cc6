//! No panic crosses into C.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::errno::Errno;

/// Runs the body of a C function; a panic becomes [`Errno::EINTERNAL`]. Rust's panic hook has printed it by then.
///
/// What the body holds across a panic are locks, which are taken with their poison ignored, and objects of the Rust
/// API, which stand up to panics by themselves.
pub(crate) fn fence<T>(body: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Errno::EINTERNAL))
}

/// For functions that answer 0, or -1 with an errno.
pub(crate) fn status(body: impl FnOnce() -> Result<(), Errno>) -> c_int {
    number(|| body().map(|()| 0))
}

/// For functions that answer a number, or -1 with an errno.
pub(crate) fn number(body: impl FnOnce() -> Result<c_int, Errno>) -> c_int {
    fence(body).unwrap_or_else(|errno| {
        errno.set();
        -1
    })
}

/// For functions that answer a handle, or NULL with an errno.
pub(crate) fn handle<T>(body: impl FnOnce() -> Result<*mut T, Errno>) -> *mut T {
    fence(body).unwrap_or_else(|errno| {
        errno.set();
        std::ptr::null_mut()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_number() {
        assert_eq!(status(|| panic!("on purpose")), -1);
        assert_eq!(crate::errno::last(), 999);
    }

    #[test]
    fn success_leaves_errno_alone() {
        Errno::ENOENT.set();
        assert_eq!(status(|| Ok(())), 0);
        assert_eq!(crate::errno::last(), 14);
    }
}
