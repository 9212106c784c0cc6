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

    /// No bytes, to be [filled](Self::fill).
    #[must_use]
    #[inline]
    pub const fn empty() -> Self {
        Self(Repr::Inline {
            len: 0,
            data: [0; INLINE_MAX],
        })
    }

    /// Copies `data`.
    #[must_use]
    #[inline]
    pub fn copy_from(data: &[u8]) -> Self {
        let mut payload = Self::empty();
        payload.fill(data);
        payload
    }

    /// Copies `data`, in place of what was there. Who makes a payload where it stays and fills it there spares the copy
    /// that handing it up would be. A call of its own, because the compiler makes that copy for itself where it sees inside.
    #[inline(never)]
    pub fn fill(&mut self, data: &[u8]) {
        match &mut self.0 {
            Repr::Inline { len, data: inline } if data.len() <= INLINE_MAX => {
                *len = data.len() as u8;
                inline[..data.len()].copy_from_slice(data);
            }
            Repr::Shared(_) if data.len() <= INLINE_MAX => *self = Self::copy_from(data),
            repr => *repr = Repr::Shared(Bytes::copy_from_slice(data)),
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

/// A message's data where it lies, to be copied or shared by who keeps it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    bytes: &'a [u8],
    shared: Option<&'a Bytes>,
}

impl<'a> View<'a> {
    /// The data.
    #[must_use]
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its length in bytes.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether keeping it is counting a reference.
    #[must_use]
    #[inline]
    pub fn is_shared(self) -> bool {
        self.shared.is_some()
    }

    /// The data to keep: shared, or copied if it is not shared yet.
    #[must_use]
    pub fn to_shared(self) -> Bytes {
        let copy = || Bytes::copy_from_slice(self.bytes);
        self.shared.map_or_else(copy, Bytes::clone)
    }

    /// The data to keep.
    #[must_use]
    pub fn to_payload(self) -> Payload {
        match self.shared {
            Some(shared) => Payload(Repr::Shared(shared.clone())),
            None => Payload::copy_from(self.bytes),
        }
    }
}

impl<'a> From<&'a [u8]> for View<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            shared: None,
        }
    }
}

impl<'a> From<&'a Payload> for View<'a> {
    #[inline]
    fn from(payload: &'a Payload) -> Self {
        Self {
            bytes: payload.as_ref(),
            shared: payload.as_shared(),
        }
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
    fn what_is_filled_again_is_what_came_last() {
        let mut payload = Payload::empty();
        for len in [3, INLINE_MAX + 1, INLINE_MAX, 200, 0] {
            payload.fill(&vec![len as u8; len]);
            assert_eq!(payload, Payload::copy_from(&vec![len as u8; len]));
            assert_eq!(payload.as_shared().is_some(), len > INLINE_MAX);
        }
    }

    #[test]
    fn an_entry_stays_within_two_cache_lines() {
        assert!(size_of::<Payload>() <= 72);
    }
}
