//! What is asked of hubs, and what is asked of us as a hub.
//!
//! A new way is asked first, and the old one is left once the stream is followed on the new one. What a link asks for is acknowledged when
//! what we had to ask for in its place is in force: so an acknowledgement has come all the way from the origin.

use std::sync::Arc;

use super::super::Node;
use super::super::output::{LinkId, Output};
use super::{StreamKey, Way};
use crate::filter::Filter;
use crate::frame::{Frame, InterestEntry};
use crate::identity::NodeId;
use crate::interest::Classes;
use crate::limits::RELAY_ACK_MS;
use crate::overflow::{Class, Overflow};
use crate::registry::TopicId;

/// A stream that we ask for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) way: Way,
    /// The version of our interest on that link that says so.
    version: u64,
    /// Asked of the origin itself, only what the subscribers of our own do not ask for by their filters.
    classes: Classes,
    /// The class for subscribers behind us that block, if there are any, or were.
    block: Option<Class>,
}

/// A version of a link's interest that is not acknowledged.
#[derive(Debug)]
pub(in super::super) struct Unacked {
    version: u64,
    /// The streams that we have asked others for.
    asked: Vec<StreamKey>,
    /// When it is acknowledged at the latest.
    until_ms: u64,
}

impl Asked {
    /// The filters of our own subscribers ask for it.
    pub(super) fn is_implied(&self) -> bool {
        self.classes.is_empty()
    }
}

impl Node {
    /// Whether a stream may come by this link.
    pub(in super::super) fn is_asked_for(&self, key: StreamKey, link: LinkId) -> bool {
        self.relay.streams.get(&key).is_some_and(|stream| {
            let asked = stream.asked.as_ref().map(|asked| asked.way);
            [asked, stream.leaving]
                .iter()
                .flatten()
                .any(|way| way.link == link)
        })
    }

    /// The classes in which a topic is asked for at its origin on behalf of others.
    pub(in super::super) fn asked_for_others(&self, link: LinkId, topic: &str) -> Classes {
        let asked = || {
            let node = self.links[&link].spot()?.node;
            let stream = self
                .relay
                .streams
                .get(&(self.registry.find(topic)?, node))?;
            let here = Way { hub: node, link };
            let asked = stream.asked.as_ref().filter(|asked| asked.way == here)?;
            Some(asked.classes.clone())
        };
        if self.relay.streams.is_empty() {
            return Classes::new();
        }
        asked().unwrap_or_default()
    }

    /// The answer to [`Output::FollowStream`]: this link carries all further messages of a stream.
    pub fn stream_followed(&mut self, topic: TopicId, origin: NodeId, link: LinkId) {
        if let Some(stream) = self.relay.streams.get_mut(&(topic, origin))
            && let Some(asked) = &stream.asked
            && asked.way.link == link
        {
            stream.followed = true;
            self.relay.pending.insert((topic, origin));
        }
    }

    /// The other side asks us, as a hub, for a stream, or cancels.
    pub(in super::super) fn link_asks(
        &mut self,
        link: LinkId,
        topic: &Arc<str>,
        origin: NodeId,
        classes: Classes,
    ) -> Option<StreamKey> {
        let wanted = self.relay.on && !classes.is_empty() && self.links[&link].takes_relayed();
        if !wanted {
            let key = (self.registry.find(topic)?, origin);
            self.cancel_demand(key, link);
            return None;
        }
        let key = (self.ensure_topic(topic), origin);
        self.ensure_stream(key);
        let alias = match self.relay.streams[&key].alias {
            Some(alias) => alias,
            None => self.relay.aliases.take()?,
        };
        let stream = self.relay.streams.get_mut(&key).expect("just ensured");
        stream.alias = Some(alias);
        self.relay.dirty.insert(key);
        match stream.demand.iter_mut().find(|(known, _)| *known == link) {
            Some((_, known)) => *known = classes.clone(),
            None => {
                stream.demand.push((link, classes.clone()));
                self.link_mut(link).asks += 1;
            }
        }
        self.push(Output::AttachRelay {
            topic: key.0,
            origin,
            link,
            alias,
            classes,
        });
        Some(key)
    }

    /// Ends a class of a link's subscribers in all that it asks for; false if there is none.
    pub(in super::super) fn end_relayed_class(&mut self, link: LinkId, class: Class) -> bool {
        let mut ended = Vec::new();
        for (key, stream) in &self.relay.streams {
            let asks = stream.demand.iter().find(|(known, _)| *known == link);
            if let Some((_, classes)) = asks.filter(|(_, classes)| classes.contains(&class)) {
                let rest = classes.iter().copied().filter(|known| *known != class);
                ended.push((*key, rest.collect::<Classes>()));
            }
        }
        for ((id, origin), rest) in &ended {
            let topic = self.registry.get(*id).expect("held by the stream");
            let name = topic.name.clone();
            self.link_asks(link, &name, *origin, rest.clone());
        }
        !ended.is_empty()
    }

