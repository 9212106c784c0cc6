//! The handshake: from the first octet to traffic (RFC 37, section "Overall Behavior").

use crate::greeting::{self, GreetingReader};
use crate::mechanism::null::{self, AwaitReady};
use crate::{Decoder, HandshakeError, Limits, Metadata, SocketType, Version, command};

/// A connection whose handshake is under way. Each call of [`receive`](Self::receive) consumes it and gives
/// the state that follows, so that no call can come out of turn.
///
/// The bytes of [`take_output`](Self::take_output) are to be written at once, before the peer says anything;
/// see the [crate's example](crate). How long a silent peer may take is the caller's to bound.
#[derive(Debug)]
pub struct Handshake {
    role: Role,
    limits: Limits,
    output: Vec<u8>,
    stage: Stage,
}

/// What [`Handshake::receive`] led to.
#[derive(Debug)]
pub enum Progress {
    /// More of the peer's bytes are needed; all input was consumed.
    Pending(Handshake),
    /// Accepting side only: the peer is known and waits for an answer.
    PeerReady(Answering),
    /// Connecting side only: the handshake is over.
    Established(Established),
}

/// The accepting side once the peer's READY was read: [`answer`](Self::answer) or [`refuse`](Self::refuse).
#[derive(Debug)]
pub struct Answering {
    peer: PeerInfo,
    output: Vec<u8>,
    decoder: Decoder,
}

/// A connection that is open for traffic.
#[derive(Debug)]
pub struct Established {
    /// Who the peer says it is.
    pub peer: PeerInfo,
    /// Bytes of the handshake still to be written, before any traffic.
    pub output: Vec<u8>,
    /// The decoder for what the peer sends from here on. Input that the handshake left over comes first.
    pub decoder: Decoder,
}

/// Who the peer says it is; nothing here is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The version of its greeting: 3.0 or later.
    pub version: Version,
    /// Its Socket-Type property.
    pub socket_type: SocketType,
    /// All properties of its READY, the Socket-Type among them.
    pub metadata: Metadata,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Connecting,
    Accepting,
}

#[derive(Debug)]
enum Stage {
    Greeting(GreetingReader),
    Ready(AwaitReady),
}

impl Handshake {
    /// The side that made the connection. It says all it has to say at once, greeting and READY: whatever
    /// reads a greeting of fixed size leaves the READY for later, and a round trip is saved.
    ///
    /// `local` should hold a Socket-Type: see [`Metadata::for_socket`]. Whether the peer's goes with it is the
    /// caller's to judge: see [`SocketType::may_talk_to`].
    pub fn connecting(local: Metadata, limits: Limits) -> Self {
        let mut handshake = Self::new(Role::Connecting, limits);
        command::encode_ready(&mut handshake.output, &local);
        handshake
    }

    /// The side that was connected to. It sends its greeting, and reads the peer's READY before it gives its
    /// own with [`Answering::answer`], which so can depend on who the peer is.
    pub fn accepting(limits: Limits) -> Self {
        Self::new(Role::Accepting, limits)
    }

    fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            output: greeting::encode(null::NAME).to_vec(),
            stage: Stage::Greeting(GreetingReader::new(null::NAME)),
        }
    }

    /// Bytes to be written to the peer now; empty when there are none. What is not taken stays for
    /// [`Established::output`].
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Takes the peer's bytes. `input` is left with what follows the handshake, which belongs to
    /// [`Established::decoder`]; the outcome does not depend on how the bytes were cut.
    ///
    /// # Errors
    /// [`HandshakeError`] as soon as a byte shows that this peer cannot be talked to, or the peer refuses.
    pub fn receive(self, input: &mut &[u8]) -> Result<Progress, HandshakeError> {
        match self.stage {
            Stage::Greeting(mut reader) => match reader.receive(input)? {
                None => Ok(Progress::Pending(Self {
                    stage: Stage::Greeting(reader),
                    ..self
                })),
                Some(version) => Self {
                    stage: Stage::Ready(AwaitReady::new(version, self.limits)),
                    ..self
                }
                .receive(input),
            },
            Stage::Ready(awaiting) => match awaiting.receive(input)? {
                null::Step::Pending(awaiting) => Ok(Progress::Pending(Self {
                    stage: Stage::Ready(awaiting),
                    ..self
                })),
                null::Step::Ready(peer, decoder) => {
                    Ok(self.role.finish(peer, self.output, decoder))
                }
            },
        }
    }
}

impl Role {
    fn finish(self, peer: PeerInfo, output: Vec<u8>, decoder: Decoder) -> Progress {
        match self {
            Self::Connecting => Progress::Established(Established {
                peer,
                output,
                decoder,
            }),
            Self::Accepting => Progress::PeerReady(Answering {
                peer,
                output,
                decoder,
            }),
        }
    }
}

impl Answering {
    /// Who the peer says it is.
    pub fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    /// Accepts the peer with our own READY, which is in [`Established::output`].
    pub fn answer(mut self, local: Metadata) -> Established {
        command::encode_ready(&mut self.output, &local);
        Established {
            peer: self.peer,
            output: self.output,
            decoder: self.decoder,
        }
    }

