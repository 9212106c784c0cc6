//! What a SPOT node says of itself in the READY command (RFC 37, metadata): the `X-SPOT-`
//! properties.

use crate::excerpt::excerpt;
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_ENDPOINT_BYTES, MAX_ENDPOINTS_PER_LIST, MAX_NODE_NAME_BYTES};
use std::str::FromStr;
use thiserror::Error;

/// The link protocol version we speak. The one property that makes a peer a SPOT node.
pub const VERSION: &str = "1";

/// Property names. ZMTP compares them without regard to case.
pub mod property {
    /// Link protocol version, `1`.
    pub const VERSION: &str = "X-SPOT-Version";
    /// Node id, 32 hexadecimal digits.
    pub const NODE: &str = "X-SPOT-Node";
    /// Incarnation, decimal.
    pub const INCARNATION: &str = "X-SPOT-Incarnation";
    /// Node name, UTF-8, may be empty.
    pub const NAME: &str = "X-SPOT-Name";
    /// Endpoints the node can be reached at, a comma list, may be empty.
    pub const ENDPOINTS: &str = "X-SPOT-Endpoints";
    /// `node` or `observer`.
    pub const ROLE: &str = "X-SPOT-Role";
}

/// A node's introduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Who it is.
    pub node: NodeId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Its name for people; empty if it has none. At most [`MAX_NODE_NAME_BYTES`].
    pub name: String,
    /// Where it can be reached, as it says. At most [`MAX_ENDPOINTS_PER_LIST`] of at most
    /// [`MAX_ENDPOINT_BYTES`] each, without commas. Not parsed: a later version may know more
    /// transports.
    pub endpoints: Vec<String>,
    /// Whether it counts as a member.
    pub role: Role,
}

/// What part a node takes in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// A member.
    #[default]
    Node,
    /// A short-lived client, counted in no quorum.
    Observer,
}

impl Role {
    /// `node` or `observer`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Observer => "observer",
        }
    }
}

impl Hello {
    /// The metadata properties that say this.
    pub fn properties(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            (property::VERSION, VERSION.into()),
            (property::NODE, self.node.to_string().into()),
            (property::INCARNATION, self.incarnation.to_string().into()),
            (property::NAME, self.name.clone().into()),
            (property::ENDPOINTS, self.endpoints.join(",").into()),
            (property::ROLE, self.role.text().into()),
        ]
    }

    /// Reads the properties of a peer's READY; `get` finds a value by name, ignoring case. `None`
    /// if the peer is no SPOT node. Name, endpoints and role may be absent: no name, no endpoints,
    /// a [`Role::Node`].
    ///
    /// # Errors
    /// [`HelloError`], if the peer claims to be a SPOT node but speaks another version or says
    /// nonsense.
    pub fn from_properties<'a>(
        get: impl Fn(&str) -> Option<&'a [u8]>,
    ) -> Result<Option<Self>, HelloError> {
        let Some(version) = get(property::VERSION) else {
            return Ok(None);
        };
        if version != VERSION.as_bytes() {
            return Err(HelloError::Version {
                found: excerpt(version),
            });
        }
        Ok(Some(Self {
            node: required(property::NODE, &get)?,
            incarnation: Incarnation(required(property::INCARNATION, &get)?),
            name: name(get(property::NAME).unwrap_or_default())?,
            endpoints: endpoints(get(property::ENDPOINTS).unwrap_or_default())?,
            role: get(property::ROLE).map_or(Ok(Role::Node), role)?,
        }))
    }
}

fn required<'a, T: FromStr>(
    property: &'static str,
    get: impl Fn(&str) -> Option<&'a [u8]>,
) -> Result<T, HelloError> {
    let value = get(property).ok_or(HelloError::Missing { property })?;
    let text = str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed(property, value))
}

fn name(value: &[u8]) -> Result<String, HelloError> {
    match str::from_utf8(value) {
        Ok(name) if name.len() <= MAX_NODE_NAME_BYTES && !name.contains('\0') => Ok(name.into()),
        _ => Err(malformed(property::NAME, value)),
    }
}

