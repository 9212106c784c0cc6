//! Publishers elsewhere that do not come back: what they may have taken along is told after a while.

use super::Node;
use super::output::Output;
use crate::identity::NodeId;
use crate::limits::{MAX_PUBLISHERS_AWAITED, PUBLISHER_GONE_MS};
use crate::registry::TopicId;

/// A stream to us that comes by no way, and had not ended.
#[derive(Debug)]
pub(super) struct AwaitedPublisher {
    topic: TopicId,
    publisher: NodeId,
    cut_at_ms: u64,
}

impl Node {
    /// The last way of a stream that a publisher elsewhere sends to us was cut. If it does not come back by another one,
    /// [`Output::PublisherGone`] follows.
    pub fn publisher_cut(&mut self, now_ms: u64, topic: TopicId, publisher: NodeId) {
        if self.awaited_publishers.len() >= MAX_PUBLISHERS_AWAITED {
            self.give_up_first_publisher();
        }
        self.awaited_publishers.push_back(AwaitedPublisher {
            topic,
            publisher,
            cut_at_ms: now_ms,
        });
    }

    pub(super) fn gives_up_publisher_at_ms(&self) -> Option<u64> {
        let first = self.awaited_publishers.front()?;
        Some(first.cut_at_ms + PUBLISHER_GONE_MS)
    }

    pub(super) fn publishers_due(&mut self) {
        let now_ms = self.clock_ms;
        while self
            .gives_up_publisher_at_ms()
            .is_some_and(|at_ms| at_ms <= now_ms)
        {
            self.give_up_first_publisher();
        }
    }

    fn give_up_first_publisher(&mut self) {
        let Some(first) = self.awaited_publishers.pop_front() else {
            return;
        };
        let AwaitedPublisher {
            topic,
            publisher,
            cut_at_ms,
        } = first;
        if self.registry.get(topic).is_some() {
            self.push(Output::PublisherGone {
                topic,
                publisher,
                cut_at_ms,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Incarnation;
    use crate::node::NodeConfig;

    const PUBLISHER: NodeId = NodeId([7; 16]);

    fn gone(node: &mut Node) -> Vec<u64> {
        let outputs = std::iter::from_fn(|| node.poll_output());
        let gone = outputs.filter_map(|output| match output {
            Output::PublisherGone { cut_at_ms, .. } => Some(cut_at_ms),
            _ => None,
        });
        gone.collect()
    }

    #[test]
    fn a_publisher_is_given_up_a_minute_after_its_last_way_was_cut() {
        let mut node = Node::new(NodeConfig::new(NodeId([1; 16]), Incarnation(1), 0));
        let topic = node.create_topic("t").unwrap();
        node.publisher_cut(100, topic, PUBLISHER);
        node.publisher_cut(300, topic, PUBLISHER);
        assert_eq!(node.poll_timeout(), Some(100 + PUBLISHER_GONE_MS));
        node.handle_timeout(99 + PUBLISHER_GONE_MS);
        assert_eq!(gone(&mut node), []);
        node.handle_timeout(100 + PUBLISHER_GONE_MS);
        assert_eq!(gone(&mut node), [100]);
        node.destroy_topic("t").unwrap();
        node.handle_timeout(300 + PUBLISHER_GONE_MS);
        assert_eq!(gone(&mut node), [], "nobody is left to be told");
    }

    #[test]
    fn of_too_many_the_first_is_given_up_early() {
        let mut node = Node::new(NodeConfig::new(NodeId([1; 16]), Incarnation(1), 0));
        let topic = node.create_topic("t").unwrap();
        for at_ms in 0..=MAX_PUBLISHERS_AWAITED as u64 {
            node.publisher_cut(at_ms, topic, PUBLISHER);
        }
        assert_eq!(gone(&mut node), [0]);
    }
}
