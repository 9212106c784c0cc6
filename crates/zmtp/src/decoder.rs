//! The incremental frame decoder.

use bytes::Bytes;

use crate::frame::{Header, MAX_FRAME_HEADER, MORE};
use crate::{Body, Frame, FrameError, Limits};

/// Least memory taken for a frame that arrives in pieces, unless it is smaller; in octets.
const MIN_ASSEMBLY: usize = 4096;

/// Turns slices of a byte stream into frames, the same frames however the stream is cut.
///
/// A frame that lies in the input as a whole is given as a slice of it; one that does not is assembled
/// here, in memory that grows with what has arrived, never by what was announced. Between frames the
/// decoder holds no heap memory.
///
/// ```
/// use zmtp::{Decoder, Limits};
/// let mut decoder = Decoder::new(Limits::default());
/// let mut input = &b"\x00\x02hi\x00\x05hel"[..];
/// assert_eq!(&*decoder.decode(&mut input)?.unwrap().body, b"hi");
/// assert_eq!(decoder.decode(&mut input)?, None); // all read, the second frame is incomplete
/// assert_eq!(decoder.buffered(), 3);
/// let mut input = &b"lo"[..];
/// assert_eq!(&*decoder.decode(&mut input)?.unwrap().body, b"hello");
/// assert_eq!(decoder.buffered(), 0);
/// # Ok::<(), zmtp::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between two frames.
    Idle,
    /// The first `length` octets of a header have arrived.
    Header {
        octets: [u8; MAX_FRAME_HEADER],
        length: usize,
    },
    /// The header and a part of the body have arrived.
    Body { header: Header, body: Vec<u8> },
}

impl Decoder {
    /// A decoder for a stream that begins with a frame.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Idle,
        }
    }

    /// The next frame, if `input` completes one; `input` is left with what follows it. `None` means that
    /// all input was taken in and the frame goes on: call again with the bytes that arrive next.
    ///
    /// # Errors
    /// [`FrameError`] as soon as the octet that breaks a rule is seen, before its body is read. The stream
    /// has lost its frame boundaries then: close the connection and drop the decoder.
    #[inline]
    pub fn decode<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, FrameError> {
        // The common case in a few instructions.
        if let State::Idle = self.state
            && let [flags @ 0..=MORE, size, rest @ ..] = *input
            && let size = usize::from(*size)
            && size <= self.limits.max_frame_size
            && let Some((body, rest)) = rest.split_at_checked(size)
        {
            *input = rest;
            return Ok(Some(Frame {
                more: *flags == MORE,
                command: false,
                body: Body::Borrowed(body),
            }));
        }
        self.decode_any(input)
    }

    /// The body of the next frame and what follows it, if that is a short message of one frame that lies in `input` as a
    /// whole; otherwise [`decode`](Self::decode) tells what it is. Who takes it goes on with what follows.
    #[must_use]
    #[inline(always)]
    pub fn short_message<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        match input {
            [0, size, rest @ ..]
                if usize::from(*size) <= self.limits.max_frame_size
                    && matches!(self.state, State::Idle) =>
            {
                rest.split_at_checked(usize::from(*size))
            }
            _ => None,
        }
    }

    /// Octets held of a frame that is not complete yet.
    pub fn buffered(&self) -> usize {
        match &self.state {
            State::Idle => 0,
            State::Header { length, .. } => *length,
            State::Body { body, .. } => body.len(),
        }
    }

    /// The body of a frame that is arriving, if `least` octets of it or more are missing, with room for the next `most` of
    /// them; and for how many there is room. They may be appended to it where they come from, instead of being handed to
    /// [`decode`](Self::decode), which is called with what follows them, also if that is nothing.
    pub fn arriving(&mut self, least: usize, most: usize) -> Option<(&mut Vec<u8>, usize)> {
        let State::Body { header, body } = &mut self.state else {
            return None;
        };
        let missing = header.body_size - body.len();
        let room = missing.min(most);
        if missing < least {
            return None;
        }
        grow(body, room, header.body_size);
        Some((body, room))
    }

    /// Octets missing of a frame that is arriving.
    pub fn missing(&self) -> usize {
        match &self.state {
            State::Body { header, body } => header.body_size - body.len(),
            _ => 0,
        }
    }

    /// Whether the flags octet of the next frame is still to come.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    #[inline(never)]
    fn decode_any<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, FrameError> {
        match &mut self.state {
            State::Idle => match Header::parse(input, &self.limits)? {
                Some(header) => {
                    *input = &input[header.header_size..];
                    Ok(self.begin_body(header, input))
                }
                None => {
                    self.keep_header_start(input);
                    Ok(None)
                }
            },
            State::Header { octets, length } => loop {
                if let Some(header) = Header::parse(&octets[..*length], &self.limits)? {
                    return Ok(self.begin_body(header, input));
                }
                let Some((&octet, rest)) = input.split_first() else {
                    return Ok(None);
                };
                octets[*length] = octet;
                *length += 1;
                *input = rest;
            },
            State::Body { .. } => Ok(self.continue_body(input)),
        }
    }

    fn keep_header_start(&mut self, input: &mut &[u8]) {
        if input.is_empty() {
            return;
        }
        let mut octets = [0; MAX_FRAME_HEADER];
        let length = input.len();
        octets[..length].copy_from_slice(input);
        *input = &[];
        self.state = State::Header { octets, length };
    }

    /// `input` stands behind the header.
    fn begin_body<'a>(&mut self, header: Header, input: &mut &'a [u8]) -> Option<Frame<'a>> {
        if let Some((body, rest)) = input.split_at_checked(header.body_size) {
            *input = rest;
            self.state = State::Idle;
            return Some(header.frame(Body::Borrowed(body)));
        }
        self.state = State::Body {
            header,
            body: Vec::new(),
        };
        self.continue_body(input)
    }

    fn continue_body<'a>(&mut self, input: &mut &'a [u8]) -> Option<Frame<'a>> {
        let State::Body { header, body } = &mut self.state else {
            unreachable!("called in State::Body only");
        };
        let missing = header.body_size - body.len();
        let (arrived, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        grow(body, arrived.len(), header.body_size);
        body.extend_from_slice(arrived);
        if body.len() < header.body_size {
            return None;
        }
        let body = Bytes::from(std::mem::take(body));
        let frame = header.frame(Body::Owned(body));
        self.state = State::Idle;
        Some(frame)
    }
}

