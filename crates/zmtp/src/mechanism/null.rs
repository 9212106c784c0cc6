//! The NULL mechanism: one READY each way, or ERROR (RFC 37, section "The NULL Security Mechanism").

use crate::error::printable;
use crate::frame::COMMAND;
use crate::handshake::PeerInfo;
use crate::{Command, Decoder, HandshakeError, Limits, Metadata, SocketType, Version};

/// The mechanism's name in a greeting.
pub(crate) const NAME: &str = "NULL";

/// Longest piece of a peer's property shown in an error, in characters.
const SHOWN: usize = 32;

/// The state after the peer's greeting: its READY is due.
#[derive(Debug)]
pub(crate) struct AwaitReady {
    version: Version,
    decoder: Decoder,
}

/// What octets did to [`AwaitReady`].
pub(crate) enum Step {
    /// READY is not complete yet.
    Pending(AwaitReady),
    /// READY has arrived; the decoder stands behind it.
    Ready(PeerInfo, Decoder),
}

impl AwaitReady {
    pub(crate) fn new(version: Version, limits: Limits) -> Self {
        Self {
            version,
            decoder: Decoder::new(limits),
        }
    }

    pub(crate) fn receive(mut self, input: &mut &[u8]) -> Result<Step, HandshakeError> {
        // Looked at before the decoder would gather the body of something that is no command.
        if self.decoder.is_between_frames()
            && let Some(&flags) = input.first()
            && flags & COMMAND == 0
        {
            return Err(HandshakeError::MessageBeforeReady { flags });
        }
        let Some(frame) = self.decoder.decode(input)? else {
            return Ok(Step::Pending(self));
        };
        let metadata = expect_ready(&frame.body)?;
        let peer = PeerInfo {
            version: self.version,
            socket_type: socket_type(&metadata)?,
            metadata,
        };
        Ok(Step::Ready(peer, self.decoder))
    }
}

fn expect_ready(body: &[u8]) -> Result<Metadata, HandshakeError> {
    match Command::parse(body)? {
        Command::Ready(metadata) => Ok(metadata),
        Command::Error { reason } => {
            Err(HandshakeError::PeerError(printable(reason, reason.len())))
        }
        other => Err(HandshakeError::UnexpectedCommand {
            name: other.name().into(),
        }),
    }
}

fn socket_type(metadata: &Metadata) -> Result<SocketType, HandshakeError> {
    let name = metadata
        .get(Metadata::SOCKET_TYPE)
        .ok_or(HandshakeError::MissingSocketType)?;
    SocketType::from_name(name).ok_or_else(|| HandshakeError::UnknownSocketType {
        name: printable(name, SHOWN),
    })
}
