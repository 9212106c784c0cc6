//! The SPOT node without I/O.
//!
//! No sockets, threads, clock or randomness: inputs are handed in, outputs are taken out, so the
//! same code runs in a process and in a seeded simulator.

#![forbid(unsafe_code)]

pub mod endpoint;
mod excerpt;
pub mod filter;
pub mod frame;
pub mod glob;
pub mod hello;
pub mod identity;
pub mod limits;
pub mod overflow;
pub mod topic;
pub mod varint;

pub use endpoint::{Endpoint, EndpointError, Host};
pub use filter::Filter;
pub use frame::{Frame, FrameError};
pub use glob::{Glob, PatternError};
pub use hello::{Hello, HelloError, Role};
pub use identity::{Incarnation, NodeId, ParseNodeIdError};
pub use overflow::{Class, Overflow};
pub use topic::{TopicNameError, validate_topic};