/// Makes room for `arrived` more octets: doubling, so that a large body is moved seldom, but never past
/// `body_size`, so that the finished body wastes nothing.
fn grow(body: &mut Vec<u8>, arrived: usize, body_size: usize) {
    let needed = body.len() + arrived;
    if needed > body.capacity() {
        let capacity = needed.max(2 * body.capacity()).max(MIN_ASSEMBLY);
        body.reserve_exact(capacity.min(body_size) - body.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameKind, put_frame, put_frame_header};

    fn limits() -> Limits {
        Limits {
            max_frame_size: 1 << 20,
            max_command_size: 300,
            ..Limits::default()
        }
    }

    fn error(bytes: &[u8]) -> FrameError {
        let whole = Decoder::new(limits()).decode(&mut &bytes[..]).unwrap_err();
        let mut decoder = Decoder::new(limits());
        let mut results = bytes.chunks(1).map(|mut octet| decoder.decode(&mut octet));
        assert_eq!(results.find_map(Result::err), Some(whole));
        whole
    }

    #[test]
    fn a_body_may_be_appended_where_it_is_assembled() {
        let mut wire = Vec::new();
        put_frame(&mut wire, false, &[7; 300]);
        let mut decoder = Decoder::new(limits());
        assert_eq!(decoder.missing(), 0);
        assert_eq!(decoder.arriving(0, 300), None);
        assert_eq!(decoder.decode(&mut &wire[..100]).unwrap(), None);
        let missing = wire.len() - 100;
        assert_eq!(decoder.missing(), missing);
        assert_eq!(decoder.arriving(missing + 1, 300), None);
        let (body, room) = decoder.arriving(missing, 50).unwrap();
        assert_eq!(room, 50);
        body.extend_from_slice(&wire[100..150]);
        assert_eq!(decoder.decode(&mut &[][..]).unwrap(), None);
        decoder
            .arriving(1, 300)
            .unwrap()
            .0
            .extend_from_slice(&wire[150..]);
        let frame = decoder.decode(&mut &[][..]).unwrap().unwrap();
        assert!(matches!(frame.body, Body::Owned(body) if body == [7; 300][..]));
        assert_eq!(decoder.missing(), 0);
    }

    #[test]
    fn a_whole_frame_is_borrowed_and_a_cut_one_is_owned() {
        let mut wire = Vec::new();
        put_frame(&mut wire, true, &[7; 300]);
        put_frame(&mut wire, false, b"");
        let mut decoder = Decoder::new(limits());

        let mut input = &wire[..];
        let frame = decoder.decode(&mut input).unwrap().unwrap();
        assert!(matches!(frame.body, Body::Borrowed(body) if body == [7; 300]));
        assert!(frame.more && !frame.command);
        let frame = decoder.decode(&mut input).unwrap().unwrap();
        assert!(frame.body.is_empty() && !frame.more);
        assert_eq!(decoder.decode(&mut input), Ok(None));

        let (start, end) = wire.split_at(100);
        assert_eq!(decoder.decode(&mut &start[..]), Ok(None));
        assert_eq!(decoder.buffered(), 91);
        let frame = decoder.decode(&mut &end[..]).unwrap().unwrap();
        assert!(matches!(&frame.body, Body::Owned(body) if body == &[7; 300][..]));
    }

    #[test]
    fn a_short_message_is_told_only_where_it_lies_as_a_whole() {
        let wire = b"\x00\x02hi\x00\x05hel";
        let mut decoder = Decoder::new(limits());
        let (body, rest) = decoder.short_message(wire).unwrap();
        assert_eq!((body, rest), (&b"hi"[..], &b"\x00\x05hel"[..]));
        assert_eq!(decoder.short_message(rest), None);
        assert_eq!(decoder.short_message(b"\x01\x00"), None, "more follows");
        assert_eq!(decoder.short_message(b"\x04\x00"), None, "a command");
        assert_eq!(decoder.decode(&mut &rest[..]), Ok(None));
        assert_eq!(
            decoder.short_message(b"\x00\x00"),
            None,
            "it is of another frame"
        );
        let tight = Limits {
            max_frame_size: 1,
            ..limits()
        };
        assert_eq!(Decoder::new(tight).short_message(wire), None);
    }

    #[test]
    fn a_cut_header_alone_copies_no_body() {
        let mut decoder = Decoder::new(limits());
        assert_eq!(decoder.decode(&mut &b"\x00"[..]), Ok(None));
        let frame = decoder.decode(&mut &b"\x02hi"[..]).unwrap().unwrap();
        assert!(matches!(frame.body, Body::Borrowed(b"hi")));
    }

    #[test]
    fn memory_grows_with_what_arrived_and_is_gone_between_frames() {
        const SIZE: usize = 1 << 20;
        let mut header = Vec::new();
        put_frame_header(&mut header, FrameKind::Last, SIZE);
        let mut decoder = Decoder::new(limits());
        assert_eq!(decoder.decode(&mut &header[..]), Ok(None));
        let mut whole = None;
        for piece in [0x5a; SIZE].chunks(1000) {
            if let State::Body { body, .. } = &decoder.state {
                assert!(body.capacity() <= (2 * body.len()).max(MIN_ASSEMBLY));
            }
            whole = decoder.decode(&mut &piece[..]).unwrap();
        }
        assert_eq!(whole.unwrap().body.into_bytes(), [0x5a; SIZE][..]);
        assert!(decoder.is_between_frames());
        assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn hostile_headers_are_refused_before_any_body() {
        let frame_of = |announced| FrameError::FrameTooLarge {
            announced,
            limit: 1 << 20,
        };
        assert_eq!(error(b"\x02\x40\0\0\0\0\0\0\0"), frame_of(1 << 62));
        assert_eq!(
            error(b"\x03\xff\xff\xff\xff\xff\xff\xff\xff"),
            frame_of(u64::MAX)
        );
        assert_eq!(error(b"\x02\0\0\0\0\0\x10\0\x01"), frame_of((1 << 20) + 1));
        let command = FrameError::CommandTooLarge {
            announced: 301,
            limit: 300,
        };
        assert_eq!(error(b"\x06\0\0\0\0\0\0\x01\x2d"), command);
        assert_eq!(
            error(b"\x10\x00"),
            FrameError::ReservedFlags { flags: 0x10 }
        );
        assert_eq!(error(b"\x05\x00"), FrameError::CommandWithMore);
    }

    #[test]
    fn limits_below_a_short_frame_hold_on_the_fast_path() {
        let tight = Limits {
            max_frame_size: 3,
            ..limits()
        };
        let refused = FrameError::FrameTooLarge {
            announced: 4,
            limit: 3,
        };
        let mut input = &b"\x00\x03abc\x00\x04abcd"[..];
        let mut decoder = Decoder::new(tight);
        assert!(decoder.decode(&mut input).unwrap().is_some());
        assert_eq!(decoder.decode(&mut input), Err(refused));
    }
}
