//! Sockets of libzmq.

use crate::WAIT_MS;

/// A socket of `kind` with a context of its own; no call on it waits for ever.
///
/// # Panics
/// If libzmq refuses.
#[must_use]
pub fn zmq_socket(kind: zmq::SocketType) -> zmq::Socket {
    let socket = zmq::Context::new().socket(kind).expect("a socket");
    socket.set_linger(0).expect("linger");
    socket.set_rcvtimeo(WAIT_MS).expect("receive timeout");
    socket.set_sndtimeo(WAIT_MS).expect("send timeout");
    socket
}

/// What the tests do with sockets of libzmq.
pub trait ZmqExt {
    /// A message as its frames.
    ///
    /// # Panics
    /// If none comes within [`WAIT`](crate::WAIT).
    fn take(&self) -> Vec<Vec<u8>>;

    /// Sends a message of several frames.
    ///
    /// # Panics
    /// If libzmq refuses.
    fn give(&self, frames: &[&[u8]]);

    /// Binds at a free TCP port; the endpoint.
    ///
    /// # Panics
    /// If libzmq refuses.
    fn bind_anywhere(&self) -> String;
}

impl ZmqExt for zmq::Socket {
    #[track_caller]
    fn take(&self) -> Vec<Vec<u8>> {
        self.recv_multipart(0).expect("a message must come")
    }

    #[track_caller]
    fn give(&self, frames: &[&[u8]]) {
        self.send_multipart(frames, 0).expect("it can be sent");
    }

    fn bind_anywhere(&self) -> String {
        self.bind("tcp://127.0.0.1:0").expect("a free port");
        let endpoint = self.get_last_endpoint().expect("bound");
        endpoint.expect("endpoints are text")
    }
}

/// Asserts that nothing has arrived. Only means something once a message that was sent later has been taken.
///
/// # Panics
/// If there is a message.
#[track_caller]
pub fn assert_silent(socket: &zmq::Socket) {
    let received = socket.recv_multipart(zmq::DONTWAIT);
    assert_eq!(received, Err(zmq::Error::EAGAIN));
}
