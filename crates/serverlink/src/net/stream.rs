//! A connected byte stream, whatever carries it.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{SockAddr, SockRef, Socket};

use super::ipc::unix_text;
use super::tcp::tcp_text;
use crate::sys;

/// A non-blocking duplex byte stream.
///
/// It is shared as `Arc<Stream>`: one thread may read while another writes. Two writers, or two
/// readers, must take turns, or their bytes mix. The descriptor is closed with the last reference,
/// so who ends a link calls [`Stream::shutdown`] and [`Stream::deregister`] first.
#[derive(Debug)]
pub(crate) enum Stream {
    /// `tcp://`
    Tcp(TcpStream),
    /// `ipc://`
    Unix(UnixStream),
}

impl Stream {
    /// Reads what is there into `buffer`. `Ok(0)` is the end of the stream; `WouldBlock` means to
    /// wait for readiness.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => (&*socket).read(buffer),
            Stream::Unix(socket) => (&*socket).read(buffer),
        }
    }

    /// As [`read`](Self::read), up to `max` bytes behind those that are in `buffer`.
    pub(crate) fn read_onto(&self, buffer: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        let socket = match self {
            Stream::Tcp(socket) => SockRef::from(socket),
            Stream::Unix(socket) => SockRef::from(socket),
        };
        sys::receive_onto(socket, buffer, max)
    }

    /// Writes a first part of `slices` and returns its length in bytes. `WouldBlock` means to wait
    /// for readiness. Any number of slices may be given; those beyond the system's limit wait for
    /// the next call.
    pub(crate) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(socket) => send(socket, slices),
            Stream::Unix(socket) => send(socket, slices),
        }
    }

    /// Ends reading, writing or both, at once and for all threads: the peer reads to the end of
    /// what was written, then end of stream. Fails with `NotConnected` if there is no peer.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(socket) => socket.shutdown(how),
            Stream::Unix(socket) => socket.shutdown(how),
        }
    }

    /// Whether a dialed stream is connected by now; an error if the attempt has failed. To be asked
    /// when the stream turns writable.
    ///
    /// TCP lets a socket connect to itself, when the port it dials is free and happens to become
    /// its own. That is `ConnectionRefused` too: nobody listens there.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        let peer = match self {
            Stream::Tcp(socket) => socket.peer_addr().map(Some),
            Stream::Unix(socket) => socket.peer_addr().map(|_| None),
        };
        match (peer, self) {
            (Ok(Some(peer)), Stream::Tcp(socket)) if socket.local_addr()? == peer => {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            (Ok(_), _) => Ok(true),
            (Err(error), _) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            (Err(error), _) => Err(error),
        }
    }

    /// The error pending on the socket (SO_ERROR), which this clears.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Stream::Tcp(socket) => socket.take_error(),
            Stream::Unix(socket) => socket.take_error(),
        }
    }

    /// Where the peer is, as endpoint text for people to read: `tcp://127.0.0.1:4711`, `ipc:///run/a`.
    /// `tcp://?` while not connected.
    pub(crate) fn peer_text(&self) -> String {
        match self {
            Stream::Tcp(socket) => socket.peer_addr().map_or("tcp://?".into(), tcp_text),
            // A dialing socket has no name; then the path they share is the one of this end.
            Stream::Unix(socket) => unix_text(socket.peer_addr().ok())
                .or_else(|| unix_text(socket.local_addr().ok()))
                .unwrap_or("ipc://?".into()),
        }
    }

    /// Where this end is, as endpoint text for people to read.
    #[cfg(test)]
    pub(crate) fn local_text(&self) -> String {
        match self {
            Stream::Tcp(socket) => socket.local_addr().map_or("tcp://?".into(), tcp_text),
            Stream::Unix(socket) => unix_text(socket.local_addr().ok())
                .or_else(|| unix_text(socket.peer_addr().ok()))
                .unwrap_or("ipc://?".into()),
        }
    }

    /// Bounds how long sent data may stay unacknowledged; for TCP, and on systems that can.
    pub(crate) fn limit_unacknowledged(&self, timeout: Duration) {
        if let Stream::Tcp(socket) = self {
            // One that cannot has the heartbeats and the probes.
            let _ = sys::set_user_timeout(&SockRef::from(socket), timeout);
        }
    }

    /// The descriptor.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(socket) => socket.as_fd(),
            Stream::Unix(socket) => socket.as_fd(),
        }
    }

    /// Has `registry` report readiness as `token`, edge-triggered as mio does.
    pub(crate) fn register(
        &self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.with_source(|source| source.register(registry, token, interest))
    }

    /// Ends the reports to `registry`.
    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        self.with_source(|source| source.deregister(registry))
    }

    /// mio registers its sockets through `&mut`, which a shared stream cannot give; the bare
    /// descriptor does as well.
    fn with_source(
        &self,
        apply: impl FnOnce(&mut SourceFd<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        apply(&mut SourceFd(&self.as_fd().as_raw_fd()))
    }
}

