//! The SPOT node without I/O.
//!
//! No sockets, threads, clock or randomness: inputs are handed in, outputs are taken out, so the
//! same code runs in a process and in a seeded simulator.

#![forbid(unsafe_code)]

mod backoff;
pub mod credit;
mod drops;
pub mod endpoint;
mod excerpt;
pub mod filter;
pub mod frame;
pub mod glob;
pub mod hello;
pub mod history;
pub mod identity;
pub mod inbox;
mod interest;
pub mod limits;
mod members;
mod missed;
pub mod node;
pub mod outbox;
pub mod overflow;
pub mod past;
mod payload;
mod registry;
pub mod relay;
pub mod seldom;
pub mod splice;
pub mod stream;
mod swim;
pub mod topic;
pub mod unoffered;
pub mod upstream;
pub mod varint;

pub use backoff::Backoff;
pub use drops::Drops;
pub use endpoint::{Endpoint, EndpointError, Host};
pub use filter::{Filter, FilterError};
pub use frame::{Frame, FrameError};
pub use glob::{Glob, PatternError};
pub use hello::{Hello, HelloError, Role};
pub use identity::{Incarnation, NodeId, ParseNodeIdError};
pub use interest::{Classes, Interest};
pub use missed::Missed;
pub use node::{Event, LinkId, LinkPeer, Node, NodeConfig, Output, PeerId, Place, SubscriberId};
pub use overflow::{Class, Overflow};
pub use payload::{INLINE_MAX, Payload, View};
pub use registry::TopicId;
pub use topic::{TopicNameError, validate_topic};
