//! Topics: hosted here, routed, discovered.

use std::sync::Arc;

use thiserror::Error;

use super::link::FrameError;
use super::output::{LinkId, LinkPeer, Output, PeerId, Place, WayToOwner};
use super::peers::PeerState;
use super::{Node, SubscribeError};
use crate::endpoint::Endpoint;
use crate::filter::Filter;
use crate::frame::{Alias, TopicChange};
use crate::identity::NodeId;
use crate::limits::MAX_TOPICS_PER_LINK;
use crate::registry::{Topic, TopicId};

/// Why a topic was not created. Nothing changed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CreateTopicError {
    /// It is hosted here already.
    #[error("the topic is hosted here already")]
    AlreadyHosted,
    /// It is routed elsewhere.
    #[error("the topic is routed to {endpoint}")]
    Routed {
        /// Where to.
        endpoint: String,
    },
}

/// Why a topic was not destroyed. Nothing changed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DestroyTopicError {
    /// It is neither hosted nor routed here.
    #[error("the topic is neither hosted nor routed here")]
    Unknown,
}

/// Why a topic cannot be routed. Nothing changed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RouteError {
    /// It is hosted here.
    #[error("the topic is hosted here")]
    AlreadyHosted,
    /// It has a route that works.
    #[error("the topic is routed to {endpoint}")]
    AlreadyRouted {
        /// Where to.
        endpoint: String,
    },
}

/// How a route that is being made stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteStatus {
    /// No endpoint is reached yet.
    Connecting,
    /// One is reached.
    Reached,
    /// Every endpoint is this node itself.
    Itself,
}

impl Node {
    /// Hosts a topic.
    ///
    /// # Errors
    /// [`CreateTopicError`]; nothing changed.
    pub fn create_topic(&mut self, name: &str) -> Result<TopicId, CreateTopicError> {
        if let Some(topic) = self
            .registry
            .find(name)
            .and_then(|id| self.registry.get(id))
        {
            if topic.hosted {
                return Err(CreateTopicError::AlreadyHosted);
            }
            if topic.route().is_some() {
                return Err(CreateTopicError::Routed {
                    endpoint: self.route_text(topic),
                });
            }
        }
        let id = self.ensure_topic(name);
        self.registry.get_mut(id).expect("just ensured").hosted = true;
        // Offered first: a peer ignores streams of topics that it was not offered, and a node of the same context must
        // know of the topic before a message can come.
        self.tell_hosted(name, true);
        for (link, classes) in self.offered.matching(name) {
            let past = self.past_for(link, id, &[]);
            self.push(Output::AttachLink {
                topic: id,
                link,
                classes,
                past,
            });
        }
        // Last of all, so that what is published from here on goes to all who want it.
        self.place(id);
        Ok(id)
    }

    /// Stops hosting a topic, or forgets its route.
    ///
    /// # Errors
    /// [`DestroyTopicError`]; nothing changed.
    pub fn destroy_topic(&mut self, name: &str) -> Result<(), DestroyTopicError> {
        let id = self.registry.find(name).ok_or(DestroyTopicError::Unknown)?;
        let topic = self.registry.get_mut(id).expect("found by name");
        if std::mem::take(&mut topic.hosted) {
            // First of all, so that nothing is published that goes to nobody.
            self.place(id);
            for (link, _) in self.offered.matching(name) {
                self.push(Output::DetachLink {
                    topic: id,
                    link,
                    ended: true,
                });
            }
            self.tell_hosted(name, false);
        } else if let Some(peers) = topic.elsewhere_mut().route.take() {
            self.tell_interest_in(&[id]);
            self.abandon_route(&peers);
        } else {
            return Err(DestroyTopicError::Unknown);
        }
        self.place_or_remove(id);
        Ok(())
    }

    /// Begins to route a topic: the endpoints are connected to. Ask [`route_status`](Self::route_status), then
    /// [`finish_route`](Self::finish_route) or [`abandon_route`](Self::abandon_route).
    ///
    /// # Errors
    /// [`RouteError`]; nothing changed.
    pub fn begin_route(
        &mut self,
        now_ms: u64,
        name: &str,
        endpoints: &[Endpoint],
    ) -> Result<Vec<PeerId>, RouteError> {
        self.check_route(name)?;
        let mut peers = Vec::new();
        for endpoint in endpoints {
            let peer = self.hold_peer(now_ms, endpoint);
            if !peers.contains(&peer) {
                self.peer_mut(peer).routes += 1;
                peers.push(peer);
            }
        }
        Ok(peers)
    }

    /// Whether one of the endpoints is reached.
    #[must_use]
    pub fn route_status(&self, peers: &[PeerId]) -> RouteStatus {
        if peers
            .iter()
            .any(|peer| self.peer_active_link(*peer).is_some())
        {
            RouteStatus::Reached
        } else if peers
            .iter()
            .all(|peer| self.peer(*peer).state == PeerState::Itself)
        {
            RouteStatus::Itself
        } else {
            RouteStatus::Connecting
        }
    }