    /// Acknowledges a version of a link's interest once what is asked for in its place is in force.
    pub(in super::super) fn acknowledge_later(
        &mut self,
        link: LinkId,
        version: u64,
        asked: Vec<StreamKey>,
    ) {
        let until_ms = self.clock_ms + RELAY_ACK_MS;
        self.link_mut(link).unacked.push_back(Unacked {
            version,
            asked,
            until_ms,
        });
        self.relay.waiting.insert(link);
    }

    /// When something is acknowledged at the latest.
    pub(in super::super) fn acknowledges_at_ms(&self) -> Option<u64> {
        let waiting = self.relay.waiting.iter();
        let first = waiting.filter_map(|link| self.links[link].unacked.front());
        first.map(|first| first.until_ms).min()
    }

    pub(super) fn acknowledge_waiting(&mut self) {
        if self.relay.waiting.is_empty() {
            return;
        }
        for link in self.relay.waiting.clone() {
            let mut acked = None;
            while let Some(first) = self.links[&link].unacked.front()
                && (first.until_ms <= self.clock_ms
                    || first.asked.iter().all(|key| self.is_served(*key, link)))
            {
                acked = Some(first.version);
                self.link_mut(link).unacked.pop_front();
            }
            if let Some(version) = acked {
                self.send(link, &Frame::InterestAck { version });
            }
            if self.links[&link].unacked.is_empty() {
                self.relay.waiting.remove(&link);
            }
        }
    }

    /// Leaves old ways whose successors are in force; and a node that was told to be lost has answered.
    pub(super) fn note_what_is_in_force(&mut self) {
        if self.relay.pending.is_empty() {
            return;
        }
        for key in self.relay.pending.clone() {
            if !self.is_in_force(key) {
                continue;
            }
            self.relay.told_lost.remove(&key.1);
            self.relay.pending.remove(&key);
            let stream = &self.relay.streams[&key];
            if stream.leaving.is_some() && !stream.followed {
                let asked = stream.asked.as_ref().expect("it is in force");
                let (topic, origin) = key;
                let link = asked.way.link;
                self.push(Output::FollowStream {
                    topic,
                    origin,
                    link,
                });
                continue;
            }
            self.leave_old_way(key);
            self.release_stream_if_unused(key);
        }
    }

    /// Asks for a stream on its way, in the classes it is wanted in; or no more.
    pub(super) fn ask(&mut self, key: StreamKey, way: Option<Way>) {
        let wanted = way.and_then(|way| Some((way, self.wanted_classes(key, way)?)));
        let stream = self.relay.streams.get_mut(&key).expect("being settled");
        let Some((way, (mut classes, blocks))) = wanted else {
            self.relay.pending.remove(&key);
            self.leave_old_way(key);
            return self.leave_asked_way(key);
        };
        let before = stream.asked.take();
        let stays = before.as_ref().is_some_and(|asked| asked.way == way);
        let mut block = before
            .as_ref()
            .filter(|_| stays)
            .and_then(|asked| asked.block);
        let opens = blocks && block.is_none();
        if opens {
            self.relay.next_class = self.relay.next_class.wrapping_add(1);
            block = Some(Class::relay(self.relay.next_class));
        }
        if !classes.is_empty() || blocks {
            classes.extend(block);
        }
        if let Some(asked) = before
            .as_ref()
            .filter(|asked| stays && asked.classes == classes)
        {
            debug_assert_eq!(asked.block, block);
            self.relay
                .streams
                .get_mut(&key)
                .expect("being settled")
                .asked = before;
            return;
        }
        let implied_before = before
            .as_ref()
            .is_none_or(|asked| !stays || asked.is_implied());
        let asked = Asked {
            way,
            version: self.links[&way.link].interest_sent,
            classes: classes.clone(),
            block,
        };
        self.relay
            .streams
            .get_mut(&key)
            .expect("being settled")
            .asked = Some(asked);
        self.relay.pending.insert(key);
        if !(classes.is_empty() && implied_before) {
            self.tell_ask(key, way, &classes);
        }
        if let Some(before) = before.filter(|_| !stays) {
            self.move_from(key, before.way);
        }
        if let (true, Some(class)) = (opens, block) {
            let (topic, origin) = key;
            self.push(Output::RelayWindow {
                topic,
                origin,
                link: way.link,
                class,
            });
        }
    }

    /// The classes to ask for on a way, and whether somebody behind us blocks; `None` if nobody wants the stream.
    fn wanted_classes(&self, key: StreamKey, way: Way) -> Option<(Classes, bool)> {
        let topic = self.registry.get(key.0).expect("held by the stream");
        let subscribers = match topic.route() {
            None => self.wanted.matching(&topic.name),
            Some(_) => Default::default(),
        };
        let mut classes = Vec::new();
        if way.hub != key.1 {
            let own = subscribers.iter();
            classes.extend(own.map(|(subscriber, _)| self.class_of(*subscriber)));
        }
        let mut blocks = false;
        let demand = self.relay.streams[&key].demand.iter();
        // A link that wants from us what we get from it is a ring that has not noticed yet.
        let demand = demand.filter(|(link, _)| self.relay.on && *link != way.link);
        let mut demanded = false;
        for class in demand.flat_map(|(_, classes)| classes) {
            demanded = true;
            match class.policy() {
                Overflow::Block => blocks = true,
                Overflow::DropOldest => classes.push(Class::new(Overflow::DropOldest, 0)),
                Overflow::DropNewest | Overflow::Disconnect => {
                    classes.push(Class::new(Overflow::DropNewest, 0));
                }
            }
        }
        classes.sort_unstable();
        classes.dedup();
        let wanted = demanded || !subscribers.is_empty();
        wanted.then(|| (Classes::from_vec(classes), blocks))
    }

