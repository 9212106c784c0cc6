//! Why a call failed: a number for programs, a sentence for people. Both are kept for the thread that made the call.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::Display;

use serverlink::{PublishError, RecvIntoError};

use crate::errno::Errno;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    errno: Errno,
    text: Cow<'static, CStr>,
}

thread_local! {
    static LAST: RefCell<Failure> = const { RefCell::new(Failure::fixed(Errno::NONE, NO_ERROR)) };
}

const NO_ERROR: &CStr = c"No error";

impl Failure {
    /// A failure told in a sentence that names the value and what to do about it.
    #[cold]
    pub(crate) fn new(errno: Errno, says: impl Display) -> Self {
        let text = says.to_string();
        // No value of C's has a NUL in it but option values; there it is shown and does not end the text.
        let text = CString::new(text).unwrap_or_else(|error| {
            let shown = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\\0");
            CString::new(shown).unwrap_or_default()
        });
        Self {
            errno,
            text: Cow::Owned(text),
        }
    }

    /// A failure whose text is always the same. It costs nothing to make, for what is told at the rate of messages.
    pub(crate) const fn fixed(errno: Errno, text: &'static CStr) -> Self {
        Self {
            errno,
            text: Cow::Borrowed(text),
        }
    }

    /// An argument is not what the call takes.
    #[cold]
    pub(crate) fn invalid(says: impl Display) -> Self {
        Self::new(Errno::EINVAL, says)
    }

    /// The instance or context is going, or gone while something of it is still held.
    pub(crate) const fn destroyed() -> Self {
        Self::fixed(
            Errno::ETERM,
            c"the instance was destroyed, by slk_spot_destroy or with its context",
        )
    }

    /// Makes this what the thread's `slk_errno` and `slk_errmsg` tell.
    pub(crate) fn set(self) {
        // Without thread-local storage the thread is ending, and nobody is left to ask.
        let _ = LAST.try_with(|last| last.replace(self));
    }

    #[cfg(test)]
    pub(crate) fn errno(&self) -> Errno {
        self.errno
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        self.text.to_str().expect("made from a str")
    }
}

/// The number of the thread's last failure.
pub(crate) fn last_number() -> c_int {
    LAST.try_with(|last| last.borrow().errno.number())
        .unwrap_or(0)
}

/// The text of the thread's last failure; valid until its next one.
pub(crate) fn last_text() -> *const c_char {
    LAST.try_with(|last| last.borrow().text.as_ptr())
        .unwrap_or(NO_ERROR.as_ptr())
}

impl From<PublishError> for Failure {
    #[cold]
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Full { .. } => Self::fixed(
                Errno::EAGAIN,
                c"a subscriber that blocks its publishers has no room: try again, or raise SLK_SNDTIMEO",
            ),
            error => Self::told(&error),
        }
    }
}

impl From<RecvIntoError> for Failure {
    #[cold]
    fn from(error: RecvIntoError) -> Self {
        match error {
            RecvIntoError::Empty => Self::fixed(
                Errno::EAGAIN,
                c"nothing came within the time allowed: receive again, or wait longer",
            ),
            error => Self::told(&error),
        }
    }
}

impl Failure {
    /// An error of the Rust API, whose sentence is what C gets, too.
    pub(crate) fn told<E: Display>(error: &E) -> Self
    where
        Errno: for<'a> From<&'a E>,
    {
        match Errno::from(error) {
            Errno::ETERM => Self::destroyed(),
            errno => Self::new(errno, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_last_failure_until_the_next() {
        let text = || {
            // SAFETY: valid until the next failure, which comes after the copy.
            unsafe { CStr::from_ptr(last_text()) }.to_owned()
        };
        assert_eq!((last_number(), text().as_c_str()), (0, c"No error"));
        Failure::new(Errno::ENOENT, "no such thing").set();
        assert_eq!((last_number(), text().as_c_str()), (14, c"no such thing"));
        Failure::destroyed().set();
        assert_eq!(last_number(), 6);
        std::thread::spawn(|| assert_eq!(last_number(), 0))
            .join()
            .unwrap();
    }

    #[test]
    fn a_nul_is_shown() {
        assert_eq!(Failure::invalid("a\0b").text(), "a\\0b");
    }

    #[test]
    fn errors_of_the_rust_api_keep_their_sentence() {
        let failure = Failure::from(PublishError::TooLarge { len: 9, max: 8 });
        assert_eq!(failure.errno(), Errno::EMSGSIZE);
        assert!(failure.text().contains("9 bytes; at most 8"));
    }
}
