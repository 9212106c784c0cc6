//! TCP sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::resolver::ip_literal;
use super::stream::start_connect;
use super::{Stream, TcpOptions};
use crate::sys;

/// Starts to connect to `address`. When the stream turns writable, [`Stream::is_connected`] tells
/// how it went.
///
/// Fails at once if the options are refused, the address cannot be reached from this host, or
/// descriptors have run out.
pub(crate) fn dial_tcp(address: SocketAddr, options: &TcpOptions) -> io::Result<Stream> {
    let socket = new_socket(address)?;
    options.apply(&SockRef::from(&socket))?;
    start_connect(&socket, &address.into())?;
    Ok(Stream::Tcp(TcpStream::from_std(socket.into())))
}

/// Listens on the first of the addresses that `host` names and this machine has.
///
/// An address in use ends the search: to listen elsewhere instead would hide the conflict.
pub(super) fn bind_tcp(
    host: &str,
    port: u16,
    backlog: i32,
    options: &TcpOptions,
) -> io::Result<TcpListener> {
    let mut refusal = not_an_address(host);
    for address in bind_addresses(host, port)? {
        match bind_address(address, backlog, options) {
            Err(error) if is_not_on_this_host(&error) => refusal = error,
            other => return other,
        }
    }
    Err(refusal)
}

/// The endpoint text of an address; an IPv4 peer of a dual-stack socket appears as IPv4.
pub(super) fn tcp_text(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("tcp://{ip}:{}", address.port()),
        IpAddr::V6(_) => format!("tcp://{address}"),
    }
}

/// The addresses to try for a host to bind, best first: `*`, an IP literal, the name of a network
/// interface, or a host name.
fn bind_addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host == "*" {
        let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        return Ok(any.map(|ip| SocketAddr::new(ip, port)).into());
    }
    if let Some(ip) = ip_literal(host) {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let mut addresses = sys::interface_addresses(host)?;
    for address in &mut addresses {
        address.set_port(port);
    }
    if addresses.is_empty() {
        let found = (host, port).to_socket_addrs();
        addresses.extend(found.map_err(|_| not_an_address(host))?);
    }
    Ok(addresses)
}

fn not_an_address(host: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::AddrNotAvailable,
        format!("'{host}' names no address of this host: use '*', an IP address or an interface"),
    )
}

