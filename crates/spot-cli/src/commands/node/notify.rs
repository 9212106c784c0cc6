//! Telling the service manager how the node is doing: the protocol of `sd_notify(3)`.

use std::env;
use std::io;
use std::os::unix::net::UnixDatagram;

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// Names the socket of the service manager. A node that nobody waits for has none.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// It listens at all its endpoints.
pub(super) fn ready() {
    notify("READY=1");
}

/// It reads its configuration again, until it is [`ready`].
pub(super) fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
}

/// It is about to end.
pub(super) fn stopping() {
    notify("STOPPING=1");
}

fn notify(state: &str) {
    let Some(path) = env::var_os(SOCKET_VARIABLE).filter(|path| !path.is_empty()) else {
        return;
    };
    if let Err(error) = send(path.as_encoded_bytes(), state.as_bytes()) {
        let path = path.display();
        warn!("cannot tell the service manager at {path} ({SOCKET_VARIABLE}): {error}");
    }
}

fn send(path: &[u8], state: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(state, &address(path)?)?;
    Ok(())
}

/// A path, or with `@` in front a name of Linux's abstract namespace.
fn address(path: &[u8]) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;
    #[cfg(target_os = "linux")]
    if let Some(name) = path.strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(OsStr::from_bytes(path))
}
