//! Publishing on topics that are hosted elsewhere, and what others publish on topics hosted here.

use std::sync::Arc;

use spot_core::frame::{Alias, Data, Frame, Last, put_data_header};
use spot_core::inbox::Offer;
use spot_core::upstream::{Arrival, Receiver};
use spot_core::{LinkId, Missed, Payload};

use super::Driver;
use crate::mutation::Mutation;

/// A stream of messages published to us as the owner of a topic.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: Arc<str>,
    pub(crate) receiver: Receiver,
}

impl Driver {
    /// Publishes on a topic hosted elsewhere; false if no owner is linked, or it holds the publisher up.
    pub fn publish_upstream(&mut self, name: &str, payload: &Payload) -> bool {
        let Some(id) = self.node.topic(name).map(|topic| topic.id) else {
            return false;
        };
        let topic = self.topics.get_mut(&id).expect("known");
        let Some(link_id) = topic.place.upstream else {
            return false;
        };
        let link = self.links.get_mut(&link_id).expect("in use");
        let owner = link.node.expect("shaken hands");
        let sender = topic.senders.entry(owner).or_default();
        if !sender.is_announced_on(link_id) {
            let stream = Alias {
                alias: id.0,
                upstream: true,
                resumed: false,
                passage: None,
                next_sequence: 0,
                incarnation: self.node.incarnation(),
                publisher: self.node.id(),
                topic: name,
            };
            sender.announce(link_id, stream, &mut link.outbox);
        }
        let mut header = Vec::new();
        put_data_header(&mut header, id.0, sender.next_sequence());
        let queued = link.outbox.offer(sender.policy(), &header, payload) == Offer::Queued;
        if queued {
            sender.sent();
        }
        queued
    }

    pub(super) fn upstream_announced(&mut self, id: LinkId, alias: &Alias<'_>) {
        self.cut_upstream(id, alias.alias, false);
        let topic = self.node.topic(alias.topic).map(|topic| topic.id);
        let topic = topic.and_then(|id| self.topics.get_mut(&id));
        let cut = topic.and_then(|topic| topic.cut.take(alias.publisher));
        let (receiver, missed) = Receiver::announced(alias, cut);
        let name: Arc<str> = alias.topic.into();
        self.skip(&name, missed);
        let link = self.links.get_mut(&id).expect("it has a frame");
        link.upstreams
            .insert(alias.alias, Upstream { name, receiver });
    }

    pub(super) fn upstream_data(&mut self, id: LinkId, data: &Data<'_>) {
        let link = self.links.get_mut(&id).expect("it has a frame");
        let upstream = link.upstreams.get_mut(&data.alias).expect("announced");
        let name = upstream.name.clone();
        let payload = Payload::copy_from(data.payload);
        match upstream.receiver.arrived(data.sequence, payload) {
            Ok(Arrival::Waits(missed)) => self.skip(&name, missed),
            Ok(Arrival::Duplicate) => return,
            Err(overrun) => return self.faults.push(format!("{id:?}: {overrun}")),
        }
        self.drain_upstream(id, data.alias);
    }

    /// There may be room for what waits.
    pub fn retry_upstreams(&mut self) {
        for (link, alias) in self.held_up.clone() {
            self.drain_upstream(link, alias);
        }
    }

    /// Messages of another publisher were lost on the way: everybody misses them.
    pub(super) fn skip(&mut self, name: &str, missed: Missed) {
        let id = self.node.topic(name).map(|topic| topic.id);
        let Some(id) = id.filter(|_| !missed.is_none()) else {
            return;
        };
        let topic = self.topics.get_mut(&id).expect("known");
        topic.tell_missed(&mut self.subscribers, missed);
        topic.next_sequence += match self.mutation {
            Some(Mutation::HideCrashes) => missed.counted(),
            _ => missed.numbers(),
        };
        let tail = Frame::Tail {
            alias: id.0,
            next_sequence: topic.next_sequence,
            last: match self.mutation {
                Some(Mutation::HideCrashes) => Last::No,
                _ => Last::behind(missed),
            },
        };
        for link in topic.sinks.keys() {
            let link = self.links.get_mut(link).expect("attached");
            link.outbox.control(&tail.to_vec());
        }
    }

    /// A link is not in use any more. Its publisher was told that what waits is on its way: it goes to all who have room.
    pub(super) fn cut_upstreams(&mut self, id: LinkId, graceful: bool) {
        let upstreams = self.links[&id].upstreams.keys();
        for alias in upstreams.copied().collect::<Vec<_>>() {
            self.cut_upstream(id, alias, graceful);
        }
    }

    fn cut_upstream(&mut self, id: LinkId, alias: u32, graceful: bool) {
        let link = self.links.get_mut(&id).expect("it was in use");
        let Some(Upstream { name, receiver }) = link.upstreams.remove(&alias) else {
            return;
        };
        self.held_up.remove(&(id, alias));
        if !self.node.hosts(&name) {
            return;
        }
        let topic = self.node.topic(&name).expect("hosted").id;
        let (stream, backlog) = receiver.cut();
        for payload in backlog {
            self.publish_unheld(topic, &payload);
        }
        let forgotten = self.mutation == Some(Mutation::ForgetCutUpstreams);
        if let Some(topic) = self.topics.get_mut(&topic)
            && !graceful
            && !forgotten
        {
            topic.cut.keep(stream);
        }
    }

    /// Publishes what waits, as far as there is room.
    fn drain_upstream(&mut self, id: LinkId, alias: u32) {
        loop {
            let link = self.links.get_mut(&id);
            let upstream = link.and_then(|link| link.upstreams.get_mut(&alias));
            let first =
                upstream.and_then(|it| Some((it.name.clone(), it.receiver.first()?.clone())));
            let Some((name, payload)) = first else {
                self.held_up.remove(&(id, alias));
                return;
            };
            if self.node.hosts(&name) && !self.publish(&name, &payload) {
                self.held_up.insert((id, alias));
                return;
            }
            let link = self.links.get_mut(&id);
            if let Some(link) = link
                && let Some(upstream) = link.upstreams.get_mut(&alias)
                && let Some(credit) = upstream.receiver.settle_first()
            {
                link.outbox.control(&credit.to_vec());
            }
        }
    }
}
