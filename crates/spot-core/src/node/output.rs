//! What a node asks its driver to do.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::frame::Passage;
use crate::hello::Hello;
use crate::identity::{Incarnation, NodeId};
use crate::interest::Classes;
use crate::overflow::Class;
use crate::past::{Await, Past};
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
    /// Hosted elsewhere: the way that published messages go.
    pub upstream: Option<WayToOwner>,
    /// Known at all; a topic that is neither hosted nor has an upstream, yet is known, is unreachable.
    pub known: bool,
    /// Routed: streams from other links than this one are ignored.
    pub routed: bool,
}

impl Place {
    /// The link that published messages go to, where it is hosted elsewhere.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        self.upstream.map(|way| way.link)
    }
}

/// How the owner of a topic is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayToOwner {
    /// The link to it, or to a hub before it.
    pub link: LinkId,
    /// The owner.
    pub owner: NodeId,
    /// Which of its lives.
    pub life: Incarnation,
    /// Whether it is at the other end of the link.
    pub direct: bool,
}

impl WayToOwner {
    /// What the streams are announced with that go this way.
    #[must_use]
    pub fn passage(&self) -> Option<Passage> {
        (!self.direct).then_some(Passage {
            owner: self.owner,
            life: self.life,
            hops: 0,
        })
    }
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
        /// One of the two sides took its leave: the streams of the other end without loss here.
        graceful: bool,
        /// It was the other side: its streams have ended for everybody.
        left: bool,
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
        /// Where the topic is hosted here: hand it first the last so many messages that are kept.
        history: usize,
    },
    /// A subscriber is going to be sent what the owner behind a link keeps of the topic: hold back from it what that link
    /// sends to all, until LIVE.
    AwaitPast {
        /// Which topic.
        topic: TopicId,
        /// Who waits for what.
        of: Await,
    },
    /// The other side has sent all that was asked for: the subscriber waits no more.
    PastSent {
        /// Which topic.
        topic: TopicId,
        /// Which subscriber.
        subscriber: SubscriberId,
        /// On which link.
        link: LinkId,
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
        /// What is to be sent of its past, as far as it is kept.
        past: Past,
    },
    /// Send them no more. On a link that is in use, announce the end of the stream; on one that is not any more only
    /// where it stands, because it may go on over another link.
    DetachLink {
        /// Which topic.
        topic: TopicId,
        /// Which link.
        link: LinkId,
        /// Whether the topic is hosted here no more; otherwise the link does not want it.
        ended: bool,
    },
    /// Pass on over a link what is heard of a topic from another node, or will be, announcing each stream first; again for
    /// other classes.
    AttachRelay {
        /// Which topic.
        topic: TopicId,
        /// The node that hosts it.
        origin: NodeId,
        /// Which link.
        link: LinkId,
        /// The alias of the stream on every link that it is passed on over.
        alias: u32,
        /// In which classes it is wanted there.
        classes: Classes,
    },
    /// Pass it on no more; what is announced is as for [`DetachLink`](Self::DetachLink).
    DetachRelay {
        /// Which topic.
        topic: TopicId,
        /// The node that hosts it.
        origin: NodeId,
        /// Which link.
        link: LinkId,
    },
    /// Grant credit to a link for what is passed on to subscribers that block.
    RelayWindow {
        /// Which topic.
        topic: TopicId,
        /// The node that hosts it.
        origin: NodeId,
        /// The link that it is asked for on.
        link: LinkId,
        /// The class in which it is asked for.
        class: Class,
    },
    /// A stream comes by a new way and still by an old one: answer with `stream_followed` once all further messages come
    /// over the link of the new one, or it is not announced there.
    FollowStream {
        /// Which topic.
        topic: TopicId,
        /// The node that hosts it.
        origin: NodeId,
        /// The link of the new way.
        link: LinkId,
    },
    /// A stream that comes by several ways is not to come over this link any more.
    LeaveWay {
        /// Which topic.
        topic: TopicId,
        /// The node that hosts it.
        origin: NodeId,
        /// The link that is left.
        link: LinkId,
    },
    /// The way to the node that hosts a topic is cut behind the link: its stream goes on when it is announced again.
    StreamLost {
        /// Which topic.
        topic: TopicId,
        /// The node that hosts it.
        origin: NodeId,
    },
    /// A publisher elsewhere is taken for dead: those who hear a topic of ours miss what it may have taken along, see
    /// [`CutStreams::give_up`](crate::upstream::CutStreams::give_up).
    PublisherGone {
        /// The topic that it published on.
        topic: TopicId,
        /// Who it is.
        publisher: NodeId,
        /// When its last way was cut; if it has come back since, nothing is to be done.
        cut_at_ms: u64,
    },
    /// The node that hosted a topic is not expected back: another one answers where it was reached. What is missing of its
    /// stream cannot be counted any more.
    StreamGone {
        /// Which topic.
        topic: TopicId,
        /// The node that hosted it.
        origin: NodeId,
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
    /// Publishing is refused from here on, for want of a majority, or allowed again.
    Publishing {
        /// Whether it is refused.
        refused: bool,
    },
    /// Something that users may want to know.
    Event(Event),
}

