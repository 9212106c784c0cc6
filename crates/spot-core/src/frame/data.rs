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

    #[inline]
    fn decode_body(body: &'a [u8]) -> Result<Self, FrameError> {
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

#[inline]
fn alias(reader: &mut Reader<'_>) -> Result<u32, FrameError> {
    let value = reader.varint("alias")?;
    let limit = u64::from(u32::MAX);
    u32::try_from(value).map_err(|_| FrameError::OutOfRange {
        field: "alias",
        value,
        limit,
    })
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
    out[0] = kind::DATA;
    let length = 1 + varint::encode(&mut out[1..], u64::from(alias));
    length + varint::encode(&mut out[length..], sequence)
}
