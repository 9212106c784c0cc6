//! The 64 octets with which a connection begins (RFC 37, sections "Formal Grammar", "Version Negotiation").

use crate::HandshakeError;
use crate::error::printable;

/// Octets of a greeting.
pub(crate) const GREETING_SIZE: usize = 64;

const SIGNATURE_START: u8 = 0xff;
const SIGNATURE_END: u8 = 0x7f;
const MECHANISM: std::ops::Range<usize> = 12..32;

/// A ZMTP version, as in a greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The major number: 3 or more.
    pub major: u8,
    /// The minor number.
    pub minor: u8,
}

impl Version {
    /// ZMTP 3.0 (RFC 23): no PING, and subscriptions travel as messages.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// ZMTP 3.1 (RFC 37): what this crate speaks.
    pub const V3_1: Self = Self { major: 3, minor: 1 };
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Our greeting: version 3.1, not as a server, for the `mechanism` of at most 20 characters.
pub(crate) fn encode(mechanism: &str) -> [u8; GREETING_SIZE] {
    let mut greeting = [0; GREETING_SIZE];
    greeting[0] = SIGNATURE_START;
    greeting[9] = SIGNATURE_END;
    greeting[10] = Version::V3_1.major;
    greeting[11] = Version::V3_1.minor;
    greeting[MECHANISM][..mechanism.len()].copy_from_slice(mechanism.as_bytes());
    greeting
}

/// Reads the peer's greeting and judges each octet on arrival, so that what is no ZMTP peer is refused at
/// the first octet that shows it.
#[derive(Debug)]
pub(crate) struct GreetingReader {
    mechanism: &'static str,
    octets: [u8; GREETING_SIZE],
    length: usize,
}

impl GreetingReader {
    /// Expects a peer of that `mechanism`.
    pub(crate) fn new(mechanism: &'static str) -> Self {
        Self {
            mechanism,
            octets: [0; GREETING_SIZE],
            length: 0,
        }
    }

    /// Takes octets from `input` up to the end of the greeting; the peer's version once it is complete.
    pub(crate) fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Version>, HandshakeError> {
        while self.length < GREETING_SIZE {
            let Some((&octet, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            self.octets[self.length] = octet;
            self.check_latest(octet)?;
            self.length += 1;
        }
        Ok(Some(Version {
            major: self.octets[10],
            minor: self.octets[11],
        }))
    }

    fn check_latest(&self, octet: u8) -> Result<(), HandshakeError> {
        let offset = self.length;
        match (offset, octet) {
            (0, SIGNATURE_START) | (9, SIGNATURE_END) => Ok(()),
            // ZMTP 1.0 begins with an identity: anonymous in a short frame, or behind a long frame's flags.
            (0, 1) | (9, 0) => Err(HandshakeError::OldVersion { major: 1 }),
            (0 | 9, _) => Err(HandshakeError::NotZmtp { offset, octet }),
            // ZMTP 2.0 called this octet the revision and put a 1 there (RFC 15).
            (10, 0) => Err(HandshakeError::OldVersion { major: 1 }),
            (10, 1 | 2) => Err(HandshakeError::OldVersion { major: 2 }),
            _ if MECHANISM.contains(&offset) => self.check_mechanism(offset, octet),
            // Padding, later versions, as-server (which NULL ignores) and filler.
            _ => Ok(()),
        }
    }

    /// A wrong mechanism is refused only when all of its name is there, for the sake of whoever reads the log.
    fn check_mechanism(&self, offset: usize, octet: u8) -> Result<(), HandshakeError> {
        if !matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'+' | 0) {
            return Err(HandshakeError::NotZmtp { offset, octet });
        }
        let name = &self.octets[MECHANISM];
        let (expected, padding) = name.split_at(self.mechanism.len());
        let agreed =
            expected == self.mechanism.as_bytes() && padding.iter().all(|&octet| octet == 0);
        if offset + 1 < MECHANISM.end || agreed {
            return Ok(());
        }
        let peer = name.split(|&octet| octet == 0).next().unwrap_or_default();
        Err(HandshakeError::Mechanism {
            peer: printable(peer, name.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(bytes: &[u8]) -> Result<Option<Version>, HandshakeError> {
        GreetingReader::new("NULL").receive(&mut &bytes[..])
    }

    fn greeting_with(offset: usize, octet: u8) -> Vec<u8> {
        let mut greeting = encode("NULL").to_vec();
        greeting[offset] = octet;
        greeting
    }

    #[test]
    fn our_own_greeting_is_the_rfcs() {
        let greeting = encode("NULL");
        assert_eq!(&greeting[..16], b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL");
        assert_eq!(&greeting[16..], [0; 48]);
        assert_eq!(receive(&greeting), Ok(Some(Version::V3_1)));
        assert_eq!(receive(&greeting[..63]), Ok(None));
    }

    #[test]
    fn padding_as_server_filler_and_later_versions_are_accepted() {
        for offset in [1, 8, 32, 33, 63] {
            assert_eq!(
                receive(&greeting_with(offset, 0xaa)),
                Ok(Some(Version::V3_1))
            );
        }
        assert_eq!(receive(&greeting_with(11, 0)), Ok(Some(Version::V3_0)));
        let later = Version { major: 4, minor: 1 };
        assert_eq!(receive(&greeting_with(10, 4)), Ok(Some(later)));
    }

    #[test]
    fn other_protocols_are_refused_at_the_first_octet() {
        let not_zmtp = |octet| Err(HandshakeError::NotZmtp { offset: 0, octet });
        assert_eq!(receive(b"G"), not_zmtp(b'G'));
        assert_eq!(receive(b"\x16"), not_zmtp(0x16));
        assert_eq!(
            receive(&greeting_with(9, 0x7e)[..10]),
            Err(HandshakeError::NotZmtp {
                offset: 9,
                octet: 0x7e
            })
        );
    }

    #[test]
    fn old_versions_are_named() {
        let old = |major| Err(HandshakeError::OldVersion { major });
        assert_eq!(receive(b"\x01"), old(1));
        assert_eq!(receive(&greeting_with(9, 0)[..10]), old(1));
        assert_eq!(receive(&greeting_with(10, 0)[..11]), old(1));
        assert_eq!(receive(&greeting_with(10, 1)[..11]), old(2));
    }

    #[test]
    fn another_mechanism_is_named() {
        let wrong = |peer: &str| Err(HandshakeError::Mechanism { peer: peer.into() });
        assert_eq!(receive(&encode("CURVE")), wrong("CURVE"));
        assert_eq!(receive(&encode("NUL")), wrong("NUL"));
        assert_eq!(receive(&encode("")), wrong(""));
        assert_eq!(receive(&greeting_with(31, b'X')), wrong("NULL"));
        assert_eq!(
            receive(&greeting_with(12, b'n')),
            Err(HandshakeError::NotZmtp {
                offset: 12,
                octet: b'n'
            })
        );
    }
}