/// Something that happened to a node, for its users and for logs. What lies outside the control plane (`Gap`,
/// `SlowSubscriber`, most of `Rejected`) is told by the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A link to a peer is up.
    PeerUp {
        /// The endpoint or address of the peer.
        endpoint: String,
        /// Its node id; `None` for a plain ZeroMQ peer.
        node: Option<NodeId>,
        /// Its name; empty without one.
        name: String,
    },
    /// A link to a peer is down.
    PeerDown {
        /// The endpoint or address of the peer.
        endpoint: String,
        /// Its node id; `None` for a plain ZeroMQ peer.
        node: Option<NodeId>,
        /// Its name; empty without one.
        name: String,
        /// Why, in words.
        reason: String,
        /// Whether the peer took its leave.
        graceful: bool,
    },
    /// A connection attempt failed; the next one follows by itself.
    ConnectFailed {
        /// The endpoint.
        endpoint: String,
        /// Why, in words.
        reason: String,
    },
    /// A connection was closed because of what came over it.
    Rejected {
        /// The address it came from.
        endpoint: String,
        /// Why, in words.
        reason: String,
    },
    /// A member of the cluster is there, or there again, or is no longer suspected.
    MemberUp {
        /// Its node id.
        node: NodeId,
        /// Its name; empty without one.
        name: Arc<str>,
    },
    /// A member did not answer, neither directly nor by way of others.
    MemberSuspect {
        /// Its node id.
        node: NodeId,
        /// Its name; empty without one.
        name: Arc<str>,
    },
    /// A member is gone.
    MemberDown {
        /// Its node id.
        node: NodeId,
        /// Its name; empty without one.
        name: Arc<str>,
        /// Whether it took its leave, or is not expected back; otherwise it is down or cut off.
        left: bool,
    },
    /// Members are not reachable, and nobody knows whether they are down or cut off. Told again when more of them are
    /// lost or some come back.
    Partition {
        /// Members reachable, this node among them.
        reachable: usize,
        /// Members of the whole cluster.
        size: usize,
        /// Whether those that are reachable are more than half.
        majority: bool,
    },
    /// Every member is reachable again.
    Heal {
        /// Members of the whole cluster.
        size: usize,
    },
    /// A peer offers a topic.
    TopicAdded {
        /// The topic.
        topic: Arc<str>,
    },
    /// A topic is no longer offered by anybody.
    TopicRemoved {
        /// The topic.
        topic: Arc<str>,
    },
    /// Messages of a topic were lost on the way to this node.
    Gap {
        /// The topic.
        topic: Arc<str>,
        /// How many; `None` where the count died with its publisher.
        missed: Option<u64>,
    },
    /// A slow subscription was ended under [`Overflow::Disconnect`](crate::Overflow::Disconnect).
    SlowSubscriber {
        /// The peer it belongs to, or this node's own name.
        endpoint: String,
    },
}
