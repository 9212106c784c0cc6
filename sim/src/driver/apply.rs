//! Carrying out what the node asks for.

use std::sync::Arc;

use spot_core::frame::{Alias, Frame, Last, ResumeEntry, kind, resume_frames};
use spot_core::history::History;
use spot_core::inbox::Notice;
use spot_core::past::Past;
use spot_core::stream::Standing;
use spot_core::upstream::Sender;
use spot_core::{Class, Incarnation, LinkId, Output, Place, SubscriberId, TopicId};

use super::{Driver, Request, WINDOW};
use crate::link::Link;
use crate::mutation::Mutation;
use crate::topic::{Topic, cut_stream_of};

impl Driver {
    /// What concerns links, first; then topics, subscribers, and what is relayed.
    pub(super) fn apply(&mut self, output: Output) {
        match output {
            Output::Dial { link, endpoint } => {
                self.links.insert(link, Link::dialing(self.now_ms));
                self.requests.push_back(Request::Dial(link, endpoint));
            }
            Output::Frame { link, frame } => self.send_frame(link, &frame),
            Output::Close { link, bye, .. } => self.close(link, bye),
            Output::LinkActive { link } => self.link_active(link),
            Output::LinkInactive {
                link,
                graceful,
                left,
            } => {
                self.links.get_mut(&link).expect("it was up").active = false;
                self.charges.forget(link);
                self.cut_streams(link, graceful, left);
                self.cut_upstreams(link, graceful, left);
            }
            Output::AttachLink {
                topic,
                link,
                classes,
                past,
            } => self.attach_link(topic, link, &classes, &past),
            Output::DetachLink { topic, link, ended } => self.detach_link(topic, link, ended),
            Output::Event(event) => self.news.push(event),
            Output::Publishing { .. } => unreachable!("minorities go on"),
            Output::PlainSubscription { .. } => unreachable!("there are no plain peers"),
            output => self.apply_to_topic(output),
        }
    }

    fn apply_to_topic(&mut self, output: Output) {
        match output {
            Output::TopicAdded { topic, name } => self.add_topic(topic, name),
            Output::TopicRemoved { topic } => self.remove_topic(topic),
            Output::Placed { topic, place } => self.place_topic(topic, place),
            Output::AwaitPast { topic, of } => {
                let topic = self.topics.get_mut(&topic).expect("added");
                topic.awaiting.begin(of);
            }
            Output::PastSent {
                topic,
                subscriber,
                link,
            } => {
                let topic = self.topics.get_mut(&topic).expect("added");
                topic.awaiting.end(subscriber, link);
            }
            output => self.apply_to_subscriber(output),
        }
    }

    fn apply_to_subscriber(&mut self, output: Output) {
        match output {
            Output::AttachSubscriber {
                topic,
                subscriber,
                history,
            } => self.attach_subscriber(topic, subscriber, history),
            Output::DetachSubscriber { topic, subscriber } => {
                let topic = self.topics.get_mut(&topic).expect("added");
                let slot = topic.inboxes.remove(&subscriber).expect("attached");
                topic.end_if_unwanted();
                topic.awaiting.forget(subscriber);
                self.subscribers
                    .get_mut(&subscriber)
                    .expect("added")
                    .detach(slot);
            }
            Output::PeerLost {
                subscriber,
                node,
                name,
            } => {
                let inbox = self.subscribers.get_mut(&subscriber).expect("added");
                inbox.notice(Notice::PeerLost { node, name });
            }
            Output::SubscriberEnded { subscriber } => {
                self.forget_unwanted();
                self.subscribers.get_mut(&subscriber).expect("added").end();
                self.ended.push(subscriber);
            }
            output => self.apply_to_relay(output),
        }
    }

    fn apply_to_relay(&mut self, output: Output) {
        match output {
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
            Output::PublisherGone {
                topic,
                publisher,
                cut_at_ms,
            } => self.give_up_publisher(topic, publisher, cut_at_ms),
            Output::StreamGone { topic, origin } => self.stream_gone(topic, origin),
            other => unreachable!("{other:?} is carried out by now"),
        }
    }

    /// Whether the driver is broken so that peers miss some of what is offered.
    fn loses_topics(&self) -> bool {
        self.mutation.is_some_and(Mutation::loses_topics)
    }

    fn send_frame(&mut self, link: LinkId, frame: &[u8]) {
        if self
            .mutation
            .is_some_and(|mutation| mutation.swallows(&self.node, frame))
        {
            return;
        }
        if frame[0] == kind::RELIST && !self.loses_topics() {
            let fault = format!("{link:?}: a list was missed, and nothing is lost");
            self.faults.push(fault);
        }
        match self.links.get_mut(&link) {
            Some(link) => link.outbox.control(frame),
            None => self
                .faults
                .push(format!("a frame for {link:?}, which is gone")),
        }
    }

