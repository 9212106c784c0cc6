//! Commands: what peers tell each other about the connection (RFC 37, section "Commands").
//!
//! [`Command::parse`] reads the body of a command frame; the `encode` functions append whole frames.

use crate::frame::put_frame_header;
use crate::{CommandError, FrameKind, Metadata};

/// Longest context of a PING or PONG, in octets (RFC 37, section "Connection Heartbeating").
pub const MAX_PING_CONTEXT: usize = 16;

/// Longest reason of an ERROR command, in octets.
pub const MAX_ERROR_REASON: usize = 255;

const READY: &str = "READY";
const ERROR: &str = "ERROR";
const PING: &str = "PING";
const PONG: &str = "PONG";
const SUBSCRIBE: &str = "SUBSCRIBE";
const CANCEL: &str = "CANCEL";

/// A command as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// READY: the sender finished the handshake and describes itself.
    Ready(Metadata),
    /// ERROR: the sender refuses the connection.
    Error {
        /// Text for a log, 0 to 255 octets. Not to be trusted to be printable.
        reason: &'a [u8],
    },
    /// PING: to be answered with a PONG of the same context.
    Ping {
        /// The sender asks to be taken for dead after so many tenths of a second of silence; 0 asks nothing.
        ttl_deciseconds: u16,
        /// 0 to 16 octets, to be echoed.
        context: &'a [u8],
    },
    /// PONG: the answer to a PING.
    Pong {
        /// The context of that PING.
        context: &'a [u8],
    },
    /// SUBSCRIBE: the sender wants messages that begin so.
    Subscribe(&'a [u8]),
    /// CANCEL: takes back the SUBSCRIBE of the same octets.
    Cancel(&'a [u8]),
    /// A command this crate does not know. In traffic it is to be ignored.
    Unknown {
        /// The name: 1 to 255 ASCII letters.
        name: &'a str,
        /// What follows the name.
        data: &'a [u8],
    },
}

impl<'a> Command<'a> {
    /// Reads the body of a command frame.
    ///
    /// # Errors
    /// [`CommandError`] when the name or the data of a known command does not follow RFC 37.
    ///
    /// ```
    /// use zmtp::Command;
    /// let command = Command::parse(b"\x04PING\x00\x0actx")?;
    /// assert_eq!(command, Command::Ping { ttl_deciseconds: 10, context: b"ctx" });
    /// # Ok::<(), zmtp::CommandError>(())
    /// ```
    pub fn parse(body: &'a [u8]) -> Result<Self, CommandError> {
        let (name, data) = split_name(body)?;
        match name {
            READY => Ok(Self::Ready(Metadata::parse(data)?)),
            ERROR => parse_error(data),
            PING => parse_ping(data),
            PONG => Ok(Self::Pong {
                context: check_context(data)?,
            }),
            SUBSCRIBE => Ok(Self::Subscribe(data)),
            CANCEL => Ok(Self::Cancel(data)),
            _ => Ok(Self::Unknown { name, data }),
        }
    }

    /// The command's name on the wire.
    pub fn name(&self) -> &'a str {
        match self {
            Self::Ready(_) => READY,
            Self::Error { .. } => ERROR,
            Self::Ping { .. } => PING,
            Self::Pong { .. } => PONG,
            Self::Subscribe(_) => SUBSCRIBE,
            Self::Cancel(_) => CANCEL,
            Self::Unknown { name, .. } => name,
        }
    }
}

/// Appends a READY command.
pub fn encode_ready(out: &mut Vec<u8>, metadata: &Metadata) {
    put_command(out, READY, &[&metadata.encode()]);
}

/// Appends an ERROR command. The RFC allows 255 visible characters without spaces: all others become `_`,
/// and a longer `reason` is cut.
pub fn encode_error(out: &mut Vec<u8>, reason: &str) {
    let visible = |octet: u8| {
        if octet.is_ascii_graphic() {
            octet
        } else {
            b'_'
        }
    };
    let reason: Vec<u8> = reason.bytes().take(MAX_ERROR_REASON).map(visible).collect();
    put_command(out, ERROR, &[&[reason.len() as u8], &reason]);
}

/// Appends a PING command. `ttl_deciseconds` asks the peer to take us for dead after so many tenths of a
/// second of silence; 0 asks nothing.
///
/// # Panics
/// If `context` is longer than [`MAX_PING_CONTEXT`].
pub fn encode_ping(out: &mut Vec<u8>, ttl_deciseconds: u16, context: &[u8]) {
    assert!(
        context.len() <= MAX_PING_CONTEXT,
        "the context of a PING is too long"
    );
    put_command(out, PING, &[&ttl_deciseconds.to_be_bytes(), context]);
}

/// Appends a PONG command with the context of the PING it answers.
///
/// # Panics
/// If `context` is longer than [`MAX_PING_CONTEXT`]; the context of a parsed PING never is.
pub fn encode_pong(out: &mut Vec<u8>, context: &[u8]) {
    assert!(
        context.len() <= MAX_PING_CONTEXT,
        "the context of a PONG is too long"
    );
    put_command(out, PONG, &[context]);
}

/// Appends a SUBSCRIBE command, for a peer that speaks ZMTP 3.1; see
/// [`Subscription::encode`](crate::Subscription::encode) for any peer.
pub fn encode_subscribe(out: &mut Vec<u8>, prefix: &[u8]) {
    put_command(out, SUBSCRIBE, &[prefix]);
}

