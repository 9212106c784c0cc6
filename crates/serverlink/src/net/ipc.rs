//! Unix domain sockets.
//!
//! A path that begins with `@` is an abstract name: it has no file. Linux alone has these.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;

use mio::net::{UnixListener, UnixStream};
use socket2::{Domain, SockAddr, Socket, Type};

use super::Stream;
use super::stream::start_connect;
use crate::sys;

/// Connects to `path`. Fails with `NotFound` or `ConnectionRefused` if nobody listens there, and
/// with `WouldBlock` if the listener's backlog is full: then it is worth another try later.
pub(crate) fn dial_unix(path: &Path) -> io::Result<Stream> {
    let socket = new_socket()?;
    start_connect(&socket, &unix_address(path)?)?;
    Ok(Stream::Unix(UnixStream::from_std(socket.into())))
}

/// Listens on `path`, in place of a file that a listener left behind when it died. Fails with
/// `AddrInUse` if somebody listens there or the file is not a socket.
pub(super) fn bind_unix(path: &Path, backlog: i32) -> io::Result<UnixAcceptor> {
    let address = unix_address(path)?;
    let socket = new_socket()?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !is_abstract(path) => {
            remove_stale(path, &address)?;
            socket.bind(&address)?;
        }
        other => other?,
    }
    let file = match is_abstract(path) {
        true => None,
        false => Some(SocketFile::at(path)?),
    };
    socket.listen(backlog)?;
    let socket = UnixListener::from_std(socket.into());
    Ok(UnixAcceptor { socket, file })
}

/// The endpoint text of a socket's address; `None` if it has no name.
pub(super) fn unix_text(address: Option<SocketAddr>) -> Option<String> {
    let address = address?;
    if let Some(path) = address.as_pathname() {
        return Some(format!("ipc://{}", path.display()));
    }
    let name = sys::abstract_name(&address)?;
    Some(format!("ipc://@{}", String::from_utf8_lossy(name)))
}

/// A listening socket and its file, which is removed on drop.
#[derive(Debug)]
pub(crate) struct UnixAcceptor {
    pub(super) socket: UnixListener,
    file: Option<SocketFile>,
}

impl Drop for UnixAcceptor {
    fn drop(&mut self) {
        // Before the socket is closed: until then no other file gets its inode number.
        if let Some(file) = &self.file {
            file.remove_if_ours();
        }
    }
}

#[derive(Debug)]
struct SocketFile {
    /// Absolute, so that a change of directory does not matter.
    path: PathBuf,
    identity: FileIdentity,
    /// After a fork the file stays the parent's.
    owner_pid: u32,
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            path: std::path::absolute(path)?,
            identity: FileIdentity::of_socket(path)?,
            owner_pid: process::id(),
        })
    }

    fn remove_if_ours(&self) {
        let is_ours = self.owner_pid == process::id()
            && FileIdentity::of_socket(&self.path).is_ok_and(|now| now == self.identity);
        if !is_ours {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "socket file not removed");
        }
    }
}

/// Tells one file from another that takes its place under the same path.
#[derive(Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// Fails with `AddrInUse` if there is a file that is not a socket.
    fn of_socket(path: &Path) -> io::Result<FileIdentity> {
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.file_type().is_socket() {
            return Err(in_use(path, "holds a file that is not a socket"));
        }
        Ok(FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Removes the socket file at `path` if nobody listens there; `AddrInUse` otherwise.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let probed = match FileIdentity::of_socket(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    match new_socket()?.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        _ => return Err(in_use(path, "has a listener")),
    }
    // Another process may have found the same and be listening by now.
    if FileIdentity::of_socket(path)? != probed {
        return Err(in_use(path, "has a listener"));
    }
    fs::remove_file(path)
}

fn in_use(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("'{}' {why}: choose another path", path.display()),
    )
}

fn new_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().starts_with(b"@")
}

/// The address of a path or an abstract name. An empty one, or one with a NUL or too long for the
/// system (some 100 bytes), is `InvalidInput`.
fn unix_address(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.is_empty() || bytes == b"@" || bytes.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a socket path is not empty and has no NUL",
        ));
    }
    match bytes.strip_prefix(b"@") {
        Some(name) => sys::abstract_address(&String::from_utf8_lossy(name)),
        None => SockAddr::unix(path),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::net::UnixListener as StdListener;

    use super::*;
    use crate::net::testing::{TestPoll, accept, socket_path};
    use crate::net::{Listener, listen_unix};

    fn listen(path: &Path) -> io::Result<Listener> {
        listen_unix(path, 16)
    }

    #[test]
    fn the_file_lives_as_long_as_the_listener() {
        let path = socket_path();
        let listener = listen(&path).unwrap();
        assert_eq!(listener.local_text(), format!("ipc://{}", path.display()));
        let dialed = dial_unix(&path).unwrap();
        assert!(dialed.is_connected().unwrap());
        let (_accepted, peer_text) = accept(&listener);
        assert_eq!(peer_text, listener.local_text());
        drop(listener);
        assert!(!path.exists());
        assert_eq!(dial_unix(&path).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_stale_file_is_replaced() {
        let path = socket_path();
        drop(StdListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves its file behind");
        let refused = dial_unix(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let listener = listen(&path).unwrap();
        dial_unix(&path).unwrap();
        accept(&listener);
    }

    #[test]
    fn a_live_listener_is_in_use() {
        let path = socket_path();
        let listener = listen(&path).unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(path.exists());
        dial_unix(&path).unwrap();
        accept(&listener);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let path = socket_path();
        fs::write(&path, "precious").unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_successors_file_is_left_alone() {
        let path = socket_path();
        let first = listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = listen(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_forked_child_leaves_its_parents_file_alone() {
        let path = socket_path();
        let _listener = listen(&path).unwrap();
        let mut file = SocketFile::at(&path).unwrap();
        file.owner_pid += 1;
        file.remove_if_ours();
        assert!(path.exists());
    }

    #[test]
    fn a_full_backlog_is_worth_another_try() {
        let path = socket_path();
        let listener = listen_unix(&path, 0).unwrap();
        let mut waiting = Vec::new();
        let error = loop {
            match dial_unix(&path) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        accept(&listener);
        dial_unix(&path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_abstract_name_has_no_file() {
        let name = format!("@serverlink-test-{}", process::id());
        let listener = listen(Path::new(&name)).unwrap();
        assert_eq!(listener.local_text(), format!("ipc://{name}"));
        assert!(!Path::new(&name).exists());
        let error = listen(Path::new(&name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let dialed = dial_unix(Path::new(&name)).unwrap();
        assert_eq!(dialed.peer_text(), format!("ipc://{name}"));
        let (accepted, _) = accept(&listener);
        drop(accepted);
        let mut poll = TestPoll::new();
        poll.add(&dialed);
        assert_eq!(poll.read_to_end(&dialed), b"");
        drop(listener);
        listen(Path::new(&name)).unwrap();
    }

    #[test]
    fn a_path_that_cannot_be_an_address_is_invalid() {
        let long = "x".repeat(200);
        for path in ["", "@", "a\0b", &long] {
            let kind = dial_unix(Path::new(path)).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::InvalidInput, "{path:?}");
            assert_eq!(listen(Path::new(path)).unwrap_err().kind(), kind);
        }
    }
}
