//! What programs ask for: subscribing, publishing on topics hosted here, taking what came.

use spot_core::frame::put_data_header;
use spot_core::inbox::{Inbox, Limit, Offer, Taken};
use spot_core::node::SubscribeError;
use spot_core::{Filter, LinkId, Overflow, Payload, SubscriberId, TopicId};

use super::{Driver, HWM, WINDOW};
use crate::mutation::Mutation;

impl Driver {
    /// A subscriber without subscriptions, each of which will ask for this much history.
    pub fn add_subscriber(&mut self, overflow: Overflow, history: usize) -> SubscriberId {
        let id = self.with(|node, _| {
            let id = node.add_subscriber(overflow);
            node.set_history(id, history);
            id
        });
        let unlimited = self.mutation == Some(Mutation::IgnoreHwm);
        let limit = Limit {
            messages: if unlimited { 0 } else { HWM },
            bytes: 0,
        };
        self.subscribers.insert(id, Inbox::new(limit, overflow));
        let active: Vec<LinkId> = self.active_links().collect();
        for link in active {
            self.grant(id, link, WINDOW);
        }
        id
    }

    /// Removes a subscriber with what is queued for it.
    pub fn remove_subscriber(&mut self, subscriber: SubscriberId) {
        self.with(|node, _| node.remove_subscriber(subscriber));
        self.forget_unwanted();
        self.subscribers.remove(&subscriber);
    }

    /// Subscribes. One that was ended as too slow begins anew, also before it has read so.
    ///
    /// # Errors
    /// As those of the node.
    pub fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        filter: &Filter,
    ) -> Result<(), SubscribeError> {
        self.subscribers
            .get_mut(&subscriber)
            .expect("added")
            .revive();
        self.with(|node, _| node.subscribe(subscriber, filter))
    }

    /// Cancels a subscription; what is queued for it alone is discarded.
    pub fn unsubscribe(&mut self, subscriber: SubscriberId, filter: &Filter) {
        if self.mutation == Some(Mutation::ForgetCancel) {
            return;
        }
        self.with(|node, _| node.unsubscribe(subscriber, filter));
        self.forget_unwanted();
        let node = &self.node;
        let inbox = self.subscribers.get_mut(&subscriber).expect("added");
        let mut discarded = Vec::new();
        inbox.retain(
            |topic| node.wants(subscriber, topic),
            |source, len| discarded.push((source, len)),
        );
        for (source, len) in discarded {
            self.grant(subscriber, LinkId(source.0), (1, len as u64));
        }
    }

    /// Topics that are gone are not waited for by those who do not want them any more.
    pub(super) fn forget_unwanted(&mut self) {
        for (topic, (_, awaiting)) in &mut self.cut_topics {
            awaiting.retain(|subscriber| self.node.wants(subscriber, topic));
        }
    }

    /// Takes what is first in a subscriber's line.
    pub fn take(&mut self, subscriber: SubscriberId) -> Option<Taken> {
        let inbox = self.subscribers.get_mut(&subscriber).expect("added");
        let taken = inbox.take()?;
        if let Taken::Message {
            source, payload, ..
        } = &taken
        {
            self.grant(subscriber, LinkId(source.0), (1, payload.len() as u64));
        }
        Some(taken)
    }

    /// Publishes on a topic hosted here; false if somebody holds the publisher up.
    pub fn publish(&mut self, name: &str, payload: &Payload) -> bool {
        let id = self.node.topic(name).expect("hosted").id;
        let topic = self.topics.get_mut(&id).expect("hosted");
        let is_held_up =
            |inbox: &Inbox| inbox.overflow() == Overflow::Block && !inbox.has_room(payload.len());
        let inboxes = topic.inboxes.keys();
        let mut sinks = topic.sinks.iter();
        if inboxes
            .copied()
            .any(|id| is_held_up(&self.subscribers[&id]))
            || sinks.any(|(link, policy)| {
                policy.blocks() && !self.links[link].outbox.has_room(policy, payload.len())
            })
        {
            return false;
        }
        self.publish_unheld(id, payload);
        true
    }

    /// As [`publish`](Self::publish), holding nobody up: who has no room misses the message.
    pub(super) fn publish_unheld(&mut self, id: TopicId, payload: &Payload) {
        let topic = self.topics.get_mut(&id).expect("hosted");
        let mut header = Vec::new();
        put_data_header(&mut header, id.0, topic.next_sequence);
        if let Some(history) = &mut topic.history {
            history.keep(topic.next_sequence, payload);
        }
        topic.next_sequence += 1;
        let mut slow = Vec::new();
        for (link, policy) in &topic.sinks {
            let outbox = &mut self.links.get_mut(link).expect("attached").outbox;
            if self.mutation.is_some_and(Mutation::repeats_messages) {
                outbox.offer(policy, &header, payload);
            }
            if outbox.offer(policy, &header, payload) == Offer::Ended {
                slow.extend(policy.disconnect.iter().map(|class| (*link, *class)));
            }
        }
        self.deliver(id, payload, None, &[]);
        for (link, class) in slow {
            self.with(|node, _| node.end_class(link, class));
        }
    }
}
