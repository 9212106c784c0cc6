//! Relaying: topics of nodes that are reached by way of others, and, on a hub, passing them on.
//!
//! A *stream* here is a topic of one node, its *origin*. Hubs offer streams with the number of hubs on their way; each node
//! takes the best way, asks for what it wants on that way alone, and, if it is a hub, offers it on to the others. Nothing
//! travels that nobody asked for.
//!
//! What changes is marked and settled when the outputs are polled, all at once: a link that another takes the place of
//! within one call leaves no trace.

mod asks;
mod offers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::output::{LinkId, Output, SubscriberId, WayToOwner};
use super::{Node, link::Link};
use crate::identity::{Incarnation, NodeId};
use crate::interest::Classes;
use crate::registry::{Topic, TopicId};

use asks::Asked;
pub(super) use asks::Unacked;
use offers::{Advert, Offer};

/// A topic of one node.
pub(super) type StreamKey = (TopicId, NodeId);

/// What a node knows of streams that are relayed, to it or by it. Ordinary nodes have entries only for those that hubs offer
/// them; hubs for all.
#[derive(Debug, Default)]
pub(super) struct Relay {
    on: bool,
    streams: BTreeMap<StreamKey, Stream>,
    /// Streams to be looked at.
    dirty: BTreeSet<StreamKey>,
    /// Streams that were asked for and are not in force yet. They may still come by an old way.
    pending: BTreeSet<StreamKey>,
    /// Links that wait for our acknowledgement.
    waiting: BTreeSet<LinkId>,
    /// Subscribers that were told of the loss of a node that is out of reach since.
    told_lost: BTreeMap<NodeId, BTreeSet<SubscriberId>>,
    aliases: Aliases,
    next_class: u32,
    /// Counts the changes of ways.
    ways_changed: u64,
}

/// A stream with all that hangs on it.
#[derive(Debug, Default)]
struct Stream {
    /// Hubs that offer it.
    offers: SmallVec<[Offer; 1]>,
    /// The way when it was last settled.
    way: Option<Way>,
    /// Which life of its origin that reached.
    life: Option<Incarnation>,
    /// Its origin has ended it: that it goes is no loss.
    ended: bool,
    /// We gave the way up: that it goes is no news to us.
    quiet: bool,
    /// What it is asked for by us.
    asked: Option<Asked>,
    /// Where it is asked for, too, until it is followed on the new way.
    leaving: Option<Way>,
    /// All that comes by the old way has come by the new one.
    followed: bool,
    /// What the nodes at the other end of our links want of it.
    demand: Vec<(LinkId, Classes)>,
    /// Its alias where it is passed on.
    alias: Option<u32>,
    /// What our links were told of it.
    advert: Option<Advert>,
}

/// How a stream is reached: its origin itself, or a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    hub: NodeId,
    link: LinkId,
}

/// Aliases of streams passed on: of their own range, beside those of topics hosted here.
#[derive(Debug, Default)]
struct Aliases {
    next: u32,
    free: Vec<u32>,
}

/// Lost nodes that are remembered, so that each is told once although its topics are told in several frames.
const MAX_TOLD_LOST: usize = 1024;

/// Aliases from here on are of streams passed on; see also [`PASSAGE_ALIASES`].
const RELAY_ALIASES: u32 = 1 << 31;
/// Aliases from here on are of streams published elsewhere that are passed on to their owners.
pub const PASSAGE_ALIASES: u32 = 0b11 << 30;

impl Aliases {
    /// `None` when a billion are taken.
    fn take(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| {
            let alias = RELAY_ALIASES + self.next;
            self.next += 1;
            (alias < PASSAGE_ALIASES).then_some(alias)
        })
    }
}

impl Node {
    /// Whether topics of nodes linked to this one are made known to the others, and messages passed on.
    pub fn set_relay(&mut self, on: bool) {
        if std::mem::replace(&mut self.relay.on, on) == on {
            return;
        }
        let direct = self.remotes.iter().flat_map(|(node, remote)| {
            let topics = remote.topics.iter();
            topics.map(|topic| (*topic, *node))
        });
        let mut direct: Vec<StreamKey> = direct.collect();
        direct.sort_unstable();
        direct.into_iter().for_each(|key| self.touch_direct(key));
        let known: Vec<StreamKey> = self.relay.streams.keys().copied().collect();
        self.touch_all(known);
    }

    /// The way by which messages reach an owner of a topic.
    #[must_use]
    pub fn way_to(&self, topic: &str, owner: NodeId) -> Option<WayToOwner> {
        let topic = self.registry.find(topic)?;
        let (way, life) = self.way((topic, owner))?;
        Some(WayToOwner {
            link: way.link,
            owner,
            life,
            direct: way.hub == owner,
        })
    }

