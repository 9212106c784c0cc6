//! Option values as C gives and takes them: so many bytes.

use std::ffi::{c_int, c_void};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::ptr::NonNull;

use crate::args;
use crate::failure::Failure;

/// The number means nothing to `owner`: "an instance", "a context".
pub(crate) fn unknown(option: c_int, owner: &str) -> Failure {
    Failure::invalid(format_args!(
        "{option} is not an option of {owner}: see those that serverlink.h lists"
    ))
}

/// A value given for an option.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    option: c_int,
    bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// # Safety
    /// `len` readable bytes during `'a`.
    pub(crate) unsafe fn new(
        option: c_int,
        value: *const c_void,
        len: usize,
    ) -> Result<Self, Failure> {
        let what = format_args!("the value of option {option}");
        if isize::try_from(len).is_err() {
            return Err(Failure::invalid(format_args!(
                "{what} has a length of {len}: no object is that long"
            )));
        }
        // SAFETY: the caller vouches for it.
        let bytes = unsafe { args::bytes(value, len, what)? };
        Ok(Self { option, bytes })
    }

    /// An int within a range.
    pub(crate) fn int(self, range: RangeInclusive<c_int>) -> Result<c_int, Failure> {
        let bytes = self.bytes.try_into().map_err(|_| self.wrong_len("int"))?;
        let value = c_int::from_ne_bytes(bytes);
        if !range.contains(&value) {
            return Err(self.out_of_range(value, range.start(), range.end()));
        }
        Ok(value)
    }

    /// 0 or 1.
    pub(crate) fn flag(self) -> Result<bool, Failure> {
        self.int(0..=1).map(|value| value == 1)
    }

    /// An int from 0 up.
    pub(crate) fn count(self) -> Result<usize, Failure> {
        self.within(0, c_int::MAX)
    }

    /// An int from `least`, which is not negative, to `most`.
    pub(crate) fn within(self, least: c_int, most: c_int) -> Result<usize, Failure> {
        let value = self.int(least..=most)?;
        usize::try_from(value).map_err(|_| self.out_of_range(value, least, most))
    }

    /// As [`within`](Self::within), or -1 for none.
    pub(crate) fn optional(self, least: c_int, most: c_int) -> Result<Option<usize>, Failure> {
        match self.int(-1..=most)? {
            -1 => Ok(None),
            _ => self.within(least, most).map(Some),
        }
    }

    /// An int or an int64_t from 1 to `most`.
    pub(crate) fn wide(self, most: usize) -> Result<usize, Failure> {
        let value = match self.bytes.try_into() {
            Ok(bytes) => i64::from_ne_bytes(bytes),
            Err(_) => self.int(1..=c_int::MAX)?.into(),
        };
        usize::try_from(value)
            .ok()
            .filter(|value| (1..=most).contains(value))
            .ok_or_else(|| self.out_of_range(value, 1, most))
    }

    /// A size_t.
    pub(crate) fn size(self) -> Result<usize, Failure> {
        self.bytes
            .try_into()
            .map(usize::from_ne_bytes)
            .map_err(|_| self.wrong_len("size_t"))
    }

    /// A text of so many bytes, with or without its NUL.
    pub(crate) fn text(self, bytes: RangeInclusive<usize>) -> Result<&'a str, Failure> {
        let text = self.bytes.strip_suffix(b"\0").unwrap_or(self.bytes);
        match std::str::from_utf8(text) {
            Ok(text) if bytes.contains(&text.len()) && !text.contains('\0') => Ok(text),
            _ => Err(Failure::invalid(format_args!(
                "option {} is \"{}\", {} bytes; it must be UTF-8 text of {} to {} bytes without NUL",
                self.option,
                text[..text.len().min(SHOWN_BYTES)].escape_ascii(),
                text.len(),
                bytes.start(),
                bytes.end()
            ))),
        }
    }

    /// That the option takes no value.
    pub(crate) fn read_only(self) -> Failure {
        Failure::invalid(format_args!(
            "option {} is read only: use slk_spot_getsockopt",
            self.option
        ))
    }

    fn wrong_len(self, expected: &str) -> Failure {
        Failure::invalid(format_args!(
            "option {} takes {expected}, and {} bytes were given: pass the sizeof of one",
            self.option,
            self.bytes.len()
        ))
    }

    fn out_of_range(self, value: impl Display, least: impl Display, most: impl Display) -> Failure {
        Failure::invalid(format_args!(
            "option {} is {value}; it must be {least} to {most}",
            self.option
        ))
    }
}

/// Bytes of a text shown when it is refused.
const SHOWN_BYTES: usize = 64;

/// Where the value of an option is wanted.
pub(crate) struct Reader {
    option: c_int,
    value: NonNull<u8>,
    len: NonNull<usize>,
    size: usize,
}

