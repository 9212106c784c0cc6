//! Whether the node has a majority, where no partition tells it: members that were never met, or left, cut nobody off.

use serverlink::{ClusterStatus, Event, Node};
use tracing::{info, warn};

/// What was last told of it.
pub(super) struct Majority {
    is_there: bool,
    /// That it is not there was told here, and not as a partition.
    was_missed: bool,
}

impl Majority {
    /// A node is alone at first: of a cluster that is to have several members that is no majority.
    pub(super) fn at_start(node: &Node) -> Self {
        let mut majority = Self {
            is_there: true,
            was_missed: false,
        };
        majority.look_at(&node.cluster());
        majority
    }

    /// Looks again after what may have changed it.
    pub(super) fn after(&mut self, event: &Event, node: &Node) {
        if let Event::MemberUp { .. }
        | Event::MemberDown { .. }
        | Event::Partition { .. }
        | Event::Heal { .. } = event
        {
            self.look_at(&node.cluster());
        }
    }

    fn look_at(&mut self, cluster: &ClusterStatus) {
        if cluster.has_quorum == self.is_there {
            return;
        }
        self.is_there = cluster.has_quorum;
        let ClusterStatus {
            reachable,
            size,
            quorum,
            ..
        } = *cluster;
        if !self.is_there {
            self.was_missed = !cluster.partitioned;
            if self.was_missed {
                warn!(
                    event = "no-majority",
                    reachable,
                    size,
                    "no majority: {reachable} of {size} members reachable, {quorum} are one"
                );
            }
        } else if self.was_missed {
            info!(
                event = "majority",
                reachable, size, "a majority: {reachable} of {size} members reachable"
            );
        }
    }
}
