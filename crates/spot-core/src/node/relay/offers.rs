//! What hubs offer, and what a hub offers on.

use std::sync::Arc;

use super::super::Node;
use super::super::output::{Event, LinkId, Output};
use super::{Stream, StreamKey, Way};
use crate::frame::TopicChange;
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_RELAY_HOPS, MAX_TOPICS_PER_LINK};
use crate::node::link::Link;

/// A hub's word that it relays a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    hub: NodeId,
    hops: u8,
    /// The life of the origin that the hub reaches now.
    reached: Option<Incarnation>,
}

/// What our links are told of a stream: all but the one that it comes by, and the one to its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Advert {
    origin: NodeId,
    hops: u8,
    /// The life of the origin that we reach now.
    reached: Option<Incarnation>,
    /// The link that the stream comes by.
    via: Option<LinkId>,
}

/// The best of all that is known of a stream's whereabouts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    /// The origin itself, or the hub before it.
    pub(super) hub: NodeId,
    /// The link to it.
    pub(super) link: Option<LinkId>,
    /// The life of the origin that it reaches now.
    pub(super) reached: Option<Incarnation>,
    /// Hubs on the way.
    hops: u8,
}

impl Offer {
    /// As the hub told it.
    fn change<'a>(&self, origin: NodeId, topic: &'a str) -> TopicChange<'a> {
        TopicChange::Relay {
            origin,
            hops: self.hops,
            reached: self.reached,
            topic,
        }
    }
}

impl Stream {
    fn take_offer(&mut self, hub: NodeId) -> Option<Offer> {
        let index = self.offers.iter().position(|offer| offer.hub == hub)?;
        Some(self.offers.remove(index))
    }
}

impl Advert {
    pub(in super::super) fn change<'a>(&self, topic: &'a str) -> TopicChange<'a> {
        TopicChange::Relay {
            origin: self.origin,
            hops: self.hops,
            reached: self.reached,
            topic,
        }
    }

    fn concerns(&self, id: LinkId, link: &Link) -> bool {
        let to_origin = link.spot().is_some_and(|hello| hello.node == self.origin);
        link.takes_relayed() && self.via != Some(id) && !to_origin
    }
}

impl Node {
    /// A hub offers a stream, or offers it in another way than before.
    pub(in super::super) fn relay_offered(
        &mut self,
        hub: NodeId,
        origin: NodeId,
        hops: u8,
        reached: Option<Incarnation>,
        name: &str,
    ) {
        if origin == self.config.id || origin == hub {
            return;
        }
        let id = self.ensure_topic(name);
        let key = (id, origin);
        let offer = Offer { hub, hops, reached };
        let stream = self.ensure_stream(key);
        let before = stream.take_offer(hub);
        stream.offers.push(offer);
        let remote = self.remotes.get_mut(&hub).expect("it is linked");
        remote.relays.insert(key);
        let was_doubted = remote.doubted_relays.remove(&key);
        if let Some(before) = before.filter(|_| !was_doubted) {
            remote.confirmed.remove(before.change(origin, name));
        }
        remote.confirmed.add(offer.change(origin, name));
        self.relay.dirty.insert(key);
        let topic = self.registry.get_mut(id).expect("just ensured");
        let news = !topic.is_known();
        let owners = &mut topic.elsewhere_mut().owners;
        if !owners.contains(&origin) {
            owners.push(origin);
            self.place(id);
        }
        if news {
            let topic = self.registry.get(id).expect("just ensured").name.clone();
            self.push(Output::Event(Event::TopicAdded { topic }));
        }
    }

    /// A hub offers a stream no more.
    pub(in super::super) fn relay_withdrawn(&mut self, hub: NodeId, key: StreamKey, ended: bool) {
        let remote = self.remotes.get_mut(&hub).expect("the caller found it");
        let was_doubted = remote.doubted_relays.remove(&key);
        if !remote.relays.remove(&key) {
            return;
        }
        let stream = self.relay.streams.get_mut(&key).expect("it was offered");
        let before = stream.take_offer(hub).expect("it was offered");
        if !was_doubted {
            let topic = self.registry.get(key.0).expect("held by the stream");
            let before = before.change(key.1, &topic.name);
            remote.confirmed.remove(before);
        }
        self.end_stream(key, ended);
        self.disown_if_unoffered(key);
        self.place(key.0);
    }

    pub(in super::super) fn is_relayed(&self, key: StreamKey) -> bool {
        let stream = self.relay.streams.get(&key);
        stream.is_some_and(|stream| !stream.offers.is_empty())
    }

