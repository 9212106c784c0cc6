//! What every Unix has, but the standard library does not offer.

use std::ffi::CStr;
use std::io;
use std::net::SocketAddr;
use std::ptr;
use std::time::Duration;

use socket2::{SockAddr, SockRef, TcpKeepalive};

/// The most slices one `sendmsg` takes (IOV_MAX); more is an error, not a short write.
pub(crate) const MAX_SEND_SLICES: usize = 1024;

/// Keepalive probes: the first after `idle` of silence, then one each `interval`; after `count`
/// unanswered ones the connection is dead.
pub(crate) fn keepalive(idle: Duration, interval: Duration, count: u32) -> TcpKeepalive {
    let keepalive = TcpKeepalive::new().with_time(idle);
    // OpenBSD sets these for the whole system only.
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_interval(interval).with_retries(count);
    #[cfg(target_os = "openbsd")]
    let _ = (interval, count);
    keepalive
}

/// Receives up to `max` bytes behind those that are in `buffer`, as far as it has room, into memory that nobody has to
/// fill before. Returns how many came.
pub(crate) fn receive_onto(
    socket: SockRef<'_>,
    buffer: &mut Vec<u8>,
    max: usize,
) -> io::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(max);
    let received = socket.recv(&mut spare[..room])?;
    // SAFETY: so many bytes of the spare capacity were filled.
    unsafe { buffer.set_len(buffer.len() + received) };
    Ok(received)
}

/// What a failed `accept` means for the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptFailure {
    /// The waiting connection is gone, the listener is well.
    ConnectionLost,
    /// The process or the system is out of descriptors or memory.
    Exhausted,
    /// The listener itself is broken.
    Broken,
}

/// How many descriptors this process may have open.
pub(crate) fn descriptor_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a variable of ours; where it is not written nothing limits.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}

/// What `accept` fails with where none is left.
pub(crate) fn out_of_descriptors() -> io::Error {
    io::Error::from_raw_os_error(libc::EMFILE)
}

/// Sorts the errors of `accept`, other than `WouldBlock`.
pub(crate) fn accept_failure(error: &io::Error) -> AcceptFailure {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
            AcceptFailure::Exhausted
        }
        // Linux hands out errors already pending on the new connection as errors of accept, see
        // accept(2); EPERM is a firewall's refusal.
        Some(
            libc::ECONNABORTED
            | libc::ECONNRESET
            | libc::EINTR
            | libc::EPERM
            | libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ETIMEDOUT
            | libc::EOPNOTSUPP,
        ) => AcceptFailure::ConnectionLost,
        _ => AcceptFailure::Broken,
    }
}

/// The addresses of the network interface `name` with port 0, IPv4 first; none if there is no such
/// interface.
pub(crate) fn interface_addresses(name: &str) -> io::Result<Vec<SocketAddr>> {
    let list = InterfaceList::of_this_host()?;
    let mut addresses = Vec::new();
    let mut next = list.first;
    while !next.is_null() {
        // SAFETY: the list's nodes, and the names in them, live until the list is freed.
        let (node, node_name) = unsafe { (&*next, CStr::from_ptr((*next).ifa_name)) };
        if node_name.to_bytes() == name.as_bytes() {
            addresses.extend(inet_address(node.ifa_addr));
        }
        next = node.ifa_next;
    }
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

struct InterfaceList {
    first: *mut libc::ifaddrs,
}

impl InterfaceList {
    fn of_this_host() -> io::Result<InterfaceList> {
        let mut first = ptr::null_mut();
        // SAFETY: `first` is a valid place for the result.
        if unsafe { libc::getifaddrs(&mut first) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(InterfaceList { first })
    }
}

impl Drop for InterfaceList {
    fn drop(&mut self) {
        // SAFETY: `first` came from getifaddrs and is freed this once.
        unsafe { libc::freeifaddrs(self.first) }
    }
}

/// The IPv4 or IPv6 address at `address`; `None` for null and for other families.
fn inet_address(address: *const libc::sockaddr) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: a non-null address in an interface list begins with its family.
    let size = match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        _ => return None,
    };
    // SAFETY: an address of that family has that size, and the storage has room for any address.
    let address = unsafe {
        SockAddr::try_init(|storage, length| {
            ptr::copy_nonoverlapping(address.cast::<u8>(), storage.cast::<u8>(), size);
            *length = size as libc::socklen_t;
            Ok(())
        })
    };
    address.ok()?.1.as_socket()
}

/// Whether a poll of `fd` finds it readable now.
#[cfg(test)]
pub(super) fn is_readable(fd: std::os::fd::BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 && poll.revents == libc::POLLIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_errors_are_sorted() {
        let of = |code| accept_failure(&io::Error::from_raw_os_error(code));
        assert_eq!(of(libc::EMFILE), AcceptFailure::Exhausted);
        assert_eq!(of(libc::ENFILE), AcceptFailure::Exhausted);
        assert_eq!(of(libc::ECONNABORTED), AcceptFailure::ConnectionLost);
        assert_eq!(of(libc::EINTR), AcceptFailure::ConnectionLost);
        assert_eq!(of(libc::EBADF), AcceptFailure::Broken);
        assert_eq!(of(libc::EINVAL), AcceptFailure::Broken);
    }

    #[test]
    fn the_loopback_interface_has_the_loopback_address() {
        let name = if cfg!(target_os = "linux") {
            "lo"
        } else {
            "lo0"
        };
        let addresses = interface_addresses(name).unwrap();
        assert!(addresses[0].ip().is_loopback(), "{addresses:?}");
        assert_eq!(addresses[0].port(), 0);
        assert_eq!(interface_addresses("no such interface").unwrap(), []);
    }
}
