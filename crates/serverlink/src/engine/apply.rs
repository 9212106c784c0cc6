//! Carrying out what the control plane asks for.

mod topics;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use spot_core::inbox::Notice;
use spot_core::node::CloseReason;
use spot_core::{Endpoint, Event, LinkId, Output, SubscriberId};
use zmtp::Subscription;

use super::inproc::{Inbound, dial_inproc};
use super::link_handle::LinkHandle;
use super::{Control, NodeInner};
use crate::data::{Topic, lock};

impl NodeInner {
    /// Carries out every output, in order. Nodes of this context that got mail are added to `touched`.
    pub(super) fn carry_out(
        self: &Arc<Self>,
        control: &mut Control,
        touched: &mut Vec<Arc<NodeInner>>,
    ) {
        while let Some(output) = control.core.poll_output() {
            self.apply(control, output, touched);
        }
        if control.waiting > 0 {
            self.changed.notify_all();
        }
        self.arm_timer(control);
        self.follow_ways(control);
    }

    /// What is published elsewhere and passed on by us looks for its way anew when ways have changed.
    fn follow_ways(&self, control: &Control) {
        let ways = control.core.ways_changed();
        if self.ways_changed.swap(ways, Relaxed) != ways && control.core.relays() {
            control.outboxes().for_each(|outbox| outbox.port.retry());
        }
    }

    fn apply(
        self: &Arc<Self>,
        control: &mut Control,
        output: Output,
        touched: &mut Vec<Arc<NodeInner>>,
    ) {
        match output {
            Output::Dial {
                link,
                endpoint: Endpoint::Inproc { name },
            } => dial_inproc(self, control, link, &name, touched),
            Output::Dial { link, endpoint } => self.reactor.dial(self.clone(), link, endpoint),
            Output::Frame { link, frame } => self.send_frame(control, link, frame, touched),
            Output::PlainSubscription {
                link,
                prefix,
                subscribe,
            } => send_subscription(control, link, &prefix, subscribe),
            Output::Close { link, reason, bye } => {
                self.close_link(control, link, reason, bye, touched)
            }
            Output::LinkActive { link } => {
                control.open_windows(link);
                control.tell_resumes(link);
            }
            Output::LinkInactive { link, .. } => control.leave_use(link),
            Output::PeerLost {
                subscriber,
                node,
                name,
            } => {
                if let Some(inbox) = control.subscribers.get(&subscriber) {
                    inbox.notice(Notice::PeerLost { node, name });
                }
            }
            Output::SubscriberEnded { subscriber } => {
                control.forget_unwanted();
                self.subscriber_ended(control, subscriber);
            }
            Output::Publishing { refused } => self.refuses.store(refused, Relaxed),
            Output::Event(event) => self.tell_event(control, &event),
            output => self.apply_to_topic(control, output),
        }
    }

    fn send_frame(
        &self,
        control: &mut Control,
        link: LinkId,
        frame: Vec<u8>,
        touched: &mut Vec<Arc<NodeInner>>,
    ) {
        match control.links.get(&link) {
            Some(LinkHandle::Wire { outbox, .. }) => {
                outbox.control(&frame);
                outbox.flush_soon();
            }
            Some(LinkHandle::Inproc(peer)) => peer.post(Inbound::Frame(peer.link, frame), touched),
            None => {}
        }
    }

    fn close_link(
        &self,
        control: &mut Control,
        link: LinkId,
        reason: CloseReason,
        bye: Option<Vec<u8>>,
        touched: &mut Vec<Arc<NodeInner>>,
    ) {
        match control.links.remove(&link) {
            Some(LinkHandle::Wire { outbox, .. }) => {
                if let Some(bye) = bye {
                    outbox.control(&bye);
                }
                outbox.close();
                self.keep_link(&outbox);
                self.reactor.close(&outbox, reason);
            }
            Some(LinkHandle::Inproc(peer)) => {
                if let Some(bye) = bye {
                    peer.post(Inbound::Frame(peer.link, bye), touched);
                }
                peer.post(Inbound::Closed(peer.link), touched);
            }
            // Not shaken hands yet: the reactor gives the attempt up.
            None => self.reactor.abandon(self.id(), link),
        }
    }

    fn add_topic(&self, control: &mut Control, topic: Topic) {
        let topic = Arc::new(topic);
        let index = topic.id.0 as usize;
        if control.topics.len() <= index {
            control.topics.resize(index + 1, None);
        }
        control.topics[index] = Some(topic.clone());
        if let Some(cut) = control.cut_topics.take(&topic.name) {
            topic.resume(cut);
        }
        if let Some(sent) = control.sent_topics.take(&topic.name) {
            topic.resume_sending(sent);
        }
        self.names.insert(topic);
    }

