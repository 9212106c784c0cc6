//! Where a node listens and where peers find it: `tcp://host:port`, `ipc://path`, `inproc://name`.
//!
//! Parsing only: nothing is resolved or opened. Two endpoints are equal when their canonical texts
//! are; the canonical text is what [`Endpoint`] displays.

mod error;

pub use error::EndpointError;

use crate::excerpt::excerpt;
use crate::limits::{
    MAX_ENDPOINT_BYTES, MAX_ENDPOINTS_PER_LIST, MAX_HOST_NAME_BYTES, MAX_INPROC_NAME_BYTES,
    MAX_IPC_PATH_BYTES,
};
// Addresses as plain values; nothing here touches a socket.
use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt;

/// A place to bind or to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `tcp://host:port`.
    Tcp {
        /// The interface to bind, or the host to connect to.
        host: Host,
        /// The port; 0, only when binding, asks for a free one.
        port: u16,
    },
    /// `ipc://path`, a Unix domain socket; `ipc://@name` is an abstract one (Linux).
    Ipc {
        /// The path, or the name with its `@`. 1 to [`MAX_IPC_PATH_BYTES`] bytes.
        path: String,
    },
    /// `inproc://name`, within one context.
    Inproc {
        /// The name. 1 to [`MAX_INPROC_NAME_BYTES`] bytes.
        name: String,
    },
}

/// The host part of a TCP endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// `*`: every interface. Only for binding.
    Any,
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
    /// A name to resolve, in lower case.
    Name(String),
}

impl Endpoint {
    /// Reads an endpoint to bind: the host may be `*`, the port 0 or `*` (a free one).
    ///
    /// # Errors
    /// [`EndpointError`] names what is malformed.
    pub fn parse_bind(text: &str) -> Result<Self, EndpointError> {
        Parser { text }.endpoint()
    }

    /// Reads an endpoint to connect to: the host is an address or a name, the port 1 to 65535.
    ///
    /// # Errors
    /// As [`Endpoint::parse_bind`], and for `*` and port 0.
    pub fn parse_connect(text: &str) -> Result<Self, EndpointError> {
        let endpoint = Self::parse_bind(text)?;
        match endpoint {
            Self::Tcp {
                host: Host::Any, ..
            } => Err(EndpointError::WildcardHost {
                endpoint: excerpt(text),
            }),
            Self::Tcp { port: 0, .. } => Err(EndpointError::WildcardPort {
                endpoint: excerpt(text),
            }),
            _ => Ok(endpoint),
        }
    }

    /// Reads a comma list of endpoints to connect to, 1 to [`MAX_ENDPOINTS_PER_LIST`], most
    /// preferred first. Blanks around the items are ignored and an endpoint that is repeated counts
    /// once, at its first place.
    ///
    /// # Errors
    /// As [`Endpoint::parse_connect`] for each, and when there are too many.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, EndpointError> {
        let mut endpoints = Vec::new();
        for item in text.split(',') {
            let endpoint = Self::parse_connect(item.trim())?;
            if endpoints.contains(&endpoint) {
                continue;
            }
            if endpoints.len() == MAX_ENDPOINTS_PER_LIST {
                return Err(EndpointError::TooMany {
                    list: excerpt(text),
                });
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }

    /// Whether who connects to it comes to a listener bound to `bound`, as far as that shows without asking anybody:
    /// the same text, or the loopback of this machine by another name.
    #[must_use]
    pub fn leads_to(&self, bound: &Self) -> bool {
        let (Self::Tcp { host, port }, Self::Tcp { host: at, port: on }) = (self, bound) else {
            return self == bound;
        };
        let is_there = match (host, at) {
            // Told apart by the system only: it may be either of these.
            (Host::Name(name), Host::V4(_) | Host::V6(_) | Host::Any) if name == "localhost" => {
                bound.is_local() || bound.is_of_any_host()
            }
            (Host::V4(address), Host::Name(name)) => address.is_loopback() && name == "localhost",
            (Host::V4(address), Host::V4(at)) if at.is_unspecified() => address.is_loopback(),
            (Host::V6(address), Host::V6(at)) if at.is_unspecified() => address.is_loopback(),
            (Host::V4(address), Host::Any) => address.is_loopback(),
            _ => host == at,
        };
        port == on && is_there
    }

    /// Whether it stands for every interface of its host, so that only its port says where it is.
    pub(crate) fn is_of_any_host(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => match host {
                Host::Any => true,
                Host::V4(address) => address.is_unspecified(),
                Host::V6(address) => address.is_unspecified(),
                Host::Name(_) => false,
            },
            Self::Ipc { .. } | Self::Inproc { .. } => false,
        }
    }

