//! What subscribers must see: order, no duplicates, nothing after a cancellation, and every loss reported with its count.

mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spot_core::inbox::Taken;
use spot_core::{Filter, Payload, SubscriberId};

pub use self::seen::Tally;
use self::seen::{Message, Past, Seen};

/// A subscriber of one life of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubscriberKey {
    /// Which host.
    pub host: usize,
    /// Which life of it.
    pub life: u64,
    /// Which of its subscribers.
    pub id: SubscriberId,
}

/// One life of a host, as a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publisher {
    /// Which host.
    pub host: usize,
    /// Which life of it.
    pub life: u64,
}

/// The books of all messages.
#[derive(Debug, Default)]
pub struct Checker {
    /// Topics that more than one host publishes on: only sums of losses can be compared there.
    pub shared_topics: bool,
    /// Messages published, by topic and publisher.
    published: BTreeMap<(String, Publisher), u64>,
    /// How often a topic was hosted. One that was hosted twice since a subscriber last heard it is new to it: of the first
    /// time nobody knows.
    hostings: BTreeMap<String, u64>,
    /// Hostings that were ended by their host, and did not die with it.
    ended: BTreeSet<(String, u64)>,
    /// Lives that took their leave.
    left: BTreeSet<Publisher>,
    seen: BTreeMap<(SubscriberKey, Arc<str>), Seen>,
    /// Messages taken in all.
    pub delivered: u64,
    /// Messages reported as lost in all.
    pub lost: u64,
    /// Reports of losses, also of unknown ones.
    pub gaps: u64,
}

impl Checker {
    /// The payload of a publisher's next message on a topic: what tells it from all others.
    #[must_use]
    pub fn payload(&self, topic: &str, publisher: Publisher, padding: usize) -> Payload {
        let Publisher { host, life } = publisher;
        let number = self.published(topic, publisher);
        let hosting = self.hostings.get(topic).copied().unwrap_or_default();
        let text = format!("{host} {life} {number} {hosting} {}", "x".repeat(padding));
        Payload::copy_from(text.as_bytes())
    }

    /// A host began to host a topic.
    pub fn note_hosted(&mut self, topic: &str) {
        *self.hostings.entry(topic.into()).or_default() += 1;
    }

    /// A host stopped to host a topic.
    pub fn note_destroyed(&mut self, topic: &str) {
        let hosting = self.hostings.get(topic).copied().unwrap_or_default();
        self.ended.insert((topic.into(), hosting));
    }

