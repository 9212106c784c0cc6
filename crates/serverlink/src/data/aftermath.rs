//! What moving messages leaves to do.

use std::sync::Arc;

use spot_core::{Class, LinkId, Missed, NodeId, TopicId};

use super::outbox::Flush;
use super::{SharedInbox, SharedOutbox};

/// What is left to do after messages were moved, once all locks of the data plane are free. Mostly nothing, so that this
/// is no more than an empty pointer.
#[derive(Debug, Default)]
pub(crate) struct Aftermath(Option<Box<Work>>);

/// Something to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Links to write to.
    pub(crate) flush: Vec<Arc<SharedOutbox>>,
    /// Subscribers that got messages over links and may be asleep.
    pub(crate) announce: Vec<Arc<SharedInbox>>,
    /// Subscribers that are too slow and asked to be disconnected then.
    pub(crate) ended_inboxes: Vec<Arc<SharedInbox>>,
    /// The same behind links.
    pub(crate) ended_classes: Vec<(LinkId, Class)>,
    /// Messages refused as duplicates.
    pub(crate) duplicates: u64,
    /// Losses that a link told, by topic.
    pub(crate) gaps: Vec<(Arc<str>, Missed)>,
    /// Messages passed on to other nodes, once for each link, and their payload bytes.
    pub(crate) relayed: (u64, u64),
    /// Streams that have changed their way, with the link they are followed to.
    pub(crate) followed: Vec<(TopicId, NodeId, LinkId)>,
}

impl Aftermath {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The work, to add to it.
    #[cold]
    pub(crate) fn work(&mut self) -> &mut Work {
        self.0.get_or_insert_default()
    }

    /// The work, to do it.
    pub(crate) fn into_work(self) -> Option<Box<Work>> {
        self.0
    }

    pub(crate) fn missed(&mut self, topic: &Arc<str>, missed: Missed) {
        self.work().gaps.push((topic.clone(), missed));
    }

    /// Messages were refused as duplicates.
    pub(crate) fn duplicates(&mut self, count: u64) {
        if count > 0 {
            self.work().duplicates += count;
        }
    }

    /// A message was passed on over a link.
    pub(crate) fn relayed(&mut self, len: usize) {
        let (messages, bytes) = &mut self.work().relayed;
        *messages += 1;
        *bytes += len as u64;
    }

    #[inline]
    pub(crate) fn queued(&mut self, outbox: &Arc<SharedOutbox>, flush: Flush) {
        if flush == Flush::Now {
            self.work().flush.push(outbox.clone());
        }
    }
}
