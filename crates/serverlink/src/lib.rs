//! Location-transparent, brokerless publish/subscribe.

mod api;
mod data;
mod engine;
mod net;
mod reactor;
mod sys;

pub use api::*;
pub use spot_core::{
    EndpointError, Filter, NodeId, Overflow, PatternError, TopicNameError, limits,
};
