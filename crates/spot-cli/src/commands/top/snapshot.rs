//! What a node told at one time, and how fast that changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

/// What the admin server answered. Fields may be missing: those of a later version, or an earlier one.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) at: Instant,
    pub(super) node: Value,
    pub(super) ready: Value,
    pub(super) cluster: Value,
    pub(super) peers: Arc<Vec<Value>>,
    pub(super) topics: Arc<Vec<Value>>,
    pub(super) events: Arc<Vec<Value>>,
    pub(super) rates: Rates,
}

/// How fast counters grow, a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Rates {
    /// Of the node's counters, by name.
    pub(super) node: HashMap<String, f64>,
    /// Of the messages of each topic.
    pub(super) topics: Arc<HashMap<String, f64>>,
    /// Of the messages over the link of each peer, by its endpoint.
    pub(super) peers: HashMap<String, LinkRates>,
    /// When the topics were listed that these are of.
    topics_at: Option<Instant>,
}

/// Messages a second over a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LinkRates {
    pub(super) sent: f64,
    pub(super) received: f64,
}

/// Counters of a topic whose sum is the messages that went through it here.
const TOPIC_MESSAGES: [&str; 2] = ["published_messages", "received_messages"];

impl Snapshot {
    /// Has the rates since another one of the same life of the node.
    pub(super) fn compared_with(mut self, last: Option<&Self>) -> Self {
        self.rates.topics_at = Some(self.at);
        let Some(last) = last else {
            return self;
        };
        let uptime = |of: &Self| of.node["uptime_seconds"].as_f64().unwrap_or(0.0);
        let seconds = uptime(&self) - uptime(last);
        if self.node["node"] != last.node["node"] || seconds <= 0.0 {
            return self;
        }
        if let (Value::Object(now), Value::Object(before)) =
            (&self.node["stats"], &last.node["stats"])
        {
            let rates = now.iter().filter_map(|(name, count)| {
                let grown = count.as_u64()?.checked_sub(before.get(name)?.as_u64()?)?;
                Some((name.clone(), grown as f64 / seconds))
            });
            self.rates.node = rates.collect();
        }
        self.rates.peers = link_rates(&self.peers, &last.peers, seconds);
        if Arc::ptr_eq(&self.topics, &last.topics) {
            self.rates.topics = Arc::clone(&last.rates.topics);
            self.rates.topics_at = last.rates.topics_at;
        } else if let Some(before) = last.rates.topics_at {
            let seconds = (self.at - before).as_secs_f64();
            self.rates.topics = Arc::new(topic_rates(&self.topics, &last.topics, seconds));
        }
        self
    }
}

fn link_rates(now: &[Value], before: &[Value], seconds: f64) -> HashMap<String, LinkRates> {
    let before: HashMap<_, _> = before
        .iter()
        .filter_map(|peer| Some((peer["endpoint"].as_str()?, peer)))
        .collect();
    let rates = now.iter().filter_map(|peer| {
        let endpoint = peer["endpoint"].as_str()?;
        let was = before.get(endpoint)?;
        let rate = |name: &str| {
            let grown = peer[name].as_u64()?.checked_sub(was[name].as_u64()?)?;
            Some(grown as f64 / seconds)
        };
        let (sent, received) = (rate("sent_messages")?, rate("received_messages")?);
        Some((endpoint.to_owned(), LinkRates { sent, received }))
    });
    rates.collect()
}

fn topic_rates(now: &[Value], before: &[Value], seconds: f64) -> HashMap<String, f64> {
    let counts: HashMap<_, _> = before.iter().filter_map(messages).collect();
    let rates = now
        .iter()
        .filter_map(messages)
        .filter_map(|(topic, count)| {
            let grown = count.checked_sub(*counts.get(topic)?)?;
            Some((topic.to_owned(), grown as f64 / seconds))
        });
    rates.collect()
}

/// A topic and its messages so far; `None` if the node does not count them.
fn messages(topic: &Value) -> Option<(&str, u64)> {
    let counts = TOPIC_MESSAGES
        .iter()
        .filter_map(|name| topic[name].as_u64());
    let sum = counts.reduce(|sum, count| sum.saturating_add(count))?;
    Some((topic["topic"].as_str()?, sum))
}
