//! Asking every peer for its topics, and knowing when all have answered.

use std::collections::BTreeSet;

use super::Node;
use super::link::LinkState;
use super::output::{LinkId, LinkPeer};
use super::peers::PeerState;
use crate::frame::Frame;
use crate::identity::NodeId;

/// A sync under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(u64);

/// Who has not answered a sync yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncPending {
    /// Peers that are not linked, by endpoint.
    pub unreachable: Vec<String>,
    /// Peers that are linked and silent, by endpoint or address.
    pub silent: Vec<String>,
}

impl SyncPending {
    /// Whether all have answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unreachable.is_empty() && self.silent.is_empty()
    }
}

#[derive(Debug, Default)]
pub(super) struct Sync {
    answered: BTreeSet<NodeId>,
}

impl Node {
    /// Asks every linked peer for its topics, and those that come to be linked before [`end_sync`](Self::end_sync).
    pub fn begin_sync(&mut self) -> SyncId {
        self.next_sync += 1;
        let id = SyncId(self.next_sync);
        self.syncs.insert(id, Sync::default());
        let links = self.links.iter().filter(|(_, link)| link.is_active_spot());
        let links: Vec<LinkId> = links.map(|(link, _)| *link).collect();
        for link in links {
            self.send(link, &Frame::Sync { id: id.0 });
        }
        id
    }

    /// Who has not answered yet.
    #[must_use]
    pub fn sync_pending(&self, id: SyncId) -> SyncPending {
        let mut pending = SyncPending::default();
        let Some(sync) = self.syncs.get(&id) else {
            return pending;
        };
        for peer in self
            .peers
            .iter()
            .flatten()
            .filter(|peer| peer.state != PeerState::Itself)
        {
            let node = peer
                .node
                .and_then(|node| Some((node, self.remotes.get(&node)?.active?)));
            let plain = matches!(peer.state, PeerState::Linked(link) if self.links[&link].state == LinkState::Active);
            match node {
                Some((node, _)) if sync.answered.contains(&node) => {}
                Some(_) => pending.silent.push(peer.endpoint.to_string()),
                None if plain => {}
                None => pending.unreachable.push(peer.endpoint.to_string()),
            }
        }
        for link in self
            .links
            .values()
            .filter(|link| link.state == LinkState::Active)
        {
            if let Some(LinkPeer::Spot(hello)) = &link.peer_kind {
                let is_peer = self
                    .peers
                    .iter()
                    .flatten()
                    .any(|peer| peer.node == Some(hello.node));
                if !is_peer && !sync.answered.contains(&hello.node) {
                    pending.silent.push(link.address.clone());
                }
            }
        }
        pending
    }

    /// Ends a sync.
    pub fn end_sync(&mut self, id: SyncId) {
        self.syncs.remove(&id);
    }

    /// Answers behind all that was changed before, so that the other side also knows whether it has missed some of that.
    pub(super) fn sync_asked(&mut self, link: LinkId, id: u64) {
        self.tell_digest(link);
        self.send(link, &Frame::SyncAck { id });
    }

    pub(super) fn sync_answered(&mut self, link: LinkId, id: u64) {
        let state = &self.links[&link];
        let node = state.spot().expect("checked to be SPOT").node;
        if state.misses_offers() {
            // It is asked again once the list is whole.
            return;
        }
        if let Some(sync) = self.syncs.get_mut(&SyncId(id)) {
            sync.answered.insert(node);
        }
    }

    /// A link came up while syncs are under way: ask it, too, even if its node answered in a former life.
    pub(super) fn ask_in_running_syncs(&mut self, link: LinkId, node: NodeId) {
        let ids: Vec<SyncId> = self.syncs.keys().copied().collect();
        for id in ids {
            let sync = self.syncs.get_mut(&id).expect("just listed");
            sync.answered.remove(&node);
            self.send(link, &Frame::Sync { id: id.0 });
        }
    }
}
