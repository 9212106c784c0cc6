//! What local subscribers want, and what links want of us.
//!
//! Interest is told to every peer, also in topics that it does not offer yet: then nothing published from the first
//! moment of a topic on is missed. It is a diff of desired state, never a queued message.

use smallvec::SmallVec;
use thiserror::Error;

use super::link::FrameError;
use super::output::{LinkId, LinkPeer, Output, SubscriberId};
use super::{Node, Subscriber};
use crate::filter::Filter;
use crate::frame::{Frame, InterestEntry, interest_frames};
use crate::interest::Classes;
use crate::limits::{
    MAX_CLASSES_PER_FILTER, MAX_FILTERS_PER_LINK, MAX_PATTERNS_PER_LINK, MAX_TOPICS_PER_LINK,
};
use crate::overflow::{Class, Overflow};
use crate::past::Replay;
use crate::registry::TopicId;

/// The class in which what local subscribers want is kept. They have their own, which are told.
const WANTED: Class = Class(0);

/// Why a subscription was not recorded. Nothing changed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// The topic is unknown and there is no peer that might offer it.
    #[error("the topic is unknown and there are no peers")]
    Unknown,
    /// The topic's owner is known and not linked now.
    #[error("no owner of the topic is reachable")]
    Unreachable,
}

impl Node {
    /// Adds a subscriber without subscriptions.
    pub fn add_subscriber(&mut self, overflow: Overflow) -> SubscriberId {
        let id = SubscriberId(self.next_subscriber);
        self.next_subscriber += 1;
        let subscriber = Subscriber {
            overflow,
            history: 0,
            asks: 0,
        };
        self.subscribers.insert(id, subscriber);
        id
    }

    /// Removes a subscriber with its subscriptions.
    pub fn remove_subscriber(&mut self, subscriber: SubscriberId) {
        self.end_interest(subscriber);
        self.subscribers.remove(&subscriber);
    }

    /// Changes a subscriber's policy.
    pub fn set_overflow(&mut self, subscriber: SubscriberId, overflow: Overflow) {
        let Some(known) = self.subscribers.get_mut(&subscriber) else {
            return;
        };
        if std::mem::replace(&mut known.overflow, overflow) == overflow {
            return;
        }
        let filters: Vec<Filter> = self.filters_of(subscriber);
        self.tell_interest(&filters);
    }

