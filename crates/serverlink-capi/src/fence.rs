//! No panic crosses into C.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::errno::Errno;
use crate::failure::Failure;

const BUG: Failure = Failure::fixed(
    Errno::EINTERNAL,
    c"a bug in this library, which abandoned the call: standard error tells more, please report it",
);

/// Runs the body of a C function; a panic becomes [`Errno::EINTERNAL`]. Rust's panic hook has printed it by then.
///
/// What the body holds across a panic are locks, which are taken with their poison ignored, and objects of the Rust
/// API, which stand up to panics by themselves.
pub(crate) fn fence<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(BUG))
}

/// For functions that answer 0, or -1 with the thread's failure set.
pub(crate) fn status(body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    number(|| body().map(|()| 0))
}

/// For functions that answer a number, or -1 with the thread's failure set.
pub(crate) fn number(body: impl FnOnce() -> Result<c_int, Failure>) -> c_int {
    fence(body).unwrap_or_else(|failure| {
        failure.set();
        -1
    })
}

/// As [`status`], for a body that has set the thread's failure itself.
#[inline]
pub(crate) fn shield(body: impl FnOnce() -> c_int) -> c_int {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| told(Err(BUG)))
}

/// 0, or -1 with the thread's failure set.
#[inline]
pub(crate) fn told(result: Result<(), Failure>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(failure) => fail(failure),
    }
}

#[cold]
#[inline(never)]
fn fail(failure: Failure) -> c_int {
    failure.set();
    -1
}

/// For functions that answer a handle, or NULL with the thread's failure set.
pub(crate) fn handle<T>(body: impl FnOnce() -> Result<*mut T, Failure>) -> *mut T {
    fence(body).unwrap_or_else(|failure| {
        failure.set();
        std::ptr::null_mut()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure;

    #[test]
    fn a_panic_becomes_an_error_number() {
        assert_eq!(status(|| panic!("on purpose")), -1);
        assert_eq!(failure::last_number(), 999);
    }

    #[test]
    fn success_leaves_errno_alone() {
        Failure::new(Errno::ENOENT, "no such thing").set();
        assert_eq!(status(|| Ok(())), 0);
        assert_eq!(failure::last_number(), 14);
    }
}