    /// Refuses the peer: the last bytes to be written before the connection is closed. They hold an ERROR
    /// command with `reason`, see [`command::encode_error`]. A peer that follows the RFC does not try again,
    /// so a refusal that is meant for now only is better told by closing without a word.
    pub fn refuse(mut self, reason: &str) -> Vec<u8> {
        command::encode_error(&mut self.output, reason);
        self.output
    }
}

impl PeerInfo {
    /// Whether the peer knows PING, PONG, and subscriptions as commands.
    pub fn speaks_3_1(&self) -> bool {
        self.version >= Version::V3_1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CommandError, FrameError};

    const LIMITS: Limits = Limits {
        max_frame_size: 1000,
        max_command_size: 300,
        max_message_frames: 4,
        max_message_size: 1000,
    };

    /// What an accepting side makes of a good greeting and then `bytes`.
    fn accept(bytes: &[u8]) -> Result<Progress, HandshakeError> {
        let wire = [&greeting::encode("NULL"), bytes].concat();
        Handshake::accepting(LIMITS).receive(&mut &wire[..])
    }

    fn accept_ready(local: &Metadata) -> Answering {
        let mut ready = Vec::new();
        command::encode_ready(&mut ready, local);
        match accept(&ready) {
            Ok(Progress::PeerReady(answering)) => answering,
            other => panic!("a good READY gave {other:?}"),
        }
    }

    #[test]
    fn each_side_speaks_before_it_has_heard_anything() {
        let local = Metadata::for_socket(SocketType::XSub);
        let mut connecting = Handshake::connecting(local, LIMITS);
        let output = connecting.take_output();
        assert_eq!(output[..64], greeting::encode("NULL"));
        assert_eq!(&output[64..72], b"\x04\x1a\x05READY");
        assert!(connecting.take_output().is_empty());
        let output = Handshake::accepting(LIMITS).take_output();
        assert_eq!(output, greeting::encode("NULL"));
    }

    #[test]
    fn the_answer_and_the_refusal_follow_what_was_not_taken_yet() {
        let local = Metadata::for_socket(SocketType::Pub);
        let established = accept_ready(&local).answer(local.clone());
        assert_eq!(established.peer.metadata, local);
        assert_eq!(established.output[..64], greeting::encode("NULL"));
        assert_eq!(&established.output[66..72], b"\x05READY");
        let refusal = accept_ready(&local).refuse("full");
        assert_eq!(&refusal[64..], b"\x04\x0b\x05ERROR\x04full");
    }

    #[test]
    fn traffic_behind_ready_is_left_in_the_input() {
        let local = Metadata::for_socket(SocketType::Pub);
        let mut wire = greeting::encode("NULL").to_vec();
        command::encode_ready(&mut wire, &local);
        wire.extend_from_slice(b"\x00\x02hi");
        let mut input = &wire[..];
        let connecting = Handshake::connecting(Metadata::for_socket(SocketType::Sub), LIMITS);
        let Ok(Progress::Established(mut established)) = connecting.receive(&mut input) else {
            panic!("the handshake was complete");
        };
        assert_eq!(input, b"\x00\x02hi");
        let frame = established.decoder.decode(&mut input).unwrap().unwrap();
        assert_eq!(&*frame.body, b"hi");
    }

    #[test]
    fn only_ready_or_error_may_follow_the_greeting() {
        let error = |bytes| accept(bytes).unwrap_err();
        assert_eq!(
            error(b"\x00"),
            HandshakeError::MessageBeforeReady { flags: 0 }
        );
        assert_eq!(
            error(b"\x02"),
            HandshakeError::MessageBeforeReady { flags: 2 }
        );
        assert_eq!(
            error(b"\x0c"),
            FrameError::ReservedFlags { flags: 0x0c }.into()
        );
        assert_eq!(
            error(b"\x06\x40\0\0\0\0\0\0\0"),
            FrameError::CommandTooLarge {
                announced: 1 << 62,
                limit: 300
            }
            .into()
        );
        assert_eq!(error(b"\x04\x01\x00"), CommandError::Name.into());
        let ping = HandshakeError::UnexpectedCommand {
            name: "PING".into(),
        };
        assert_eq!(error(b"\x04\x07\x04PING\0\0"), ping);
        let refused = HandshakeError::PeerError("no entry?".into());
        assert_eq!(error(b"\x04\x10\x05ERROR\x09no entry\n"), refused);
    }

    #[test]
    fn ready_must_name_a_known_socket_type() {
        let missing = accept(b"\x04\x06\x05READY").unwrap_err();
        assert_eq!(missing, HandshakeError::MissingSocketType);
        assert!(missing.error_command().is_some());
        let mut metadata = Metadata::new();
        metadata.push("socket-type", b"PUBLISHER\x1b").unwrap();
        let mut ready = Vec::new();
        command::encode_ready(&mut ready, &metadata);
        let unknown = HandshakeError::UnknownSocketType {
            name: "PUBLISHER?".into(),
        };
        assert_eq!(accept(&ready).unwrap_err(), unknown);
    }
}