    /// Subscribes. Twice is once, and a subscriber that was removed subscribes to nothing.
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing changed.
    pub fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        filter: &Filter,
    ) -> Result<(), SubscribeError> {
        if !self.subscribers.contains_key(&subscriber) || self.wanted.contains(filter, subscriber) {
            return Ok(());
        }
        if let Filter::Exact(topic) = filter {
            self.check_topic_can_be_subscribed(topic)?;
        }
        let filter = &self.with_shared_name(filter);
        let before: Vec<TopicId> = self.topics_wanted_by(subscriber, filter);
        self.wanted.set(filter, subscriber, &[WANTED]);
        let mut topics = self.topics_matching(filter);
        topics.retain(|topic| !before.contains(topic));
        self.begin_asking(subscriber, filter, &topics);
        let history = self.subscribers[&subscriber].history;
        for topic in topics {
            self.push(Output::AttachSubscriber {
                topic,
                subscriber,
                history,
            });
        }
        self.tell_interest(std::slice::from_ref(filter));
        Ok(())
    }

    /// Cancels a subscription; false if there was none.
    pub fn unsubscribe(&mut self, subscriber: SubscriberId, filter: &Filter) -> bool {
        if !self.wanted.remove(filter, subscriber) {
            return false;
        }
        self.end_asking(subscriber, filter);
        let still: Vec<TopicId> = self.topics_wanted_by(subscriber, filter);
        for topic in self.topics_matching(filter) {
            if !still.contains(&topic) {
                self.push(Output::DetachSubscriber { topic, subscriber });
            }
        }
        self.tell_interest(std::slice::from_ref(filter));
        true
    }

    /// Whether a subscriber still wants a topic.
    #[must_use]
    pub fn wants(&self, subscriber: SubscriberId, topic: &str) -> bool {
        self.wanted.wanted_by(subscriber, topic).is_some()
    }

    /// The filters of a subscriber.
    #[must_use]
    pub fn filters_of(&self, subscriber: SubscriberId) -> Vec<Filter> {
        let wanted = self
            .wanted
            .filters()
            .filter(|(filter, _)| self.wanted.contains(filter, subscriber));
        wanted.map(|(filter, _)| filter).collect()
    }

    /// Filters subscribed to, each subscriber's counted.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.wanted.count()
    }

    /// Whether any subscriber has a pattern.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        self.wanted.has_patterns()
    }

    /// Ends all subscriptions of a subscriber that was too slow, and tells it.
    pub fn end_subscriptions(&mut self, subscriber: SubscriberId) {
        self.end_interest(subscriber);
        self.push(Output::SubscriberEnded { subscriber });
    }

    /// A publisher's side found a subscription of class `class` on `link` too slow: it ends. False if it has ended
    /// before: its publishers may find that out several times.
    pub fn end_class(&mut self, link: LinkId, class: Class) -> bool {
        if self
            .links
            .get(&link)
            .is_none_or(|link| !link.is_active_spot())
        {
            return false;
        }
        let mut wanted = self.offered.of_target(link);
        wanted.retain(|(_, classes)| classes.contains(&class));
        let relayed = self.end_relayed_class(link, class);
        if wanted.is_empty() && !relayed {
            return false;
        }
        self.send(link, &Frame::Ended { class });
        for (filter, classes) in wanted {
            let rest: Classes = classes
                .iter()
                .copied()
                .filter(|known| *known != class)
                .collect();
            self.link_wants(link, &filter, rest, &[]);
        }
        true
    }

    /// A plain ZeroMQ subscriber or a commander subscribed or cancelled.
    ///
    /// # Errors
    /// [`FrameError::TooManyFilters`]; the driver closes the link.
    pub fn plain_interest(
        &mut self,
        link: LinkId,
        filter: &Filter,
        wanted: bool,
    ) -> Result<(), FrameError> {
        if self.links.contains_key(&link) {
            let class = Class::new(Overflow::DropNewest, 0);
            let classes = if wanted {
                Classes::from_slice(&[class])
            } else {
                Classes::new()
            };
            self.link_wants(link, filter, classes, &[]);
            self.check_filters(link)?;
        }
        Ok(())
    }

    /// The other side's interest has changed: attach what it wants now, then acknowledge.
    pub(super) fn interest_changed(
        &mut self,
        link: LinkId,
        version: u64,
        entries: Vec<InterestEntry>,
    ) -> Result<(), FrameError> {
        let mut asked = Vec::new();
        for entry in entries {
            let classes = Classes::from_slice(&entry.classes);
            match (entry.origin, &entry.filter) {
                (Some(origin), Filter::Exact(topic)) => {
                    asked.extend(self.link_asks(link, topic, origin, classes));
                }
                _ => {
                    let mut replays = self.take_replays(link, &entry.filter);
                    if classes.is_empty() {
                        replays.clear();
                    }
                    self.link_wants(link, &entry.filter, classes, &replays);
                }
            }
            self.check_filters(link)?;
        }
        let state = self.link_mut(link);
        if asked.is_empty() && state.unacked.is_empty() {
            if state.ack_due.replace(version).is_none() {
                self.acks_due.push(link);
            }
        } else {
            self.acknowledge_later(link, version, asked);
        }
        Ok(())
    }

    /// Acknowledges what came into force since outputs were last polled, several INTEREST frames of a link by the last.
    pub(super) fn acknowledge_interest(&mut self) {
        while let Some(link) = self.acks_due.pop() {
            let state = self.links.get_mut(&link);
            let due = state.and_then(|link| link.ack_due.take().filter(|_| link.is_active_spot()));
            if let Some(version) = due {
                self.send(link, &Frame::InterestAck { version });
            }
        }
    }

    fn check_filters(&self, link: LinkId) -> Result<(), FrameError> {
        let link = &self.links[&link];
        if link.filters > MAX_FILTERS_PER_LINK || link.asks > MAX_TOPICS_PER_LINK {
            return Err(FrameError::TooManyFilters);
        }
        if link.patterns > MAX_PATTERNS_PER_LINK {
            return Err(FrameError::TooManyPatterns);
        }
        Ok(())
    }

    /// What one link wants by one filter, no classes: no more; and what its subscribers ask for of the past.
    fn link_wants(&mut self, link: LinkId, filter: &Filter, classes: Classes, replays: &[Replay]) {
        let filter = &self.with_shared_name(filter);
        let (known, wanted) = (self.offered.contains(filter, link), !classes.is_empty());
        let changed = if classes.is_empty() {
            self.offered.remove(filter, link)
        } else {
            self.offered.set(filter, link, &classes)
        };
        if !changed && replays.is_empty() {
            return;
        }
        let pattern = usize::from(matches!(filter, Filter::Pattern(_)));
        let state = self.link_mut(link);
        match (known, wanted) {
            (false, true) => {
                state.filters += 1;
                state.patterns += pattern;
            }
            (true, false) => {
                state.filters -= 1;
                state.patterns -= pattern;
            }
            _ => {}
        }
        for topic in self.topics_matching(filter) {
            if self.registry.get(topic).is_some_and(|topic| topic.hosted) {
                self.attach_link_as_wanted(topic, link, replays);
            }
        }
    }

    /// Attaches a hosted topic to a link in the classes it is wanted in, or detaches it.
    pub(super) fn attach_link_as_wanted(
        &mut self,
        topic: TopicId,
        link: LinkId,
        replays: &[Replay],
    ) {
        let name = &self.registry.get(topic).expect("the caller found it").name;
        let wanted = self.offered.wanted_by(link, name);
        let past = self.past_for(link, topic, replays);
        self.push(match wanted {
            Some(classes) => Output::AttachLink {
                topic,
                link,
                classes,
                past,
            },
            None => Output::DetachLink {
                topic,
                link,
                ended: false,
            },
        });
    }

    /// Tells every peer what is wanted of it by these filters now.
    pub(super) fn tell_interest(&mut self, filters: &[Filter]) {
        for link in self.active_spot_links() {
            let entries: SmallVec<[InterestEntry; 1]> = filters
                .iter()
                .map(|filter| self.interest_entry(link, filter))
                .collect();
            self.send_interest(link, &entries);
        }
        self.touch_matching(filters);
        self.tell_plain_publishers(filters);
    }

    pub(super) fn active_spot_links(&self) -> SmallVec<[LinkId; 4]> {
        let links = self.links.iter().filter(|(_, link)| link.is_active_spot());
        links.map(|(id, _)| *id).collect()
    }

    /// Tells a new link everything that is wanted of it.
    pub(super) fn send_all_interest(&mut self, link: LinkId) {
        self.ask_new_link(link);
        let filters: Vec<Filter> = self.wanted.filters().map(|(filter, _)| filter).collect();
        let entries = filters
            .iter()
            .map(|filter| self.interest_entry(link, filter));
        let entries: Vec<InterestEntry> =
            entries.filter(|entry| !entry.classes.is_empty()).collect();
        self.send_interest(link, &entries);
    }

    pub(super) fn send_interest(&mut self, link: LinkId, entries: &[InterestEntry]) {
        let version = self.link_mut(link).interest_sent + 1;
        for frame in interest_frames(version, entries) {
            self.link_mut(link).interest_sent += 1;
            self.push(Output::Frame { link, frame });
        }
        self.asks_are_sent(link);
    }

    /// What is wanted of a link by a filter: nothing where the topic is routed to another link.
    ///
    /// Subscribers beyond the most classes of one filter go without: what is sent for the others reaches them, too,
    /// but no window or end of their own holds at the publisher, and what they cannot take shows as a gap.
    pub(super) fn interest_entry(&self, link: LinkId, filter: &Filter) -> InterestEntry {
        let routed_elsewhere = match filter {
            Filter::Exact(topic) => self.registry.find(topic).is_some_and(|topic| {
                let topic = self.registry.get(topic).expect("found by name");
                topic.route().is_some() && self.route_link(topic) != Some(link)
            }),
            _ => false,
        };
        let mut classes: Vec<Class> = Vec::new();
        if !routed_elsewhere {
            let subscribers = self.wanted.targets(filter);
            classes.extend(subscribers.map(|subscriber| self.class_of(subscriber)));
        }
        if let Filter::Exact(topic) = filter {
            classes.extend(self.asked_for_others(link, topic));
        }
        classes.sort_unstable();
        classes.dedup();
        classes.truncate(MAX_CLASSES_PER_FILTER);
        InterestEntry {
            filter: filter.clone(),
            origin: None,
            classes,
        }
    }

    /// The class of a subscriber: those that drop share one, the others have their own.
    pub(super) fn class_of(&self, subscriber: SubscriberId) -> Class {
        match self.subscribers[&subscriber].overflow {
            shared @ (Overflow::DropNewest | Overflow::DropOldest) => Class::new(shared, 0),
            own @ (Overflow::Block | Overflow::Disconnect) => {
                Class::new(own, u64::from(subscriber.0))
            }
        }
    }

    fn end_interest(&mut self, subscriber: SubscriberId) {
        let filters = self.wanted.remove_target(subscriber);
        for filter in &filters {
            self.asks.remove(&(subscriber, filter.clone()));
        }
        let mut detached: Vec<TopicId> = Vec::new();
        for topic in filters
            .iter()
            .flat_map(|filter| self.topics_matching(filter))
        {
            detached.push(topic);
        }
        detached.sort_unstable();
        detached.dedup();
        for topic in detached {
            self.push(Output::DetachSubscriber { topic, subscriber });
        }
        self.tell_interest(&filters);
    }

    /// The filter with the name of a topic as it is kept here already: there may be as many filters as topics.
    fn with_shared_name(&self, filter: &Filter) -> Filter {
        let known = match filter {
            Filter::Exact(topic) => self.registry.find(topic),
            _ => None,
        };
        match known.and_then(|topic| self.registry.get(topic)) {
            Some(topic) => Filter::Exact(topic.name.clone()),
            None => filter.clone(),
        }
    }

    /// The topics matching a filter that a subscriber wants by another filter.
    fn topics_wanted_by(&self, subscriber: SubscriberId, filter: &Filter) -> Vec<TopicId> {
        if matches!(filter, Filter::Exact(_)) && !self.wanted.has_patterns() {
            return Vec::new();
        }
        let matching = self.topics_matching(filter).into_iter();
        matching
            .filter(|topic| {
                self.wants(subscriber, &self.registry.get(*topic).expect("listed").name)
            })
            .collect()
    }

    pub(super) fn topics_matching(&self, filter: &Filter) -> SmallVec<[TopicId; 4]> {
        match filter {
            Filter::Exact(topic) => self.registry.find(topic).into_iter().collect(),
            pattern => {
                let all = self.registry.iter();
                all.filter(|(_, topic)| pattern.matches(&topic.name))
                    .map(|(id, _)| id)
                    .collect()
            }
        }
    }

    pub(super) fn hosted_topics_matching(&self, filters: &[Filter]) -> Vec<TopicId> {
        let mut topics: Vec<TopicId> = filters
            .iter()
            .flat_map(|filter| self.topics_matching(filter))
            .collect();
        topics.retain(|topic| self.registry.get(*topic).is_some_and(|topic| topic.hosted));
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// Subscribes a new link to a plain publisher to everything wanted.
    pub(super) fn subscribe_at_plain_publisher(&mut self, link: LinkId) {
        let filters: Vec<Filter> = self.wanted.filters().map(|(filter, _)| filter).collect();
        for filter in &filters {
            self.tell_plain_publisher(link, filter, true);
        }
    }

    /// Plain publishers know prefixes only; the exact filtering is ours.
    fn tell_plain_publishers(&mut self, filters: &[Filter]) {
        let is_plain = |peer: &Option<LinkPeer>| matches!(peer, Some(LinkPeer::PlainPublisher));
        let links = self
            .links
            .iter()
            .filter(|(_, link)| is_plain(&link.peer_kind));
        let links: Vec<LinkId> = links.map(|(id, _)| *id).collect();
        for link in links {
            for filter in filters {
                let wanted = self.wanted.targets(filter).next().is_some();
                self.tell_plain_publisher(link, filter, wanted);
            }
        }
    }

    fn tell_plain_publisher(&mut self, link: LinkId, filter: &Filter, wanted: bool) {
        let prefix = match filter {
            Filter::Exact(topic) => topic.as_bytes().to_vec(),
            Filter::Pattern(glob) => glob.literal_prefix().to_vec(),
            Filter::Prefix(prefix) => prefix.to_vec(),
        };
        let known = self.link_mut(link).prefixes.contains(&prefix);
        if wanted && !known {
            self.link_mut(link).prefixes.insert(prefix.clone());
        } else if !wanted && known && !self.prefix_is_needed(&prefix) {
            self.link_mut(link).prefixes.remove(&prefix);
        } else {
            return;
        }
        self.push(Output::PlainSubscription {
            link,
            prefix,
            subscribe: wanted,
        });
    }

    /// Whether some filter still stands for this prefix at plain publishers.
    fn prefix_is_needed(&self, prefix: &[u8]) -> bool {
        let exact = str::from_utf8(prefix).is_ok_and(|topic| self.wanted.has_exact(topic));
        exact
            || self.wanted.patterns().any(|filter| match filter {
                Filter::Exact(_) => false,
                Filter::Pattern(glob) => glob.literal_prefix() == prefix,
                Filter::Prefix(known) => **known == *prefix,
            })
    }
}
