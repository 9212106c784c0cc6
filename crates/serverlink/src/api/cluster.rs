//! The cluster as a node sees it.

use spot_core::NodeId;
use spot_core::node::{ClusterView, MemberView};

use super::node::Node;

pub use spot_core::node::MemberState;

/// How a node learns whom to link to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Discovery {
    /// Peers are those that were added, and nodes that link to us.
    #[default]
    Listed,
    /// Members that peers tell of are linked to as well, at the endpoints they are bound to: one peer is enough.
    Gossip,
}

/// What a node does that reaches no majority of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Minority {
    /// It goes on.
    #[default]
    GoOn,
    /// Every publish fails with [`PublishError::Minority`](crate::PublishError::Minority).
    Refuse,
}

/// The cluster as one node sees it. Observers (see [`NodeBuilder::observer`](crate::NodeBuilder::observer)) are no part
/// of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterStatus {
    /// The members by node id: this node, and all known that have not left.
    pub members: Vec<MemberInfo>,
    /// How many there are to be: [`Options::cluster_size`](crate::Options::cluster_size), or the members known.
    pub size: usize,
    /// How many are reachable, this node among them.
    pub reachable: usize,
    /// How many make a majority: more than half of `size`.
    pub quorum: usize,
    /// Whether so many are reachable.
    pub has_quorum: bool,
    /// Whether some known member is not reachable: down or cut off, nobody can tell.
    pub partitioned: bool,
}

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberInfo {
    /// Its node id.
    pub node: NodeId,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Which of its lives is known: higher after every start.
    pub incarnation: u64,
    /// Where it can be reached, as far as that is known here.
    pub endpoints: Vec<String>,
    /// How it is.
    pub state: MemberState,
    /// Whether it is reachable: this node itself, or not down.
    pub reachable: bool,
    /// Whether it is this node.
    pub itself: bool,
}

impl Node {
    /// The cluster as this node sees it now. Does not block.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serverlink::{Event, Node};
    /// use std::time::Duration;
    /// let a = Node::builder().name("a").bind("tcp://127.0.0.1:0").start()?;
    /// let events = a.events();
    /// let b = Node::builder().name("b").peer(a.last_endpoint().unwrap()).start()?;
    /// while let Some(event) = events.next_timeout(Duration::from_secs(5)) {
    ///     if matches!(event, Event::MemberUp { .. }) { break; }
    /// }
    /// let cluster = a.cluster();
    /// assert_eq!((cluster.size, cluster.reachable, cluster.quorum), (2, 2, 2));
    /// assert!(cluster.has_quorum && !cluster.partitioned);
    /// # drop(b); Ok(()) }
    /// ```
    #[must_use]
    pub fn cluster(&self) -> ClusterStatus {
        self.handle
            .inspect(|control| ClusterStatus::from(control.core.cluster()))
    }
}

impl From<ClusterView> for ClusterStatus {
    fn from(view: ClusterView) -> Self {
        Self {
            members: view.members.into_iter().map(MemberInfo::from).collect(),
            size: view.size,
            reachable: view.reachable,
            quorum: view.quorum,
            has_quorum: view.has_quorum,
            partitioned: view.partitioned,
        }
    }
}

impl From<MemberView> for MemberInfo {
    fn from(view: MemberView) -> Self {
        Self {
            node: view.node,
            name: (!view.name.is_empty()).then_some(view.name),
            incarnation: view.incarnation.0,
            endpoints: view.endpoints,
            state: view.state,
            reachable: view.state != MemberState::Down,
            itself: view.itself,
        }
    }
}
