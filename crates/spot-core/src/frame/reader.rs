//! Reading fields from the front of a frame.

use super::FrameError;
use crate::limits::MAX_TOPIC_BYTES;
use crate::topic::validate_topic;
use crate::varint::{self, VarintError};

/// The bytes not read yet. Each method takes one field and names it in its error.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(
        &mut self,
        count: usize,
        field: &'static str,
    ) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(FrameError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], FrameError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(FrameError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A single byte of at most `limit`.
    pub(crate) fn byte(&mut self, limit: u8, field: &'static str) -> Result<u8, FrameError> {
        let [value] = self.array(field)?;
        in_range(u64::from(value), u64::from(limit), field)?;
        Ok(value)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, FrameError> {
        Ok(self.byte(1, field)? == 1)
    }

    #[inline]
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u64, FrameError> {
        let (value, rest) = varint::decode(self.rest).map_err(|source| match source {
            VarintError::Truncated => FrameError::Truncated { field },
            source => FrameError::Number { field, source },
        })?;
        self.rest = rest;
        Ok(value)
    }

    /// A varint of at most `limit`.
    pub(crate) fn varint_up_to(
        &mut self,
        limit: u64,
        field: &'static str,
    ) -> Result<u64, FrameError> {
        let value = self.varint(field)?;
        in_range(value, limit, field)?;
        Ok(value)
    }

    /// A length and that many bytes of UTF-8.
    pub(crate) fn text(
        &mut self,
        limit_bytes: usize,
        field: &'static str,
    ) -> Result<&'a str, FrameError> {
        let bytes = self.varint(field)?;
        if bytes > limit_bytes as u64 {
            return Err(FrameError::TextTooLong {
                field,
                bytes,
                limit_bytes,
            });
        }
        let bytes = self.bytes(bytes as usize, field)?;
        str::from_utf8(bytes).map_err(|_| FrameError::NotUtf8 { field })
    }

    /// A text without NUL, which would cut it short in C.
    pub(crate) fn line(
        &mut self,
        limit_bytes: usize,
        field: &'static str,
    ) -> Result<&'a str, FrameError> {
        let text = self.text(limit_bytes, field)?;
        if text.contains('\0') {
            return Err(FrameError::Nul { field });
        }
        Ok(text)
    }

    pub(crate) fn topic(&mut self) -> Result<&'a str, FrameError> {
        Ok(validate_topic(self.text(MAX_TOPIC_BYTES, "topic")?)?)
    }

    /// Everything that is left.
    #[inline]
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Asserts that nothing is left.
    pub(crate) fn end(&self) -> Result<(), FrameError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(FrameError::TrailingBytes { bytes }),
        }
    }
}

fn in_range(value: u64, limit: u64, field: &'static str) -> Result<(), FrameError> {
    if value <= limit {
        Ok(())
    } else {
        Err(FrameError::OutOfRange {
            field,
            value,
            limit,
        })
    }
}
