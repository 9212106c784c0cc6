//! Error numbers of the C ABI, and which typed error becomes which.

use std::ffi::{CStr, c_char, c_int};
use std::io;

use serverlink::{
    AddPeerError, BindError, ContextError, CreateTopicError, DestroyTopicError, OptionsError,
    PublishError, RecvIntoError, RemovePeerError, RouteTopicError, StartError, SubscribeError,
    SyncError, UnsubscribeError, WaitError,
};

use crate::failure::Failure;

/// The number of an error. The values are fixed: compiled programs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(c_int);

impl Errno {
    /// Nothing failed yet.
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const EINVAL: Self = Self(1);
    pub(crate) const ENOMEM: Self = Self(2);
    pub(crate) const EAGAIN: Self = Self(3);
    const ENOTSOCK: Self = Self(4);
    const EPROTO: Self = Self(5);
    pub(crate) const ETERM: Self = Self(6);
    const EHOSTUNREACH: Self = Self(10);
    const ENOTREADY: Self = Self(11);
    pub(crate) const EPEERUNREACH: Self = Self(12);
    pub(crate) const ENOENT: Self = Self(14);
    const EEXIST: Self = Self(17);
    pub(crate) const EMSGSIZE: Self = Self(90);
    const EADDRINUSE: Self = Self(98);
    const EADDRNOTAVAIL: Self = Self(99);
    const ETIMEDOUT: Self = Self(110);
    const ECONNREFUSED: Self = Self(111);
    /// A panic was caught, or an error has no number yet: a bug here.
    pub(crate) const EINTERNAL: Self = Self(999);

    /// Below this a number of the system might be one of ours, and is moved up by `MOVED_BY`.
    const FIRST_FREE: c_int = 32;
    const MOVED_BY: c_int = 1000;

    /// The context holds as many instances as it may.
    pub(crate) const EMFILE: Self = Self(Self::MOVED_BY + libc::EMFILE);

    /// The number of an error of the system.
    fn of_system(number: c_int) -> Self {
        match number {
            libc::EINVAL => Self::EINVAL,
            libc::ENOMEM => Self::ENOMEM,
            libc::EAGAIN => Self::EAGAIN,
            libc::ENOTSOCK => Self::ENOTSOCK,
            libc::EPROTO => Self::EPROTO,
            libc::EHOSTUNREACH => Self::EHOSTUNREACH,
            libc::ENOENT => Self::ENOENT,
            libc::EEXIST => Self::EEXIST,
            libc::EMSGSIZE => Self::EMSGSIZE,
            libc::EADDRINUSE => Self::EADDRINUSE,
            libc::EADDRNOTAVAIL => Self::EADDRNOTAVAIL,
            libc::ETIMEDOUT => Self::ETIMEDOUT,
            libc::ECONNREFUSED => Self::ECONNREFUSED,
            other if other < Self::FIRST_FREE => Self(Self::MOVED_BY + other),
            other => Self(other),
        }
    }

    /// As C sees it.
    pub(crate) const fn number(self) -> c_int {
        self.0
    }
}

/// The text of an error number; see `slk_strerror` for how long it is valid.
pub(crate) fn text(number: c_int) -> *const c_char {
    if let Some(text) = own_text(number) {
        return text.as_ptr();
    }
    let moved = number.wrapping_sub(Errno::MOVED_BY);
    let of_system = if (1..Errno::FIRST_FREE).contains(&moved) {
        moved
    } else {
        number
    };
    // SAFETY: strerror takes any number. Its text is static, or the thread's own until it asks again.
    unsafe { libc::strerror(of_system) }
}

fn own_text(number: c_int) -> Option<&'static CStr> {
    Some(match number {
        0 => c"No error",
        1 => c"Invalid argument",
        2 => c"Out of memory",
        3 => c"Nothing there, or no room, within the time allowed",
        4 => c"Not a socket",
        5 => c"Protocol error",
        6 => c"The handle was destroyed",
        7 => c"No I/O thread available",
        10 => c"Host unreachable",
        11 => c"Not ready",
        12 => c"Ended by the peer",
        13 => c"Authentication failed",
        14 => c"No such topic, peer, subscription or path",
        17 => c"Exists already",
        90 => c"Message too large, or buffer too small",
        98 => c"Address in use",
        99 => c"Address not available on this machine",
        110 => c"Timed out",
        111 => c"Connection refused",
        999 => c"Internal error: a bug in libserverlink",
        _ => return None,
    })
}

impl From<&io::Error> for Errno {
    fn from(error: &io::Error) -> Self {
        match (error.raw_os_error(), error.kind()) {
            (Some(number), _) => Self::of_system(number),
            (None, io::ErrorKind::OutOfMemory) => Self::ENOMEM,
            (None, io::ErrorKind::InvalidInput) => Self::EINVAL,
            (None, io::ErrorKind::TimedOut) => Self::ETIMEDOUT,
            (None, _) => Self::EINTERNAL,
        }
    }
}

