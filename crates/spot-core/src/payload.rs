//! A message's data: small ones inline, large ones shared.

use std::fmt;

use bytes::Bytes;

/// Payloads up to this many bytes are stored inline: copying them costs less than a shared counter would.
pub const INLINE_MAX: usize = 70;

/// A message's data. Cloning copies up to [`INLINE_MAX`] bytes, or counts a reference.
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, data: [u8; INLINE_MAX] },
    Shared(Bytes),
}

impl Payload {
    /// See [`INLINE_MAX`].
    pub const INLINE_MAX: usize = INLINE_MAX;

    /// Copies `data`.
    #[must_use]
    #[inline]
    pub fn copy_from(data: &[u8]) -> Self {
        if data.len() <= INLINE_MAX {
            let mut inline = [0; INLINE_MAX];
            inline[..data.len()].copy_from_slice(data);
            Self(Repr::Inline {
                len: data.len() as u8,
                data: inline,
            })
        } else {
            Self(Repr::Shared(Bytes::copy_from_slice(data)))
        }
    }

    /// Shares `data` where it is large.
    #[must_use]
    pub fn from_bytes(data: Bytes) -> Self {
        if data.len() <= INLINE_MAX {
            Self::copy_from(&data)
        } else {
            Self(Repr::Shared(data))
        }
    }

    /// The data as shared bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline { len, data } => Bytes::copy_from_slice(&data[..usize::from(len)]),
            Repr::Shared(data) => data,
        }
    }

    /// The shared bytes, unless the data is inline.
    #[must_use]
    pub fn as_shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline { .. } => None,
            Repr::Shared(data) => Some(data),
        }
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline { len, .. } => usize::from(*len),
            Repr::Shared(data) => data.len(),
        }
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl AsRef<[u8]> for Payload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, data } => &data[..usize::from(*len)],
            Repr::Shared(data) => data,
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_is_inline_and_large_is_shared() {
        let small = Payload::copy_from(&[7; INLINE_MAX]);
        assert!(small.as_shared().is_none());
        assert_eq!(small.as_ref(), [7; INLINE_MAX]);
        let large = Bytes::from(vec![9; INLINE_MAX + 1]);
        let shared = Payload::from_bytes(large.clone());
        assert_eq!(shared.clone().into_bytes().as_ptr(), large.as_ptr());
        assert_eq!(small.into_bytes().len(), INLINE_MAX);
    }

    #[test]
    fn an_entry_stays_within_two_cache_lines() {
        assert!(size_of::<Payload>() <= 72);
    }
}
