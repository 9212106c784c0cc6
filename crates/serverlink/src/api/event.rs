//! What happens to a node, as it happens.

use std::sync::Arc;
use std::time::Duration;

use spot_core::NodeId;

use super::node::NodeHandle;
use crate::data::Deadline;
use crate::engine::EventQueue;

/// Something that happened to a node.
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

/// A node's events, in order. Holds the last 4096; what is older and unread is dropped and counted.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serverlink::{Event, Node};
/// use std::time::Duration;
/// let server = Node::builder().bind("tcp://127.0.0.1:0").start()?;
/// let events = server.events();
/// let client = Node::builder().name("client").peer(server.last_endpoint().unwrap()).start()?;
/// let Some(Event::PeerUp { name, .. }) = events.next_timeout(Duration::from_secs(5)) else {
///     panic!("the client links to the server");
/// };
/// assert_eq!(name, "client");
/// # drop(client); Ok(()) }
/// ```
#[derive(Debug)]
pub struct Events {
    queue: Arc<EventQueue>,
    _node: Arc<NodeHandle>,
}

impl Events {
    pub(super) fn listen(node: Arc<NodeHandle>) -> Self {
        let queue = Arc::new(EventQueue::default());
        node.control(|control| control.listen(&queue));
        Self { queue, _node: node }
    }

    /// Waits for the next event; `None` when the time is up or the node is closed.
    #[must_use]
    pub fn next_timeout(&self, timeout: Duration) -> Option<Event> {
        self.queue.next(Deadline::after(Some(timeout)))
    }

    /// The next event if there is one now.
    #[must_use]
    pub fn try_next(&self) -> Option<Event> {
        self.queue.next(Deadline::Now)
    }

    /// Events dropped unread so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}
