//! Carrying out what the node asks for.

use spot_core::frame::{Alias, Frame, Last};
use spot_core::inbox::Notice;
use spot_core::{Class, LinkId, Missed, Output, SubscriberId, TopicId};

use super::{Driver, Request, WINDOW};
use crate::link::Link;
use crate::topic::Topic;

impl Driver {
    pub(super) fn apply(&mut self, output: Output) {
        match output {
            Output::Dial { link, endpoint } => {
                self.links.insert(link, Link::dialing(self.now_ms));
                self.requests.push_back(Request::Dial(link, endpoint));
            }
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
            Output::LinkInactive {
                link,
                graceful,
                left,
            } => {
                self.links.get_mut(&link).expect("it was up").active = false;
                self.charges.forget(link);
                self.cut_streams(link, graceful, left);
            }
            Output::TopicAdded { topic, name } => {
                let next = self.numbers.remove(&*name).unwrap_or_default();
                let heard = self.heard_before.remove(&*name).unwrap_or_default();
                let mut state = Topic::new(name, next);
                state.streams = heard;
                self.topics.insert(topic, state);
            }
            Output::TopicRemoved { topic } => self.remove_topic(topic),
            Output::Placed { topic, place } => {
                self.topics.get_mut(&topic).expect("added").place = place;
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
                topic.end_if_unwanted();
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
            Output::DetachLink { topic, link, ended } => self.detach_link(topic, link, ended),
            Output::AttachRelay {
                topic,
                origin,
                link,
                alias,
                classes,
            } => self.attach_relay(topic, origin, link, alias, &classes),
            Output::DetachRelay {
                topic,
                origin,
                link,
            } => self.detach_relay(topic, origin, link),
            Output::RelayWindow {
                topic,
                origin,
                link,
                class,
            } => self.open_relay_window(topic, origin, link, class),
            Output::FollowStream {
                topic,
                origin,
                link,
            } => self.follow_stream(topic, origin, link),
            Output::LeaveWay {
                topic,
                origin,
                link,
            } => self.leave_way(topic, origin, link),
            Output::StreamLost { topic, origin } => self.stream_lost(topic, origin),
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
        let topic = self.topics.remove(&id).expect("added");
        if topic
            .streams
            .values()
            .any(|stream| !stream.stream().has_ended())
        {
            // Nobody will ever tell what was published after the last message that came.
            topic.tell_missed(&mut self.subscribers, Missed::UNKNOWN);
        }
        self.numbers
            .insert(topic.name.to_string(), topic.next_sequence);
        let mut heard = topic.streams;
        heard.values_mut().for_each(|stream| stream.lost());
        self.heard_before.insert(topic.name.to_string(), heard);
        for (subscriber, slot) in topic.inboxes {
            let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
            inbox.detach(slot);
        }
        for link in self.links.values_mut() {
            link.heard.retain(|_, (topic, _)| *topic != id);
        }
    }

    fn attach_link(&mut self, id: TopicId, link_id: LinkId, classes: &[Class]) {
        let policy = self.sink_policy(link_id, classes);
        let topic = self.topics.get_mut(&id).expect("added");
        let link = self.links.get_mut(&link_id).expect("it wants the topic");
        if topic.sinks.insert(link_id, policy).is_none() {
            let alias = Alias {
                alias: id.0,
                upstream: false,
                passage: None,
                next_sequence: topic.next_sequence,
                incarnation: self.node.incarnation(),
                publisher: self.node.id(),
                topic: &topic.name,
            };
            link.outbox.control(&Frame::Alias(alias).to_vec());
        }
    }

    /// Over another link the stream may go on: then only where it stands is told.
    fn detach_link(&mut self, id: TopicId, link: LinkId, ended: bool) {
        let topic = self.topics.get_mut(&id).expect("added");
        topic.sinks.remove(&link).expect("attached");
        let link = self.links.get_mut(&link).expect("attached");
        let tail = Frame::Tail {
            alias: id.0,
            next_sequence: topic.next_sequence,
            last: match link.active {
                false => Last::No,
                true if ended => Last::Ended,
                true => Last::Withdrawn,
            },
        };
        link.outbox.control(&tail.to_vec());
    }
}