/// Appends a CANCEL command, for a peer that speaks ZMTP 3.1.
pub fn encode_cancel(out: &mut Vec<u8>, prefix: &[u8]) {
    put_command(out, CANCEL, &[prefix]);
}

fn put_command(out: &mut Vec<u8>, name: &str, data: &[&[u8]]) {
    let data_size: usize = data.iter().map(|part| part.len()).sum();
    put_frame_header(out, FrameKind::Command, 1 + name.len() + data_size);
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    for part in data {
        out.extend_from_slice(part);
    }
}

fn split_name(body: &[u8]) -> Result<(&str, &[u8]), CommandError> {
    let (&length, rest) = body.split_first().ok_or(CommandError::Name)?;
    let (name, data) = rest
        .split_at_checked(length.into())
        .ok_or(CommandError::Name)?;
    match str::from_utf8(name) {
        Ok(name) if length > 0 && name.bytes().all(|c| c.is_ascii_alphabetic()) => Ok((name, data)),
        _ => Err(CommandError::Name),
    }
}

fn parse_error(data: &[u8]) -> Result<Command<'_>, CommandError> {
    let truncated = CommandError::Truncated { name: ERROR };
    let (&length, rest) = data.split_first().ok_or(truncated.clone())?;
    let reason = rest.get(..length.into()).ok_or(truncated)?;
    Ok(Command::Error { reason })
}

fn parse_ping(data: &[u8]) -> Result<Command<'_>, CommandError> {
    let (ttl, context) = data
        .split_first_chunk()
        .ok_or(CommandError::Truncated { name: PING })?;
    Ok(Command::Ping {
        ttl_deciseconds: u16::from_be_bytes(*ttl),
        context: check_context(context)?,
    })
}

fn check_context(context: &[u8]) -> Result<&[u8], CommandError> {
    let length = context.len();
    if length > MAX_PING_CONTEXT {
        return Err(CommandError::ContextTooLong { length });
    }
    Ok(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Limits, MetadataError, SocketType};
    use proptest::prelude::*;

    /// The body of the one command frame that `encode` writes.
    fn body_of(encode: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut wire = Vec::new();
        encode(&mut wire);
        let mut input = &wire[..];
        let frame = Decoder::new(Limits::default()).decode(&mut input);
        let frame = frame.unwrap().unwrap();
        assert!(frame.command && input.is_empty());
        frame.body.to_vec()
    }

    #[test]
    fn wire_forms_are_the_rfcs() {
        let mut wire = Vec::new();
        encode_ready(&mut wire, &Metadata::for_socket(SocketType::Sub));
        assert_eq!(wire, b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB");
        wire.clear();
        encode_ping(&mut wire, 0x0102, b"c");
        encode_pong(&mut wire, b"c");
        assert_eq!(wire, b"\x04\x08\x04PING\x01\x02c\x04\x06\x04PONGc");
        wire.clear();
        encode_subscribe(&mut wire, b"a");
        encode_cancel(&mut wire, b"a");
        assert_eq!(wire, b"\x04\x0b\x09SUBSCRIBEa\x04\x08\x06CANCELa");
    }

    #[test]
    fn error_reasons_are_made_visible_and_cut() {
        let body = body_of(|out| encode_error(out, "too new\n"));
        assert_eq!(body, b"\x05ERROR\x08too_new_");
        let body = body_of(|out| encode_error(out, &"r".repeat(300)));
        let reason = &[b'r'; MAX_ERROR_REASON][..];
        assert_eq!(Command::parse(&body), Ok(Command::Error { reason }));
    }

    #[test]
    fn names_must_be_letters() {
        for body in [
            &b""[..],
            b"\0",
            b"\x05PING",
            b"\xff",
            b"\x02A1",
            b"\x02\xc3\xa9",
        ] {
            assert_eq!(Command::parse(body), Err(CommandError::Name));
        }
        let unknown = Command::parse(b"\x04pingxy").unwrap();
        assert_eq!(
            unknown,
            Command::Unknown {
                name: "ping",
                data: b"xy"
            }
        );
        assert_eq!(unknown.name(), "ping");
    }

    #[test]
    fn malformed_data_is_refused() {
        let truncated = |name| Err(CommandError::Truncated { name });
        assert_eq!(Command::parse(b"\x04PING\0"), truncated("PING"));
        assert_eq!(Command::parse(b"\x05ERROR"), truncated("ERROR"));
        assert_eq!(Command::parse(b"\x05ERROR\x02a"), truncated("ERROR"));
        let too_long = Err(CommandError::ContextTooLong { length: 17 });
        assert_eq!(Command::parse(b"\x04PING\0\x0112345678901234567"), too_long);
        assert_eq!(Command::parse(b"\x04PONG12345678901234567"), too_long);
        assert_eq!(
            Command::parse(b"\x05READY\x01a\x7f\xff\xff\xff"),
            Err(CommandError::Metadata(MetadataError::Truncated))
        );
    }

    proptest! {
        #[test]
        fn heartbeats_round_trip(
            ttl_deciseconds: u16,
            context in prop::collection::vec(any::<u8>(), 0..=MAX_PING_CONTEXT),
        ) {
            let context = &context[..];
            let ping = body_of(|out| encode_ping(out, ttl_deciseconds, context));
            prop_assert_eq!(Command::parse(&ping), Ok(Command::Ping { ttl_deciseconds, context }));
            let pong = body_of(|out| encode_pong(out, context));
            prop_assert_eq!(Command::parse(&pong), Ok(Command::Pong { context }));
        }
    }
}
