//! What a node asks its driver to do.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::hello::Hello;
use crate::identity::NodeId;
use crate::interest::Classes;
use crate::registry::TopicId;

/// A connection, from its first attempt to its end. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u32);

/// A peer that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// A local subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub u32);

/// Who is at the other end of a connection, as its handshake told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPeer {
    /// Another SPOT node.
    Spot(Hello),
    /// A plain ZeroMQ PUB or XPUB.
    PlainPublisher,
    /// A plain ZeroMQ SUB or XSUB.
    PlainSubscriber,
    /// A DEALER or REQ that speaks the open command protocol.
    Commander,
}

/// Where a topic lives, as far as publishing and receiving are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Hosted here: published messages are numbered here and fan out from here.
    pub hosted: bool,
    /// Hosted elsewhere: the link that published messages go to.
    pub upstream: Option<LinkId>,
    /// Known at all; a topic that is neither hosted nor has an upstream, yet is known, is unreachable.
    pub known: bool,
    /// Routed: streams from other links than this one are ignored.
    pub routed: bool,
}

/// Why a link is closed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Another connection to the same node stays.
    Duplicate,
    /// The peer was removed.
    Refused,
    /// The other end is this node itself.
    Itself,
    /// A newer incarnation of the node took its place.
    Replaced,
    /// This node closes.
    Leaving,
}

/// What a node asks its driver to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect and shake hands; answer with `link_up` or `link_closed`.
    Dial {
        /// The connection's number.
        link: LinkId,
        /// Where to.
        endpoint: Endpoint,
    },
    /// Send a SPOT frame that is no message.
    Frame {
        /// On which link.
        link: LinkId,
        /// The encoded frame.
        frame: Vec<u8>,
    },
    /// Send a subscription or its cancellation to a plain ZeroMQ publisher.
    PlainSubscription {
        /// On which link.
        link: LinkId,
        /// The prefix.
        prefix: Vec<u8>,
        /// Subscribe or cancel.
        subscribe: bool,
    },
    /// Send what is queued, then `bye` if there is one, and close. `link_closed` need not be told.
    Close {
        /// Which link.
        link: LinkId,
        /// Why.
        reason: CloseReason,
        /// A last frame to send.
        bye: Option<Vec<u8>>,
    },
    /// A SPOT link is in use from here on: grant credit.
    LinkActive {
        /// Which link.
        link: LinkId,
    },
    /// A link that was in use is not any more.
    LinkInactive {
        /// Which link.
        link: LinkId,
        /// One of the two sides took its leave: the streams end without loss.
        graceful: bool,
    },
    /// A topic became known (or is heard from a plain publisher).
    TopicAdded {
        /// Its number.
        topic: TopicId,
        /// Its name.
        name: Arc<str>,
    },
    /// A topic is gone; its number may be reused.
    TopicRemoved {
        /// Its number.
        topic: TopicId,
    },
    /// Where a topic lives has changed.
    Placed {
        /// Which topic.
        topic: TopicId,
        /// Where it lives now.
        place: Place,
    },
    /// Deliver the topic to a local subscriber.
    AttachSubscriber {
        /// Which topic.
        topic: TopicId,
        /// Which subscriber.
        subscriber: SubscriberId,
    },
    /// Deliver it no more.
    DetachSubscriber {
        /// Which topic.
        topic: TopicId,
        /// Which subscriber.
        subscriber: SubscriberId,
    },
    /// Send the topic's messages over a link, announcing it first unless it is attached already.
    AttachLink {
        /// Which topic.
        topic: TopicId,
        /// Which link.
        link: LinkId,
        /// In which classes it is wanted there.
        classes: Classes,
    },
    /// Send them no more. On a link that is in use, announce the end of the stream; on one that is not any more only
    /// where it stands, because it may go on over another link.
    DetachLink {
        /// Which topic.
        topic: TopicId,
        /// Which link.
        link: LinkId,
    },
    /// A node that served subscriptions of this subscriber was lost.
    PeerLost {
        /// Which subscriber.
        subscriber: SubscriberId,
        /// The node.
        node: NodeId,
        /// Its name or endpoint.
        name: Arc<str>,
    },
    /// A publisher ended this subscriber as too slow.
    SubscriberEnded {
        /// Which subscriber.
        subscriber: SubscriberId,
    },
    /// Something that users may want to know.
    Event(NodeEvent),
}

/// Something that happened, for users and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEvent {
    /// A link is up and in use.
    PeerUp {
        /// The peer's endpoint or address.
        endpoint: String,
        /// Its node id, if it is a SPOT node.
        node: Option<NodeId>,
        /// Its name; may be empty.
        name: String,
    },
    /// A link that was in use is down.
    PeerDown {
        /// The peer's endpoint or address.
        endpoint: String,
        /// Its node id, if it is a SPOT node.
        node: Option<NodeId>,
        /// Its name; may be empty.
        name: String,
        /// Why.
        reason: String,
        /// Whether it took its leave.
        graceful: bool,
    },
    /// A connection attempt failed.
    ConnectFailed {
        /// The endpoint.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// A peer offers a topic that nobody offered before.
    TopicAdded {
        /// The topic.
        topic: Arc<str>,
    },
    /// Nobody offers a topic any more.
    TopicRemoved {
        /// The topic.
        topic: Arc<str>,
    },
}
