//! Options of a TCP socket.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use crate::sys;

/// What is set on every TCP socket, dialed or accepted.
///
/// The defaults find a dead peer on an idle connection in about 30 s. Sent data that is not
/// acknowledged silences the probes; then the heartbeats above find it, and `user_timeout_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// Send small writes at once (TCP_NODELAY). On by default: batching is done above.
    pub nodelay: bool,
    /// Probe an idle connection (SO_KEEPALIVE). On by default.
    pub keepalive: bool,
    /// Seconds of silence before the first probe, 1 to 32767. Default 15.
    pub keepalive_idle_s: u32,
    /// Seconds between probes, 1 to 32767. Default 5.
    pub keepalive_interval_s: u32,
    /// Unanswered probes before the connection is dead, 1 to 127. Default 3.
    pub keepalive_count: u32,
    /// Bytes of the kernel's send buffer; `None` lets the kernel tune it.
    pub send_buffer: Option<usize>,
    /// Bytes of the kernel's receive buffer; `None` lets the kernel tune it.
    pub receive_buffer: Option<usize>,
    /// Milliseconds that sent data may stay unacknowledged (TCP_USER_TIMEOUT, Linux only). It also ends a connection
    /// whose peer merely stopped reading. So `None`, the default, sets it on links to SPOT nodes alone, which always
    /// read, and only with heartbeats on: to the time in which the probes would find the peer dead, or the heartbeats
    /// where that is longer.
    pub user_timeout_ms: Option<u32>,
}

impl Default for TcpOptions {
    fn default() -> TcpOptions {
        TcpOptions {
            nodelay: true,
            keepalive: true,
            keepalive_idle_s: 15,
            keepalive_interval_s: 5,
            keepalive_count: 3,
            send_buffer: None,
            receive_buffer: None,
            user_timeout_ms: None,
        }
    }
}

impl TcpOptions {
    /// In which time the probes find a dead peer; none without them.
    pub(crate) fn keepalive_floor(&self) -> Duration {
        let probes_s = self.keepalive_interval_s * self.keepalive_count;
        let floor_s = self.keepalive_idle_s + probes_s;
        Duration::from_secs(if self.keepalive { floor_s.into() } else { 0 })
    }

    /// Sets all of them. Buffer sizes decide the window that is offered in the handshake, so this
    /// comes before `connect` and `listen`.
    ///
    /// Fails with the kernel's error when a value is out of range, and with `Unsupported` when the
    /// system lacks an option that was asked for.
    pub(super) fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(ms) = self.user_timeout_ms {
            sys::set_user_timeout(socket, Duration::from_millis(ms.into()))?;
        }
        if !self.keepalive {
            return socket.set_keepalive(false);
        }
        socket.set_tcp_keepalive(&sys::keepalive(
            Duration::from_secs(self.keepalive_idle_s.into()),
            Duration::from_secs(self.keepalive_interval_s.into()),
            self.keepalive_count,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::tcp_pair;
    use crate::net::{Stream, dial_tcp};

    /// Asks the kernel what is set on the descriptor.
    fn assert_set(options: &TcpOptions, stream: &Stream) {
        let fd = stream.as_fd();
        let socket = SockRef::from(&fd);
        assert_eq!(socket.tcp_nodelay().unwrap(), options.nodelay);
        assert_eq!(socket.keepalive().unwrap(), options.keepalive);
        if options.keepalive {
            let seconds = |s: u32| Duration::from_secs(s.into());
            assert_eq!(
                socket.tcp_keepalive_time().unwrap(),
                seconds(options.keepalive_idle_s)
            );
            assert_eq!(
                socket.tcp_keepalive_interval().unwrap(),
                seconds(options.keepalive_interval_s)
            );
            assert_eq!(
                socket.tcp_keepalive_retries().unwrap(),
                options.keepalive_count
            );
        }
        // Linux doubles what is asked for, to have room for its own book-keeping.
        if let Some(bytes) = options.send_buffer {
            assert_eq!(socket.send_buffer_size().unwrap(), 2 * bytes);
        }
        if let Some(bytes) = options.receive_buffer {
            assert_eq!(socket.recv_buffer_size().unwrap(), 2 * bytes);
        }
        let timeout = options.user_timeout_ms.unwrap_or(0);
        assert_eq!(
            socket.tcp_user_timeout().unwrap().unwrap_or_default(),
            Duration::from_millis(timeout.into())
        );
    }

    #[test]
    fn options_reach_both_ends() {
        let chosen = TcpOptions {
            nodelay: false,
            keepalive: true,
            keepalive_idle_s: 7,
            keepalive_interval_s: 2,
            keepalive_count: 9,
            send_buffer: Some(20_000),
            receive_buffer: Some(30_000),
            user_timeout_ms: Some(12_345),
        };
        let without_keepalive = TcpOptions {
            keepalive: false,
            ..TcpOptions::default()
        };
        for options in [TcpOptions::default(), chosen, without_keepalive] {
            let (dialed, accepted) = tcp_pair(&options);
            assert_set(&options, &dialed);
            assert_set(&options, &accepted);
        }
    }

    #[test]
    fn defaults_find_a_dead_peer_in_thirty_seconds() {
        let found_in = TcpOptions::default().keepalive_floor();
        assert_eq!(found_in, Duration::from_secs(30));
    }

    #[test]
    fn a_value_out_of_range_fails_the_dial() {
        let options = TcpOptions {
            keepalive_count: 1000,
            ..TcpOptions::default()
        };
        let error = dial_tcp("127.0.0.1:1".parse().unwrap(), &options).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