    fn remove_topic(&self, control: &mut Control, id: spot_core::TopicId) {
        if let Some(topic) = control.topics.get_mut(id.0 as usize).and_then(Option::take) {
            control.forgotten_topics = control.forgotten_topics.wrapping_add(1);
            self.names.remove(&topic.name);
            let (cut, sent) = topic.retire(|link| {
                let outbox = control.links.get(&link).and_then(LinkHandle::outbox);
                outbox.is_some_and(|outbox| outbox.is_in_use())
            });
            let (published, skipped) = topic.published_and_skipped();
            self.counters.keep_topic(published, skipped);
            if let Some(cut) = cut {
                control.cut_topics.keep(&topic.name, cut);
            }
            if let Some(sent) = sent {
                control.sent_topics.keep(&topic.name, sent);
            }
        }
    }

    /// The control plane ended a subscriber that a publisher elsewhere, or here, found too slow.
    fn subscriber_ended(&self, control: &Control, subscriber: SubscriberId) {
        if let Some(inbox) = control.subscribers.get(&subscriber) {
            inbox.end();
        }
    }

    pub(super) fn tell_event(&self, control: &Control, event: &Event) {
        let node = self.name.as_deref().unwrap_or_default();
        match event {
            Event::PeerUp { endpoint, name, .. } => {
                tracing::info!(node, peer = endpoint, name, "peer up");
            }
            Event::PeerDown {
                endpoint,
                name,
                reason,
                graceful,
                ..
            } => tracing::info!(node, peer = endpoint, name, reason, graceful, "peer down"),
            Event::ConnectFailed { endpoint, reason } => {
                self.counters.connect_failures.fetch_add(1, Relaxed);
                tracing::debug!(node, peer = endpoint, reason, "connection attempt failed");
            }
            Event::Rejected { endpoint, reason } => {
                tracing::warn!(node, peer = endpoint, reason, "connection refused");
            }
            Event::MemberUp { node: member, name } => {
                tracing::info!(node, %member, member_name = %name, "member up");
            }
            Event::MemberSuspect { node: member, name } => {
                tracing::info!(node, %member, member_name = %name, "member does not answer");
            }
            Event::MemberDown {
                node: member,
                name,
                left,
            } => tracing::info!(node, %member, member_name = %name, left, "member down"),
            Event::Partition {
                reachable,
                size,
                majority,
            } => tracing::warn!(node, reachable, size, majority, "cluster partitioned"),
            Event::Heal { size } => tracing::info!(node, size, "cluster whole"),
            Event::SlowSubscriber { endpoint } => {
                tracing::warn!(node, peer = endpoint, "subscription ended for being slow");
            }
            _ => {}
        }
        control.tell(event);
    }

    /// Has the reactor call when the control plane wants to be called next.
    fn arm_timer(self: &Arc<Self>, control: &Control) {
        let Some(at_ms) = control.core.poll_timeout() else {
            return;
        };
        if at_ms < self.armed_ms.load(Relaxed) {
            self.armed_ms.store(at_ms, Relaxed);
            self.reactor.arm(self, at_ms);
        }
    }

    /// The time that was asked for has come.
    pub(crate) fn handle_timeout(self: &Arc<Self>) {
        self.armed_ms.store(u64::MAX, Relaxed);
        let now_ms = self.now_ms();
        self.control(|control| control.core.handle_timeout(now_ms));
    }

    /// Takes the mail of nodes of this context.
    pub(super) fn take_mail(&self) -> Vec<Inbound> {
        std::mem::take(&mut *lock(&self.mailbox))
    }

    pub(super) fn post_mail(&self, mail: Inbound) {
        lock(&self.mailbox).push(mail);
    }
}

fn send_subscription(control: &Control, link: LinkId, prefix: &[u8], subscribe: bool) {
    let Some(LinkHandle::Wire {
        outbox, version, ..
    }) = control.links.get(&link)
    else {
        return;
    };
    let subscription = if subscribe {
        Subscription::Subscribe(prefix)
    } else {
        Subscription::Cancel(prefix)
    };
    let mut frame = Vec::new();
    subscription.encode(&mut frame, *version);
    outbox.with(|queue| queue.framed(&frame));
    outbox.flush_soon();
}