    /// Registers the route.
    ///
    /// # Errors
    /// [`RouteError`] if the topic came to be hosted or routed meanwhile; the route is abandoned.
    pub fn finish_route(&mut self, name: &str, peers: Vec<PeerId>) -> Result<(), RouteError> {
        if let Err(error) = self.check_route(name) {
            self.abandon_route(&peers);
            return Err(error);
        }
        let id = self.ensure_topic(name);
        let topic = self.registry.get_mut(id).expect("just ensured");
        let before = topic.elsewhere_mut().route.replace(peers);
        self.place(id);
        self.tell_interest_in(&[id]);
        self.abandon_route(&before.unwrap_or_default());
        Ok(())
    }

    /// Gives up a route that was begun.
    pub fn abandon_route(&mut self, peers: &[PeerId]) {
        for peer in peers {
            self.peer_mut(*peer).routes -= 1;
            self.release_peer_if_unheld(*peer);
        }
    }

    /// The number of a topic that is known here.
    #[must_use]
    pub fn find_topic(&self, name: &str) -> Option<TopicId> {
        self.registry.find(name)
    }

    /// A link announced a stream to its subscribers here: the topic it is of. `None`: the other side does not offer it, its
    /// messages are to be ignored. Streams published to us as an owner are the driver's.
    pub fn open_stream(&self, link: LinkId, alias: &Alias<'_>) -> Option<TopicId> {
        let state = self.links.get(&link).filter(|link| link.is_active_spot())?;
        let node = state.spot().expect("checked to be SPOT").node;
        let topic = self.registry.find(alias.topic)?;
        let offered = if alias.publisher == node {
            self.remotes[&node].topics.contains(&topic)
        } else {
            self.is_asked_for((topic, alias.publisher), link)
        };
        offered.then_some(topic)
    }

    /// A plain publisher sent a message under this name: the topic to deliver it as. It makes no listed topic.
    pub fn foreign_topic(&mut self, link: LinkId, name: &str) -> Option<TopicId> {
        if !matches!(
            self.links.get(&link)?.peer_kind,
            Some(LinkPeer::PlainPublisher)
        ) {
            return None;
        }
        if self.links[&link].foreign.len() >= MAX_TOPICS_PER_LINK {
            return None;
        }
        let id = self.ensure_topic(name);
        if self.link_mut(link).foreign.insert(id) {
            let topic = self.registry.get_mut(id).expect("just ensured");
            topic.elsewhere_mut().foreign_links += 1;
        }
        Some(id)
    }

    pub(super) fn release_foreign(&mut self, id: TopicId) {
        if let Some(topic) = self.registry.get_mut(id) {
            topic.elsewhere_mut().foreign_links -= 1;
            self.place_or_remove(id);
        }
    }

    pub(super) fn check_topic_can_be_subscribed(&self, name: &str) -> Result<(), SubscribeError> {
        let topic = self
            .registry
            .find(name)
            .and_then(|id| self.registry.get(id))
            .filter(|topic| topic.is_known());
        match topic {
            Some(topic) if topic.hosted || self.reaches(topic) => Ok(()),
            Some(_) => Err(SubscribeError::Unreachable),
            None if self.has_cluster_peer() => Ok(()),
            None => Err(SubscribeError::Unknown),
        }
    }

    /// The topic of this name, made if need be with the subscribers that want it.
    pub(super) fn ensure_topic(&mut self, name: &str) -> TopicId {
        let wanted = || self.wanted.name(name).or_else(|| self.offered.name(name));
        let (id, new) = self.registry.ensure(name, wanted);
        if new {
            let name = self.registry.get(id).expect("just ensured").name.clone();
            self.push(Output::TopicAdded {
                topic: id,
                name: name.clone(),
            });
            for (subscriber, _) in self.wanted.matching(&name) {
                self.await_past_of_new(id, subscriber);
                self.push(Output::AttachSubscriber {
                    topic: id,
                    subscriber,
                    history: 0,
                });
            }
        }
        id
    }

    /// Tells the driver where a topic lives now.
    pub(super) fn place(&mut self, id: TopicId) {
        let topic = self
            .registry
            .get(id)
            .expect("the caller holds a live topic");
        let upstream = self.upstream(topic);
        let place = Place {
            hosted: topic.hosted,
            upstream,
            known: topic.is_known(),
            routed: topic.route().is_some(),
        };
        self.push(Output::Placed { topic: id, place });
    }

    /// As [`place`](Self::place), or removes the topic if nothing holds it any more, unless it is gone already.
    pub(super) fn place_or_remove(&mut self, id: TopicId) {
        if self.registry.remove_if_unused(id) {
            self.push(Output::TopicRemoved { topic: id });
        } else if self.registry.get(id).is_some() {
            self.place(id);
        }
    }

