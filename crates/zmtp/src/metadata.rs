//! The properties that peers tell each other in READY (RFC 37, section "Connection Metadata").

use crate::{MetadataError, SocketType};

/// An ordered list of named properties; names are unique and their case does not count.
///
/// ```
/// use zmtp::{Metadata, SocketType};
/// let mut metadata = Metadata::for_socket(SocketType::Dealer);
/// metadata.push("Identity", b"left")?;
/// assert_eq!(metadata.get("identity"), Some(&b"left"[..]));
/// assert_eq!(Metadata::parse(&metadata.encode())?, metadata);
/// # Ok::<(), zmtp::MetadataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    properties: Vec<(Box<str>, Box<[u8]>)>,
}

impl Metadata {
    /// Name of the property that holds the sender's [`SocketType`].
    pub const SOCKET_TYPE: &str = "Socket-Type";
    /// Name of the property that holds the sender's identity, 0 to 255 octets.
    pub const IDENTITY: &str = "Identity";
    /// Most properties in one list, a count. The RFC sets no bound; names must be compared pairwise.
    pub const MAX_PROPERTIES: usize = 128;
    /// Longest value, in octets (2^31-1, RFC 37).
    pub const MAX_VALUE: usize = i32::MAX as usize;

    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// A list that holds the Socket-Type, as every READY must.
    pub fn for_socket(socket_type: SocketType) -> Self {
        let name = socket_type.name().as_bytes();
        Self {
            properties: vec![(Self::SOCKET_TYPE.into(), name.into())],
        }
    }

    /// Appends a property. `name` has 1 to 255 of the characters `A-Z a-z 0-9 - _ . +`; names beginning
    /// with `X-` are the application's own. `value` has 0 to 2^31-1 octets, of which a peer may accept
    /// fewer: with default [`Limits`](crate::Limits) all of READY must fit in 64 KiB.
    ///
    /// # Errors
    /// [`MetadataError`] names the rule broken; the list is unchanged then.
    pub fn push(&mut self, name: &str, value: &[u8]) -> Result<(), MetadataError> {
        if self.properties.len() == Self::MAX_PROPERTIES {
            return Err(MetadataError::TooManyProperties {
                limit: Self::MAX_PROPERTIES,
            });
        }
        check_name(name.as_bytes())?;
        if value.len() > Self::MAX_VALUE {
            return Err(MetadataError::ValueTooLong {
                length: value.len(),
            });
        }
        if self.get(name).is_some() {
            return Err(MetadataError::Duplicate { name: name.into() });
        }
        self.properties.push((name.into(), value.into()));
        Ok(())
    }

    /// The value of the property called `name`, in any case of letters.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.properties
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }

    /// The list in the RFC's wire form: the body of READY after the command name.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in self.iter() {
            // `push` keeps names within one octet of length and values within four.
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&(value.len() as u32).to_be_bytes());
            out.extend_from_slice(value);
        }
        out
    }

    /// Reads a list in the RFC's wire form, up to the end of `bytes`.
    ///
    /// # Errors
    /// [`MetadataError`] names the rule broken. Nothing is allocated for announced lengths.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, MetadataError> {
        let mut metadata = Self::new();
        while let Some((&name_length, rest)) = bytes.split_first() {
            let (name, rest) = split(rest, name_length.into())?;
            let (value_length, rest) = rest.split_first_chunk().ok_or(MetadataError::Truncated)?;
            let value_length = u32::from_be_bytes(*value_length) as usize;
            if value_length > Self::MAX_VALUE {
                return Err(MetadataError::ValueTooLong {
                    length: value_length,
                });
            }
            let (value, rest) = split(rest, value_length)?;
            metadata.push(check_name(name)?, value)?;
            bytes = rest;
        }
        Ok(metadata)
    }
}

fn split(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), MetadataError> {
    bytes
        .split_at_checked(length)
        .ok_or(MetadataError::Truncated)
}

fn check_name(name: &[u8]) -> Result<&str, MetadataError> {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.+".contains(&octet);
    if name.is_empty() || name.len() > 255 {
        return Err(MetadataError::NameLength { length: name.len() });
    }
    match name.iter().find(|&&octet| !allowed(octet)) {
        Some(&octet) => Err(MetadataError::NameCharacter { octet }),
        None => Ok(str::from_utf8(name).expect("the characters allowed are ASCII")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wire_form_is_the_rfcs() {
        let metadata = Metadata::for_socket(SocketType::Pub);
        assert_eq!(metadata.encode(), b"\x0bSocket-Type\0\0\0\x03PUB");
    }

    #[test]
    fn names_are_checked() {
        let mut metadata = Metadata::new();
        let name_of = |length| "n".repeat(length);
        assert_eq!(
            metadata.push("", b""),
            Err(MetadataError::NameLength { length: 0 })
        );
        assert_eq!(
            metadata.push(&name_of(256), b""),
            Err(MetadataError::NameLength { length: 256 })
        );
        assert_eq!(
            metadata.push("a b", b""),
            Err(MetadataError::NameCharacter { octet: b' ' })
        );
        assert_eq!(
            Metadata::parse(b"\x02a\xff\0\0\0\0"),
            Err(MetadataError::NameCharacter { octet: 0xff })
        );
        metadata.push(&name_of(255), b"").unwrap();
        metadata.push("X-Name", b"1").unwrap();
        assert_eq!(
            metadata.push("x-name", b"2"),
            Err(MetadataError::Duplicate {
                name: "x-name".into()
            })
        );
        assert_eq!(metadata.get("X-NAME"), Some(&b"1"[..]));
    }

    #[test]
    fn hostile_lengths_are_refused() {
        assert_eq!(
            Metadata::parse(b"\x01a\xff\xff\xff\xff"),
            Err(MetadataError::ValueTooLong {
                length: u32::MAX as usize
            })
        );
        assert_eq!(
            Metadata::parse(b"\x01a\x7f\xff\xff\xff"),
            Err(MetadataError::Truncated)
        );
        assert_eq!(
            Metadata::parse(b"\0\0\0\0\0"),
            Err(MetadataError::NameLength { length: 0 })
        );
    }

    #[test]
    fn the_number_of_properties_is_bounded() {
        let mut metadata = Metadata::new();
        for index in 0..Metadata::MAX_PROPERTIES {
            metadata.push(&format!("X-{index}"), b"").unwrap();
        }
        let full = MetadataError::TooManyProperties {
            limit: Metadata::MAX_PROPERTIES,
        };
        assert_eq!(metadata.push("X-more", b""), Err(full));
    }

    proptest! {
        #[test]
        fn round_trip(properties in prop::collection::btree_map(
            "[a-z0-9._+-]{1,20}", prop::collection::vec(any::<u8>(), 0..40), 0..8,
        )) {
            let mut metadata = Metadata::new();
            for (name, value) in &properties {
                metadata.push(name, value).unwrap();
            }
            let encoded = metadata.encode();
            prop_assert_eq!(Metadata::parse(&encoded).unwrap(), metadata);
        }

        #[test]
        fn a_cut_property_is_refused(cut in 1usize..20) {
            let encoded = Metadata::for_socket(SocketType::XSub).encode();
            let kept = &encoded[..encoded.len() - cut];
            prop_assume!(!kept.is_empty());
            prop_assert_eq!(Metadata::parse(kept), Err(MetadataError::Truncated));
        }
    }
}
