//! Why a peer's bytes were refused. Every error here means: close the connection.

/// A frame header that no conforming peer sends, or that goes past a limit (RFC 37, Framing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// One of the reserved flag bits 7-3 is set.
    #[error("frame flags {flags:#04x} have reserved bits set; only bits 0 to 2 may be used")]
    ReservedFlags {
        /// The flags octet as received.
        flags: u8,
    },
    /// A command frame with the MORE bit; commands are always a single frame.
    #[error("a command frame has the MORE flag set; commands must be single frames")]
    CommandWithMore,
    /// A message frame announces a body larger than [`Limits::max_frame_size`](crate::Limits).
    #[error("a frame announces {announced} octets, more than the {limit} allowed")]
    FrameTooLarge {
        /// The body size announced, in octets.
        announced: u64,
        /// The limit, in octets.
        limit: usize,
    },
    /// A command frame announces a body larger than [`Limits::max_command_size`](crate::Limits).
    #[error("a command announces {announced} octets, more than the {limit} allowed")]
    CommandTooLarge {
        /// The body size announced, in octets.
        announced: u64,
        /// The limit, in octets.
        limit: usize,
    },
}

/// A list of properties that does not follow RFC 37, section "The NULL Security Mechanism".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A property name is empty or longer than 255 characters.
    #[error("a property name has {length} characters; 1 to 255 are allowed")]
    NameLength {
        /// Length of the name, in octets.
        length: usize,
    },
    /// A property name holds an octet other than a letter, a digit, `-`, `_`, `.` or `+`.
    #[error("a property name holds octet {octet:#04x}; use letters, digits, '-', '_', '.' and '+'")]
    NameCharacter {
        /// The octet at fault.
        octet: u8,
    },
    /// Two properties have the same name; case does not count.
    #[error("property {name} appears twice; names must be unique, in any case of letters")]
    Duplicate {
        /// The name as it appeared the second time.
        name: String,
    },
    /// A value is, or claims to be, longer than 2^31-1 octets.
    #[error("a property value announces {length} octets; at most 2147483647 are allowed")]
    ValueTooLong {
        /// Length of the value, in octets.
        length: usize,
    },
    /// More properties than [`Metadata::MAX_PROPERTIES`](crate::Metadata::MAX_PROPERTIES).
    #[error("there are more than {limit} properties")]
    TooManyProperties {
        /// The limit, a count.
        limit: usize,
    },
    /// The bytes end within a property.
    #[error("the metadata ends within a property")]
    Truncated,
}

/// The body of a command frame that does not follow RFC 37.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The command name is missing, cut short, or holds something else than letters.
    #[error("a command has no valid name; it must start with a length and that many letters")]
    Name,
    /// The data of a known command ends too early.
    #[error("the data of a {name} command is cut short")]
    Truncated {
        /// The command's name.
        name: &'static str,
    },
    /// The context of a PING or PONG is longer than 16 octets.
    #[error("a heartbeat context has {length} octets; at most 16 are allowed")]
    ContextTooLong {
        /// Length of the context, in octets.
        length: usize,
    },
    /// The metadata of a READY command is malformed.
    #[error("the metadata of READY is malformed: {0}")]
    Metadata(#[from] MetadataError),
}

/// A multipart message that goes past a limit, or a frame that belongs to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// More frames than [`Limits::max_message_frames`](crate::Limits).
    #[error("a message has more than the {limit} frames allowed")]
    TooManyFrames {
        /// The limit, a count.
        limit: usize,
    },
    /// Frame bodies sum up to more than [`Limits::max_message_size`](crate::Limits).
    #[error("a message has more than the {limit} octets allowed")]
    TooLarge {
        /// The limit, in octets.
        limit: usize,
    },
    /// A command frame was given; commands are never part of a message.
    #[error("a command frame is not part of a message; handle commands before assembling")]
    CommandFrame,
}

/// Why a handshake failed. The connection is to be closed; see
/// [`error_command`](HandshakeError::error_command) for what to tell the peer before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// An octet of the greeting is none that a ZMTP peer sends there.
    #[error("this is no ZMTP peer: octet {offset} of its greeting is {octet:#04x}")]
    NotZmtp {
        /// Position in the greeting, 0 to 63.
        offset: usize,
        /// The octet found there.
        octet: u8,
    },
    /// The peer speaks ZMTP 1.0 or 2.0.
    #[error("the peer speaks ZMTP {major}; version 3.0 or later is needed")]
    OldVersion {
        /// The peer's ZMTP version: 1 or 2.
        major: u8,
    },
    /// The peer demands another security mechanism.
    #[error("the peer uses security mechanism {peer:?}, this side uses \"NULL\"; both must agree")]
    Mechanism {
        /// The peer's mechanism, at most 20 characters.
        peer: String,
    },
    /// The peer sent a message before the handshake was over.
    #[error("the peer sent a message frame (flags {flags:#04x}) where READY was due")]
    MessageBeforeReady {
        /// The frame's flags octet.
        flags: u8,
    },
    /// The peer sent a frame with a bad header.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer sent a malformed command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The peer sent a command that has no place in a NULL handshake.
    #[error("the peer sent command {name} where READY was due")]
    UnexpectedCommand {
        /// The command's name.
        name: String,
    },
    /// READY names no socket type.
    #[error("the peer's READY has no Socket-Type; it must name one")]
    MissingSocketType,
    /// READY names a socket type that RFC 37 does not list.
    #[error("the peer's Socket-Type {name:?} is unknown")]
    UnknownSocketType {
        /// The name, made printable and cut to 32 characters.
        name: String,
    },
    /// The peer refused the connection with an ERROR command. RFC 37 asks not to try again with the same
    /// credentials. Holds the peer's reason, made printable; it may be empty.
    #[error("the peer refused the connection: {0:?}")]
    PeerError(String),
}

impl HandshakeError {
    /// The ERROR command that tells the peer what was wrong with its READY, as RFC 37 asks for bad socket
    /// types; to be sent after what [`Handshake::take_output`](crate::Handshake::take_output) gave.
    ///
    /// `None` where a plain close says as much: there is no ZMTP 3 peer to tell, it is out of step, or it
    /// closed first.
    pub fn error_command(&self) -> Option<Vec<u8>> {
        match self {
            Self::Command(_) | Self::MissingSocketType | Self::UnknownSocketType { .. } => {
                let mut out = Vec::new();
                crate::command::encode_error(&mut out, &self.to_string());
                Some(out)
            }
            _ => None,
        }
    }
}

/// Peer bytes for a log line: visible ASCII and spaces stay, all else becomes `?`, cut to `max` characters.
pub(crate) fn printable(bytes: &[u8], max: usize) -> String {
    let shown = |&octet: &u8| match octet {
        b' '..=b'~' => octet as char,
        _ => '?',
    };
    bytes.iter().take(max).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_text_has_no_control_characters() {
        assert_eq!(printable(b"a b\r\n\x1b[1m\xff", 6), "a b???");
    }

    #[test]
    fn only_a_bad_ready_is_told_to_the_peer() {
        let told = HandshakeError::MissingSocketType.error_command().unwrap();
        assert_eq!(
            &told[..8],
            [4, told.len() as u8 - 2, 5, b'E', b'R', b'R', b'O', b'R']
        );
        assert_eq!(
            HandshakeError::PeerError(String::new()).error_command(),
            None
        );
        let http = HandshakeError::NotZmtp {
            offset: 0,
            octet: b'G',
        };
        assert_eq!(http.error_command(), None);
    }
}
