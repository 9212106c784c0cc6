//! Who a member is to the failure detector.

use foca::Identity;

use crate::identity::{Incarnation, NodeId};

/// A node from the moment it became a member until others take it for down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) node: NodeId,
    pub(super) incarnation: Incarnation,
    /// How often this incarnation came back after others had taken it for down.
    pub(super) returns: u64,
}

impl Identity for Life {
    type Addr = NodeId;

    fn addr(&self) -> NodeId {
        self.node
    }

    fn renew(&self) -> Option<Self> {
        Some(Self {
            returns: self.returns.checked_add(1)?,
            ..self.clone()
        })
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        (self.incarnation, self.returns) > (adversary.incarnation, adversary.returns)
    }
}
