//! History asked for: who asks which node for the last messages of what, once for each life of the node.
//!
//! A REPLAY goes before the INTEREST that it belongs to, and is done when that is acknowledged. Streams to go on with are
//! the driver's to tell, by RESUME; the owner keeps both until the link is attached to the topic.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashSet;
use smallvec::SmallVec;

use super::Node;
use super::link::FrameError;
use super::output::{LinkId, Output, SubscriberId};
use crate::filter::Filter;
use crate::frame::{Frame, ReplayRequest, ResumeEntry};
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_OWNERS_REMEMBERED, MAX_REPLAYS_PER_LINK, MAX_RESUMED_PER_LINK};
use crate::past::{Await, Past, Replay, Resume, Token};
use crate::registry::TopicId;

/// What a subscription asks of each owner.
#[derive(Debug)]
pub(super) struct Ask {
    token: Token,
    count: usize,
    /// Links on which it is asked and not answered.
    underway: SmallVec<[LinkId; 1]>,
    /// Nodes that have answered, the oldest answer first.
    answered: VecDeque<(NodeId, Incarnation)>,
    /// Nodes that the subscriber heard by way of hubs: what they keep it has seen.
    heard_by_hubs: VecDeque<NodeId>,
    /// Topics that the subscriber had before by a filter that it cancelled: they are not new to it.
    had: HashSet<Arc<str>>,
}

/// An ask on its way over a link.
#[derive(Debug)]
pub(super) struct Asked {
    subscriber: SubscriberId,
    filter: Filter,
    token: Token,
    /// The version of the INTEREST that acknowledges it.
    version: u64,
}

impl Ask {
    fn answered_by(&mut self, owner: (NodeId, Incarnation)) {
        if self.answered.contains(&owner) {
            return;
        }
        if self.answered.len() == MAX_OWNERS_REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back(owner);
    }

    fn heard_by_hub(&mut self, origin: NodeId) {
        if self.heard_by_hubs.contains(&origin) {
            return;
        }
        if self.heard_by_hubs.len() == MAX_OWNERS_REMEMBERED {
            self.heard_by_hubs.pop_front();
        }
        self.heard_by_hubs.push_back(origin);
    }

    /// An owner is linked: one that was heard by way of hubs has nothing to answer.
    fn met(&mut self, owner: (NodeId, Incarnation)) {
        let index = self.heard_by_hubs.iter().position(|node| *node == owner.0);
        if let Some(index) = index {
            self.heard_by_hubs.remove(index);
            self.answered_by(owner);
        }
    }
}

impl Node {
    /// How many messages from before its time each further subscription of a subscriber asks for; 0 for none.
    pub fn set_history(&mut self, subscriber: SubscriberId, messages: usize) {
        if let Some(known) = self.subscribers.get_mut(&subscriber) {
            known.history = messages;
        }
    }

    /// The SPOT node at the other end of a link.
    #[must_use]
    pub fn node_behind(&self, link: LinkId) -> Option<NodeId> {
        let hello = self.links.get(&link)?.spot()?;
        Some(hello.node)
    }

    /// The topics that the node behind a link offers, or offered when it was last linked.
    pub fn topics_behind(&self, link: LinkId) -> impl Iterator<Item = TopicId> {
        let node = self.links.get(&link).and_then(|link| link.spot());
        let remote = node.and_then(|hello| self.remotes.get(&hello.node));
        remote
            .into_iter()
            .flat_map(|remote| remote.topics.iter().copied())
    }

    /// A subscriber begins to ask for the history of what it subscribed to; these topics are new to it.
    pub(super) fn begin_asking(
        &mut self,
        subscriber: SubscriberId,
        filter: &Filter,
        topics: &[TopicId],
    ) {
        let known = self.subscribers.get_mut(&subscriber);
        let known = known.expect("the caller found it");
        if known.history == 0 {
            return;
        }
        known.asks += 1;
        let ask = Ask {
            token: Token::new(subscriber, known.asks),
            count: known.history,
            underway: SmallVec::new(),
            answered: VecDeque::new(),
            heard_by_hubs: VecDeque::new(),
            had: HashSet::new(),
        };
        self.asks.insert((subscriber, filter.clone()), ask);
        for topic in topics {
            self.note_heard_by_hubs(*topic);
        }
        for link in self.active_spot_links() {
            self.ask_past(link, subscriber, filter);
            for topic in topics {
                self.await_past(link, *topic, subscriber);
            }
        }
    }