    /// Whether it leads nowhere but to this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => match host {
                Host::Any => false,
                Host::V4(address) => address.is_loopback(),
                Host::V6(address) => address.is_loopback(),
                Host::Name(name) => name == "localhost",
            },
            Self::Ipc { .. } | Self::Inproc { .. } => true,
        }
    }

    /// Whether a node can make use of it that is on this machine, or is not.
    pub(crate) fn is_told(&self, local: bool) -> bool {
        match self {
            Self::Inproc { .. } => false,
            _ => local || !self.is_local(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Ipc { path } => write!(f, "ipc://{path}"),
            Self::Inproc { name } => write!(f, "inproc://{name}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The whole text is kept for the error messages.
struct Parser<'a> {
    text: &'a str,
}

impl Parser<'_> {
    fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        self.check_length(self.text, MAX_ENDPOINT_BYTES)?;
        match self.text.split_once("://") {
            Some(("tcp", address)) => self.tcp(address),
            Some(("ipc", path)) => {
                self.check_name(path, MAX_IPC_PATH_BYTES)?;
                if path == "@" {
                    return Err(EndpointError::EmptyName {
                        endpoint: self.quoted(),
                    });
                }
                Ok(Endpoint::Ipc { path: path.into() })
            }
            Some(("inproc", name)) => {
                self.check_name(name, MAX_INPROC_NAME_BYTES)?;
                Ok(Endpoint::Inproc { name: name.into() })
            }
            _ => Err(EndpointError::UnknownScheme {
                endpoint: self.quoted(),
            }),
        }
    }

    fn tcp(&self, address: &str) -> Result<Endpoint, EndpointError> {
        let (host, port) = match address.strip_prefix('[') {
            Some(inside) => {
                let (host, after) =
                    inside
                        .split_once(']')
                        .ok_or_else(|| EndpointError::UnclosedBracket {
                            endpoint: self.quoted(),
                        })?;
                (self.v6(host)?, after.strip_prefix(':'))
            }
            None => match address.rsplit_once(':') {
                Some((host, port)) => (self.host(host)?, Some(port)),
                None => (self.host(address)?, None),
            },
        };
        let port = port.filter(|port| !port.is_empty());
        let port = port.ok_or_else(|| EndpointError::MissingPort {
            endpoint: self.quoted(),
        })?;
        Ok(Endpoint::Tcp {
            host,
            port: self.port(port)?,
        })
    }

    fn host(&self, host: &str) -> Result<Host, EndpointError> {
        if host.is_empty() {
            return Err(EndpointError::EmptyHost {
                endpoint: self.quoted(),
            });
        }
        if host == "*" {
            return Ok(Host::Any);
        }
        if let Ok(address) = host.parse() {
            return Ok(Host::V4(address));
        }
        self.check_length(host, MAX_HOST_NAME_BYTES)?;
        let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        // Digits and dots alone are a mistyped address, which a resolver might still read as some
        // other one.
        let numeric = host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if numeric || !host.bytes().all(name_byte) {
            return Err(EndpointError::BadHost {
                endpoint: self.quoted(),
            });
        }
        Ok(Host::Name(host.to_ascii_lowercase()))
    }

    fn v6(&self, host: &str) -> Result<Host, EndpointError> {
        if host.is_empty() {
            return Err(EndpointError::EmptyHost {
                endpoint: self.quoted(),
            });
        }
        host.parse()
            .map(Host::V6)
            .map_err(|_| EndpointError::BadHost {
                endpoint: self.quoted(),
            })
    }

    fn port(&self, port: &str) -> Result<u16, EndpointError> {
        if port == "*" {
            return Ok(0);
        }
        // parse alone would take a sign.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { port.parse().ok() } else { None };
        number.ok_or_else(|| EndpointError::BadPort {
            endpoint: self.quoted(),
        })
    }

    fn check_name(&self, name: &str, limit: usize) -> Result<(), EndpointError> {
        if name.is_empty() {
            return Err(EndpointError::EmptyName {
                endpoint: self.quoted(),
            });
        }
        // A comma would split a list of endpoints; NUL ends a path.
        if name.contains([',', '\0']) {
            return Err(EndpointError::BadName {
                endpoint: self.quoted(),
            });
        }
        self.check_length(name, limit)
    }

    fn check_length(&self, part: &str, limit: usize) -> Result<(), EndpointError> {
        if part.len() <= limit {
            return Ok(());
        }
        Err(EndpointError::TooLong {
            endpoint: self.quoted(),
            part: excerpt(part),
            bytes: part.len(),
            limit,
        })
    }

    fn quoted(&self) -> String {
        excerpt(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_texts() {
        for (text, canonical) in [
            ("tcp://*:5555", "tcp://*:5555"),
            ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
            ("tcp://127.0.0.1:*", "tcp://127.0.0.1:0"),
            ("tcp://[0:0::1]:05555", "tcp://[::1]:5555"),
            ("tcp://Spot-Node_A.example:1", "tcp://spot-node_a.example:1"),
            ("ipc:///tmp/x", "ipc:///tmp/x"),
            ("ipc://@abstract", "ipc://@abstract"),
            ("inproc://Name", "inproc://Name"),
        ] {
            assert_eq!(Endpoint::parse_bind(text).unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn the_loopback_leads_to_a_listener_by_any_of_its_names() {
        let leads = |to: &str, bound: &str| {
            let to = Endpoint::parse_connect(to).unwrap();
            to.leads_to(&Endpoint::parse_bind(bound).unwrap())
        };
        for (to, bound) in [
            ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("tcp://localhost:1", "tcp://127.0.0.1:1"),
            ("tcp://LOCALHOST:1", "tcp://[::1]:1"),
            ("tcp://localhost:1", "tcp://*:1"),
            ("tcp://localhost:1", "tcp://0.0.0.0:1"),
            ("tcp://127.0.0.1:1", "tcp://0.0.0.0:1"),
            ("tcp://[::1]:1", "tcp://[::]:1"),
            ("tcp://127.0.0.1:1", "tcp://localhost:1"),
            ("tcp://a:1", "tcp://a:1"),
            ("ipc://a", "ipc://a"),
        ] {
            assert!(leads(to, bound), "{to} {bound}");
        }
        for (to, bound) in [
            ("tcp://localhost:2", "tcp://127.0.0.1:1"),
            ("tcp://127.0.0.2:1", "tcp://127.0.0.1:1"),
            ("tcp://localhost:1", "tcp://10.0.0.1:1"),
            ("tcp://10.0.0.1:1", "tcp://0.0.0.0:1"),
            ("tcp://a:1", "tcp://*:1"),
            ("tcp://localhost.a:1", "tcp://127.0.0.1:1"),
            ("ipc://a", "ipc://b"),
            ("ipc://a", "tcp://a:1"),
        ] {
            assert!(!leads(to, bound), "{to} {bound}");
        }
    }

    #[test]
    fn malformed_endpoints() {
        let error = |text: &str| Endpoint::parse_bind(text).unwrap_err();
        for text in ["", "nodeA:5555", "udp://a:1", "TCP://a:1", "://a:1"] {
            assert!(
                matches!(error(text), EndpointError::UnknownScheme { .. }),
                "{text}"
            );
        }
        for text in [
            "tcp://a",
            "tcp://a:",
            "tcp://[::1]",
            "tcp://[::1]5555",
            "tcp://*",
        ] {
            assert!(
                matches!(error(text), EndpointError::MissingPort { .. }),
                "{text}"
            );
        }
        for text in [
            "tcp://a:65536",
            "tcp://a:+1",
            "tcp://a:-1",
            "tcp://a:x",
            "tcp://a:1 ",
        ] {
            assert!(
                matches!(error(text), EndpointError::BadPort { .. }),
                "{text}"
            );
        }
        for text in ["tcp://:1", "tcp://", "tcp://[]:1"] {
            assert!(
                matches!(error(text), EndpointError::EmptyHost { .. }),
                "{text}"
            );
        }
        for text in [
            "tcp://::1:5",
            "tcp://256.1.1.1:5",
            "tcp://a b:5",
            "tcp://é:5",
            "tcp://[x]:5",
            "tcp://a/:5",
        ] {
            assert!(
                matches!(error(text), EndpointError::BadHost { .. }),
                "{text}"
            );
        }
        assert!(matches!(
            error("tcp://[::1:5"),
            EndpointError::UnclosedBracket { .. }
        ));
        for text in ["ipc://", "ipc://@", "inproc://"] {
            assert!(
                matches!(error(text), EndpointError::EmptyName { .. }),
                "{text}"
            );
        }
        for text in ["ipc://a,b", "inproc://a\0"] {
            assert!(
                matches!(error(text), EndpointError::BadName { .. }),
                "{text}"
            );
        }
        assert!(Endpoint::parse_bind(&format!("ipc://{}", "x".repeat(107))).is_ok());
        for text in [
            format!("ipc://{}", "x".repeat(108)),
            format!("tcp://{}:1", "x".repeat(254)),
            "x".repeat(999),
        ] {
            assert!(
                matches!(error(&text), EndpointError::TooLong { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn wildcards_only_bind() {
        let error = |text: &str| Endpoint::parse_connect(text).unwrap_err();
        assert!(matches!(
            error("tcp://*:1"),
            EndpointError::WildcardHost { .. }
        ));
        assert!(matches!(
            error("tcp://a:0"),
            EndpointError::WildcardPort { .. }
        ));
        assert!(Endpoint::parse_connect("tcp://nodeA:5555").is_ok());
    }

    #[test]
    fn lists() {
        let texts = |list: &str| {
            Endpoint::parse_list(list)
                .map(|all| all.iter().map(Endpoint::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            texts("tcp://a:1,tcp://b:1, tcp://A:1").unwrap(),
            ["tcp://a:1", "tcp://b:1"]
        );
        assert!(matches!(
            texts(""),
            Err(EndpointError::UnknownScheme { .. })
        ));
        assert!(texts("tcp://a:1,").is_err());
        let many: Vec<_> = (1..=17).map(|port| format!("tcp://a:{port}")).collect();
        assert!(texts(&many[..16].join(",")).is_ok());
        assert!(matches!(
            texts(&many.join(",")),
            Err(EndpointError::TooMany { .. })
        ));
    }

    proptest! {
        #[test]
        fn canonical_text_reads_back_the_same(text in r"(tcp|ipc|inproc)://[a-zA-Z0-9.:*@\[\]/]{0,12}(:[0-9*]{1,5})?") {
            if let Ok(endpoint) = Endpoint::parse_bind(&text) {
                prop_assert_eq!(Endpoint::parse_bind(&endpoint.to_string()), Ok(endpoint));
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = Endpoint::parse_list(&text);
        }
    }
}