fn bind_address(
    address: SocketAddr,
    backlog: i32,
    options: &TcpOptions,
) -> io::Result<TcpListener> {
    let socket = new_socket(address)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // Lets a port be bound again while connections of its last owner linger. It does not let two
    // listeners share one.
    socket.set_reuse_address(true)?;
    options.apply(&SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether this host lacks the address, or its whole family, so that another may be tried.
fn is_not_on_this_host(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::net::testing::{TestPoll, accept, port_of};
    use crate::net::{Listener, listen_tcp};

    fn listen(host: &str, port: u16) -> io::Result<Listener> {
        listen_tcp(host, port, 16, &TcpOptions::default())
    }

    /// A socket with a port of its own that does not listen.
    fn bound_socket() -> Socket {
        let address = "127.0.0.1:0".parse().unwrap();
        let socket = new_socket(address).unwrap();
        socket.bind(&address.into()).unwrap();
        socket
    }

    #[test]
    fn one_wildcard_port_serves_both_families() {
        let listener = listen("*", 0).unwrap();
        let port = port_of(&listener);
        assert_ne!(port, 0);
        let mut ips: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
        if listener.local_text().starts_with("tcp://[::]:") {
            ips.push(Ipv6Addr::LOCALHOST.into());
        }
        for ip in ips {
            let address = SocketAddr::new(ip, port);
            let dialed = dial_tcp(address, &TcpOptions::default()).unwrap();
            let (_accepted, peer_text) = accept(&listener);
            assert_eq!(peer_text, dialed.local_text());
            assert_eq!(dialed.peer_text(), format!("tcp://{address}"));
        }
    }

    #[test]
    fn a_port_of_a_live_listener_is_in_use() {
        let in_use = |host, port| {
            let error = listen(host, port).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse, "{host}: {error}");
        };
        let wildcard = listen("*", 0).unwrap();
        in_use("*", port_of(&wildcard));
        in_use("0.0.0.0", port_of(&wildcard));
        in_use("127.0.0.1", port_of(&wildcard));

        let specific = listen("127.0.0.1", 0).unwrap();
        in_use("127.0.0.1", port_of(&specific));
        in_use("*", port_of(&specific));
    }

    #[test]
    fn a_released_port_can_be_bound_again() {
        let listener = listen("127.0.0.1", 0).unwrap();
        let port = port_of(&listener);
        let address = format!("127.0.0.1:{port}").parse().unwrap();
        let dialed = dial_tcp(address, &TcpOptions::default()).unwrap();
        let (accepted, _) = accept(&listener);
        // The side that closes first keeps the port in TIME_WAIT.
        drop(accepted);
        drop(listener);
        let mut poll = TestPoll::new();
        poll.add(&dialed);
        assert_eq!(poll.read_to_end(&dialed), b"");
        drop(dialed);
        assert_eq!(port_of(&listen("127.0.0.1", port).unwrap()), port);
    }

    #[test]
    fn a_bind_host_may_be_a_name_or_an_interface() {
        let text = listen("localhost", 0).unwrap().local_text();
        assert!(
            text.contains("127.0.0.1") || text.contains("[::1]"),
            "{text}"
        );
        if cfg!(target_os = "linux") {
            let text = listen("lo", 0).unwrap().local_text();
            assert!(text.starts_with("tcp://127.0.0.1:"), "{text}");
        }
    }

    #[test]
    fn an_address_of_another_host_cannot_be_bound() {
        for host in ["192.0.2.1", "2001:db8::1"] {
            let kind = listen(host, 0).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::AddrNotAvailable, "{host}");
        }
    }

    #[test]
    fn a_host_without_ipv6_has_the_next_address_tried() {
        for code in [libc::EAFNOSUPPORT, libc::EADDRNOTAVAIL] {
            assert!(is_not_on_this_host(&io::Error::from_raw_os_error(code)));
        }
        assert!(!is_not_on_this_host(&ErrorKind::AddrInUse.into()));
    }

    #[test]
    fn a_refused_connection_is_told_when_the_stream_turns_writable() {
        let silent = bound_socket();
        let address = silent.local_addr().unwrap().as_socket().unwrap();
        let dialed = dial_tcp(address, &TcpOptions::default()).unwrap();
        let mut poll = TestPoll::new();
        poll.add(&dialed);
        let error = poll.connect(&dialed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_established_connection_is_told_when_the_stream_turns_writable() {
        let listener = listen("127.0.0.1", 0).unwrap();
        let address = format!("127.0.0.1:{}", port_of(&listener)).parse().unwrap();
        let dialed = dial_tcp(address, &TcpOptions::default()).unwrap();
        let mut poll = TestPoll::new();
        poll.add(&dialed);
        poll.connect(&dialed).unwrap();
        assert!(dialed.take_error().unwrap().is_none());
    }

    #[test]
    fn a_connection_to_itself_counts_as_refused() {
        // A dial to a port nobody listens on may be given that very port as its own.
        let socket = bound_socket();
        let own = socket.local_addr().unwrap();
        start_connect(&socket, &own).unwrap();
        let stream = Stream::Tcp(TcpStream::from_std(socket.into()));
        let mut poll = TestPoll::new();
        poll.add(&stream);
        let error = poll.connect(&stream).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_mapped_address_is_shown_as_ipv4() {
        assert_eq!(
            tcp_text("[::ffff:10.0.0.1]:5".parse().unwrap()),
            "tcp://10.0.0.1:5"
        );
        assert_eq!(tcp_text("[::1]:5".parse().unwrap()), "tcp://[::1]:5");
    }
}
