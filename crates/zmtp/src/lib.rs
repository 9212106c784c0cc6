//! ZMTP 3.1 (RFC 37) without I/O: bytes in, frames out.
//!
//! This crate speaks the ZeroMQ Message Transport Protocol and nothing else: it opens no socket,
//! starts no thread and reads no clock. The caller moves bytes and time in and out, so the same code
//! runs in a reactor, in a simulator and under a fuzzer. Peers of ZMTP 3.0 (RFC 23) are accepted.
//!
//! A connection passes through these types, in this order:
//!
//! 1. [`Handshake`]: the greeting and the NULL mechanism. The side that connected sends its READY at
//!    once; the side that accepted reads the peer's first ([`Answering`]) and then answers or refuses.
//! 2. [`Established`]: who the peer is ([`PeerInfo`]), and the [`Decoder`] for what follows.
//! 3. Traffic: [`Decoder`] gives [`Frame`]s; [`Command::parse`] reads command frames,
//!    [`MessageAssembler`] joins multipart messages, [`Heartbeat`] finds dead peers.
//!    [`put_frame`] and the functions of [`command`] write.
//!
//! Peer bytes never panic, and every length is checked against [`Limits`] before memory is taken.
//!
//! ```
//! use zmtp::{Handshake, Limits, Metadata, Progress, SocketType};
//!
//! let limits = Limits::default();
//! let mut client = Handshake::connecting(Metadata::for_socket(SocketType::XSub), limits);
//! let server = Handshake::accepting(limits);
//!
//! // The server reads the client's greeting and READY, then answers in kind.
//! let to_server = client.take_output();
//! let Progress::PeerReady(answering) = server.receive(&mut &to_server[..])? else {
//!     panic!("the client sent everything");
//! };
//! assert_eq!(answering.peer().socket_type, SocketType::XSub);
//! let mut server = answering.answer(Metadata::for_socket(SocketType::XPub));
//!
//! let Progress::Established(mut client) = client.receive(&mut &server.output[..])? else {
//!     panic!("the server sent everything");
//! };
//! assert!(client.peer.speaks_3_1());
//!
//! // Traffic: frames one way ...
//! let mut wire = Vec::new();
//! zmtp::put_frame(&mut wire, false, b"hello");
//! let frame = client.decoder.decode(&mut &wire[..])?.unwrap();
//! assert_eq!(&*frame.body, b"hello");
//! // ... and commands the other.
//! let mut wire = Vec::new();
//! zmtp::command::encode_subscribe(&mut wire, b"sensor:");
//! assert!(server.decoder.decode(&mut &wire[..])?.unwrap().command);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod command;
mod decoder;
mod error;
mod frame;
mod greeting;
mod handshake;
mod heartbeat;
mod limits;
mod mechanism;
mod message;
mod metadata;
mod round_trip;
mod socket_type;
mod subscription;

pub use command::Command;
pub use decoder::Decoder;
pub use error::{CommandError, FrameError, HandshakeError, MessageError, MetadataError};
pub use frame::{Body, Frame, FrameKind, MAX_FRAME_HEADER, put_frame, put_frame_header};
pub use greeting::Version;
pub use handshake::{Answering, Established, Handshake, PeerInfo, Progress};
pub use heartbeat::{Heartbeat, HeartbeatAction, HeartbeatConfig};
pub use limits::Limits;
pub use message::{Message, MessageAssembler};
pub use metadata::Metadata;
pub use round_trip::RoundTrip;
pub use socket_type::SocketType;
pub use subscription::Subscription;
