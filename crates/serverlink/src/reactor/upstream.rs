//! What another node publishes to us as the owner of a topic.

use std::sync::Arc;

use spot_core::frame::Alias;
use spot_core::stream::{Stream, Verdict};
use spot_core::{Missed, Payload};

use crate::data::{Aftermath, Topic};
use crate::engine::NodeInner;

/// A stream of messages to a topic hosted here, or that was, or may come to be.
pub(super) struct Upstream {
    name: Arc<str>,
    topic: Option<Arc<Topic>>,
    stream: Stream,
}

impl Upstream {
    /// The other side announced the stream; what was lost of it with an earlier link shows now.
    pub(super) fn announced(node: &NodeInner, alias: &Alias<'_>) -> Self {
        let topic = node.find_topic(alias.topic);
        let cut = topic
            .as_ref()
            .and_then(|topic| topic.take_cut_upstream(alias.publisher));
        let mut upstream = Self {
            name: alias.topic.into(),
            topic,
            stream: cut.unwrap_or_else(|| {
                Stream::new(alias.publisher, alias.incarnation, alias.next_sequence)
            }),
        };
        let missed = upstream
            .stream
            .reopen(alias.incarnation, alias.next_sequence);
        upstream.missed(missed);
        upstream
    }

    #[inline]
    pub(super) fn data(
        &mut self,
        node: &NodeInner,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        match self.stream.receive(sequence) {
            Verdict::Deliver => {}
            Verdict::DeliverAfterGap(count) => self.missed(Missed::exactly(count)),
            Verdict::Duplicate => {
                after.duplicates += 1;
                return;
            }
        }
        let topic = self.topic.as_ref();
        if topic.is_some_and(|topic| topic.publish_for_peer(payload, after)) {
            return;
        }
        // Not hosted: not any more, not yet, or created anew since it was looked up.
        self.topic = node.find_topic(&self.name);
        if let Some(topic) = &self.topic {
            topic.publish_for_peer(payload, after);
        }
    }

    pub(super) fn tail(&mut self, next_sequence: u64) {
        let missed = self.stream.announced(next_sequence);
        self.missed(missed);
    }

    /// The link is gone without a farewell: the topic remembers how far the stream was heard.
    pub(super) fn cut(self) {
        if let Some(topic) = self.topic {
            topic.keep_cut_upstream(self.stream);
        }
    }

    fn missed(&self, missed: Missed) {
        if let Some(topic) = &self.topic
            && !missed.is_none()
        {
            topic.skip_for_peer(missed);
        }
    }
}