fn endpoints(value: &[u8]) -> Result<Vec<String>, HelloError> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let text = str::from_utf8(value).map_err(|_| malformed(property::ENDPOINTS, value))?;
    let well_formed =
        |item: &str| (1..=MAX_ENDPOINT_BYTES).contains(&item.len()) && !item.contains('\0');
    if text.split(',').count() > MAX_ENDPOINTS_PER_LIST || !text.split(',').all(well_formed) {
        return Err(malformed(property::ENDPOINTS, value));
    }
    Ok(text.split(',').map(String::from).collect())
}

fn role(value: &[u8]) -> Result<Role, HelloError> {
    [Role::Node, Role::Observer]
        .into_iter()
        .find(|role| role.text().as_bytes() == value)
        .ok_or_else(|| malformed(property::ROLE, value))
}

fn malformed(property: &'static str, value: &[u8]) -> HelloError {
    HelloError::Malformed {
        property,
        value: excerpt(value),
    }
}

/// Why a peer that claims to be a SPOT node cannot be linked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HelloError {
    /// Another version of the link protocol.
    #[error(
        "the peer speaks SPOT link version {found}, this node version {VERSION}: upgrade the older one"
    )]
    Version {
        /// Its version, quoted.
        found: String,
    },
    /// A property every SPOT node sends is absent.
    #[error("the peer's READY lacks {property}: a SPOT node must send it")]
    Missing {
        /// The property.
        property: &'static str,
    },
    /// A property whose value breaks its form or limit.
    #[error("the peer's {property} is malformed: {value}: see the form in docs/PROTOCOL.md")]
    Malformed {
        /// The property.
        property: &'static str,
        /// The quoted beginning of its value.
        value: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Properties = Vec<(&'static str, Vec<u8>)>;

    fn hello() -> Hello {
        Hello {
            node: NodeId::from_name("a"),
            incarnation: Incarnation(7),
            name: "a".into(),
            endpoints: vec!["tcp://10.0.0.1:5555".into(), "ipc:///tmp/a".into()],
            role: Role::Observer,
        }
    }

    fn read(properties: &Properties) -> Result<Option<Hello>, HelloError> {
        Hello::from_properties(|wanted| {
            properties
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| &value[..])
        })
    }

    fn with(property: &'static str, value: &[u8]) -> Properties {
        let mut properties = hello().properties();
        properties.retain(|(name, _)| *name != property);
        properties.push((property, value.into()));
        properties
    }

    #[test]
    fn round_trip() {
        assert_eq!(read(&hello().properties()), Ok(Some(hello())));
    }

    #[test]
    fn a_plain_peer_is_none() {
        assert_eq!(read(&vec![("Socket-Type", b"SUB".to_vec())]), Ok(None));
    }

    #[test]
    fn optional_properties() {
        let required = hello().properties().into_iter().take(3).collect();
        let hello = read(&required).unwrap().unwrap();
        assert_eq!(
            (hello.name, hello.endpoints, hello.role),
            (String::new(), vec![], Role::Node)
        );
    }

    #[test]
    fn refusals() {
        let version = read(&with(property::VERSION, b"2")).unwrap_err();
        assert_eq!(
            version,
            HelloError::Version {
                found: "\"2\"".into()
            }
        );
        let missing: Properties = hello().properties().into_iter().take(2).collect();
        assert_eq!(
            read(&missing),
            Err(HelloError::Missing {
                property: property::INCARNATION
            })
        );
        for (property, value) in [
            (property::NODE, &b"12"[..]),
            (property::INCARNATION, b"-1"),
            (property::INCARNATION, b"18446744073709551616"),
            (property::NAME, b"\xff"),
            (property::NAME, &[b'n'; 256]),
            (property::ENDPOINTS, b"tcp://a:1,,tcp://b:1"),
            (property::ENDPOINTS, &[b','; 20]),
            (property::ENDPOINTS, &[b'x'; 321]),
            (property::ROLE, b"king"),
        ] {
            let refused = read(&with(property, value));
            assert!(
                matches!(refused, Err(HelloError::Malformed { property: named, .. }) if named == property)
            );
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(which in 0..6usize, value: Vec<u8>) {
            let mut properties = hello().properties();
            properties[which].1 = value;
            let _ = read(&properties);
        }
    }
}
