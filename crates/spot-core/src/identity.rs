//! Who a node is: an id that survives restarts where a name is set, and an incarnation that does
//! not.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A node's id: 128 bits, random or derived from a name. Written as 32 hexadecimal digits.
///
/// Ids are ordered as their bytes are, first byte first; the smaller of two linked nodes decides
/// which of their links is used (SPOT link protocol, `USE`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 16]);

impl NodeId {
    /// The id of the node called `name`: the FNV-1a 128 hash of the UTF-8 bytes, most significant
    /// byte first.
    ///
    /// Part of the SPOT link protocol and so fixed for ever: a restarted node is known as the same
    /// member by it.
    pub fn from_name(name: &str) -> Self {
        Self(fnv1a_128(name.as_bytes()).to_be_bytes())
    }
}

/// FNV-1a with 128 bits: good against mistakes, not against malice.
pub(crate) fn fnv1a_128(bytes: &[u8]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = ParseNodeIdError;

    /// Reads exactly 32 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, ParseNodeIdError> {
        // from_str_radix alone would take a sign.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseNodeIdError);
        }
        let value = u128::from_str_radix(text, 16).map_err(|_| ParseNodeIdError)?;
        Ok(Self(value.to_be_bytes()))
    }
}

/// The text is not a node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a node id is written as exactly 32 hexadecimal digits")]
pub struct ParseNodeIdError;

/// Which life of a node this is. A restarted node has a higher one; what an older one said no
/// longer holds.
///
/// The number means nothing else; nodes usually take the time of their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_name_never_changes() {
        // The published FNV-1a 128 values.
        assert_eq!(
            NodeId::from_name("").to_string(),
            "6c62272e07bb014262b821756295c58d"
        );
        assert_eq!(
            NodeId::from_name("a").to_string(),
            "d228cb696f1a8caf78912b704e4a8964"
        );
    }

    #[test]
    fn text_round_trip() {
        let id = NodeId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for text in [
            "",
            "00",
            "+00102030405060708090a0b0c0d0eff",
            "000102030405060708090a0b0c0d0efg",
        ] {
            assert_eq!(text.parse::<NodeId>(), Err(ParseNodeIdError));
        }
    }

    #[test]
    fn order_is_that_of_the_bytes() {
        let (mut low, mut high) = ([0; 16], [0; 16]);
        (low[15], high[0]) = (255, 1);
        assert!(NodeId(low) < NodeId(high));
    }
}