    /// The stream is asked for on another link: the old one is left when that is in force.
    fn move_from(&mut self, key: StreamKey, old: Way) {
        self.leave_old_way(key);
        let stream = self.relay.streams.get_mut(&key).expect("being settled");
        stream.leaving = Some(old);
        stream.followed = false;
    }

    fn leave_old_way(&mut self, key: StreamKey) {
        let stream = self.relay.streams.get_mut(&key).expect("being settled");
        let Some(old) = stream.leaving.take() else {
            return;
        };
        // It may have become the way again.
        if stream.asked.as_ref().is_some_and(|asked| asked.way == old) {
            return;
        }
        self.cancel(key, old);
        let (topic, origin) = key;
        self.push(Output::LeaveWay {
            topic,
            origin,
            link: old.link,
        });
    }

    /// Nobody wants the stream any more. When it is wanted again, it may come by another way, and what comes there is not to
    /// wait for this one: a hub that has lost its own way says no more about it.
    fn leave_asked_way(&mut self, key: StreamKey) {
        let stream = self.relay.streams.get_mut(&key).expect("being settled");
        let Some(asked) = stream.asked.take() else {
            return;
        };
        if !asked.is_implied() {
            self.cancel(key, asked.way);
        }
        let ((topic, origin), link) = (key, asked.way.link);
        self.push(Output::LeaveWay {
            topic,
            origin,
            link,
        });
    }

    /// Leaves an old way that has nothing more to bring: what waits on the new one must not wait for it. In a ring that
    /// might be for ever.
    pub(super) fn leave_dead_way(&mut self, key: StreamKey) {
        let Some(old) = self.relay.streams[&key].leaving else {
            return;
        };
        if !self.is_open_way(key, old) {
            self.leave_old_way(key);
        }
    }

    fn cancel(&mut self, key: StreamKey, way: Way) {
        if self
            .links
            .get(&way.link)
            .is_some_and(|link| link.is_active_spot())
        {
            self.tell_ask(key, way, &Classes::new());
        }
    }

    /// Tells a link in which classes a stream is wanted; the origin itself by an ordinary filter.
    fn tell_ask(&mut self, key: StreamKey, way: Way, classes: &Classes) {
        let name = &self.registry.get(key.0).expect("held by the stream").name;
        let filter = Filter::Exact(name.clone());
        let entry = if way.hub == key.1 {
            self.interest_entry(way.link, &filter)
        } else {
            InterestEntry {
                filter,
                origin: Some(key.1),
                classes: classes
                    .iter()
                    .copied()
                    .take(crate::limits::MAX_CLASSES_PER_FILTER)
                    .collect(),
            }
        };
        self.send_interest(way.link, &[entry]);
        let version = self.links[&way.link].interest_sent;
        let stream = self.relay.streams.get_mut(&key).expect("being settled");
        if let Some(asked) = stream.asked.as_mut().filter(|asked| asked.way == way) {
            asked.version = version;
        }
    }

    /// Whether the origin has acknowledged what we ask for of a stream.
    fn is_in_force(&self, key: StreamKey) -> bool {
        let stream = self.relay.streams.get(&key);
        let asked = stream.and_then(|stream| stream.asked.as_ref());
        asked.is_some_and(|asked| {
            let link = self.links.get(&asked.way.link);
            link.is_some_and(|link| link.interest_acked >= asked.version)
        })
    }

    /// Whether a link gets what it asks for of a stream, or has cancelled. Where there is no way it is told so, and
    /// cancels.
    fn is_served(&self, key: StreamKey, link: LinkId) -> bool {
        let stream = self.relay.streams.get(&key);
        let mut demand = stream.iter().flat_map(|stream| &stream.demand);
        demand.all(|(known, _)| *known != link) || self.is_in_force(key)
    }

    fn cancel_demand(&mut self, key: StreamKey, link: LinkId) {
        let Some(stream) = self.relay.streams.get_mut(&key) else {
            return;
        };
        let before = stream.demand.len();
        stream.demand.retain(|(known, _)| *known != link);
        if stream.demand.len() == before {
            return;
        }
        self.relay.dirty.insert(key);
        self.link_mut(link).asks -= 1;
        let (topic, origin) = key;
        self.push(Output::DetachRelay {
            topic,
            origin,
            link,
        });
    }
}
