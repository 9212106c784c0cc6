//! Which connection is used, of all between two nodes.

use super::super::Node;
use super::super::output::{CloseReason, Event, LinkId, Output};
use super::super::peers::PeerState;
use super::super::remote::Remote;
use super::{Link, LinkState};
use crate::frame::{ByeReason, Frame};
use crate::hello::Hello;
use crate::identity::NodeId;

/// What a node is told that is refused because a newer incarnation of it is known.
const OUTDATED: &str =
    "a newer life of this node is in the cluster: two nodes have the same name; give each its own";

impl Node {
    pub(super) fn spot_link_up(&mut self, link: LinkId, hello: &Hello) {
        if hello.node == self.config.id {
            return self.linked_to_itself(link);
        }
        let peer = self.links[&link].peer;
        if peer.is_some_and(|peer| self.peer(peer).is_asked_for()) {
            self.refused.remove(&hello.node);
        } else if self.refused.contains_key(&hello.node) {
            self.refusals.removed += 1;
            return self.close_link(link, CloseReason::Refused);
        }
        let name = if hello.name.is_empty() {
            self.link_mut(link).address.clone()
        } else {
            hello.name.clone()
        };
        let known = self.membership.book.get(hello.node);
        let remote = self.remotes.entry(hello.node).or_insert_with(|| Remote {
            links: known.map_or(0, |member| member.links),
            ..Remote::default()
        });
        remote.name = name;
        for other in self.links_to(hello.node) {
            let incarnation = self.links[&other].spot().map(|other| other.incarnation);
            if incarnation > Some(hello.incarnation) {
                self.refusals.namesake += 1;
                return self.close_link_saying(link, CloseReason::Refused, OUTDATED);
            }
            if incarnation < Some(hello.incarnation) {
                self.close_replaced(other);
            }
        }
        self.decide(link, hello.node);
    }

    /// Whether it is another node of this one's id: one of the same name, or an earlier life of this one that has not ended.
    pub(super) fn is_namesake(&self, hello: &Hello) -> bool {
        hello.node == self.config.id && hello.incarnation != self.config.incarnation
    }

    /// Closes a link to another node of our id, and tries again later: the other one may end, or get another name.
    pub(super) fn refuse_namesake(&mut self, link: LinkId) {
        self.refusals.namesake += 1;
        // What is cut off where there is no room for all is the name.
        let name = &self.config.name;
        let reason = format!("two nodes have the same name, give each its own: {name:?}");
        let state = self.link_mut(link);
        let (dialled_for, address) = (state.peer.take(), state.address.clone());
        self.close_link_saying(link, CloseReason::Refused, &reason);
        match dialled_for {
            Some(peer) => self.peer_link_closed(self.clock_ms, peer, &reason, true),
            None => self.push(Output::Event(Event::Rejected {
                endpoint: address,
                reason,
            })),
        }
    }

    fn linked_to_itself(&mut self, link: LinkId) {
        self.refusals.itself += 1;
        let peer = self.link_mut(link).peer;
        self.close_link(link, CloseReason::Itself);
        if let Some(peer) = peer {
            self.peer_mut(peer).state = PeerState::Itself;
            self.try_next_endpoint(peer);
        }
    }

    /// Takes the link, refuses it, or waits for the other side to decide.
    fn decide(&mut self, link: LinkId, node: NodeId) {
        if self.config.id > node {
            self.link_mut(link).state = LinkState::Pending;
            return;
        }
        let active = self.remotes[&node].active;
        let implicit = |node: &Self, link: LinkId| node.links[&link].implicit;
        match active {
            Some(active) if implicit(self, active) && !implicit(self, link) => {
                self.close_link(active, CloseReason::Duplicate);
            }
            Some(_) => return self.close_link(link, CloseReason::Duplicate),
            None => {}
        }
        self.send(link, &Frame::Use);
        self.activate_spot(link, node);
    }

    /// The other side took this link.
    pub(super) fn use_link(&mut self, link: LinkId) {
        let node = self.links[&link].spot().expect("only SPOT links wait").node;
        if let Some(active) = self.remotes.get(&node).and_then(|remote| remote.active) {
            self.close_link(active, CloseReason::Duplicate);
        }
        self.activate_spot(link, node);
    }

    fn activate_spot(&mut self, link: LinkId, node: NodeId) {
        let remote = self.remotes.get_mut(&node);
        let remote = remote.expect("held by the link that waited");
        remote.active = Some(link);
        self.reconnects += u64::from(remote.links > 0);
        remote.links += 1;
        for peer in self.peers.iter_mut().flatten() {
            let waits = matches!(peer.state, PeerState::Waiting { .. });
            if peer.node == Some(node) && waits {
                peer.state = PeerState::Served;
                peer.backoff.reset();
            }
        }
        self.activate(link);
        self.push(Output::LinkActive { link });
        self.doubt_topics_of(node);
        self.offer_all_topics(link);
        self.tell_newcomer_to_cease(link);
        self.send_all_interest(link);
        self.place_topics_of(node);
        self.place_routed_topics();
        self.ask_in_running_syncs(link, node);
        self.tell_members(link, node);
    }

    /// A link whose node has begun a new life: mostly the other end of it is gone, though the network has not said so. It
    /// may also be another node of the same name, which is told why it is put out.
    fn close_replaced(&mut self, stale: LinkId) {
        let reason = ByeReason::Replaced;
        let text = OUTDATED;
        let bye = Frame::Bye { reason, text }.to_vec();
        self.retire(stale, "a newer life of the node took its place: it was restarted, or two nodes have the same name", false, true);
        self.drop_link(stale);
        self.push(Output::Close {
            link: stale,
            reason: CloseReason::Replaced,
            bye: Some(bye),
        });
    }

    /// Closes a link for a reason of ours.
    pub(in super::super) fn close_link(&mut self, link: LinkId, reason: CloseReason) {
        self.close_link_saying(link, reason, "");
    }

    fn close_link_saying(&mut self, link: LinkId, reason: CloseReason, text: &str) {
        let Some(state) = self.links.get(&link) else {
            return;
        };
        let told = state.spot().map(|_| match reason {
            CloseReason::Duplicate => ByeReason::Duplicate,
            CloseReason::Replaced => ByeReason::Replaced,
            CloseReason::Refused => ByeReason::Refused,
            CloseReason::Itself => ByeReason::ToSelf,
            CloseReason::Leaving => ByeReason::Leaving,
        });
        let bye = told.map(|reason| Frame::Bye { reason, text }.to_vec());
        let goes_on = matches!(reason, CloseReason::Duplicate | CloseReason::Replaced);
        self.retire(link, "closed by this node", !goes_on, false);
        self.drop_link(link);
        self.push(Output::Close { link, reason, bye });
    }

    /// Forgets a link that we close. The peer it was dialled for rests until its node is without a link.
    fn drop_link(&mut self, link: LinkId) {
        let dropped = self.links.remove(&link).expect("the caller found it");
        if let Some(peer) = dropped.peer {
            self.peer_mut(peer).state = PeerState::Served;
        }
    }

    /// All links to a node, whatever their state, in their order.
    pub(in super::super) fn links_to(&self, node: NodeId) -> Vec<LinkId> {
        let is_to = |link: &Link| link.spot().is_some_and(|hello| hello.node == node);
        let links = self.links.iter().filter(|(_, link)| is_to(link));
        links.map(|(id, _)| *id).collect()
    }
}