impl Reader {
    /// # Safety
    /// `len` is NULL or points to the size of the writable buffer `value`; both stay valid until the value is written.
    pub(crate) unsafe fn new(
        option: c_int,
        value: *mut c_void,
        len: *mut usize,
    ) -> Result<Self, Failure> {
        let value = args::place(value, format_args!("the buffer for option {option}"))?.cast();
        let len = args::place(len, format_args!("the length for option {option}"))?;
        // SAFETY: not NULL; the caller vouches for the rest.
        let size = unsafe { len.read() };
        Ok(Self {
            option,
            value,
            len,
            size,
        })
    }

    pub(crate) fn int(self, value: c_int) -> Result<(), Failure> {
        self.bytes(&value.to_ne_bytes())
    }

    /// A number C takes for an int; one too large for that reads as the largest int.
    pub(crate) fn count(self, value: impl TryInto<c_int>) -> Result<(), Failure> {
        self.int(value.try_into().unwrap_or(c_int::MAX))
    }

    /// As [`count`](Self::count), -1 for none.
    pub(crate) fn optional(self, value: Option<impl TryInto<c_int>>) -> Result<(), Failure> {
        match value {
            Some(value) => self.count(value),
            None => self.int(-1),
        }
    }

    /// An int64_t, or an int where the buffer is too small for that.
    pub(crate) fn wide(self, value: usize) -> Result<(), Failure> {
        if self.size < size_of::<i64>() {
            return self.count(value);
        }
        self.bytes(&i64::try_from(value).unwrap_or(i64::MAX).to_ne_bytes())
    }

    pub(crate) fn size(self, value: usize) -> Result<(), Failure> {
        self.bytes(&value.to_ne_bytes())
    }

    /// A text and its NUL.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut with_nul = Vec::with_capacity(text.len() + 1);
        with_nul.extend_from_slice(text.as_bytes());
        with_nul.push(0);
        self.bytes(&with_nul)
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > self.size {
            return Err(Failure::invalid(format_args!(
                "option {} needs a buffer of {} bytes; this one has {}",
                self.option,
                bytes.len(),
                self.size
            )));
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
    use crate::errno::Errno;

    fn value(bytes: &[u8]) -> Value<'_> {
        Value { option: 7, bytes }
    }

    fn refusal<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
        let failure = result.expect_err("it is refused");
        assert_eq!(failure.errno(), Errno::EINVAL);
        failure.text().to_owned()
    }

    #[test]
    fn ints_have_exactly_the_size_of_an_int() {
        assert_eq!(value(&7_i32.to_ne_bytes()).int(0..=9), Ok(7));
        for wrong in [&7_i64.to_ne_bytes()[..], &[7], &[]] {
            assert_eq!(
                refusal(value(wrong).int(0..=9)),
                format!(
                    "option 7 takes int, and {} bytes were given: pass the sizeof of one",
                    wrong.len()
                )
            );
        }
    }

    #[test]
    fn a_value_out_of_range_is_told_with_the_range() {
        assert_eq!(
            refusal(value(&10_i32.to_ne_bytes()).int(0..=9)),
            "option 7 is 10; it must be 0 to 9"
        );
        assert_eq!(
            refusal(value(&(-2_i32).to_ne_bytes()).optional(0, 9)),
            "option 7 is -2; it must be -1 to 9"
        );
    }

    #[test]
    fn wide_values_come_in_both_sizes() {
        assert_eq!(value(&7_i32.to_ne_bytes()).wide(9), Ok(7));
        assert_eq!(
            value(&(1_i64 << 40).to_ne_bytes()).wide(1 << 40),
            Ok(1 << 40)
        );
        assert_eq!(
            refusal(value(&(-1_i64).to_ne_bytes()).wide(9)),
            "option 7 is -1; it must be 1 to 9"
        );
    }

    #[test]
    fn texts_may_bring_their_nul() {
        assert_eq!(value(b"a\0").text(1..=2), Ok("a"));
        assert_eq!(value(b"a").text(1..=2), Ok("a"));
        for (wrong, shown) in [
            (&b"\0"[..], "\"\", 0 bytes"),
            (b"a\0b", "\"a\\x00b\", 3 bytes"),
            (b"\xff", "\"\\xff\", 1 bytes"),
        ] {
            let text = refusal(value(wrong).text(1..=9));
            assert!(text.starts_with(&format!("option 7 is {shown}")), "{text}");
        }
    }

    #[test]
    fn a_buffer_too_small_is_left_alone() {
        let (mut buffer, mut len) = ([9_u8; 3], 3_usize);
        // SAFETY: a buffer and its size.
        let reader = unsafe { Reader::new(7, (&raw mut buffer).cast(), &raw mut len) }.unwrap();
        assert_eq!(
            refusal(reader.text("abc")),
            "option 7 needs a buffer of 4 bytes; this one has 3"
        );
        assert_eq!((buffer, len), ([9; 3], 3));
    }
}
