//! Into the queues of subscribers, and credit back for what left them.

use spot_core::frame::Frame;
use spot_core::inbox::{Offer, Slot, Source};
use spot_core::{Class, LinkId, Missed, NodeId, Overflow, Payload, SubscriberId, TopicId};

use super::Driver;
use crate::mutation::Mutation;

impl Driver {
    /// Hands a message to its subscribers, and says who has it. It takes credit of those who are charged for it.
    pub(super) fn deliver(
        &mut self,
        topic: TopicId,
        payload: &Payload,
        from: Option<(LinkId, NodeId)>,
        charged: &[SubscriberId],
    ) -> Vec<SubscriberId> {
        let topic = &self.topics[&topic];
        let live = topic.inboxes.iter().filter(|(id, _)| {
            let held = from.is_some_and(|(link, origin)| topic.awaiting.holds(**id, link, origin));
            !held
        });
        let live: Vec<(SubscriberId, Slot)> = live.map(|(id, slot)| (*id, *slot)).collect();
        let from = from.map(|(link, _)| link);
        let (mut queued, mut slow) = (Vec::new(), Vec::new());
        for (id, slot) in live {
            let source = from.filter(|_| charged.contains(&id));
            let source = source.map_or(Source::LOCAL, |link| Source(link.0));
            match self.offer(id, slot, source, from, payload) {
                Offer::Queued => queued.push(id),
                Offer::Ended => slow.push(id),
                Offer::Dropped | Offer::Full => {}
            }
        }
        for subscriber in slow {
            self.with(|node, _| node.end_subscriptions(subscriber));
        }
        queued
    }

    /// Offers a message to one subscriber; who has no room for it although it blocks misses it.
    pub(super) fn offer(
        &mut self,
        id: SubscriberId,
        slot: Slot,
        source: Source,
        from: Option<LinkId>,
        payload: &Payload,
    ) -> Offer {
        let inbox = self.subscribers.get_mut(&id).expect("attached");
        let offer = match inbox.overflow() {
            Overflow::Block if from.is_some() => {
                // Each new link brings a new window: a slow subscriber whose links come and go loses, and is
                // told of, what it could not hold.
                inbox.offer_credited(slot, source, payload, false)
            }
            _ => inbox.offer(slot, source, payload),
        };
        if offer == Offer::Full {
            inbox.missed(slot, Missed::exactly(1));
        }
        offer
    }

    pub(super) fn grant(
        &mut self,
        subscriber: SubscriberId,
        link: LinkId,
        (messages, bytes): (u64, u64),
    ) {
        // One that is gone has forgotten its windows.
        let known = self.subscribers.get(&subscriber);
        if known.is_none_or(|inbox| inbox.overflow() != Overflow::Block) {
            return;
        }
        if self.mutation == Some(Mutation::WithholdCredit) && messages == 1 {
            return;
        }
        if let Some(link) = self.links.get_mut(&link).filter(|link| link.active) {
            let class = Class::new(Overflow::Block, u64::from(subscriber.0));
            let credit = Frame::Credit {
                class,
                messages,
                bytes,
            };
            link.outbox.control(&credit.to_vec());
        }
    }

    pub(super) fn active_links(&self) -> impl Iterator<Item = LinkId> {
        let active = self.links.iter().filter(|(_, link)| link.active);
        active.map(|(id, _)| *id)
    }
}