    /// A subscription is cancelled. What the subscriber had by it must not come again by another of its filters: nodes that
    /// have answered for this one are asked no more for those that may overlap with it. Topics need not be known now, so
    /// of two patterns that is assumed: less history is no loss.
    pub(super) fn end_asking(&mut self, subscriber: SubscriberId, filter: &Filter) {
        let ended = self.asks.remove(&(subscriber, filter.clone()));
        for other in self.asking_beside(subscriber, filter) {
            let key = (subscriber, other);
            match (&ended, filter) {
                (Some(ended), _) => {
                    let other = self.asks.get_mut(&key).expect("just listed");
                    let answered = ended.answered.iter();
                    answered.for_each(|owner| other.answered_by(*owner));
                    for origin in &ended.heard_by_hubs {
                        other.heard_by_hub(*origin);
                    }
                }
                (None, Filter::Exact(topic)) => {
                    let other = self.asks.get_mut(&key).expect("just listed");
                    other.had.insert(topic.clone());
                }
                (None, _) => drop(self.asks.remove(&key)),
            }
        }
    }

    /// The filters by which a subscriber asks for history and which may match what another filter matches.
    fn asking_beside(&self, subscriber: SubscriberId, filter: &Filter) -> Vec<Filter> {
        if let Filter::Exact(topic) = filter {
            let mut matching = self.wanted.filters_matching(subscriber, topic);
            matching.retain(|other| self.asks.contains_key(&(subscriber, other.clone())));
            return matching.into_vec();
        }
        let own = self.asks.keys().filter(|(of, _)| *of == subscriber);
        let overlapping = own.filter(|(_, other)| match other {
            Filter::Exact(topic) => filter.matches(topic),
            _ => true,
        });
        overlapping.map(|(_, other)| other.clone()).collect()
    }

    /// A new link is asked for what its node has not answered.
    pub(super) fn ask_new_link(&mut self, link: LinkId) {
        let owner = self.life_of(link);
        self.asks.values_mut().for_each(|ask| ask.met(owner));
        let unanswered = self
            .asks
            .iter()
            .filter(|(_, ask)| !ask.answered.contains(&owner));
        let mut unanswered: Vec<_> = unanswered
            .map(|(key, ask)| (ask.token, key.clone()))
            .collect();
        unanswered.sort_unstable_by_key(|(token, _)| *token);
        unanswered.truncate(MAX_REPLAYS_PER_LINK);
        for (_, (subscriber, filter)) in &unanswered {
            self.ask_past(link, *subscriber, filter);
        }
        for (_, (subscriber, filter)) in &unanswered {
            for topic in self.topics_matching(filter) {
                self.await_past(link, topic, *subscriber);
            }
        }
    }

