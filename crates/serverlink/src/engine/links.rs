//! What the links of a node tell it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use spot_core::{LinkId, Payload};

use super::{LinkHandle, NodeInner};
use crate::api::Event;
use crate::data::{Aftermath, Mail, SharedOutbox, Topic};

impl NodeInner {
    /// A link or an attempt at one has ended by itself.
    pub(crate) fn link_closed(self: &Arc<Self>, link: LinkId, reason: &str) {
        let now_ms = self.now_ms();
        self.control(|control| {
            control.core.link_closed(now_ms, link, reason);
            if let Some(outbox) = control
                .links
                .remove(&link)
                .as_ref()
                .and_then(LinkHandle::outbox)
            {
                self.keep_link(outbox);
            }
        });
    }

    /// A connection was closed because of what came over it.
    pub(crate) fn rejected(&self, address: &str, reason: &str) {
        let node = self.name.as_deref().unwrap_or_default();
        tracing::warn!(node, peer = address, reason, "connection closed");
        let event = Event::Rejected {
            endpoint: address.to_owned(),
            reason: reason.to_owned(),
        };
        self.inspect(|control| control.tell(&event));
    }

    /// Keeps what a link has counted, once the control plane does not have it any more; again when its socket is closed.
    pub(crate) fn keep_link(&self, outbox: &SharedOutbox) {
        let (totals, high_water) = outbox.take_totals();
        self.counters.keep_link(totals, high_water);
    }

    /// As [`settle`](Self::settle), on an I/O thread, which must not be held up by writing.
    pub(crate) fn settle_on_reactor(self: &Arc<Self>, after: Aftermath) {
        let Some(work) = after.into_work() else {
            return;
        };
        for outbox in &work.flush {
            outbox.flush_soon();
        }
        self.settle_rare(*work);
    }

    /// The topic that a plain publisher's messages of this name are delivered as.
    pub(crate) fn foreign_topic(self: &Arc<Self>, link: LinkId, name: &str) -> Option<Arc<Topic>> {
        let id = self.control(|control| control.core.foreign_topic(link, name))?;
        self.inspect(|control| control.topic(id).cloned())
    }

    /// A commander published a message. There is nobody to hold up: without room it is lost to those who have none.
    pub(crate) fn publish_from_peer(
        self: &Arc<Self>,
        topic: &str,
        payload: Payload,
        after: &mut Aftermath,
    ) {
        let published = self
            .find_topic(topic)
            .filter(|_| !self.refuses_to_publish())
            .map(|topic| topic.publish(&self.identity, (&payload).into(), Mail::Read, after));
        if !matches!(published, Some(Ok(()))) {
            self.counters.commands_refused.fetch_add(1, Relaxed);
            tracing::debug!(
                topic,
                "a PUBLISH command found no topic, no owner, no room or no majority"
            );
        }
    }

    /// The names of the topics that this node offers: those hosted here, and those it relays.
    pub(crate) fn offered_topics(&self) -> Vec<Arc<str>> {
        self.inspect(|control| {
            let hosted: Vec<Arc<str>> = control.core.hosted_topics().collect();
            let relayed = control.core.relayed_topics();
            let mut relayed: Vec<Arc<str>> =
                relayed.filter(|name| !control.core.hosts(name)).collect();
            relayed.sort_unstable();
            relayed.dedup();
            [hosted, relayed].concat()
        })
    }
}
