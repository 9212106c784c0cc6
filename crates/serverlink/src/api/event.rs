//! What happens to a node, as it happens.

use std::sync::Arc;
use std::time::Duration;

use spot_core::Event;

use super::node::NodeHandle;
use crate::data::Deadline;
use crate::engine::EventQueue;

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