    /// The topic is new here: its subscribers may have asked for it without knowing.
    pub(super) fn await_past_of_new(&mut self, topic: TopicId, subscriber: SubscriberId) {
        let links = self.links.iter().filter(|(_, link)| !link.asked.is_empty());
        for link in links.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.await_past(link, topic, subscriber);
        }
    }

    /// A topic's subscribers hear a node by way of a hub from here on. A link to it must not bring them again what they have.
    pub(super) fn note_heard_by_hub(&mut self, topic: TopicId, origin: NodeId) {
        if self.asks.is_empty() {
            return;
        }
        let name = &self.registry.get(topic).expect("the caller found it").name;
        let direct = self.remotes.get(&origin).and_then(|remote| remote.active);
        for (subscriber, _) in self.wanted.matching(name) {
            let mut asks = false;
            for filter in self.wanted.filters_matching(subscriber, name) {
                if let Some(ask) = self.asks.get_mut(&(subscriber, filter)) {
                    ask.heard_by_hub(origin);
                    asks = true;
                }
            }
            // Each topic: the link may have been asked for all of a pattern before any was heard by way of a hub.
            if let Some(link) = direct.filter(|_| asks) {
                self.outputs.push_back(Output::PastSent {
                    topic,
                    subscriber,
                    link,
                });
            }
        }
    }

    /// What was asked on a link is acknowledged with the INTEREST that is sent next.
    pub(super) fn asks_are_sent(&mut self, link: LinkId) {
        let state = self.link_mut(link);
        let version = state.interest_sent;
        let unsent = state.asked.iter_mut().rev();
        unsent
            .take_while(|asked| asked.version == UNSENT)
            .for_each(|asked| asked.version = version);
    }

    /// The other side has acknowledged interest, and thereby sent what was asked for before it.
    pub(super) fn asks_are_answered(&mut self, link: LinkId) {
        let owner = self.life_of(link);
        while let Some(asked) = self.link_mut(link).next_answered() {
            let (subscriber, filter) = (asked.subscriber, asked.filter);
            for topic in self.topics_matching(&filter) {
                if !self.is_asked(link, topic, subscriber) {
                    self.push(Output::PastSent {
                        topic,
                        subscriber,
                        link,
                    });
                }
            }
            let ask = self.asks.get_mut(&(subscriber, filter));
            if let Some(ask) = ask.filter(|ask| ask.token == asked.token) {
                ask.underway.retain(|known| *known != link);
                ask.answered_by(owner);
            }
        }
    }

    /// Whether the other side has still to answer a subscriber about a topic, by whichever filter: what it has of that so far
    /// is to be remembered until then.
    fn is_asked(&self, link: LinkId, topic: TopicId, subscriber: SubscriberId) -> bool {
        let name = &self.registry.get(topic).expect("the caller found it").name;
        let mut asked = self.links[&link].asked.iter();
        asked.any(|asked| asked.subscriber == subscriber && asked.filter.matches(name))
    }

    /// A link is gone: what was asked on it and not answered is to be asked again.
    pub(super) fn asks_are_cut(&mut self, link: LinkId) {
        for asked in std::mem::take(&mut self.link_mut(link).asked) {
            if let Some(ask) = self.asks.get_mut(&(asked.subscriber, asked.filter)) {
                ask.underway.retain(|known| *known != link);
            }
        }
    }

    /// The other side says where streams stand that it heard before.
    pub(super) fn resume_told(
        &mut self,
        link: LinkId,
        entries: &[ResumeEntry<'_>],
    ) -> Result<(), FrameError> {
        let own = self.config.id;
        let resumes = &mut self.link_mut(link).resumes;
        for entry in entries.iter().filter(|entry| entry.publisher == own) {
            let resume = Resume {
                incarnation: entry.incarnation,
                next_sequence: entry.next_sequence,
            };
            resumes.insert(entry.topic.into(), resume);
        }
        if resumes.len() > MAX_RESUMED_PER_LINK {
            return Err(FrameError::TooManyResumed);
        }
        Ok(())
    }

    /// The other side asks for history; the INTEREST that it belongs to follows.
    pub(super) fn replay_asked(
        &mut self,
        link: LinkId,
        request: ReplayRequest,
    ) -> Result<(), FrameError> {
        let replay = Replay {
            token: Token(request.token),
            class: request.class,
            count: usize::try_from(request.count).unwrap_or(usize::MAX),
        };
        let replays = &mut self.link_mut(link).replays;
        replays.push((request.filter, replay));
        if replays.len() > MAX_REPLAYS_PER_LINK {
            return Err(FrameError::TooManyReplays);
        }
        Ok(())
    }

    /// Takes what a link asked for by a filter.
    pub(super) fn take_replays(&mut self, link: LinkId, filter: &Filter) -> Vec<Replay> {
        let replays = &mut self.link_mut(link).replays;
        let taken = replays.extract_if(.., |(known, _)| known == filter);
        taken.map(|(_, replay)| replay).collect()
    }

    /// What a link is to be sent of a topic's past when it is attached.
    pub(super) fn past_for(&mut self, link: LinkId, topic: TopicId, replays: &[Replay]) -> Past {
        let topic = self.registry.get(topic).expect("the caller found it");
        let state = self
            .links
            .get_mut(&link)
            .expect("the caller holds a live link");
        Past {
            resume: state.resumes.remove(&*topic.name),
            replays: replays.to_vec(),
        }
    }

    /// Asks on a link, if that is where the topics of the filter are wanted.
    fn ask_past(&mut self, link: LinkId, subscriber: SubscriberId, filter: &Filter) {
        if self.interest_entry(link, filter).classes.is_empty() {
            return;
        }
        let class = self.class_of(subscriber);
        let ask = self.asks.get_mut(&(subscriber, filter.clone()));
        let ask = ask.expect("the caller found it");
        ask.underway.push(link);
        let (token, count) = (ask.token, ask.count as u64);
        self.link_mut(link).asked.push_back(Asked {
            subscriber,
            filter: filter.clone(),
            token,
            version: UNSENT,
        });
        let request = ReplayRequest {
            token: token.0,
            class,
            count,
            filter: filter.clone(),
        };
        self.send(link, &Frame::Replay(request));
    }

    /// Has a subscriber wait for a topic's past, unless it has the topic already by a filter that asks for nothing here.
    fn await_past(&mut self, link: LinkId, topic: TopicId, subscriber: SubscriberId) {
        let name = &self.registry.get(topic).expect("the caller found it").name;
        let (node, _) = self.life_of(link);
        let mut asked = None;
        for filter in self.wanted.filters_matching(subscriber, name) {
            match self.asks.get(&(subscriber, filter)) {
                Some(ask) if ask.heard_by_hubs.contains(&node) => return,
                Some(ask) if ask.underway.contains(&link) && !ask.had.contains(name) => {
                    asked = asked.or(Some((ask.token, ask.count)));
                }
                _ => return,
            }
        }
        if let Some((token, count)) = asked {
            let owner = self.life_of(link);
            let of = Await {
                token,
                link,
                owner,
                count,
            };
            self.push(Output::AwaitPast { topic, of });
        }
    }
}

/// Of an ask whose INTEREST is not sent yet.
const UNSENT: u64 = u64::MAX;

impl super::link::Link {
    /// Takes the next ask that is answered by now.
    fn next_answered(&mut self) -> Option<Asked> {
        let acked = self.interest_acked;
        self.asked.pop_front_if(|asked| asked.version <= acked)
    }
}
