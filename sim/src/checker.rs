//! What subscribers must see: order, no duplicates, and every loss reported with its count.

use std::collections::BTreeMap;

use spot_core::inbox::Taken;
use spot_core::{Payload, SubscriberId};

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

/// What a subscriber has seen of a topic. Topics have one publisher each.
#[derive(Debug, Default)]
struct Seen {
    /// Number of the first message.
    first: Option<u64>,
    /// Life and number of the last message.
    last: Option<(u64, u64)>,
    /// Which hosting of the topic that was.
    hosting: u64,
    /// Whether losses since then must add up.
    counted: bool,
    reported: u64,
    unknown: bool,
}

/// The books of all messages.
#[derive(Debug, Default)]
pub struct Checker {
    /// Messages published, by topic and life of its host.
    published: BTreeMap<(String, u64), u64>,
    /// How often a topic was hosted. One that comes back while its subscribers cannot know is new to them: what they
    /// then miss before its first message is no loss.
    hostings: BTreeMap<String, u64>,
    seen: BTreeMap<(SubscriberKey, String), Seen>,
    /// Messages taken in all.
    pub delivered: u64,
    /// Messages reported as lost in all.
    pub lost: u64,
    /// Reports of losses, also of unknown ones.
    pub gaps: u64,
}

impl Checker {
    /// The payload of the next message of a topic: what tells it from all others.
    #[must_use]
    pub fn payload(&self, topic: &str, life: u64, padding: usize) -> Payload {
        let number = self.published(topic, life);
        let hosting = self.hostings.get(topic).copied().unwrap_or_default();
        let text = format!("{life} {number} {hosting} {}", "x".repeat(padding));
        Payload::copy_from(text.as_bytes())
    }

    /// A host began to host a topic.
    pub fn note_hosted(&mut self, topic: &str) {
        *self.hostings.entry(topic.into()).or_default() += 1;
    }

    /// The message was published.
    pub fn note_published(&mut self, topic: &str, life: u64) {
        *self.published.entry((topic.into(), life)).or_default() += 1;
    }

    /// A subscriber's filters have changed: its losses are not counted until it is [settled](Self::took) again.
    pub fn unsettle(&mut self, key: SubscriberKey) {
        for ((_, _), seen) in self.seen.iter_mut().filter(|((known, _), _)| *known == key) {
            seen.counted = false;
        }
    }

    /// A subscriber has cancelled: what it does not want any more it may see again when it comes back and asks for history.
    pub fn cancelled(&mut self, key: SubscriberKey, wants: impl Fn(&str) -> bool) {
        self.seen
            .retain(|(known, topic), _| *known != key || wants(topic));
    }

    /// A subscriber took something. `settled`: its interest had been acknowledged before this was queued.
    ///
    /// # Errors
    /// What it must not have seen.
    pub fn took(&mut self, key: SubscriberKey, taken: &Taken, settled: bool) -> Result<(), String> {
        match taken {
            Taken::Message { topic, payload, .. } => {
                self.delivered += 1;
                let [life, number, hosting] = parse(payload);
                let seen = self.seen.entry((key, topic.to_string())).or_default();
                seen.counted &= seen.hosting == hosting;
                let fault = seen.take(life, number);
                (seen.hosting, seen.counted) = (hosting, settled);
                fault.map_err(|fault| format!("{key:?} on {topic}: {fault}"))
            }
            Taken::Gap { topic, missed } => {
                self.lost += missed.counted();
                self.gaps += 1;
                let seen = self.seen.entry((key, topic.to_string())).or_default();
                seen.reported += missed.counted();
                seen.unknown |= missed.count().is_none();
                Ok(())
            }
            Taken::Notice(_) => Ok(()),
        }
    }

    /// All is quiet: the last message of this life of the topic's host must have arrived.
    ///
    /// # Errors
    /// What the subscriber has seen instead.
    pub fn expect_last(&self, key: SubscriberKey, topic: &str, life: u64) -> Result<(), String> {
        let seen = self.seen.get(&(key, topic.to_string()));
        let last = seen.and_then(|seen| seen.last);
        let expected = Some((life, self.published(topic, life) - 1));
        if last == expected {
            return Ok(());
        }
        Err(format!(
            "{key:?} on {topic}: the last message seen is {last:?} instead of {expected:?}"
        ))
    }

    /// The number of the first message that a subscriber has seen of a topic.
    #[must_use]
    pub fn first(&self, key: SubscriberKey, topic: &str) -> Option<u64> {
        self.seen.get(&(key, topic.to_string()))?.first
    }

    /// Messages published on a topic by this life of its host.
    #[must_use]
    pub fn published(&self, topic: &str, life: u64) -> u64 {
        let published = self.published.get(&(topic.to_string(), life));
        published.copied().unwrap_or_default()
    }
}

impl Seen {
    fn take(&mut self, life: u64, number: u64) -> Result<(), String> {
        let (reported, unknown) = (self.reported, self.unknown);
        let before = self.last.replace((life, number));
        self.first.get_or_insert(number);
        (self.reported, self.unknown) = (0, false);
        let Some((last_life, last)) = before else {
            return Ok(());
        };
        if (life, number) <= (last_life, last) {
            return Err(format!("{life}:{number} after {last_life}:{last}"));
        }
        if !self.counted || life != last_life || unknown {
            return Ok(());
        }
        let missing = number - last - 1;
        if missing != reported {
            return Err(format!(
                "{missing} missing between {last} and {number}, {reported} reported"
            ));
        }
        Ok(())
    }
}

/// Life, number, hosting.
fn parse(payload: &Payload) -> [u64; 3] {
    let text = str::from_utf8(payload.as_ref()).expect("our own");
    let mut words = text.split(' ');
    [(); 3].map(|()| {
        let word = words.next().expect("three numbers");
        word.parse().expect("a number")
    })
}