    /// Topics that an owner is known to have.
    pub(super) fn topics_of(&self, owner: NodeId) -> BTreeSet<TopicId> {
        let direct = self.remotes.get(&owner).into_iter();
        let direct = direct.flat_map(|remote| &remote.topics);
        let streams = self.relay.streams.keys();
        let relayed = streams.filter(|(_, origin)| *origin == owner);
        let relayed = relayed.map(|(topic, _)| topic);
        direct.chain(relayed).copied().collect()
    }

    /// Whether messages for an owner go by this link, of any of these topics of it.
    pub(super) fn is_way_to(
        &self,
        owner: NodeId,
        topics: &BTreeSet<TopicId>,
        link: LinkId,
    ) -> bool {
        topics.iter().any(|topic| {
            let topic = self.registry.get(*topic).expect("held by its owner");
            let way = self.way_to_owner(topic, owner);
            way.is_some_and(|way| way.link == link)
        })
    }

    /// Whether this node relays.
    #[must_use]
    pub fn relays(&self) -> bool {
        self.relay.on
    }

    /// Counts the changes of ways by which topics of other nodes are reached.
    #[must_use]
    pub fn ways_changed(&self) -> u64 {
        self.relay.ways_changed
    }

    /// Notes which nodes a topic is heard from by way of hubs, or was until a moment ago.
    pub(super) fn note_heard_by_hubs(&mut self, topic: TopicId) {
        let all = (topic, NodeId([0; 16]))..=(topic, NodeId([u8::MAX; 16]));
        let streams = self.relay.streams.range(all);
        let by_hubs = streams.filter(|((_, origin), stream)| {
            let mut ways = [stream.way, stream.leaving].into_iter().flatten();
            ways.any(|way| way.hub != *origin)
        });
        for (_, origin) in by_hubs.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.note_heard_by_hub(topic, origin);
        }
    }

    pub(super) fn has_way(&self, key: StreamKey) -> bool {
        self.way(key).is_some()
    }

    /// As [`way_to`](Self::way_to), for topics that no hub is known to relay without looking for one.
    pub(super) fn way_to_owner(&self, topic: &Topic, owner: NodeId) -> Option<WayToOwner> {
        let elsewhere = topic.elsewhere();
        if elsewhere.is_some_and(|elsewhere| elsewhere.streams > 0) {
            return self.way_to(&topic.name, owner);
        }
        let link = self.remotes.get(&owner)?.active?;
        Some(self.direct_way(link))
    }

    /// The way to the node at the other end of a link.
    pub(super) fn direct_way(&self, link: LinkId) -> WayToOwner {
        let (owner, life) = self.life_of(link);
        WayToOwner {
            link,
            owner,
            life,
            direct: true,
        }
    }

    // What changed.

    /// A stream that a neighbour hosts has changed.
    pub(super) fn touch_direct(&mut self, key: StreamKey) {
        if self.relay.on {
            self.ensure_stream(key);
        }
        if self.relay.streams.contains_key(&key) {
            self.relay.dirty.insert(key);
        }
    }

    pub(super) fn touch_all(&mut self, keys: impl IntoIterator<Item = StreamKey>) {
        self.relay.dirty.extend(keys);
    }

    /// What subscribers here want has changed.
    pub(super) fn touch_matching(&mut self, filters: &[crate::Filter]) {
        if self.relay.streams.is_empty() {
            return;
        }
        for filter in filters {
            for topic in self.topics_matching(filter) {
                self.touch_streams_of(topic);
            }
        }
    }

    pub(super) fn touch_streams_of(&mut self, topic: TopicId) {
        let all = (topic, NodeId([0; 16]))..=(topic, NodeId([u8::MAX; 16]));
        let keys = self.relay.streams.range(all).map(|(key, _)| *key);
        self.relay.dirty.extend(keys);
    }

    /// The origin has ended a stream, or is forgotten.
    pub(super) fn end_stream(&mut self, key: StreamKey, ended: bool) {
        if let Some(stream) = self.relay.streams.get_mut(&key) {
            stream.ended |= ended;
            self.relay.dirty.insert(key);
        }
    }

    /// A link is not in use any more. If we gave it up, what was relayed over it is not told as lost.
    pub(super) fn leave_relay_link(&mut self, link: LinkId, hub: NodeId, tell_loss: bool) {
        self.link_mut(link).unacked.clear();
        self.link_mut(link).asks = 0;
        self.relay.waiting.remove(&link);
        let mut detached = Vec::new();
        for (key, stream) in &mut self.relay.streams {
            if stream
                .way
                .is_some_and(|way| way.link == link && way.hub == hub)
            {
                stream.quiet = !tell_loss;
            }
            let asked = stream.asked.as_ref().map(|asked| asked.way);
            if asked.is_some_and(|way| way.link == link) {
                stream.asked = None;
                self.relay.dirty.insert(*key);
            }
            if stream.leaving.is_some_and(|way| way.link == link) {
                stream.leaving = None;
            }
            let before = stream.demand.len();
            stream.demand.retain(|(known, _)| *known != link);
            if stream.demand.len() < before {
                detached.push(*key);
            }
        }
        for (topic, origin) in detached {
            self.relay.dirty.insert((topic, origin));
            self.push(Output::DetachRelay {
                topic,
                origin,
                link,
            });
        }
    }

    // Settling.

    /// Brings what is asked for and what is offered in line with the ways there are.
    pub(super) fn settle_relay(&mut self) {
        while let Some(key) = self.relay.dirty.pop_first() {
            self.settle_stream(key);
        }
        self.note_what_is_in_force();
        self.acknowledge_waiting();
    }

    fn settle_stream(&mut self, key: StreamKey) {
        let (way, life) = self.way(key).unzip();
        let Some(stream) = self.relay.streams.get_mut(&key) else {
            return;
        };
        let before = std::mem::replace(&mut stream.way, way);
        let is_new_life = std::mem::replace(&mut stream.life, life) != life;
        let told = stream.ended || std::mem::take(&mut stream.quiet);
        if way.is_some() {
            stream.ended = false;
        }
        if before != way || is_new_life {
            self.relay.ways_changed += 1;
        }
        if way.is_some_and(|way| way.hub != key.1) {
            self.note_heard_by_hub(key.0, key.1);
        }
        if let Some(before) = before.filter(|_| way.is_none()) {
            self.defer_owner(key);
            let (topic, origin) = key;
            self.push(Output::StreamLost { topic, origin });
            if before.hub != origin && !told {
                self.tell_relayed_loss(key);
            }
        }
        self.ask(key, way);
        self.leave_dead_way(key);
        self.advertise(key);
        if is_new_life || before.map(|way| way.link) != way.map(|way| way.link) {
            self.place(key.0);
        }
        self.release_stream_if_unused(key);
    }

    /// The best way that can be taken now, and the life of the origin that it reaches.
    fn way(&self, key: StreamKey) -> Option<(Way, Incarnation)> {
        let best = self.best(key)?;
        let (hub, link) = (best.hub, best.link?);
        Some((Way { hub, link }, best.reached?))
    }

    /// An owner that is out of reach becomes the last choice for publishing.
    fn defer_owner(&mut self, (topic, origin): StreamKey) {
        let topic = self.registry.get_mut(topic).expect("held by the stream");
        let owners = &mut topic.elsewhere_mut().owners;
        if owners.contains(&origin) {
            owners.retain(|owner| *owner != origin);
            owners.push(origin);
        }
    }

    /// Tells the subscribers of a lost stream that its origin is lost: each once until the origin is back. That a hub has
    /// offered it again is no proof: what hubs know of a node that is gone goes round for a while.
    fn tell_relayed_loss(&mut self, (id, node): StreamKey) {
        let topic = self.registry.get(id).expect("held by the stream");
        if topic.route().is_some() {
            return;
        }
        if self.relay.told_lost.len() >= MAX_TOLD_LOST {
            self.relay.told_lost.clear();
        }
        let linked = self.remotes.get(&node).map(|remote| remote.name.clone());
        let heard_of = || {
            let member = self.membership.book.get(node)?;
            Some(member.name.clone()).filter(|name| !name.is_empty())
        };
        let name = linked.or_else(heard_of);
        let name: Arc<str> = name.unwrap_or_else(|| node.to_string()).into();
        for (subscriber, _) in self.wanted.matching(&topic.name) {
            let told = self.relay.told_lost.entry(node).or_default();
            if told.insert(subscriber) {
                let name = name.clone();
                self.outputs.push_back(Output::PeerLost {
                    subscriber,
                    node,
                    name,
                });
            }
        }
    }

    /// The entry of a stream, made if need be; it holds the topic.
    fn ensure_stream(&mut self, key: StreamKey) -> &mut Stream {
        if !self.relay.streams.contains_key(&key) {
            let topic = self.registry.get_mut(key.0);
            topic
                .expect("the caller holds the topic")
                .elsewhere_mut()
                .streams += 1;
        }
        self.relay.streams.entry(key).or_default()
    }

    fn release_stream_if_unused(&mut self, key: StreamKey) {
        let stream = &self.relay.streams[&key];
        let topic = self.registry.get(key.0).expect("held by the stream");
        let owned = topic.owners().contains(&key.1);
        let asked = stream
            .asked
            .as_ref()
            .is_some_and(|asked| !asked.is_implied());
        let idle = !asked && stream.leaving.is_none() && stream.demand.is_empty();
        let told = stream.advert.is_some() || !stream.offers.is_empty();
        if !idle || told || owned && self.relay.on {
            return;
        }
        let stream = self.relay.streams.remove(&key).expect("just looked at");
        self.relay.aliases.free.extend(stream.alias);
        self.relay.pending.remove(&key);
        let topic = self.registry.get_mut(key.0).expect("held by the stream");
        topic.elsewhere_mut().streams -= 1;
        if !topic.is_known() {
            self.place_or_remove(key.0);
        }
    }
}

impl Link {
    /// Whether what is relayed may be told, and passed on, over this link.
    pub(super) fn takes_relayed(&self) -> bool {
        self.is_active_spot() && !self.in_process
    }
}
