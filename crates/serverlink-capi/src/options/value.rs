//! Option values as C gives and takes them: so many bytes.

use std::ffi::{c_int, c_void};
use std::ops::RangeInclusive;
use std::ptr::NonNull;

use crate::args;
use crate::errno::Errno;

/// A value given.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// # Safety
    /// `len` readable bytes during `'a`.
    pub(crate) unsafe fn new(value: *const c_void, len: usize) -> Result<Self, Errno> {
        // SAFETY: the caller vouches for it.
        unsafe { args::bytes(value, len) }
            .map(Self)
            .map_err(|_| Errno::EINVAL)
    }

    /// An int within a range.
    pub(crate) fn int(self, range: RangeInclusive<c_int>) -> Result<c_int, Errno> {
        let value = self
            .0
            .try_into()
            .map(c_int::from_ne_bytes)
            .map_err(|_| Errno::EINVAL)?;
        range.contains(&value).then_some(value).ok_or(Errno::EINVAL)
    }

    /// 0 or 1.
    pub(crate) fn flag(self) -> Result<bool, Errno> {
        self.int(0..=1).map(|value| value == 1)
    }

    /// An int from 0 up.
    pub(crate) fn count(self) -> Result<usize, Errno> {
        self.within(0, c_int::MAX)
    }

    /// An int from `least`, which is not negative, to `most`.
    pub(crate) fn within(self, least: c_int, most: c_int) -> Result<usize, Errno> {
        usize::try_from(self.int(least..=most)?).map_err(|_| Errno::EINVAL)
    }

    /// As [`within`](Self::within), or -1 for none.
    pub(crate) fn optional(self, least: c_int, most: c_int) -> Result<Option<usize>, Errno> {
        match self.int(-1..=most)? {
            -1 => Ok(None),
            _ => self.within(least, most).map(Some),
        }
    }

    /// An int or an int64_t from 1 to `most`.
    pub(crate) fn wide(self, most: usize) -> Result<usize, Errno> {
        let value = match self.0.try_into() {
            Ok(bytes) => i64::from_ne_bytes(bytes),
            Err(_) => self.int(1..=c_int::MAX)?.into(),
        };
        usize::try_from(value)
            .ok()
            .filter(|value| (1..=most).contains(value))
            .ok_or(Errno::EINVAL)
    }

    /// A size_t.
    pub(crate) fn size(self) -> Result<usize, Errno> {
        self.0
            .try_into()
            .map(usize::from_ne_bytes)
            .map_err(|_| Errno::EINVAL)
    }

    /// A text of so many bytes, with or without its NUL.
    pub(crate) fn text(self, bytes: RangeInclusive<usize>) -> Result<&'a str, Errno> {
        let text = self.0.strip_suffix(b"\0").unwrap_or(self.0);
        if !bytes.contains(&text.len()) || text.contains(&0) {
            return Err(Errno::EINVAL);
        }
        std::str::from_utf8(text).map_err(|_| Errno::EINVAL)
    }
}

/// Where a value is wanted.
pub(crate) struct Reader {
    value: NonNull<u8>,
    len: NonNull<usize>,
    size: usize,
}

impl Reader {
    /// # Safety
    /// `len` is NULL or points to the size of the writable buffer `value`; both stay valid until the value is written.
    pub(crate) unsafe fn new(value: *mut c_void, len: *mut usize) -> Result<Self, Errno> {
        let (value, len) = (args::place(value)?.cast(), args::place(len)?);
        // SAFETY: not NULL; the caller vouches for the rest.
        let size = unsafe { len.read() };
        Ok(Self { value, len, size })
    }

    pub(crate) fn int(self, value: c_int) -> Result<(), Errno> {
        self.bytes(&value.to_ne_bytes())
    }

    /// A number C takes for an int; one too large for that reads as the largest int.
    pub(crate) fn count(self, value: impl TryInto<c_int>) -> Result<(), Errno> {
        self.int(value.try_into().unwrap_or(c_int::MAX))
    }

    /// As [`count`](Self::count), -1 for none.
    pub(crate) fn optional(self, value: Option<impl TryInto<c_int>>) -> Result<(), Errno> {
        match value {
            Some(value) => self.count(value),
            None => self.int(-1),
        }
    }

    /// An int64_t, or an int where the buffer is too small for that.
    pub(crate) fn wide(self, value: usize) -> Result<(), Errno> {
        if self.size < size_of::<i64>() {
            return self.count(value);
        }
        self.bytes(&i64::try_from(value).unwrap_or(i64::MAX).to_ne_bytes())
    }

    pub(crate) fn size(self, value: usize) -> Result<(), Errno> {
        self.bytes(&value.to_ne_bytes())
    }

    /// A text and its NUL.
    pub(crate) fn text(self, text: &str) -> Result<(), Errno> {
        let mut with_nul = Vec::with_capacity(text.len() + 1);
        with_nul.extend_from_slice(text.as_bytes());
        with_nul.push(0);
        self.bytes(&with_nul)
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.len() > self.size {
            return Err(Errno::EINVAL);
        }
        // SAFETY: `new` was promised a buffer of `size` bytes and a place for its length.
        unsafe {
            self.value
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            self.len.write(bytes.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Value<'_> {
        Value(bytes)
    }

    #[test]
    fn ints_have_exactly_the_size_of_an_int() {
        assert_eq!(value(&7_i32.to_ne_bytes()).int(0..=9), Ok(7));
        assert_eq!(value(&7_i64.to_ne_bytes()).int(0..=9), Err(Errno::EINVAL));
        assert_eq!(value(&[7]).int(0..=9), Err(Errno::EINVAL));
        assert_eq!(value(&[]).int(0..=9), Err(Errno::EINVAL));
    }

    #[test]
    fn wide_values_come_in_both_sizes() {
        assert_eq!(value(&7_i32.to_ne_bytes()).wide(9), Ok(7));
        assert_eq!(
            value(&(1_i64 << 40).to_ne_bytes()).wide(1 << 40),
            Ok(1 << 40)
        );
        assert_eq!(value(&(-1_i64).to_ne_bytes()).wide(9), Err(Errno::EINVAL));
    }

    #[test]
    fn texts_may_bring_their_nul() {
        assert_eq!(value(b"a\0").text(1..=2), Ok("a"));
        assert_eq!(value(b"a").text(1..=2), Ok("a"));
        assert_eq!(value(b"\0").text(1..=2), Err(Errno::EINVAL));
        assert_eq!(value(b"a\0b").text(1..=9), Err(Errno::EINVAL));
        assert_eq!(value(b"\xff").text(1..=9), Err(Errno::EINVAL));
    }

    #[test]
    fn a_buffer_too_small_is_left_alone() {
        let (mut buffer, mut len) = ([9_u8; 3], 3_usize);
        // SAFETY: a buffer and its size.
        let reader = unsafe { Reader::new((&raw mut buffer).cast(), &raw mut len) }.unwrap();
        assert_eq!(reader.text("abc"), Err(Errno::EINVAL));
        assert_eq!((buffer, len), ([9; 3], 3));
    }
}