    fn link_active(&mut self, link: LinkId) {
        self.links.get_mut(&link).expect("it is up").active = true;
        let subscribers: Vec<SubscriberId> = self.subscribers.keys().copied().collect();
        for subscriber in subscribers {
            self.grant(subscriber, link, WINDOW);
        }
        self.tell_resumes(link);
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

    fn add_topic(&mut self, topic: TopicId, name: Arc<str>) {
        let mut added = Topic::new(name, self.forgotten);
        let cut = self.cut_topics.remove(&added.name);
        (added.streams, added.awaiting) = cut.unwrap_or_default();
        added.senders = self.sent_topics.remove(&added.name).unwrap_or_default();
        added.senders.values_mut().for_each(Sender::resume);
        self.topics.insert(topic, added);
    }

    fn place_topic(&mut self, id: TopicId, place: Place) {
        let topic = self.topics.get_mut(&id).expect("added");
        if place.hosted != topic.place.hosted {
            let keeps = place.hosted && self.history > 0;
            topic.history = keeps.then(|| History::new(self.history, 0));
        }
        let before = std::mem::replace(&mut topic.place, place);
        self.switches += u64::from(place.routed && place.upstream != before.upstream);
        if place.upstream != before.upstream {
            before
                .upstream
                .iter()
                .for_each(|way| self.leave_upstream(id, way));
            place
                .upstream
                .iter()
                .for_each(|way| self.enter_upstream(id, way));
        }
    }

    fn attach_subscriber(&mut self, topic: TopicId, subscriber: SubscriberId, history: usize) {
        let inbox = self.subscribers.get_mut(&subscriber).expect("added");
        let topic = self.topics.get_mut(&topic).expect("added");
        let slot = inbox.attach(topic.name.clone());
        if let Some(kept) = &topic.history {
            inbox.replay(slot, kept, history);
        }
        topic.inboxes.insert(subscriber, slot);
    }

    fn remove_topic(&mut self, id: TopicId) {
        let place = self.topics[&id].place;
        place
            .upstream
            .iter()
            .for_each(|way| self.leave_upstream(id, way));
        let mut topic = self.topics.remove(&id).expect("added");
        self.forgotten += 1;
        topic.awaiting.cut();
        // What a hub brought goes on once there is a way again; what the publisher itself brought has ended, and hubs that
        // do not know yet must not bring it again.
        let is_relayed = |link, origin| {
            let link = self.links.get(&link);
            link.is_none_or(|link| link.node != Some(origin))
        };
        for (origin, heard) in &mut topic.streams {
            if heard.link().is_some_and(|link| !is_relayed(link, *origin)) {
                heard.stand(Standing::Ended);
            }
            heard.lost();
        }
        if !topic.senders.is_empty() {
            self.sent_topics.insert(topic.name.clone(), topic.senders);
        }
        if !topic.streams.is_empty() && !topic.inboxes.is_empty() {
            let cut = (topic.streams, topic.awaiting);
            self.cut_topics.insert(topic.name.clone(), cut);
        }
        for (subscriber, slot) in topic.inboxes {
            let inbox = self.subscribers.get_mut(&subscriber).expect("attached");
            inbox.detach(slot);
        }
        for link in self.links.values_mut() {
            link.heard.retain(|_, (topic, _)| *topic != id);
        }
    }

    /// Tells the node behind a new link where the streams stand that were heard of it before.
    fn tell_resumes(&mut self, id: LinkId) {
        let node = self.node.node_behind(id).expect("a SPOT link");
        let known = self.topics.values();
        let known = known.filter(|topic| !topic.inboxes.is_empty());
        let known = known.map(|topic| (&topic.name, &topic.streams));
        let cut = self.cut_topics.iter();
        let cut = cut.map(|(name, (streams, _))| (name, streams));
        let entries = known.chain(cut).filter_map(|(topic, streams)| {
            let resume = cut_stream_of(streams, node)?;
            Some(ResumeEntry {
                topic,
                publisher: node,
                incarnation: resume.incarnation,
                next_sequence: resume.next_sequence,
            })
        });
        let link = self.links.get_mut(&id).expect("it is up");
        for frame in resume_frames(entries) {
            link.outbox.control(&frame);
        }
    }

    fn attach_link(&mut self, id: TopicId, link_id: LinkId, classes: &[Class], past: &Past) {
        let policy = self.sink_policy(link_id, classes);
        let topic = self.topics.get_mut(&id).expect("added");
        let link = self.links.get_mut(&link_id).expect("it wants the topic");
        if topic.sinks.insert(link_id, policy.clone()).is_none() {
            if self.mutation == Some(Mutation::ResetSequence) && self.node.reconnects() > 0 {
                topic.next_sequence = 0;
            }
            let alias = Alias {
                alias: id.0,
                upstream: false,
                passage: None,
                resumed: false,
                since: 0,
                next_sequence: topic.next_sequence,
                incarnation: Incarnation((self.node.incarnation().0 << 32) + topic.life),
                publisher: self.node.id(),
                topic: &topic.name,
            };
            let history = topic.history.as_ref();
            link.outbox.announce(alias, &policy, history, past.resume);
        }
        let history = topic.history.as_ref();
        link.outbox.replay(id.0, topic.next_sequence, history, past);
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
