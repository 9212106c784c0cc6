//! A peer made by hand, byte by byte: of the older protocol version, or one that breaks the rules.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use zmtp::{Command, Decoder, Limits, Metadata, SocketType, command};

use crate::WAIT;

const GREETING_SIZE: usize = 64;

/// A TCP connection on which the test says every byte itself.
#[derive(Debug)]
pub struct RawPeer {
    stream: TcpStream,
    decoder: Decoder,
    input: Vec<u8>,
    at: usize,
}

/// A frame that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// Whether more frames of the message follow.
    pub more: bool,
    /// Whether it is a command.
    pub command: bool,
    /// Its body.
    pub body: Vec<u8>,
}

/// Metadata of a socket type, and further properties.
///
/// # Panics
/// If a property is malformed.
#[must_use]
pub fn metadata(socket_type: SocketType, properties: &[(&str, &[u8])]) -> Metadata {
    let mut metadata = Metadata::for_socket(socket_type);
    for (name, value) in properties {
        metadata.push(name, value).expect("a well-formed property");
    }
    metadata
}

impl RawPeer {
    /// Connects to a `tcp://` endpoint and says nothing.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(endpoint: &str) -> Self {
        let address = endpoint.strip_prefix("tcp://").expect("a TCP endpoint");
        Self::new(TcpStream::connect(address).expect("somebody listens"))
    }

    /// The next connection of a listener.
    ///
    /// # Panics
    /// If the listener fails.
    #[must_use]
    pub fn accept(listener: &TcpListener) -> Self {
        Self::new(listener.accept().expect("somebody connects").0)
    }

    /// Connects and shakes hands as ZMTP 3.`minor`; the other side's READY.
    ///
    /// # Panics
    /// If the handshake does not succeed.
    #[must_use]
    pub fn join(endpoint: &str, minor: u8, local: &Metadata) -> (Self, Metadata) {
        let mut peer = Self::connect(endpoint);
        let remote = peer.shake_hands(minor, local);
        (peer, remote)
    }

    /// Greets as ZMTP 3.`minor`, says READY, and gives the other side's READY.
    ///
    /// # Panics
    /// If the other side says something else.
    #[track_caller]
    pub fn shake_hands(&mut self, minor: u8, local: &Metadata) -> Metadata {
        let mut output = Self::greeting(minor).to_vec();
        command::encode_ready(&mut output, local);
        self.send(&output);
        self.read_greeting();
        let frame = self.frame().expect("READY must come");
        match Command::parse(&frame.body) {
            Ok(Command::Ready(remote)) if frame.command => remote.clone(),
            other => panic!("{other:?} instead of READY"),
        }
    }

    /// A greeting of ZMTP 3.`minor` with the NULL mechanism.
    #[must_use]
    pub fn greeting(minor: u8) -> [u8; GREETING_SIZE] {
        let mut greeting = [0; GREETING_SIZE];
        greeting[0] = 0xff;
        greeting[9] = 0x7f;
        greeting[10] = 3;
        greeting[11] = minor;
        greeting[12..16].copy_from_slice(b"NULL");
        greeting
    }

    /// The other side's greeting.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn read_greeting(&mut self) {
        let mut greeting = [0; GREETING_SIZE];
        self.stream
            .read_exact(&mut greeting)
            .expect("a greeting must come");
        assert_eq!(greeting, Self::greeting(1));
    }

    /// Sends bytes. That the other side has closed the connection meanwhile is no error: it shows when reading.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes);
    }

    /// Sends bytes; false once the other side has closed the connection.
    ///
    /// # Panics
    /// If the other side neither reads nor closes the connection within [`WAIT`].
    #[track_caller]
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nobody reads"),
            Err(_) => false,
        }
    }

    /// Sends a message of several frames.
    pub fn send_message(&mut self, frames: &[&[u8]]) {
        let mut output = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            zmtp::put_frame(&mut output, index + 1 < frames.len(), frame);
        }
        self.send(&output);
    }

    /// The next frame; `None` once the other side has closed the connection.
    ///
    /// # Panics
    /// If nothing comes within [`WAIT`], or what is no frame.
    #[track_caller]
    pub fn frame(&mut self) -> Option<RawFrame> {
        loop {
            let mut rest = &self.input[self.at..];
            let length = rest.len();
            let frame = self.decoder.decode(&mut rest).expect("a frame");
            let frame = frame.map(|frame| RawFrame {
                more: frame.more,
                command: frame.command,
                body: frame.body.to_vec(),
            });
            self.at += length - rest.len();
            if frame.is_some() {
                return frame;
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// The next message, without the commands before it.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn message(&mut self) -> Vec<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let frame = self.frame().expect("a message must come");
            if frame.command {
                continue;
            }
            message.push(frame.body);
            if !frame.more {
                return message;
            }
        }
    }

    /// Waits until the other side has closed the connection, whatever it says before.
    ///
    /// # Panics
    /// If it does not within [`WAIT`].
    #[track_caller]
    pub fn wait_closed(mut self) {
        while self.read_more() {}
    }

    fn new(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(WAIT))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(WAIT))
            .expect("a timeout can be set");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        Self {
            stream,
            decoder: Decoder::new(Limits::default()),
            input: Vec::new(),
            at: 0,
        }
    }

    /// False once the connection is closed.
    #[track_caller]
    fn read_more(&mut self) -> bool {
        self.input.resize(64 * 1024, 0);
        self.at = 0;
        let read = match self.stream.read(&mut self.input) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("neither bytes nor the end came: {error}"),
        };
        self.input.truncate(read);
        read > 0
    }
}
