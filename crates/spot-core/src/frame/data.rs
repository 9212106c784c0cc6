//! DATA, the one frame of the hot path: `[0x31][alias][sequence][payload]`.

use super::reader::Reader;
use super::{FrameError, kind};
use crate::varint;

/// The most bytes before the payload: kind, a 32 bit alias, a 64 bit sequence.
pub const DATA_HEADER_MAX_BYTES: usize = 1 + 5 + varint::MAX_BYTES;

/// A message of an announced stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// The stream, as the ALIAS frame before it named it.
    pub alias: u32,
    /// The number of the message in its stream.
    pub sequence: u64,
    /// The message.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// Reads a DATA frame, or `None` if `frame` is of another kind and
    /// [`Frame::decode`](super::Frame::decode) should have it.
    ///
    /// # Errors
    /// If it is a DATA frame but malformed.
    #[inline]
    pub fn decode(frame: &'a [u8]) -> Option<Result<Self, FrameError>> {
        match frame {
            [kind::DATA, body @ ..] => Some(Self::decode_body(body)),
            _ => None,
        }
    }

    #[inline(always)]
    fn decode_body(body: &'a [u8]) -> Result<Self, FrameError> {
        if let Ok((alias, rest)) = varint::decode(body)
            && let Ok(alias) = u32::try_from(alias)
            && let Ok((sequence, payload)) = varint::decode(rest)
        {
            return Ok(Self {
                alias,
                sequence,
                payload,
            });
        }
        Self::read_body(body)
    }

    /// As [`decode_body`](Self::decode_body), to say what is wrong.
    #[cold]
    #[inline(never)]
    fn read_body(body: &'a [u8]) -> Result<Self, FrameError> {
        let mut reader = Reader::new(body);
        let alias = alias(&mut reader)?;
        let sequence = reader.varint("sequence")?;
        Ok(Self {
            alias,
            sequence,
            payload: reader.rest(),
        })
    }
}

fn alias(reader: &mut Reader<'_>) -> Result<u32, FrameError> {
    let value = reader.varint("alias")?;
    let limit = u64::from(u32::MAX);
    u32::try_from(value).map_err(|_| FrameError::OutOfRange {
        field: "alias",
        value,
        limit,
    })
}

/// The header of the message of a stream that comes next, as it is encoded: to know it again without decoding it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NextHeader {
    alias: u32,
    sequence: u64,
    /// Its bytes, the first one lowest.
    bytes: u64,
    /// Its length; 0 if it is never known again.
    len: u32,
    /// Where in `bytes` the lowest part of the number is.
    number_at: u32,
}

impl NextHeader {
    /// The header of the message with this number. One that is longer than eight bytes is never known again.
    #[must_use]
    pub fn new(alias: u32, sequence: u64) -> Self {
        let mut out = [0; DATA_HEADER_MAX_BYTES];
        let number_at = put_alias(&mut out, alias);
        let len = number_at + varint::encode(&mut out[number_at..], sequence);
        match out.first_chunk() {
            Some(bytes) if len <= 8 => Self {
                alias,
                sequence,
                bytes: u64::from_le_bytes(*bytes),
                len: len as u32,
                number_at: 8 * number_at as u32,
            },
            _ => Self {
                alias,
                sequence,
                ..Self::default()
            },
        }
    }

    /// Makes it anew: the header of another message.
    #[cold]
    #[inline(never)]
    pub fn set(&mut self, alias: u32, sequence: u64) {
        *self = Self::new(alias, sequence);
    }

    /// Which message it is of: the stream's alias, and the number in it.
    #[must_use]
    #[inline(always)]
    pub fn stream(&self) -> (u32, u64) {
        (self.alias, self.sequence)
    }

    /// The header, its first byte lowest, with zeros behind it; and its length. `None` if it is longer than eight bytes.
    #[must_use]
    #[inline(always)]
    pub fn bytes(&self) -> Option<(u64, usize)> {
        (self.len > 0).then_some((self.bytes, self.len as usize))
    }

    /// The payload of a DATA frame that begins so; also `None` where the frame is too short to be compared.
    #[must_use]
    #[inline(always)]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let begin = u64::from_le_bytes(*frame.first_chunk()?);
        let differs = (begin ^ self.bytes) << (64 - 8 * self.len.max(1));
        let payload = frame.get(self.len as usize..)?;
        (differs == 0 && self.len > 0).then_some(payload)
    }

    /// Goes on to the next number.
    #[inline(always)]
    pub fn advance(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        // Mostly only the lowest part of it changes.
        if self.bytes >> self.number_at & 0x7f < 0x7f {
            self.bytes = self.bytes.wrapping_add(1 << self.number_at);
        } else {
            self.set(self.alias, self.sequence);
        }
    }
}

/// Appends the part of a DATA frame that comes before the payload.
#[inline]
pub fn put_data_header(out: &mut Vec<u8>, alias: u32, sequence: u64) {
    let mut header = [0; DATA_HEADER_MAX_BYTES];
    let length = encode_data_header(&mut header, alias, sequence);
    out.extend_from_slice(&header[..length]);
}

/// Writes the part of a DATA frame that comes before the payload to the start of `out`, and returns
/// its length: for a payload that is sent from where it lies.
#[inline]
pub fn encode_data_header(
    out: &mut [u8; DATA_HEADER_MAX_BYTES],
    alias: u32,
    sequence: u64,
) -> usize {
    let length = put_alias(out, alias);
    length + varint::encode(&mut out[length..], sequence)
}

#[inline]
fn put_alias(out: &mut [u8; DATA_HEADER_MAX_BYTES], alias: u32) -> usize {
    out[0] = kind::DATA;
    1 + varint::encode(&mut out[1..], u64::from(alias))
}
