//! History: what topics keep, and where streams go on over a new link.

use std::sync::Arc;

use spot_core::frame::{ResumeEntry, resume_frames};
use spot_core::past::Resume;
use spot_core::{LinkId, SubscriberId, TopicId, limits};

use super::link_handle::LinkHandle;
use super::{Control, NodeInner};

impl NodeInner {
    /// How many messages and bytes a topic hosted here keeps.
    pub(super) fn history_limit(&self) -> (usize, usize) {
        self.read_options(|options| (options.history, options.send_hwm_bytes))
    }
}

impl Control {
    /// Topics hosted here keep so many messages and bytes from now on.
    pub(super) fn set_history(&self, (max_messages, max_bytes): (usize, usize)) {
        let topics = self.topics.iter().flatten();
        topics.for_each(|topic| topic.set_history(max_messages, max_bytes));
    }

    /// Tells the node behind a new link where the streams stand that were heard of it before.
    pub(super) fn tell_resumes(&self, link: LinkId) {
        let Some(handle) = self.links.get(&link) else {
            return;
        };
        let (Some(node), Some(outbox)) = (handle.node(), handle.outbox()) else {
            return;
        };
        let known = self.core.topics_behind(link);
        let known = known.filter_map(|topic| {
            let topic = self.topic(topic)?;
            Some((&topic.name, topic.cut_stream_of(node)?))
        });
        let cut: Vec<(&Arc<str>, Resume)> = known
            .chain(self.cut_topics.streams_of(node))
            .take(limits::MAX_RESUMED_PER_LINK)
            .collect();
        let entries = cut.iter().map(|(topic, resume)| ResumeEntry {
            topic,
            publisher: node,
            incarnation: resume.incarnation,
            next_sequence: resume.next_sequence,
        });
        for frame in resume_frames(entries) {
            outbox.control(&frame);
        }
    }

    /// All was sent that a subscriber asked for of a topic. Over an in-process link it is handed over now, unless a message
    /// has brought it along before.
    pub(super) fn past_sent(&self, topic: TopicId, subscriber: SubscriberId, link: LinkId) {
        let Some(topic) = self.topic(topic) else {
            return;
        };
        if let Some(LinkHandle::Inproc(peer)) = self.links.get(&link)
            && let Some(owner) = peer.node.upgrade()
            && let Some(theirs) = owner.find_topic(&topic.name)
        {
            theirs.hand_past_to(topic, link);
        }
        topic.past_sent(subscriber, link);
    }
}