    /// A host takes its leave, and ends these topics by that.
    pub fn note_left<'a>(&mut self, publisher: Publisher, topics: impl Iterator<Item = &'a str>) {
        self.left.insert(publisher);
        topics.for_each(|topic| self.note_destroyed(topic));
    }

    /// The message was published.
    pub fn note_published(&mut self, topic: &str, publisher: Publisher) {
        let published = self.published.entry((topic.into(), publisher));
        *published.or_default() += 1;
    }

    /// A subscriber's filters have changed: its losses are not counted until it is [settled](Self::took) again.
    pub fn unsettle(&mut self, key: SubscriberKey) {
        for ((_, _), seen) in self.seen.iter_mut().filter(|((known, _), _)| *known == key) {
            seen.stop_counting();
        }
    }

    /// A subscriber has begun or cancelled a subscription: what it did not want before, or does not any more, it may see
    /// again when it asks for history.
    pub fn wants_only<'a>(
        &mut self,
        key: SubscriberKey,
        filters: impl Iterator<Item = &'a Filter> + Clone,
    ) {
        self.seen.retain(|(known, topic), _| {
            *known != key || filters.clone().any(|filter| filter.matches(topic))
        });
    }

    /// A host has died: nobody asks for what its subscribers saw any more.
    pub fn forget(&mut self, host: usize) {
        self.seen.retain(|(key, _), _| key.host != host);
    }

    /// A subscriber with these filters took something. `settled`: its interest had been acknowledged before this was
    /// queued.
    ///
    /// # Errors
    /// What it must not have seen.
    pub fn took<'a>(
        &mut self,
        key: SubscriberKey,
        mut filters: impl Iterator<Item = &'a Filter>,
        taken: &Taken,
        settled: bool,
    ) -> Result<(), String> {
        match taken {
            Taken::Message { topic, payload, .. } => {
                self.delivered += 1;
                if !filters.any(|filter| filter.matches(topic)) {
                    return Err(format!("cancelled: {key:?} gets {topic}"));
                }
                let message = Message::parse(payload);
                // What waits at a hub outlives its topic's owner: it may come by the next life, and what the last one had
                // accepted is lost with that.
                let shared = self.shared_topics;
                let present = self.hostings.get(&**topic).copied();
                let is_late = shared && message.hosting() != present.unwrap_or_default();
                let past = Past {
                    topic,
                    published: &self.published,
                    ended: &self.ended,
                    left: &self.left,
                };
                let seen = self.seen.entry((key, topic.clone())).or_default();
                let fault = seen.take(message, settled, is_late, !shared, &past);
                fault.map_err(|fault| format!("{fault}; {key:?} on {topic}"))
            }
            Taken::Gap { topic, missed } => {
                self.lost += missed.counted();
                self.gaps += 1;
                let seen = self.seen.entry((key, topic.clone())).or_default();
                seen.miss(*missed);
                Ok(())
            }
            Taken::Notice(_) => Ok(()),
        }
    }

    /// The number of the first message of a host that a subscriber has seen of a topic.
    #[must_use]
    pub fn first(&self, key: SubscriberKey, topic: &str, host: usize) -> Option<u64> {
        self.seen.get(&(key, topic.into()))?.first_of(host)
    }

    /// All is quiet: the last message of a publisher must have arrived.
    ///
    /// # Errors
    /// What the subscriber has seen instead.
    pub fn expect_last(
        &self,
        key: SubscriberKey,
        topic: &str,
        publisher: Publisher,
    ) -> Result<(), String> {
        let seen = self.seen.get(&(key, topic.into()));
        let last = seen.and_then(|seen| seen.last_of(publisher.host));
        let expected = Some((publisher.life, self.published(topic, publisher) - 1));
        if last == expected {
            return Ok(());
        }
        Err(format!(
            "progress: the last message seen is {last:?} instead of {expected:?} by n{}; {key:?} on {topic}",
            publisher.host
        ))
    }

    /// All is quiet: what was lost of messages that these publish must have been told these subscribers, though nothing more
    /// was published.
    ///
    /// # Errors
    /// A loss that was not told.
    pub fn expect_no_silence(
        &self,
        publishers: &[Publisher],
        subscribers: &[SubscriberKey],
    ) -> Result<(), String> {
        let seen = self.seen.iter();
        for ((key, topic), seen) in seen.filter(|((key, _), _)| subscribers.contains(key)) {
            let hosting = self.hostings.get(&**topic).copied().unwrap_or_default();
            if self.ended.contains(&(topic.to_string(), hosting)) {
                continue;
            }
            let published = |publisher| self.published(topic, publisher);
            let told = seen.expect_no_silence(hosting, publishers, published);
            told.map_err(|fault| format!("{fault}; {key:?} on {topic}"))?;
        }
        Ok(())
    }

    /// What a subscriber has seen of a topic, and what it was told that it misses.
    #[must_use]
    pub fn tally(&self, key: SubscriberKey, topic: &str) -> Tally {
        let seen = self.seen.get(&(key, topic.into()));
        seen.map(Seen::tally).unwrap_or_default()
    }

    /// Messages that all lives of all hosts have published on a topic.
    #[must_use]
    pub fn published_in_all(&self, topic: &str) -> u64 {
        let published = self.published.iter();
        let of_topic = published.filter(|((known, _), _)| known == topic);
        of_topic.map(|(_, count)| count).sum()
    }

    /// What every publisher on shared topics has published so far was seen or given up: sums of losses begin anew.
    pub fn level(&mut self) {
        self.seen.values_mut().for_each(Seen::level);
    }

    /// All is quiet and was [level](Self::level) before: losses must add up exactly.
    ///
    /// # Errors
    /// The sums that differ.
    pub fn expect_balance(&self) -> Result<(), String> {
        for ((key, topic), seen) in &self.seen {
            let balance = seen.expect_balance();
            balance.map_err(|fault| format!("{fault}; {key:?} on {topic}"))?;
        }
        Ok(())
    }

    /// Messages that a publisher has published on a topic.
    #[must_use]
    pub fn published(&self, topic: &str, publisher: Publisher) -> u64 {
        let published = self.published.get(&(topic.to_string(), publisher));
        published.copied().unwrap_or_default()
    }
}
