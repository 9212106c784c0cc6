//! Carrying out what the node asks for.

use spot_core::frame::{Alias, Frame};
use spot_core::inbox::Notice;
use spot_core::outbox::SinkPolicy;
use spot_core::upstream::Sender;
use spot_core::{Class, LinkId, Output, Overflow, SubscriberId, TopicId};

use super::{Driver, Request, WINDOW};
use crate::link::Link;
use crate::mutation::Mutation;
use crate::topic::Topic;

impl Driver {
    pub(super) fn apply(&mut self, output: Output) {
        match output {
            Output::Dial { link, endpoint } => {
                self.links.insert(link, Link::dialing(self.now_ms));
                self.requests.push_back(Request::Dial(link, endpoint));
            }
            Output::Frame { frame, .. }
                if self
                    .mutation
                    .is_some_and(|mutation| mutation.swallows(&self.node, &frame)) => {}
            Output::Frame { link, frame } => match self.links.get_mut(&link) {
                Some(link) => link.outbox.control(&frame),
                None => self
                    .faults
                    .push(format!("a frame for {link:?}, which is gone")),
            },
            Output::Close { link, bye, .. } => self.close(link, bye),
            Output::LinkActive { link } => {
                self.links.get_mut(&link).expect("it is up").active = true;
                let subscribers: Vec<SubscriberId> = self.subscribers.keys().copied().collect();
                for subscriber in subscribers {
                    self.grant(subscriber, link, WINDOW);
                }
            }
            Output::LinkInactive { link, graceful } => {
                self.links.get_mut(&link).expect("it was up").active = false;
                self.charges.forget(link);
                for topic in self.topics.values_mut() {
                    topic.cut(link, graceful);
                }
                self.cut_upstreams(link, graceful);
            }
            Output::TopicAdded { topic, name } => {
                let mut added = Topic::new(name);
                added.streams = self.cut_topics.remove(&added.name).unwrap_or_default();
                added.senders = self.sent_topics.remove(&added.name).unwrap_or_default();
                added.senders.values_mut().for_each(Sender::resume);
                self.topics.insert(topic, added);
            }
            Output::TopicRemoved { topic } => self.remove_topic(topic),
            Output::Placed { topic, place } => {
                let topic = self.topics.get_mut(&topic).expect("added");
                let before = std::mem::replace(&mut topic.place, place);
                self.switches += u64::from(place.routed && place.upstream != before.upstream);
            }
            Output::AttachSubscriber { topic, subscriber } => {
                let inbox = self.subscribers.get_mut(&subscriber).expect("added");
                let topic = self.topics.get_mut(&topic).expect("added");
                let slot = inbox.attach(topic.name.clone());
                topic.inboxes.insert(subscriber, slot);
            }
            Output::DetachSubscriber { topic, subscriber } => {
                let topic = self.topics.get_mut(&topic).expect("added");
                let slot = topic.inboxes.remove(&subscriber).expect("attached");
                self.subscribers
                    .get_mut(&subscriber)
                    .expect("added")
                    .detach(slot);
            }
            Output::AttachLink {
                topic,
                link,
                classes,
            } => self.attach_link(topic, link, &classes),
            Output::DetachLink { topic, link } => self.detach_link(topic, link),
            Output::PeerLost {
                subscriber,
                node,
                name,
            } => {
                let inbox = self.subscribers.get_mut(&subscriber).expect("added");
                inbox.notice(Notice::PeerLost { node, name });
            }
            Output::SubscriberEnded { subscriber } => {
                self.subscribers.get_mut(&subscriber).expect("added").end();
                self.ended.push(subscriber);
            }
            Output::Event(event) => self.news.push(event),
            Output::PlainSubscription { .. } => unreachable!("there are no plain peers"),
        }
    }

    fn close(&mut self, id: LinkId, bye: Option<Vec<u8>>) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.closing = true;
        if let Some(bye) = bye {
            link.outbox.control(&bye);
        }
        if link.is_drained() {
            self.links.remove(&id);
            self.requests.push_back(Request::HangUp(id));
        }
    }

    fn remove_topic(&mut self, id: TopicId) {
        let mut topic = self.topics.remove(&id).expect("added");
        topic
            .streams
            .retain(|_, heard| heard.link.is_none() && !heard.stream.has_ended());
        if !topic.senders.is_empty() {
            self.sent_topics.insert(topic.name.clone(), topic.senders);
        }
        if !topic.streams.is_empty() && !topic.inboxes.is_empty() {
            self.cut_topics.insert(topic.name.clone(), topic.streams);
        }
        for (subscriber, slot) in topic.inboxes {
            let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
            inbox.detach(slot);
        }
        for link in self.links.values_mut() {
            link.heard.retain(|_, (topic, _)| *topic != id);
        }
    }

    fn attach_link(&mut self, id: TopicId, link_id: LinkId, classes: &[Class]) {
        let topic = self.topics.get_mut(&id).expect("added");
        let link = self.links.get_mut(&link_id).expect("it wants the topic");
        let mut policy = SinkPolicy::default();
        for class in classes {
            match class.policy() {
                Overflow::DropNewest => {}
                Overflow::DropOldest => policy.drop_oldest = true,
                Overflow::Block => policy.gates.push(link.outbox.gate(*class)),
                Overflow::Disconnect => policy.disconnect.push(*class),
            }
        }
        if topic.sinks.insert(link_id, policy).is_none() {
            if self.mutation == Some(Mutation::ResetSequence) && self.node.reconnects() > 0 {
                topic.next_sequence = 0;
            }
            let alias = Alias {
                alias: id.0,
                upstream: false,
                next_sequence: topic.next_sequence,
                incarnation: self.node.incarnation(),
                publisher: self.node.id(),
                topic: &topic.name,
            };
            link.outbox.control(&Frame::Alias(alias).to_vec());
        }
    }

    /// Over another link the stream may go on: then only where it stands is told.
    fn detach_link(&mut self, id: TopicId, link: LinkId) {
        let topic = self.topics.get_mut(&id).expect("added");
        topic.sinks.remove(&link).expect("attached");
        let link = self.links.get_mut(&link).expect("attached");
        let tail = Frame::Tail {
            alias: id.0,
            next_sequence: topic.next_sequence,
            last: link.active,
        };
        link.outbox.control(&tail.to_vec());
    }
}
