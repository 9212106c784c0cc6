//! Linux: eventfd, abstract socket names, TCP_USER_TIMEOUT.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::time::Duration;

use socket2::{SockAddr, SockRef};

/// Flags of every send: a peer that went away is an error, never a SIGPIPE. A C program does not
/// ignore that signal as a Rust program does, and would die of it.
pub(crate) const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;

/// A descriptor an application can poll: readable from `signal` until `clear`.
#[derive(Debug)]
pub(crate) struct EventFd {
    counter: File,
}

impl EventFd {
    /// A new descriptor, not readable. Fails when the process or the system is out of descriptors.
    pub(crate) fn new() -> io::Result<EventFd> {
        // SAFETY: eventfd takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: eventfd has just returned this descriptor, so nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(EventFd { counter: fd.into() })
    }

    /// Makes the descriptor readable. Signalling twice is the same as once.
    pub(crate) fn signal(&self) {
        // The one way to fail is a counter that would overflow, and then it is readable already.
        let _ = (&self.counter).write(&1_u64.to_ne_bytes());
    }

    /// Makes the descriptor not readable, however often it was signalled.
    pub(crate) fn clear(&self) {
        // Fails only if it was not readable, which is what is wanted.
        let _ = (&self.counter).read(&mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.counter.as_fd()
    }
}

/// The address of the abstract name `name`, which has no file.
pub(crate) fn abstract_address(name: &str) -> io::Result<SockAddr> {
    SockAddr::unix(format!("\0{name}"))
}

/// The abstract name in an address, if it has one.
pub(crate) fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    address.as_abstract_name()
}

/// Bounds how long sent data may stay unacknowledged before the connection is given up.
pub(crate) fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(test)]
mod tests {
    use super::super::unix::is_readable;
    use super::*;

    #[test]
    fn event_fd_is_readable_from_signal_to_clear() {
        let event = EventFd::new().unwrap();
        assert!(!is_readable(event.as_fd()));
        event.clear();
        event.signal();
        event.signal();
        assert!(is_readable(event.as_fd()));
        assert!(is_readable(event.as_fd()), "level-triggered");
        event.clear();
        assert!(!is_readable(event.as_fd()));
        event.signal();
        assert!(is_readable(event.as_fd()));
    }
}
