//! One error type for each operation. Every variant says what the failed call left behind; where it says nothing, the
//! call changed nothing.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use spot_core::{EndpointError, FilterError, PatternError, TopicNameError};
use thiserror::Error;

/// Why a [`Context`](crate::Context) could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// An option is out of its range.
    #[error("{option} is {value}; it must be {expected}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// The value given.
        value: String,
        /// The values allowed, in words.
        expected: &'static str,
    },
    /// The system refused a thread or a poller.
    #[error("cannot start an I/O thread: {0}")]
    Io(#[source] io::Error),
}

/// Why [`NodeBuilder::start`](crate::NodeBuilder::start) failed. No node is left behind, nothing stays bound.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The private context could not be made.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The name is no node name.
    #[error("a node name has 1 to 255 bytes and no NUL; this one has {bytes}: {name:?}")]
    InvalidName {
        /// The name, cut.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The system gave no random bytes for the node's id.
    #[error("no random bytes for the node's id: {0}")]
    Random(#[source] io::Error),
    /// The context holds as many nodes as it may.
    #[error("the context already holds {max} nodes; raise its max_nodes or close one")]
    TooManyNodes {
        /// The context's limit.
        max: usize,
    },
    /// The context was closed.
    #[error("the context is closed")]
    ContextClosed,
    /// An option is out of its range.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A bind failed.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A peer's endpoint was refused.
    #[error(transparent)]
    AddPeer(#[from] AddPeerError),
    /// A topic was refused.
    #[error(transparent)]
    CreateTopic(#[from] CreateTopicError),
}

/// Why a change of options was refused. The options stand as they were before the call.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// A value is out of its range.
    #[error("{option} is {value}; it must be {expected}")]
    OutOfRange {
        /// The option's name.
        option: &'static str,
        /// The value given.
        value: String,
        /// The values allowed, in words.
        expected: &'static str,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a topic could not be created.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateTopicError {
    /// The name is not a topic name.
    #[error(transparent)]
    InvalidName(#[from] TopicNameError),
    /// This node hosts the topic already.
    #[error("topic {topic:?} is already hosted on this node")]
    AlreadyHosted {
        /// The topic.
        topic: String,
    },
    /// The topic is explicitly routed to another node.
    #[error("topic {topic:?} is routed to {endpoint}; destroy the route before hosting it here")]
    Routed {
        /// The topic.
        topic: String,
        /// Where it is routed.
        endpoint: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a topic could not be routed. No route is registered and no peer stays added for its sake.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteTopicError {
    /// The name is not a topic name.
    #[error(transparent)]
    InvalidName(#[from] TopicNameError),
    /// An endpoint is malformed.
    #[error(transparent)]
    InvalidEndpoint(#[from] EndpointError),
    /// This node hosts the topic.
    #[error("topic {topic:?} is hosted on this node; destroy it before routing it elsewhere")]
    AlreadyHosted {
        /// The topic.
        topic: String,
    },
    /// The topic has a route that works.
    #[error("topic {topic:?} is already routed to {endpoint}, which is reachable")]
    AlreadyRouted {
        /// The topic.
        topic: String,
        /// Where it is routed.
        endpoint: String,
    },
    /// No endpoint was reached within the connect timeout.
    #[error("{endpoint} was not reached within {timeout:?}; topic {topic:?} is not routed")]
    Unreachable {
        /// The topic.
        topic: String,
        /// The endpoints tried.
        endpoint: String,
        /// How long the call waited.
        timeout: Duration,
    },
    /// The endpoint is this node's own.
    #[error("{endpoint} is this node itself; create the topic instead of routing it")]
    Itself {
        /// The endpoint.
        endpoint: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a topic could not be destroyed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestroyTopicError {
    /// The name is not a topic name.
    #[error(transparent)]
    InvalidName(#[from] TopicNameError),
    /// The topic is neither hosted nor routed here.
    #[error("topic {topic:?} is neither hosted nor routed on this node")]
    Unknown {
        /// The topic.
        topic: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a message was not published. In every case no subscriber got it, so that a retry duplicates nothing.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The name is not a topic name.
    #[error(transparent)]
    InvalidName(#[from] TopicNameError),
    /// Nobody known hosts the topic.
    #[error("topic {topic:?} is unknown: create it here, route it, or add a peer that hosts it")]
    Unknown {
        /// The topic.
        topic: String,
    },
    /// The topic's owner is known and not connected now.
    #[error("no owner of topic {topic:?} is reachable now")]
    Unreachable {
        /// The topic.
        topic: String,
    },
    /// A queue whose subscriber chose to block the publisher is full, and the send timeout is over.
    #[error("a blocking subscriber of topic {topic:?} has a full queue")]
    Full {
        /// The topic. Shared, as this is an everyday answer and shall cost nothing to give.
        topic: Arc<str>,
    },
    /// This node is on the minority side of its cluster and set to [`Minority::Refuse`](crate::Minority::Refuse).
    #[error(
        "only {reachable} of {size} members of the cluster are reachable, no majority, so topic {topic:?} takes no messages \
         here: restore the connections to the others, or set the option minority to go on without"
    )]
    Minority {
        /// The topic.
        topic: String,
        /// Members reachable, this node among them.
        reachable: usize,
        /// Members of the whole cluster.
        size: usize,
    },
    /// The payload is larger than the largest message allowed.
    #[error("the payload has {len} bytes; at most {max} are allowed (max_message_size)")]
    TooLarge {
        /// The payload's length in bytes.
        len: usize,
        /// The most allowed.
        max: usize,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a subscription was refused.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The name is not a topic name.
    #[error(transparent)]
    InvalidName(#[from] TopicNameError),
    /// The pattern is malformed.
    #[error(transparent)]
    InvalidPattern(#[from] PatternError),
    /// The topic is unknown and there is no peer that might come to offer it.
    #[error("topic {topic:?} is unknown and this node has no peers that could offer it")]
    Unknown {
        /// The topic.
        topic: String,
    },
    /// The topic's owner is known and not connected now.
    #[error("no owner of topic {topic:?} is reachable now")]
    Unreachable {
        /// The topic.
        topic: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

impl From<FilterError> for SubscribeError {
    fn from(error: FilterError) -> Self {
        match error {
            FilterError::Topic(error) => Self::InvalidName(error),
            FilterError::Pattern(error) => Self::InvalidPattern(error),
        }
    }
}

impl From<Infallible> for SubscribeError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why a subscription could not be cancelled.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsubscribeError {
    /// There is no subscription with this text.
    #[error("not subscribed to {filter:?}")]
    NotSubscribed {
        /// The topic or pattern given.
        filter: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why nothing was received.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing arrived within the time allowed.
    #[error("nothing to receive")]
    Empty,
    /// The node was closed; everything it had queued is gone.
    #[error("the node is closed")]
    Closed,
}

/// Why [`Subscriber::recv_into`](crate::Subscriber::recv_into) gave no message.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvIntoError {
    /// Nothing arrived within the time allowed.
    #[error("nothing to receive")]
    Empty,
    /// A buffer is too small. The message stays first in line.
    #[error("the message needs {topic_len} bytes for its topic and {data_len} for its data")]
    TooSmall {
        /// Bytes needed for the topic.
        topic_len: usize,
        /// Bytes needed for the data.
        data_len: usize,
    },
    /// A node that served one of the subscriptions was lost. Told once for each loss; none where a route fails over, nor
    /// after `remove_peer` or `unsubscribe`.
    #[error("the node that served a subscription was lost")]
    PeerLost,
    /// A publisher ended the subscriptions of this subscriber because it was too slow (overflow policy `Disconnect`).
    #[error("the subscription was ended because its queue was full")]
    Ended,
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why an endpoint could not be bound.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The endpoint is malformed.
    #[error(transparent)]
    InvalidEndpoint(#[from] EndpointError),
    /// This node has bound the endpoint already.
    #[error("{endpoint} is already bound by this node")]
    AlreadyBound {
        /// The endpoint.
        endpoint: String,
    },
    /// Somebody else holds the address.
    #[error("{endpoint} is in use; choose another port or stop the program that holds it")]
    InUse {
        /// The endpoint.
        endpoint: String,
    },
    /// This machine has no such address.
    #[error("{endpoint} is not an address of this machine; bind tcp://*:PORT for all of them")]
    NotAvailable {
        /// The endpoint.
        endpoint: String,
    },
    /// The system refused for another reason.
    #[error("cannot bind {endpoint}: {source}")]
    Io {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a peer could not be added.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddPeerError {
    /// The endpoint is malformed.
    #[error(transparent)]
    InvalidEndpoint(#[from] EndpointError),
    /// The endpoint was added before.
    #[error("peer {endpoint} was added before")]
    AlreadyAdded {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint is known to be this node itself.
    #[error("{endpoint} is this node itself")]
    Itself {
        /// The endpoint.
        endpoint: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a peer could not be removed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovePeerError {
    /// The endpoint is malformed.
    #[error(transparent)]
    InvalidEndpoint(#[from] EndpointError),
    /// The endpoint was never added.
    #[error("peer {endpoint} was never added")]
    Unknown {
        /// The endpoint.
        endpoint: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a sync is incomplete. What the answering peers told is kept.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncError {
    /// Peers are not connected.
    #[error("not connected to {}: is a node running there?", .peers.join(", "))]
    Unreachable {
        /// The endpoints of the peers that are missing.
        peers: Vec<String>,
    },
    /// Peers are connected and did not answer in time.
    #[error("no answer within {timeout:?} from {}", .peers.join(", "))]
    TimedOut {
        /// The peers that did not answer.
        peers: Vec<String>,
        /// How long the call waited.
        timeout: Duration,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a wait ended without what it waited for.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// The time is up.
    #[error("not there within {timeout:?}: wait longer, or see which peers are connected")]
    TimedOut {
        /// How long the call waited.
        timeout: Duration,
    },
    /// The topic whose subscribers were waited for is not known here.
    #[error("topic {topic:?} is not known here: create it, or sync with a peer that offers it")]
    Unknown {
        /// The topic.
        topic: String,
    },
    /// The topic whose subscription was waited for is not subscribed to.
    #[error(
        "topic {topic:?} is not subscribed to: subscribe to it, or to a pattern that matches it, before waiting"
    )]
    NotSubscribed {
        /// The topic.
        topic: String,
    },
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}
