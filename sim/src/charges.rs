//! Which blocking subscribers a message was charged to.
//!
//! A publisher charges a message to the classes whose interest is in force there. INTEREST_ACK travels in line with the
//! messages, so the last one before a message tells which interest that was. Without this, a message under way while a
//! subscription ends would take credit that nobody returns.

use std::collections::{BTreeMap, VecDeque};

use spot_core::{Filter, LinkId, Node, SubscriberId};

#[derive(Debug, Default)]
struct Interest {
    /// The other side has acknowledged something on this link. What it sends before that goes on from an earlier link, and
    /// is charged by the interest that it is about to acknowledge.
    acknowledged: bool,
    in_force: Vec<Filter>,
    /// Sent and not acknowledged, with the version that completes it.
    sent: VecDeque<(u64, Vec<Filter>)>,
}

/// The interest of blocking subscribers as each link's other side has it.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    interests: BTreeMap<(LinkId, SubscriberId), Interest>,
    /// As they were when they were last followed.
    versions: Vec<(LinkId, u64, u64)>,
}

impl Charges {
    /// Takes note of what was sent and acknowledged since.
    pub(crate) fn follow(&mut self, node: &Node, blocking: impl Iterator<Item = SubscriberId>) {
        if node.interest_versions().eq(self.versions.iter().copied()) {
            return;
        }
        self.versions.clear();
        self.versions.extend(node.interest_versions());
        for subscriber in blocking {
            let filters = node.filters_of(subscriber);
            for (link, acked, sent) in node.interest_versions() {
                let interest = self.interests.entry((link, subscriber)).or_default();
                interest.acknowledged = acked > 0;
                let last = interest.sent.back().map(|(_, filters)| filters);
                if *last.unwrap_or(&interest.in_force) != filters {
                    interest.sent.push_back((sent, filters.clone()));
                }
                while let Some((_, filters)) = interest.sent.pop_front_if(|(at, _)| *at <= acked) {
                    interest.in_force = filters;
                }
            }
        }
    }

    /// Who a message of a topic that comes by this link was charged to.
    pub(crate) fn of(&self, link: LinkId, topic: &str) -> Vec<SubscriberId> {
        let all = self.interests.iter().filter(|((of, _), _)| *of == link);
        let charged = all.filter(|(_, interest)| {
            let first = interest.sent.front().map(|(_, filters)| filters);
            let first = first.filter(|_| !interest.acknowledged);
            let mut filters = first.unwrap_or(&interest.in_force).iter();
            filters.any(|filter| filter.matches(topic))
        });
        charged.map(|((_, subscriber), _)| *subscriber).collect()
    }

    pub(crate) fn forget(&mut self, link: LinkId) {
        self.interests.retain(|(of, _), _| *of != link);
    }
}