/// `impl From<&Error> for Errno`. The enums may grow, so each ends in a catch-all.
macro_rules! numbers {
    ($($error:ident { $($pattern:pat => $number:expr,)+ })+) => { $(
        impl From<&$error> for Errno {
            fn from(error: &$error) -> Self {
                use $error::*;
                match error {
                    $($pattern => $number,)+
                    _ => Self::EINTERNAL,
                }
            }
        }
    )+ };
}

/// `impl From<Error> for Failure`, with the error's own sentence.
macro_rules! told {
    ($($error:ident)+) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::told(&error)
            }
        }
    )+ };
}

// PublishError and RecvIntoError come at the rate of messages: `failure` tells them.
told! {
    AddPeerError BindError ContextError CreateTopicError DestroyTopicError OptionsError RemovePeerError
    RouteTopicError StartError SubscribeError SyncError UnsubscribeError WaitError
}

numbers! {
    ContextError {
        InvalidOption { .. } => Self::EINVAL,
        Io(error) => Self::from(error),
    }
    StartError {
        Context(error) => error.into(),
        Random(error) => Self::from(error),
        TooManyNodes { .. } => Self::EMFILE,
        ContextClosed => Self::ETERM,
        Options(error) => error.into(),
        Bind(error) => error.into(),
        AddPeer(error) => error.into(),
        CreateTopic(error) => error.into(),
    }
    OptionsError {
        OutOfRange { .. } => Self::EINVAL,
        Closed => Self::ETERM,
    }
    CreateTopicError {
        InvalidName(_) => Self::EINVAL,
        AlreadyHosted { .. } | Routed { .. } => Self::EEXIST,
        Closed => Self::ETERM,
    }
    RouteTopicError {
        InvalidName(_) | InvalidEndpoint(_) | Itself { .. } => Self::EINVAL,
        AlreadyHosted { .. } | AlreadyRouted { .. } => Self::EEXIST,
        Unreachable { .. } => Self::EHOSTUNREACH,
        Closed => Self::ETERM,
    }
    DestroyTopicError {
        InvalidName(_) => Self::EINVAL,
        Unknown { .. } => Self::ENOENT,
        Closed => Self::ETERM,
    }
    PublishError {
        InvalidName(_) => Self::EINVAL,
        Unknown { .. } => Self::ENOENT,
        Unreachable { .. } => Self::EHOSTUNREACH,
        Full { .. } => Self::EAGAIN,
        TooLarge { .. } => Self::EMSGSIZE,
        Minority { .. } => Self::ENOTREADY,
        Closed => Self::ETERM,
    }
    SubscribeError {
        InvalidName(_) | InvalidPattern(_) => Self::EINVAL,
        Unknown { .. } => Self::ENOENT,
        Unreachable { .. } => Self::EHOSTUNREACH,
        Closed => Self::ETERM,
    }
    UnsubscribeError {
        NotSubscribed { .. } => Self::ENOENT,
        Closed => Self::ETERM,
    }
    RecvIntoError {
        Empty => Self::EAGAIN,
        TooSmall { .. } => Self::EMSGSIZE,
        PeerLost => Self::EHOSTUNREACH,
        Ended => Self::EPEERUNREACH,
        Closed => Self::ETERM,
    }
    BindError {
        InvalidEndpoint(_) => Self::EINVAL,
        AlreadyBound { .. } => Self::EEXIST,
        InUse { .. } => Self::EADDRINUSE,
        NotAvailable { .. } => Self::EADDRNOTAVAIL,
        Io { source, .. } => Self::from(source),
        Closed => Self::ETERM,
    }
    AddPeerError {
        InvalidEndpoint(_) | Itself { .. } => Self::EINVAL,
        AlreadyAdded { .. } => Self::EEXIST,
        Closed => Self::ETERM,
    }
    RemovePeerError {
        InvalidEndpoint(_) => Self::EINVAL,
        Unknown { .. } => Self::ENOENT,
        Closed => Self::ETERM,
    }
    SyncError {
        Unreachable { .. } => Self::EHOSTUNREACH,
        TimedOut { .. } => Self::ETIMEDOUT,
        Closed => Self::ETERM,
    }
    WaitError {
        TimedOut { .. } => Self::ETIMEDOUT,
        Unknown { .. } | NotSubscribed { .. } => Self::ENOENT,
        Closed => Self::ETERM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_keep_their_number_unless_it_might_be_taken() {
        assert_eq!(Errno::of_system(libc::EACCES), Errno(1013));
        assert_eq!(
            Errno::of_system(libc::ENETUNREACH),
            Errno(libc::ENETUNREACH)
        );
        assert_eq!(Errno::of_system(libc::EAGAIN), Errno::EAGAIN);
        assert_eq!(Errno::of_system(libc::EADDRINUSE), Errno::EADDRINUSE);
    }

    #[test]
    fn moved_numbers_read_as_the_system_names_them() {
        // SAFETY: both are texts of the C library or of this one, valid until asked again.
        let (moved, plain) = unsafe {
            (
                CStr::from_ptr(text(1013)).to_owned(),
                CStr::from_ptr(libc::strerror(13)),
            )
        };
        assert_eq!(moved.as_c_str(), plain);
    }
}
