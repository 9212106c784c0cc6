//! The busiest topics, where they are asked for.

use std::cmp::Reverse;

use serverlink::TopicInfo;

use super::text::Page;

/// Those with the most messages, then those with the most subscribers, as many as were asked for: each label costs whoever
/// stores it.
#[rustfmt::skip]
pub(super) fn tell(page: &mut Page, mut topics: Vec<TopicInfo>, most: usize) {
    topics.sort_by_key(|topic| {
        let stats = &topic.stats;
        Reverse((stats.published_messages + stats.received_messages, topic.subscribers))
    });
    topics.truncate(most);
    let mut family = |name: &str, help: &str, of: &dyn Fn(&TopicInfo) -> u64| {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        page.family(name, kind, help);
        for topic in &topics {
            page.sample(name, &[("topic", &topic.name)], of(topic));
        }
    };
    family("spot_topic_subscribers", "Subscribers of a topic at this node: its own, and one for each link.", &|topic| topic.subscribers as u64);
    family("spot_topic_published_messages_total", "Messages published on it by callers of this node.", &|topic| topic.stats.published_messages);
    family("spot_topic_published_bytes_total", "Their payload bytes.", &|topic| topic.stats.published_bytes);
    family("spot_topic_received_messages_total", "Messages of it that came from other nodes, each once.", &|topic| topic.stats.received_messages);
    family("spot_topic_received_bytes_total", "Their payload bytes.", &|topic| topic.stats.received_bytes);
    family("spot_topic_dropped_messages_total", "Messages of it lost to full queues here, once for each queue.", &|topic| topic.stats.dropped_messages);
    family("spot_topic_missed_messages_total", "Messages of it missing of what other nodes published.", &|topic| topic.stats.missed_messages);
    family("spot_topic_gaps_total", "Times that some of it were missing.", &|topic| topic.stats.gaps);
    family("spot_topic_history_messages", "Messages of it kept for those who come late.", &|topic| topic.stats.history_messages as u64);
    family("spot_topic_history_bytes", "Their payload bytes.", &|topic| topic.stats.history_bytes as u64);
}
