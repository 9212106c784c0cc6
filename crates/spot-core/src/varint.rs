//! Unsigned LEB128, the integers of the SPOT link: seven bits a byte, lowest first, the high bit
//! set on all but the last. A number has exactly one encoding: the shortest.

use thiserror::Error;

/// The most bytes a number takes: ten times seven bits hold 64.
pub const MAX_BYTES: usize = 10;

/// Appends `value` to `out`: 1 to [`MAX_BYTES`] bytes.
#[inline]
pub fn put(out: &mut Vec<u8>, value: u64) {
    let mut buffer = [0; MAX_BYTES];
    let length = encode(&mut buffer, value);
    out.extend_from_slice(&buffer[..length]);
}

/// Writes `value` to the start of `out` and returns its length.
///
/// # Panics
/// If `out` is shorter than the encoding; [`MAX_BYTES`] always suffice.
#[inline]
pub fn encode(out: &mut [u8], mut value: u64) -> usize {
    // Numbers of messages mostly take three bytes or four.
    if let 0x4000..0x1000_0000 = value
        && let Some(out) = out.first_chunk_mut::<4>()
    {
        let spread = |value: u32| {
            value & 0x7f
                | (value & 0x3f80) << 1
                | (value & 0x1f_c000) << 2
                | (value & 0xfe0_0000) << 3
        };
        let is_long = value >= 0x20_0000;
        let high_bits = if is_long { 0x0080_8080 } else { 0x0000_8080 };
        *out = (spread(value as u32) | high_bits).to_le_bytes();
        return 3 + usize::from(is_long);
    }
    let mut length = 0;
    while value >= 0x80 {
        out[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    out[length] = value as u8;
    length + 1
}

/// The number at the start of `bytes`, and the bytes after it.
///
/// # Errors
/// [`VarintError`], when there is no number or it is not encoded as [`put`] would.
#[inline(always)]
pub fn decode(bytes: &[u8]) -> Result<(u64, &[u8]), VarintError> {
    match bytes {
        [byte @ 0..0x80, rest @ ..] => Ok((u64::from(*byte), rest)),
        [first, second @ 1..0x80, rest @ ..] => {
            let low = u64::from(first & 0x7f);
            Ok((low | u64::from(*second) << 7, rest))
        }
        // Numbers of messages mostly take up to four bytes.
        [first, second, third @ 1..0x80, rest @ ..] if *second >= 0x80 => {
            let low = u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7;
            Ok((low | u64::from(*third) << 14, rest))
        }
        [first, second, third, fourth @ 1..0x80, rest @ ..]
            if *second >= 0x80 && *third >= 0x80 =>
        {
            let low = u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7;
            let high = u64::from(third & 0x7f) | u64::from(*fourth) << 7;
            Ok((low | high << 14, rest))
        }
        _ => decode_long(bytes),
    }
}

#[inline(never)]
fn decode_long(bytes: &[u8]) -> Result<(u64, &[u8]), VarintError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        // The tenth byte has room for one bit only.
        if index == MAX_BYTES - 1 && byte > 1 {
            return Err(VarintError::Overflow);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let overlong = byte == 0 && index > 0;
            return if overlong {
                Err(VarintError::Overlong)
            } else {
                Ok((value, &bytes[index + 1..]))
            };
        }
    }
    Err(VarintError::Truncated)
}

/// Why bytes are not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VarintError {
    /// The bytes end inside the number.
    #[error("the number is cut short: send all of its bytes")]
    Truncated,
    /// More than 64 bits.
    #[error("the number does not fit 64 bits: send at most 2^64 - 1")]
    Overflow,
    /// Padded with zero bits.
    #[error("the number is padded: send its shortest encoding")]
    Overlong,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_encodings() {
        for (value, expected) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (0x3fff, &[0xff, 0x7f]),
            (0x4000, &[0x80, 0x80, 1]),
            (0x1f_ffff, &[0xff, 0xff, 0x7f]),
            (0x20_0000, &[0x80, 0x80, 0x80, 1]),
            (0xfff_ffff, &[0xff, 0xff, 0xff, 0x7f]),
            (0x1000_0000, &[0x80, 0x80, 0x80, 0x80, 1]),
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn rejects_what_is_no_number() {
        assert_eq!(decode(&[]), Err(VarintError::Truncated));
        assert_eq!(decode(&[0x80]), Err(VarintError::Truncated));
        assert_eq!(decode(&[0x80, 0]), Err(VarintError::Overlong));
        assert_eq!(decode(&[0xff; 10]), Err(VarintError::Overflow));
        let mut two_to_64 = [0x80; 10];
        two_to_64[9] = 2;
        assert_eq!(decode(&two_to_64), Err(VarintError::Overflow));
    }

    proptest! {
        #[test]
        fn round_trip_and_truncation(bits in 0..=64u32, seed: u64, tail: Vec<u8>) {
            let value = seed.checked_shr(64 - bits).unwrap_or(0);
            let mut out = Vec::new();
            put(&mut out, value);
            for cut in 0..out.len() {
                prop_assert_eq!(decode(&out[..cut]), Err(VarintError::Truncated));
            }
            out.extend(&tail);
            prop_assert_eq!(decode(&out), Ok((value, &tail[..])));
        }

        #[test]
        fn what_decodes_was_encoded_so(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok((value, rest)) = decode(&bytes) {
                let mut out = Vec::new();
                put(&mut out, value);
                out.extend(rest);
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
