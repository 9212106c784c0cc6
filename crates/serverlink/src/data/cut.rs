//! Topics that were forgotten because the link they were heard on was cut, so that what was missed shows when they return.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use spot_core::SubscriberId;

use super::heard::CutStreams;

/// Forgotten topics kept; the oldest gives way, and its losses are not told then.
const MAX_CUT_TOPICS: usize = 1024;

/// The streams of forgotten topics, by name.
#[derive(Debug, Default)]
pub(crate) struct CutTopics {
    streams: HashMap<Arc<str>, CutStreams>,
    oldest_first: VecDeque<Arc<str>>,
}

impl CutTopics {
    pub(crate) fn keep(&mut self, topic: &Arc<str>, streams: CutStreams) {
        if self.streams.insert(topic.clone(), streams).is_none() {
            self.oldest_first.push_back(topic.clone());
        }
        if self.oldest_first.len() > MAX_CUT_TOPICS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.streams.remove(&oldest);
        }
    }

    /// The topic is back.
    pub(crate) fn take(&mut self, topic: &str) -> Option<CutStreams> {
        let streams = self.streams.remove(topic)?;
        self.oldest_first.retain(|known| &**known != topic);
        Some(streams)
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &CutStreams)> {
        let topics = self.oldest_first.iter();
        topics.filter_map(|topic| Some((topic, self.streams.get(topic)?)))
    }

    /// Forgets those that nobody of these subscribes to any more: what is published then is no loss.
    pub(crate) fn retain(
        &mut self,
        subscribers: impl Iterator<Item = SubscriberId> + Clone,
        wants: impl Fn(SubscriberId, &str) -> bool,
    ) {
        let wanted = |topic: &str| subscribers.clone().any(|id| wants(id, topic));
        self.oldest_first.retain(|topic| wanted(topic));
        self.streams.retain(|topic, cut| {
            cut.awaiting.retain(|subscriber| wants(subscriber, topic));
            wanted(topic)
        });
    }
}