    /// A link came or went: routed topics may have another upstream, and the interest in them another addressee.
    pub(super) fn place_routed_topics(&mut self) {
        let routed = self
            .registry
            .iter()
            .filter(|(_, topic)| topic.route().is_some());
        let routed: Vec<TopicId> = routed.map(|(id, _)| id).collect();
        for id in &routed {
            self.place(*id);
        }
        self.tell_interest_in(&routed);
    }

    /// The link that a routed topic's messages come from and go to: the first endpoint that is reached.
    pub(super) fn route_link(&self, topic: &Topic) -> Option<LinkId> {
        topic
            .route()?
            .iter()
            .find_map(|peer| self.peer_active_link(*peer))
    }

    pub(super) fn route_text(&self, topic: &Topic) -> String {
        let peers = topic.route().unwrap_or_default().iter();
        peers
            .map(|peer| self.peer(*peer).endpoint.to_string())
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Whether a topic that is not hosted here has an owner that is linked.
    pub(super) fn reaches(&self, topic: &Topic) -> bool {
        self.upstream(topic).is_some()
    }

    pub(super) fn offer_all_topics(&mut self, link: LinkId) {
        let hosted: Vec<Arc<str>> = self
            .registry
            .iter()
            .filter(|(_, topic)| topic.hosted)
            .map(|(_, topic)| topic.name.clone())
            .collect();
        let relayed = self.adverts_to(link);
        let hosted = hosted.iter().map(|name| TopicChange::Add(name));
        let relayed = relayed.iter().map(|(name, advert)| advert.change(name));
        self.tell_list(link, hosted.chain(relayed));
    }

    /// The offers of a neighbour change.
    pub(super) fn offers_changed(
        &mut self,
        node: NodeId,
        changes: &[TopicChange<'_>],
    ) -> Result<(), FrameError> {
        for change in changes {
            match change {
                TopicChange::Add(name) => self.learn_topic(node, name),
                TopicChange::Remove(name) => {
                    if let Some(id) = self.registry.find(name) {
                        self.unlearn_topic(node, id, true);
                    }
                }
                TopicChange::Relay {
                    origin,
                    hops,
                    reached,
                    topic,
                } => self.relay_offered(node, *origin, (*hops).max(1), *reached, topic),
                TopicChange::Unrelay {
                    origin,
                    ended,
                    topic,
                } => {
                    if let Some(id) = self.registry.find(topic) {
                        self.relay_withdrawn(node, (id, *origin), *ended);
                    }
                }
            }
        }
        let remote = &self.remotes[&node];
        if remote.topics.len() + remote.relays.len() > MAX_TOPICS_PER_LINK {
            return Err(FrameError::TooManyTopics);
        }
        Ok(())
    }

    fn check_route(&self, name: &str) -> Result<(), RouteError> {
        let Some(topic) = self
            .registry
            .find(name)
            .and_then(|id| self.registry.get(id))
        else {
            return Ok(());
        };
        if topic.hosted {
            return Err(RouteError::AlreadyHosted);
        }
        match self.route_link(topic) {
            Some(_) => Err(RouteError::AlreadyRouted {
                endpoint: self.route_text(topic),
            }),
            None => Ok(()),
        }
    }

    /// Tells what is wanted of each link in these topics by exact filters.
    fn tell_interest_in(&mut self, ids: &[TopicId]) {
        ids.iter().for_each(|id| self.touch_streams_of(*id));
        let live = ids.iter().filter_map(|id| self.registry.get(*id));
        let filters = live.map(|topic| Filter::Exact(topic.name.clone()));
        let filters: Vec<Filter> = filters
            .filter(|filter| self.wanted.targets(filter).next().is_some())
            .collect();
        self.tell_interest(&filters);
    }

    /// The link that messages published on a topic go to when it is not hosted here: the routed one, else the first
    /// owner that told us of it and can be reached, so the same while it lives; none that is about to leave.
    fn upstream(&self, topic: &Topic) -> Option<WayToOwner> {
        let takes_messages = |way: &WayToOwner| !self.is_ceasing(way);
        if topic.route().is_some() {
            let link = self.route_link(topic)?;
            self.links[&link].spot()?;
            return Some(self.direct_way(link)).filter(takes_messages);
        }
        let ways = topic.owners().iter();
        let mut ways = ways.filter_map(|owner| self.way_to_owner(topic, *owner));
        ways.find(takes_messages)
    }

    /// Tells all links of a topic that is hosted here from now on, or no more.
    fn tell_hosted(&mut self, name: &str, hosted: bool) {
        let (before, now) = match hosted {
            true => (None, TopicChange::Add(name)),
            false => (Some(TopicChange::Add(name)), TopicChange::Remove(name)),
        };
        let links = self.links.iter().filter(|(_, link)| link.is_active_spot());
        let links: Vec<LinkId> = links.map(|(id, _)| *id).collect();
        for link in links {
            self.tell_change(link, before, now);
        }
    }
}
