//! Which links know that a blocking subscriber has cancelled.
//!
//! Until a link has acknowledged that, its messages of the topic are sent on the subscriber's credit. Nobody receives
//! them here, so the credit goes back at once: otherwise the window would shrink with every cancellation.

use std::sync::Arc;

use spot_core::{LinkId, SubscriberId};

use super::Control;
use super::link_handle::LinkHandle;
use crate::data::{SharedInbox, Topic};

/// A cancellation that a link has not acknowledged.
#[derive(Debug)]
pub(super) struct Departed {
    link: LinkId,
    /// The version of our interest that tells it.
    version: u64,
    topic: Arc<Topic>,
    inbox: Arc<SharedInbox>,
}

impl Control {
    /// A subscriber opens a credit window for every SPOT link in use, if it blocks its publishers.
    pub(crate) fn open_windows_of(&self, inbox: &SharedInbox) {
        if !inbox.blocks() {
            return;
        }
        for (link, _, _) in self.core.interest_versions() {
            if let Some(outbox) = self.links.get(&link).and_then(LinkHandle::outbox) {
                inbox.open_window(link, outbox.clone());
            }
        }
    }

    /// Every blocking subscriber opens a credit window for a new link.
    pub(super) fn open_windows(&self, link: LinkId) {
        let Some(outbox) = self.links.get(&link).and_then(LinkHandle::outbox) else {
            return;
        };
        for inbox in self.subscribers.values().filter(|inbox| inbox.blocks()) {
            inbox.open_window(link, outbox.clone());
        }
    }

    /// A link is not in use any more: its streams may go on elsewhere, its credit ends.
    pub(super) fn leave_use(&mut self, link: LinkId) {
        if let Some(outbox) = self.links.get(&link).and_then(LinkHandle::outbox) {
            outbox.leave_use();
        }
        for inbox in self.subscribers.values() {
            inbox.close_window(link);
        }
        self.forget_departed(link, u64::MAX);
    }

    /// A subscriber was detached from a topic: links that do not know yet go on sending on its credit.
    pub(super) fn depart(&mut self, topic: &Arc<Topic>, subscriber: SubscriberId) {
        let Some(inbox) = self
            .subscribers
            .get(&subscriber)
            .filter(|inbox| inbox.blocks())
        else {
            return;
        };
        for (link, acked, sent) in self.core.interest_versions() {
            if acked < sent {
                topic.depart(link, sent, inbox);
                self.departed.push(Departed {
                    link,
                    version: sent,
                    topic: topic.clone(),
                    inbox: inbox.clone(),
                });
            }
        }
    }

    /// A link has acknowledged our interest.
    pub(crate) fn interest_acknowledged(&mut self, link: LinkId) {
        let versions = self.core.interest_versions();
        let acked = versions
            .filter(|(known, _, _)| *known == link)
            .map(|(_, acked, _)| acked)
            .next();
        self.forget_departed(link, acked.unwrap_or(0));
    }

    fn forget_departed(&mut self, link: LinkId, version: u64) {
        self.departed.retain(|departed| {
            let is_known = departed.link == link && departed.version <= version;
            if is_known {
                let Departed { topic, inbox, .. } = departed;
                topic.forget_departed(link, departed.version, inbox);
            }
            !is_known
        });
    }
}
