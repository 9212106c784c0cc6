//! The Unixes that are not Linux: a socket pair for an eventfd, and plain refusals.
//!
//! Also built for tests on Linux, so that it cannot rot unseen.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use socket2::{SockAddr, SockRef};

/// Flags of every send. These systems suppress SIGPIPE by a socket option, which `socket2` and
/// `std` set on the sockets they make.
pub(crate) const SEND_FLAGS: i32 = 0;

/// A descriptor an application can poll: readable from `signal` until `clear`.
#[derive(Debug)]
pub(crate) struct EventFd {
    reader: UnixStream,
    writer: UnixStream,
}

impl EventFd {
    /// A new descriptor, not readable. Fails when the process or the system is out of descriptors.
    pub(crate) fn new() -> io::Result<EventFd> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(EventFd { reader, writer })
    }

    /// Makes the descriptor readable. Signalling twice is the same as once.
    pub(crate) fn signal(&self) {
        // The one way to fail is a full socket, and then it is readable already.
        let _ = (&self.writer).write(&[1]);
    }

    /// Makes the descriptor not readable, however often it was signalled.
    pub(crate) fn clear(&self) {
        let mut waste = [0; 256];
        while matches!((&self.reader).read(&mut waste), Ok(n) if n > 0) {}
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// Abstract names exist on Linux only: always `Unsupported`.
pub(crate) fn abstract_address(name: &str) -> io::Result<SockAddr> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("abstract socket name '@{name}': Linux alone has these, use a path"),
    ))
}

/// Abstract names exist on Linux only: always `None`.
pub(crate) fn abstract_name(_address: &SocketAddr) -> Option<&[u8]> {
    None
}

/// TCP_USER_TIMEOUT exists on Linux only: always `Unsupported`.
pub(crate) fn set_user_timeout(_socket: &SockRef<'_>, _timeout: Duration) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no TCP user timeout: leave it unset",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::unix::is_readable;
    use super::*;

    #[test]
    fn event_fd_is_readable_from_signal_to_clear() {
        let event = EventFd::new().unwrap();
        event.clear();
        assert!(!is_readable(event.as_fd()));
        for _ in 0..1_000_000 {
            event.signal();
        }
        assert!(is_readable(event.as_fd()));
        event.clear();
        assert!(!is_readable(event.as_fd()));
    }

    #[test]
    fn what_linux_alone_has_is_refused() {
        let unsupported = io::ErrorKind::Unsupported;
        assert_eq!(abstract_address("a").unwrap_err().kind(), unsupported);
        let (a, _b) = UnixStream::pair().unwrap();
        assert_eq!(abstract_name(&a.local_addr().unwrap()), None);
        let refused = set_user_timeout(&SockRef::from(&a), Duration::from_secs(1));
        assert_eq!(refused.unwrap_err().kind(), unsupported);
        assert_eq!(SEND_FLAGS, 0);
    }
}
