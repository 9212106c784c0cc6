//! Links as the control plane refers to them, and how messages go into them.

use std::sync::Arc;

use spot_core::outbox::{Outbox, SinkPolicy};
use spot_core::{Class, LinkPeer, NodeId, Overflow};
use zmtp::Version;

use super::inproc::InprocLink;
use crate::data::{SharedOutbox, SinkKind};

/// A link as the outputs of the control plane refer to it.
#[derive(Debug)]
pub(crate) enum LinkHandle {
    /// Over a socket; what the other end is decides how messages are sent.
    Wire {
        outbox: Arc<SharedOutbox>,
        peer: LinkPeer,
        version: Version,
    },
    /// To a node of this context.
    Inproc(InprocLink),
}

impl LinkHandle {
    pub(crate) fn outbox(&self) -> Option<&Arc<SharedOutbox>> {
        match self {
            Self::Wire { outbox, .. } => Some(outbox),
            Self::Inproc(_) => None,
        }
    }

    /// The SPOT node at the other end of a socket.
    pub(crate) fn node(&self) -> Option<NodeId> {
        match self {
            Self::Wire {
                peer: LinkPeer::Spot(hello),
                ..
            } => Some(hello.node),
            _ => None,
        }
    }

    /// How messages are sent to the other end, wanted there in these classes.
    pub(super) fn sink(&self, classes: &[Class]) -> SinkKind {
        match self {
            Self::Wire {
                outbox,
                peer: LinkPeer::Spot(_),
                ..
            } => SinkKind::Wire {
                outbox: outbox.clone(),
                policy: outbox.policy_for(classes, sink_policy),
            },
            Self::Wire {
                outbox,
                peer: LinkPeer::Commander,
                ..
            } => SinkKind::Commander {
                outbox: outbox.clone(),
            },
            Self::Wire { outbox, .. } => SinkKind::Plain {
                outbox: outbox.clone(),
            },
            Self::Inproc(link) => SinkKind::Direct {
                node: link.node.clone(),
                link: link.link,
                topic: None,
            },
        }
    }
}

pub(super) fn sink_policy(queue: &mut Outbox, classes: &[Class]) -> SinkPolicy {
    let mut policy = SinkPolicy::default();
    for class in classes {
        match class.policy() {
            Overflow::DropNewest => {}
            Overflow::DropOldest => policy.drop_oldest = true,
            Overflow::Block => policy.gates.push(queue.gate(*class)),
            Overflow::Disconnect => policy.disconnect.push(*class),
        }
    }
    policy
}