/// Starts to connect without waiting for the outcome.
pub(super) fn start_connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    match socket.connect(address) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        other => other,
    }
}

fn send(socket: &impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let slices = &slices[..slices.len().min(sys::MAX_SEND_SLICES)];
    SockRef::from(socket).send_vectored_with_flags(slices, sys::SEND_FLAGS)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::net::TcpOptions;
    use crate::net::testing::{TestPoll, socket_path, tcp_pair, unix_pair};

    fn socket_pairs() -> [(Stream, Stream); 2] {
        [tcp_pair(&TcpOptions::default()), unix_pair(&socket_path())]
    }

    fn write_all(poll: &mut TestPoll, stream: &Stream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match stream.write_vectored(&[IoSlice::new(bytes)]) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => poll.wait(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn bytes_cross_in_order_while_both_ends_work_at_once() {
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
        for (a, b) in socket_pairs() {
            let a = Arc::new(a);
            let writer = thread::spawn({
                let (a, bytes) = (Arc::clone(&a), bytes.clone());
                move || {
                    let mut poll = TestPoll::new();
                    poll.add(&a);
                    write_all(&mut poll, &a, &bytes);
                    a.shutdown(Shutdown::Write).unwrap();
                }
            });
            let mut poll = TestPoll::new();
            poll.add(&b);
            assert!(poll.read_to_end(&b) == bytes);
            writer.join().unwrap();
            // The other direction is still open.
            write_all(&mut poll, &b, b"reply");
            drop(b);
            let mut poll = TestPoll::new();
            poll.add(&a);
            assert_eq!(poll.read_to_end(&a), b"reply");
        }
    }

    #[test]
    fn more_slices_than_the_system_takes_are_a_short_write() {
        let slices = vec![IoSlice::new(b"x"); sys::MAX_SEND_SLICES + 1];
        for (a, _b) in socket_pairs() {
            assert_eq!(a.write_vectored(&slices).unwrap(), sys::MAX_SEND_SLICES);
        }
    }

    #[test]
    fn nothing_to_read_would_block() {
        for (a, _b) in socket_pairs() {
            let error = a.read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    }

    /// A process that does not ignore SIGPIPE, as a C program does not, must survive this. A signal
    /// that is blocked stays pending, even where it is ignored as in Rust programs, so it shows.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_write_to_a_closed_peer_raises_no_signal() {
        let sigpipe_is_pending = || {
            // SAFETY: both calls work on a signal set that is valid, for this thread alone.
            unsafe {
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigpending(&mut set);
                libc::sigismember(&set, libc::SIGPIPE) == 1
            }
        };
        // SAFETY: as above; the test has this thread to itself.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGPIPE);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        }
        for (a, b) in socket_pairs() {
            drop(b);
            a.shutdown(Shutdown::Write).unwrap();
            let error = a.write_vectored(&[IoSlice::new(b"x")]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            assert!(!sigpipe_is_pending());
        }
    }

    #[test]
    fn ends_are_told_apart_in_text() {
        let (a, b) = tcp_pair(&TcpOptions::default());
        assert_eq!(a.peer_text(), b.local_text());
        assert_eq!(b.peer_text(), a.local_text());
        assert!(a.peer_text().starts_with("tcp://127.0.0.1:"));

        let path = socket_path();
        let (a, b) = unix_pair(&path);
        for end in [a, b] {
            assert_eq!(end.peer_text(), format!("ipc://{}", path.display()));
            assert_eq!(end.local_text(), end.peer_text());
        }
    }

    #[test]
    fn a_deregistered_stream_is_silent_and_registers_again() {
        let (a, b) = tcp_pair(&TcpOptions::default());
        let poll = TestPoll::new();
        poll.add(&a);
        a.deregister(poll.registry()).unwrap();
        assert!(a.deregister(poll.registry()).is_err(), "no longer known");
        let mut poll = TestPoll::new();
        poll.add(&a);
        drop(b);
        assert_eq!(poll.read_to_end(&a), b"");
    }
}
