//! What a subscriber receives.

use std::sync::Arc;

use bytes::Bytes;
use spot_core::{NodeId, Payload};

/// One thing received: a message, or the honest news that something is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// A message.
    Message(Message),
    /// Messages of a topic that this subscriber did not get, in the place where they would have been.
    Gap {
        /// The topic they were published on.
        topic: Arc<str>,
        /// How many are missing; `None` where the count died with its publisher.
        missed: Option<u64>,
    },
    /// A node that served one of the subscriptions was lost. Everything received from it comes before this. Told once
    /// for each loss; none where a route fails over, nor after `remove_peer` or `unsubscribe`.
    PeerLost {
        /// The node's id.
        node: NodeId,
        /// The node's name or, without one, the endpoint it was reached at.
        name: Arc<str>,
    },
    /// The subscriber was too slow under [`Overflow::Disconnect`](crate::Overflow::Disconnect): its subscriptions are
    /// ended. It may subscribe again.
    Ended,
}

impl Delivery {
    /// The message, if this is one.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }
}

/// A message: the topic it was published on and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Payload,
}

impl Message {
    /// The topic the message was published on.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The message's data; may be empty.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.payload.as_ref()
    }

    /// The data as shared bytes; free of a copy where the payload is large.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.payload.into_bytes()
    }
}
