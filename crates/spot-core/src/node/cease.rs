//! Owners that are about to leave: what is published to them ends first, so that none of it is lost on the way.
//!
//! CEASE goes from the owner to all that it is linked to, and from hubs to those that they offer its topics. Who reads it
//! ends its streams to that life of the owner and says so behind their ends (CEASED); a hub once all that it told have.

use std::collections::BTreeSet;

use super::Node;
use super::output::{LinkId, Output, WayToOwner};
use crate::frame::Frame;
use crate::identity::{Incarnation, NodeId};
use crate::registry::TopicId;

/// A life of an owner that nothing is to be published to any more.
#[derive(Debug)]
pub(super) struct Cease {
    life: Incarnation,
    /// Links over which it may still be published to.
    awaited: BTreeSet<LinkId>,
    /// Links that wait until there are none.
    asked_by: BTreeSet<LinkId>,
}

impl Cease {
    fn of(life: Incarnation, awaited: &[LinkId]) -> Self {
        Self {
            life,
            awaited: awaited.iter().copied().collect(),
            asked_by: BTreeSet::new(),
        }
    }
}

impl Node {
    /// Asks all others to publish nothing more to this node, which is about to [leave](Self::leave).
    /// [`is_published_to`](Self::is_published_to) tells whether some may still do.
    pub fn cease(&mut self) {
        let hosts = self.hosted_topics().next().is_some();
        let told = match hosts {
            true => self.links_beside(&[]),
            false => Vec::new(),
        };
        let (id, life) = (self.config.id, self.config.incarnation);
        self.ceasing.insert(id, Cease::of(life, &told));
        self.tell_to_cease(id, life, &told);
    }

    /// A link that comes up while this node is about to leave is told that it is.
    pub(super) fn tell_newcomer_to_cease(&mut self, link: LinkId) {
        let hosts = self.hosted_topics().next().is_some();
        let takes_relayed = self.links[&link].takes_relayed();
        if let Some(own) = self.ceasing.get_mut(&self.config.id)
            && hosts
            && takes_relayed
        {
            own.awaited.insert(link);
            self.tell_to_cease(self.config.id, self.config.incarnation, &[link]);
        }
    }

    /// Whether a node that was asked to [cease](Self::cease) has not said yet that it has.
    #[must_use]
    pub fn is_published_to(&self) -> bool {
        let own = self.ceasing.get(&self.config.id);
        own.is_some_and(|cease| !cease.awaited.is_empty())
    }

    /// Whether a way leads to a life that nothing is to be published to.
    pub(super) fn is_ceasing(&self, way: &WayToOwner) -> bool {
        let cease = self.ceasing.get(&way.owner);
        cease.is_some_and(|cease| cease.life >= way.life)
    }

    pub(super) fn cease_asked(&mut self, link: LinkId, owner: NodeId, life: Incarnation) {
        let topics = self.topics_of(owner);
        if topics.is_empty() || owner == self.config.id || !self.speaks_for(link, owner, life) {
            return self.say_ceased(link, owner, life);
        }
        let is_way = self.is_way_to(owner, &topics, link);
        let known = self.ceasing.get(&owner);
        if known.is_none_or(|cease| cease.life < life) {
            self.begin_to_cease(link, (owner, life), topics);
        }
        match self.ceasing.get_mut(&owner) {
            // Who is not asked by its way sends nothing there, and would wait in a ring.
            Some(cease) if is_way && cease.life == life && !cease.awaited.is_empty() => {
                cease.asked_by.insert(link);
            }
            _ => self.say_ceased(link, owner, life),
        }
    }

    /// Whether a link is believed in what it says of a life of an owner: one to that life itself, or to a hub that offers
    /// topics of the owner, unless we are linked to the owner and know better.
    fn speaks_for(&self, link: LinkId, owner: NodeId, life: Incarnation) -> bool {
        let (peer, peer_life) = self.life_of(link);
        if peer == owner {
            return peer_life == life;
        }
        let linked = self.remotes.get(&owner).and_then(|remote| remote.active);
        let knows_better = linked.is_some_and(|link| self.life_of(link).1 < life);
        let relays = self.remotes.get(&peer).map(|remote| &remote.relays);
        let offers = relays.is_some_and(|relays| relays.iter().any(|(_, origin)| *origin == owner));
        offers && !knows_better
    }

    pub(super) fn ceased_told(&mut self, link: LinkId, owner: NodeId, life: Incarnation) {
        let cease = self.ceasing.get_mut(&owner);
        if let Some(cease) = cease.filter(|cease| cease.life == life) {
            cease.awaited.remove(&link);
            self.pass_on_ceased(owner);
        }
    }

    /// Nothing comes by a link any more.
    pub(super) fn cease_is_cut(&mut self, link: LinkId) {
        for owner in self.ceasing.keys().copied().collect::<Vec<_>>() {
            let cease = self.ceasing.get_mut(&owner).expect("just found");
            cease.asked_by.remove(&link);
            cease.awaited.remove(&link);
            self.pass_on_ceased(owner);
        }
    }

    /// What is known of an owner that nobody offers topics of is not needed any more.
    pub(super) fn forget_ceased(&mut self) {
        for owner in self.ceasing.keys().copied().collect::<Vec<_>>() {
            if owner != self.config.id && self.topics_of(owner).is_empty() {
                self.ceasing.remove(&owner);
            }
        }
    }

    fn begin_to_cease(
        &mut self,
        from: LinkId,
        (owner, life): (NodeId, Incarnation),
        topics: BTreeSet<TopicId>,
    ) {
        let to_owner = self.remotes.get(&owner).and_then(|remote| remote.active);
        let told = match self.relays() {
            true => self.links_beside(&[Some(from), to_owner]),
            false => Vec::new(),
        };
        self.ceasing.insert(owner, Cease::of(life, &told));
        topics.into_iter().for_each(|topic| self.place(topic));
        self.tell_to_cease(owner, life, &told);
    }

    /// Links that messages for owners elsewhere, or for us, may come by.
    fn links_beside(&self, others: &[Option<LinkId>]) -> Vec<LinkId> {
        let links = self.links.iter();
        let links =
            links.filter(|(id, link)| link.takes_relayed() && !others.contains(&Some(**id)));
        links.map(|(id, _)| *id).collect()
    }

    fn tell_to_cease(&mut self, owner: NodeId, life: Incarnation, links: &[LinkId]) {
        for link in links {
            let frame = Frame::Cease { owner, life }.to_vec();
            self.push(Output::Frame { link: *link, frame });
        }
    }

    fn pass_on_ceased(&mut self, owner: NodeId) {
        let cease = self.ceasing.get_mut(&owner).expect("the caller found it");
        if cease.awaited.is_empty() {
            let life = cease.life;
            for link in std::mem::take(&mut cease.asked_by) {
                self.say_ceased(link, owner, life);
            }
        }
    }

    fn say_ceased(&mut self, link: LinkId, owner: NodeId, life: Incarnation) {
        let frame = Frame::Ceased { owner, life }.to_vec();
        self.push(Output::Frame { link, frame });
    }
}
