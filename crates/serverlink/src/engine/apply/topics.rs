//! What the control plane asks for of a topic: where it lives, who hears it, and by which ways.

use std::sync::Arc;

use spot_core::node::WayToOwner;
use spot_core::{Output, Place, TopicId};

use crate::data::{LinkSink, Topic, Upstream};
use crate::engine::link_handle::{LinkHandle, sink_policy};
use crate::engine::{Control, NodeInner};

impl NodeInner {
    pub(super) fn apply_to_topic(self: &Arc<Self>, control: &mut Control, output: Output) {
        match output {
            Output::TopicAdded { topic, name } => {
                let topic = Topic::new(topic, name, control.forgotten_topics);
                self.add_topic(control, topic);
            }
            Output::TopicRemoved { topic } => self.remove_topic(control, topic),
            Output::Placed { topic, place } => self.place(control, topic, place),
            Output::PublisherGone {
                topic,
                publisher,
                cut_at_ms,
            } => {
                if let Some(topic) = control.topic(topic) {
                    topic.give_up_publisher(publisher, cut_at_ms);
                }
            }
            Output::AwaitPast { topic, of } => {
                if let Some(topic) = control.topic(topic) {
                    topic.await_past(of);
                }
            }
            Output::PastSent {
                topic,
                subscriber,
                link,
            } => control.past_sent(topic, subscriber, link),
            Output::AttachSubscriber {
                topic,
                subscriber,
                history,
            } => {
                if let (Some(topic), Some(inbox)) =
                    (control.topic(topic), control.subscribers.get(&subscriber))
                {
                    topic.attach_inbox(subscriber, inbox, history);
                }
            }
            Output::DetachSubscriber { topic, subscriber } => {
                if let Some(topic) = control.topic(topic).cloned() {
                    topic.detach_inbox(subscriber);
                    control.depart(&topic, subscriber);
                }
            }
            Output::AttachLink {
                topic,
                link,
                classes,
                past,
            } => {
                if let (Some(topic), Some(handle)) =
                    (control.topic(topic), control.links.get(&link))
                {
                    let sink = LinkSink {
                        link,
                        kind: handle.sink(&classes),
                    };
                    topic.attach_link(sink, self.identity, &past);
                }
            }
            Output::DetachLink { topic, link, ended } => {
                if let Some(topic) = control.topic(topic) {
                    topic.detach_link(link, ended);
                }
            }
            output => apply_to_stream(control, output),
        }
    }

    fn place(&self, control: &mut Control, topic: TopicId, place: Place) {
        let life = control.forgotten_topics;
        let Some(topic) = control.topic(topic) else {
            return;
        };
        let upstream = |way: WayToOwner| {
            let sink = control.links.get(&way.link)?.sink(&[]);
            Some(Upstream::new(way, sink, life))
        };
        let forgets = topic.place(place, self.identity, upstream);
        if place.hosted {
            let (max_messages, max_bytes) = self.history_limit();
            topic.set_history(max_messages, max_bytes);
        }
        control.forgotten_topics = life.wrapping_add(u32::from(forgets));
    }
}

/// Of streams that are heard from other nodes.
fn apply_to_stream(control: &mut Control, output: Output) {
    match output {
        Output::AttachRelay {
            topic,
            origin,
            link,
            alias,
            classes,
        } => {
            let outbox = control.links.get(&link).and_then(LinkHandle::outbox);
            if let (Some(topic), Some(outbox)) = (control.topic(topic).cloned(), outbox.cloned()) {
                let policy = outbox.with(|queue| sink_policy(queue, &classes));
                topic.attach_relay(origin, alias, &outbox, policy, &mut control.after);
            }
        }
        Output::DetachRelay {
            topic,
            origin,
            link,
        } => {
            if let Some(topic) = control.topic(topic).cloned() {
                topic.detach_relay(origin, link, &mut control.after);
            }
        }
        Output::RelayWindow {
            topic,
            origin,
            link,
            class,
        } => {
            let outbox = control.links.get(&link).and_then(LinkHandle::outbox);
            if let (Some(topic), Some(outbox)) = (control.topic(topic), outbox) {
                topic.open_relay_window(origin, class, outbox);
            }
        }
        Output::FollowStream {
            topic,
            origin,
            link,
        } => {
            if let Some(topic) = control.topic(topic).cloned() {
                topic.follow_stream(origin, link, &mut control.after);
            }
        }
        Output::LeaveWay {
            topic,
            origin,
            link,
        } => {
            if let Some(topic) = control.topic(topic).cloned() {
                topic.leave_way(origin, link, &mut control.after);
            }
        }
        Output::StreamLost { topic, origin } => {
            if let Some(topic) = control.topic(topic).cloned() {
                topic.stream_lost(origin, &mut control.after);
            }
        }
        Output::StreamGone { topic, origin } => {
            if let Some(topic) = control.topic(topic).cloned() {
                topic.stream_gone(origin, &mut control.after);
            }
        }
        other => unreachable!("{other:?} is carried out by now"),
    }
}
