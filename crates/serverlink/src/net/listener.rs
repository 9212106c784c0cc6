//! Listening sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use mio::event::Source;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::SockRef;
use spot_core::limits::KEPT_BACK_DESCRIPTORS;

use super::ipc::{UnixAcceptor, bind_unix, unix_text};
use super::tcp::{bind_tcp, tcp_text};
use super::{Stream, TcpOptions};
use crate::sys::{self, AcceptFailure};

/// Listens on TCP `port` (0: any free one) of `host`: `*` for every address, IPv6 and IPv4 on one
/// port; an IP address; the name of a network interface; or a host name, which is looked up while
/// the caller waits. Accepted sockets get `options`.
///
/// Fails with `AddrInUse` while somebody listens there, with `AddrNotAvailable` if this host has no
/// such address.
pub(crate) fn listen_tcp(
    host: &str,
    port: u16,
    backlog: u32,
    options: &TcpOptions,
) -> io::Result<Listener> {
    let socket = bind_tcp(host, port, kernel_backlog(backlog), options)?;
    let options = options.clone();
    Ok(Listener::Tcp { socket, options })
}

/// Listens on the Unix socket `path`, or abstract name if it begins with `@`. A file that a dead
/// listener left there is replaced; the own one is removed on drop.
///
/// Fails with `AddrInUse` if somebody listens there or the file is not a socket, with
/// `InvalidInput` if the path is empty, too long or has a NUL.
pub(crate) fn listen_unix(path: &Path, backlog: u32) -> io::Result<Listener> {
    bind_unix(path, kernel_backlog(backlog)).map(Listener::Unix)
}

/// A non-blocking listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    /// `tcp://`
    Tcp {
        /// The socket.
        socket: TcpListener,
        /// For the sockets accepted.
        options: TcpOptions,
    },
    /// `ipc://`
    Unix(UnixAcceptor),
}

/// Why `accept` gave no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// None is waiting: wait for readiness.
    #[error("no connection is waiting")]
    WouldBlock,
    /// The one that waited is lost: accept the next at once.
    #[error("the waiting connection was lost: {0}")]
    ConnectionLost(io::Error),
    /// No descriptors or memory. Connections still wait and readiness will not be reported again,
    /// so accept again after a pause.
    #[error("out of descriptors or memory to accept a connection, raise the limit: {0}")]
    Exhausted(io::Error),
    /// The listener is broken: close it.
    #[error("the listening socket is broken: {0}")]
    Broken(io::Error),
}

impl Listener {
    /// The next waiting connection, with the peer's endpoint as text. The last descriptors that the process may have are
    /// left to it: a crowd of connections must not keep it from being asked how it is.
    pub(crate) fn accept(&self) -> Result<(Stream, String), AcceptError> {
        match self {
            Listener::Tcp { socket, options } => {
                let (stream, address) = socket.accept()?;
                refuse_the_last(&stream)?;
                options
                    .apply(&SockRef::from(&stream))
                    .map_err(AcceptError::ConnectionLost)?;
                Ok((Stream::Tcp(stream), tcp_text(address)))
            }
            Listener::Unix(acceptor) => {
                let (stream, _) = acceptor.socket.accept()?;
                refuse_the_last(&stream)?;
                let stream = Stream::Unix(stream);
                let peer_text = stream.peer_text();
                Ok((stream, peer_text))
            }
        }
    }

    /// The endpoint listened on, with the real port: `tcp://[::]:5555`, `tcp://0.0.0.0:5555`,
    /// `ipc:///run/a`.
    pub(crate) fn local_text(&self) -> String {
        match self {
            Listener::Tcp { socket, .. } => socket.local_addr().map_or("tcp://?".into(), tcp_text),
            Listener::Unix(acceptor) => {
                unix_text(acceptor.socket.local_addr().ok()).unwrap_or("ipc://?".into())
            }
        }
    }

    /// Has `registry` report waiting connections as `token`, edge-triggered: accept until
    /// `WouldBlock`.
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        SourceFd(&self.as_fd().as_raw_fd()).register(registry, token, Interest::READABLE)
    }

    /// Ends the reports to `registry`.
    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.as_fd().as_raw_fd()).deregister(registry)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp { socket, .. } => socket.as_fd(),
            Listener::Unix(acceptor) => acceptor.socket.as_fd(),
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> AcceptError {
        if error.kind() == io::ErrorKind::WouldBlock {
            return AcceptError::WouldBlock;
        }
        match sys::accept_failure(&error) {
            AcceptFailure::ConnectionLost => AcceptError::ConnectionLost(error),
            AcceptFailure::Exhausted => AcceptError::Exhausted(error),
            AcceptFailure::Broken => AcceptError::Broken(error),
        }
    }
}

/// Descriptors are given lowest first, so a high one tells that few are left.
fn refuse_the_last(accepted: &impl AsRawFd) -> io::Result<()> {
    let limit = sys::descriptor_limit();
    let kept_back = (limit / 8).min(KEPT_BACK_DESCRIPTORS);
    if u64::from(accepted.as_raw_fd().unsigned_abs()) >= limit - kept_back {
        return Err(sys::out_of_descriptors());
    }
    Ok(())
}

/// The kernel caps it further, on Linux by net.core.somaxconn.
fn kernel_backlog(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::{TestPoll, socket_path};
    use crate::net::{dial_tcp, dial_unix};

    fn listeners() -> [Listener; 2] {
        [
            listen_tcp("127.0.0.1", 0, 16, &TcpOptions::default()).unwrap(),
            listen_unix(&socket_path(), u32::MAX).unwrap(),
        ]
    }

    fn dial(listener: &Listener) -> Stream {
        let text = listener.local_text();
        match text.split_once("://").unwrap() {
            ("tcp", address) => dial_tcp(address.parse().unwrap(), &TcpOptions::default()).unwrap(),
            (_, path) => dial_unix(Path::new(path)).unwrap(),
        }
    }

    #[test]
    fn with_no_connection_waiting_accept_would_block() {
        for listener in listeners() {
            assert!(matches!(listener.accept(), Err(AcceptError::WouldBlock)));
        }
    }

    #[test]
    fn waiting_connections_are_reported_and_accepted() {
        for listener in listeners() {
            let mut poll = TestPoll::new();
            listener.register(poll.registry(), Token(0)).unwrap();
            let dialed = [dial(&listener), dial(&listener), dial(&listener)];
            let mut accepted = Vec::new();
            while accepted.len() < dialed.len() {
                match listener.accept() {
                    Ok((stream, peer_text)) => {
                        assert_eq!(stream.peer_text(), peer_text);
                        accepted.push(stream);
                    }
                    Err(AcceptError::WouldBlock) => poll.wait(),
                    Err(error) => panic!("{error}"),
                }
            }
            listener.deregister(poll.registry()).unwrap();
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let error = |code| AcceptError::from(io::Error::from_raw_os_error(code));
        assert!(matches!(error(libc::EAGAIN), AcceptError::WouldBlock));
        assert!(matches!(
            error(libc::ECONNABORTED),
            AcceptError::ConnectionLost(_)
        ));
        assert!(matches!(error(libc::EMFILE), AcceptError::Exhausted(_)));
        assert!(matches!(error(libc::EBADF), AcceptError::Broken(_)));
        assert!(error(libc::EMFILE).to_string().contains("raise the limit"));
    }
}