    /// Names of the topics that this node relays and could pass a message of now.
    pub fn relayed_topics(&self) -> impl Iterator<Item = Arc<str>> {
        let streams = self.relay.streams.iter();
        let relayed = streams.filter(|(_, stream)| {
            let advert = stream.advert.as_ref();
            advert.is_some_and(|advert| advert.reached.is_some())
        });
        relayed.filter_map(|((id, _), _)| Some(self.registry.get(*id)?.name.clone()))
    }

    /// What a new link is to be told.
    pub(in super::super) fn adverts_to(&self, link: LinkId) -> Vec<(Arc<str>, Advert)> {
        let streams = self.relay.streams.iter();
        let told = streams.filter_map(|((id, _), stream)| {
            let advert = stream.advert?;
            let told = advert.concerns(link, &self.links[&link]);
            told.then(|| {
                (
                    self.registry.get(*id).map(|topic| topic.name.clone()),
                    advert,
                )
            })
        });
        told.filter_map(|(name, advert)| Some((name?, advert)))
            .collect()
    }

    /// The origin itself where it is linked, else the hub that has the fewest others before the origin; of equal ones the
    /// one in use, then the one with the smallest id.
    pub(super) fn best(&self, key: StreamKey) -> Option<Best> {
        let (id, origin) = key;
        let stream = self.relay.streams.get(&key);
        let active = |node: &NodeId| self.remotes.get(node).and_then(|remote| remote.active);
        let remote = self.remotes.get(&origin);
        let hosts = remote.is_some_and(|remote| remote.topics.contains(&id));
        let direct = hosts.then(|| Best {
            hub: origin,
            link: active(&origin),
            reached: active(&origin).map(|link| self.life_of(link).1),
            hops: 0,
        });
        let offers = stream.iter().flat_map(|stream| &stream.offers);
        let relayed = offers.map(|offer| {
            let link = active(&offer.hub);
            Best {
                hub: offer.hub,
                link,
                reached: offer.reached.filter(|_| link.is_some()),
                hops: offer.hops,
            }
        });
        let in_use = stream.and_then(|stream| Some(stream.way?.hub));
        let rank = |best: &Best| {
            (
                best.reached.is_none(),
                best.hops,
                in_use != Some(best.hub),
                best.hub,
            )
        };
        direct.into_iter().chain(relayed).min_by_key(rank)
    }

    /// Whether a stream is offered on a way, by its origin or by a hub that reaches it.
    pub(super) fn is_open_way(&self, key: StreamKey, way: Way) -> bool {
        let remote = self.remotes.get(&way.hub);
        let Some(remote) = remote.filter(|remote| remote.active == Some(way.link)) else {
            return false;
        };
        if way.hub == key.1 {
            return remote.topics.contains(&key.0);
        }
        let offers = self.relay.streams.get(&key).into_iter();
        let mut offers = offers.flat_map(|stream| &stream.offers);
        offers.any(|offer| offer.hub == way.hub && offer.reached.is_some())
    }

    /// Tells our links what has changed of a stream.
    pub(super) fn advertise(&mut self, key: StreamKey) {
        let advert = self.advert(key);
        let stream = self.relay.streams.get_mut(&key).expect("being settled");
        let before = std::mem::replace(&mut stream.advert, advert);
        if before == advert {
            return;
        }
        let ended = stream.ended;
        let name = self
            .registry
            .get(key.0)
            .expect("held by the stream")
            .name
            .clone();
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for id in links {
            let link = &self.links[&id];
            let told = |advert: Option<Advert>| {
                let change = advert.filter(|advert| advert.concerns(id, link));
                change.map(|advert| advert.change(&name))
            };
            let (before, now) = (told(before), told(advert));
            if before == now {
                continue;
            }
            let change = now.unwrap_or(TopicChange::Unrelay {
                origin: key.1,
                ended,
                topic: &name,
            });
            self.tell_change(id, before, change);
        }
    }

    /// What is to be told of a stream: nothing unless this node relays, and nothing beyond the most hops. What comes over
    /// an in-process link is not relayed.
    fn advert(&self, key: StreamKey) -> Option<Advert> {
        let topic = self.registry.get(key.0)?;
        if !self.relay.on
            || !topic.owners().contains(&key.1)
            || self.relay.streams.len() + self.registry.len() > MAX_TOPICS_PER_LINK
        {
            return None;
        }
        let best = self.best(key)?;
        let in_process = best.link.is_some_and(|link| self.links[&link].in_process);
        (best.hops < MAX_RELAY_HOPS && !in_process).then(|| Advert {
            origin: key.1,
            hops: best.hops + 1,
            reached: best.reached,
            via: best.link,
        })
    }
}
