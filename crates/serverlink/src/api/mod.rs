//! The public face: what a program that uses SPOT sees.

mod builder;
mod cluster;
mod context;
mod delivery;
mod error;
mod event;
mod node;
mod options;
mod production;
mod publisher;
mod receive;
mod stats;
mod subscriber;
mod views;

pub use crate::net::TcpOptions;
pub use builder::NodeBuilder;
pub use cluster::{ClusterStatus, Discovery, MemberInfo, MemberState, Minority};
pub use context::{Context, ContextBuilder};
pub use delivery::{Delivery, Message};
pub use error::{
    AddPeerError, BindError, ContextError, CreateTopicError, DestroyTopicError, OptionsError,
    PublishError, RecvError, RecvIntoError, RemovePeerError, RouteTopicError, StartError,
    SubscribeError, SyncError, UnsubscribeError, WaitError,
};
pub use event::Events;
pub use node::Node;
pub use options::{Options, Spin, SubscriberOptions};
pub use production::{Production, Undone};
pub use publisher::Publisher;
pub use receive::{Iter, RecvFuture, Wait};
pub use spot_core::{Drops, Event};
pub use stats::{
    HandshakeFailures, LinkRejections, LinkTraffic, PeerInfo, PeerState, RoundTrip, Stats,
    TopicInfo, TopicPlace, TopicStats,
};
pub use subscriber::Subscriber;
