//! Frames: their header and their body (RFC 37, section "Framing").

use std::ops::Deref;

use bytes::Bytes;

use crate::{FrameError, Limits};

/// Octets of the longest frame header: flags and an eight octet size.
pub const MAX_FRAME_HEADER: usize = 9;

pub(crate) const MORE: u8 = 0x01;
pub(crate) const LONG: u8 = 0x02;
pub(crate) const COMMAND: u8 = 0x04;

/// One frame as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Further frames of the same message follow. Never set on commands.
    pub more: bool,
    /// A command for the connection, to be read with [`Command::parse`](crate::Command::parse); otherwise
    /// part of a message.
    pub command: bool,
    /// The octets after the header.
    pub body: Body<'a>,
}

/// The body of a frame: within the caller's input where it lay there as a whole, else put together.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// A part of the input given to the decoder.
    Borrowed(&'a [u8]),
    /// Assembled from several inputs.
    Owned(Bytes),
}

impl Body<'_> {
    /// The body as shared bytes; copies only what is borrowed.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(body) => Bytes::copy_from_slice(body),
            Self::Owned(body) => body,
        }
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(body) => body,
            Self::Owned(body) => body,
        }
    }
}

impl PartialEq for Body<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Body<'_> {}

/// What a frame to be written is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The last or only frame of a message.
    Last,
    /// A frame of a message that more frames follow.
    More,
    /// A command, always a single frame.
    Command,
}

/// Appends the header of a frame whose body of `length` octets the caller writes next: two octets up to a
/// length of 255, [`MAX_FRAME_HEADER`] beyond.
#[inline]
pub fn put_frame_header(out: &mut Vec<u8>, kind: FrameKind, length: usize) {
    let flags = match kind {
        FrameKind::Last => 0,
        FrameKind::More => MORE,
        FrameKind::Command => COMMAND,
    };
    match u8::try_from(length) {
        Ok(length) => out.extend_from_slice(&[flags, length]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends one whole message frame; `more` says that further frames of the message follow.
///
/// ```
/// let mut out = Vec::new();
/// zmtp::put_frame(&mut out, true, b"topic");
/// zmtp::put_frame(&mut out, false, b"data");
/// assert_eq!(out, b"\x01\x05topic\x00\x04data");
/// ```
#[inline]
pub fn put_frame(out: &mut Vec<u8>, more: bool, body: &[u8]) {
    let kind = if more {
        FrameKind::More
    } else {
        FrameKind::Last
    };
    put_frame_header(out, kind, body.len());
    out.extend_from_slice(body);
}

/// A frame header that was read and found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) flags: u8,
    /// Octets of the body, within the limits.
    pub(crate) body_size: usize,
    /// Octets of the header itself: 2 or 9.
    pub(crate) header_size: usize,
}

impl Header {
    /// Reads a header at the start of `bytes`; `None` if it needs more of them. The flags are judged as
    /// soon as they are there, the size as soon as it is complete.
    pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Option<Self>, FrameError> {
        let Some((&flags, size)) = bytes.split_first() else {
            return Ok(None);
        };
        check_flags(flags)?;
        let (announced, header_size) = if flags & LONG == 0 {
            let Some(&size) = size.first() else {
                return Ok(None);
            };
            (u64::from(size), 2)
        } else {
            let Some(size) = size.first_chunk() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*size), MAX_FRAME_HEADER)
        };
        Ok(Some(Self {
            flags,
            body_size: check_size(flags, announced, limits)?,
            header_size,
        }))
    }

    #[inline]
    pub(crate) fn frame<'a>(&self, body: Body<'a>) -> Frame<'a> {
        Frame {
            more: self.flags & MORE != 0,
            command: self.flags & COMMAND != 0,
            body,
        }
    }
}

fn check_flags(flags: u8) -> Result<(), FrameError> {
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(FrameError::ReservedFlags { flags });
    }
    if flags & COMMAND != 0 && flags & MORE != 0 {
        return Err(FrameError::CommandWithMore);
    }
    Ok(())
}

fn check_size(flags: u8, announced: u64, limits: &Limits) -> Result<usize, FrameError> {
    let command = flags & COMMAND != 0;
    let limit = if command {
        limits.max_command_size
    } else {
        limits.max_frame_size
    };
    match usize::try_from(announced) {
        Ok(size) if size <= limit => Ok(size),
        _ if command => Err(FrameError::CommandTooLarge { announced, limit }),
        _ => Err(FrameError::FrameTooLarge { announced, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: FrameKind, length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        put_frame_header(&mut out, kind, length);
        out
    }

    #[test]
    fn sizes_past_255_use_the_long_form() {
        assert_eq!(header(FrameKind::Last, 0), [0, 0]);
        assert_eq!(header(FrameKind::More, 255), [1, 255]);
        assert_eq!(header(FrameKind::Command, 256), [6, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn headers_round_trip() {
        let limits = Limits::default();
        for kind in [FrameKind::Last, FrameKind::More, FrameKind::Command] {
            for length in [0, 1, 255, 256, 65_536] {
                let bytes = header(kind, length);
                let parsed = Header::parse(&bytes, &limits).unwrap().unwrap();
                assert_eq!(parsed.header_size, bytes.len());
                assert_eq!(parsed.body_size, length);
                let frame = parsed.frame(Body::Borrowed(b""));
                assert_eq!(frame.more, kind == FrameKind::More);
                assert_eq!(frame.command, kind == FrameKind::Command);
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut], &limits), Ok(None));
                }
            }
        }
    }

    #[test]
    fn flags_are_judged_before_the_size_arrives() {
        let limits = Limits::default();
        let error = |flags| Header::parse(&[flags], &limits).unwrap_err();
        assert_eq!(error(0x08), FrameError::ReservedFlags { flags: 0x08 });
        assert_eq!(error(0x80), FrameError::ReservedFlags { flags: 0x80 });
        assert_eq!(error(0x05), FrameError::CommandWithMore);
        assert_eq!(error(0x07), FrameError::CommandWithMore);
    }
}
