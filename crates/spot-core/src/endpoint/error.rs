//! Why a text is not an endpoint.

use crate::limits::MAX_ENDPOINTS_PER_LIST;
use thiserror::Error;

/// Why a text is not an endpoint. `endpoint` is its quoted beginning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// No `://`, or an unknown word before it.
    #[error(
        "the endpoint {endpoint} has no known transport: begin with tcp://, ipc:// or inproc://"
    )]
    UnknownScheme {
        /// The endpoint.
        endpoint: String,
    },
    /// Nothing between `tcp://` and the port.
    #[error("the endpoint {endpoint} has no host: write tcp://host:port")]
    EmptyHost {
        /// The endpoint.
        endpoint: String,
    },
    /// A host that is neither an address nor a name.
    #[error(
        "the host in the endpoint {endpoint} is neither an address nor a name: \
         write 192.0.2.1, [2001:db8::1] or a DNS name of ASCII letters, digits, - . _"
    )]
    BadHost {
        /// The endpoint.
        endpoint: String,
    },
    /// A `[` without its `]`.
    #[error("the bracket in the endpoint {endpoint} is not closed: write tcp://[address]:port")]
    UnclosedBracket {
        /// The endpoint.
        endpoint: String,
    },
    /// No port after the host.
    #[error("the endpoint {endpoint} has no port: write tcp://host:port")]
    MissingPort {
        /// The endpoint.
        endpoint: String,
    },
    /// A port that is not a number up to 65535.
    #[error("the port in the endpoint {endpoint} is not a number from 0 to 65535: correct it")]
    BadPort {
        /// The endpoint.
        endpoint: String,
    },
    /// `*` as the host to connect to.
    #[error(
        "the endpoint {endpoint} names every interface, which can only be bound: name one host"
    )]
    WildcardHost {
        /// The endpoint.
        endpoint: String,
    },
    /// Port 0 to connect to.
    #[error(
        "the endpoint {endpoint} asks for any port, which can only be bound: give a port from 1 to 65535"
    )]
    WildcardPort {
        /// The endpoint.
        endpoint: String,
    },
    /// Nothing after `ipc://` or `inproc://`.
    #[error("the endpoint {endpoint} has no name: write ipc://path or inproc://name")]
    EmptyName {
        /// The endpoint.
        endpoint: String,
    },
    /// A comma or a NUL in a path or name.
    #[error("the endpoint {endpoint} contains a comma or NUL: choose a path or name without")]
    BadName {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint or a part of it exceeds its limit.
    #[error("{part} in the endpoint {endpoint} has {bytes} bytes: shorten it to {limit}")]
    TooLong {
        /// The endpoint.
        endpoint: String,
        /// The quoted beginning of the part.
        part: String,
        /// Its length.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
    /// More than [`MAX_ENDPOINTS_PER_LIST`] in a list.
    #[error("the list {list} has more than {MAX_ENDPOINTS_PER_LIST} endpoints: remove some")]
    TooMany {
        /// The quoted beginning of the list.
        list: String,
    },
}
