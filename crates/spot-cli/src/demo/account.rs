//! What was sent, what arrived, what was reported missing.

use std::collections::BTreeMap;
use std::time::Instant;

use serverlink::{Delivery, Publisher, RecvError, Subscriber};

use super::PATIENCE;
use crate::failure::Failure;
use crate::output::table;

/// How many messages were sent on each topic. The messages are numbered from 1 by it.
#[derive(Default)]
pub(super) struct Sent(BTreeMap<String, u64>);

impl Sent {
    /// Publishes the next `count` messages: each is its own number.
    pub(super) fn publish(&mut self, publisher: &Publisher, count: u64) -> Result<(), Failure> {
        let sent = self.0.entry(publisher.topic().to_owned()).or_default();
        for _ in 0..count {
            // A limit, so that a demo that went wrong ends all the same.
            publisher.publish_timeout((*sent + 1).to_string(), PATIENCE)?;
            *sent += 1;
        }
        Ok(())
    }

    /// As if the first `count` messages had been sent on `topic`.
    pub(super) fn of(topic: &str, count: u64) -> Self {
        Self(BTreeMap::from([(topic.to_owned(), count)]))
    }

    fn on(&self, topic: &str) -> u64 {
        self.0.get(topic).copied().unwrap_or(0)
    }
}

/// A subscriber that keeps account of what it receives.
pub(super) struct Reader {
    pub(super) who: String,
    filter: String,
    policy: String,
    subscriber: Subscriber,
    /// For each topic, the number of the last message that was received or reported missing.
    last: BTreeMap<&'static str, u64>,
    pub(super) delivered: u64,
    pub(super) missed: u64,
}

impl Reader {
    /// An account of what `subscriber` receives on `topics`, on which nothing was sent yet.
    pub(super) fn new(
        who: &str,
        filter: &str,
        topics: &[&'static str],
        subscriber: Subscriber,
    ) -> Self {
        Self {
            who: who.to_owned(),
            filter: filter.to_owned(),
            policy: subscriber.options().overflow.to_string(),
            subscriber,
            last: topics.iter().map(|topic| (*topic, 0)).collect(),
            delivered: 0,
            missed: 0,
        }
    }

    /// Receives until everything sent on its topics has arrived or was reported missing.
    pub(super) fn catch_up(&mut self, sent: &Sent) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.last.iter().any(|(topic, last)| *last < sent.on(topic)) {
            match self.receive(deadline, sent)? {
                Delivery::Message(message) => self.deliver(message.topic(), message.data())?,
                Delivery::Gap {
                    topic,
                    missed: Some(count),
                } => {
                    *self.last_on(&topic)? += count;
                    self.missed += count;
                }
                other => return Err(self.failure(&format!("received {other:?}"))),
            }
        }
        if self.last.iter().any(|(topic, last)| *last > sent.on(topic)) {
            return Err(self.failure("was told of more than was sent"));
        }
        Ok(())
    }

    /// As [`catch_up`](Self::catch_up), and nothing may be missing.
    pub(super) fn catch_up_whole(&mut self, sent: &Sent) -> Result<(), Failure> {
        let missed = self.missed;
        self.catch_up(sent)?;
        if self.missed > missed {
            return Err(self.failure(&format!("missed {} messages", self.missed - missed)));
        }
        Ok(())
    }

    /// Receives the news that a node was lost, which must be next; tells its name.
    pub(super) fn expect_lost(&mut self) -> Result<String, Failure> {
        match self.receive(Instant::now() + PATIENCE, &Sent::default())? {
            Delivery::PeerLost { name, .. } => Ok(name.to_string()),
            other => Err(self.failure(&format!(
                "received {other:?} where the loss of a node was due"
            ))),
        }
    }

    /// The next delivery; an error tells how much of `sent` has not come by the deadline.
    fn receive(&self, deadline: Instant, sent: &Sent) -> Result<Delivery, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.subscriber.recv_timeout(left).map_err(|error| match error {
            RecvError::Empty => {
                let missing: u64 =
                    self.last.iter().map(|(topic, last)| sent.on(topic).saturating_sub(*last)).sum();
                self.failure(&format!("still waits after {PATIENCE:?}, {missing} messages short and no word of them"))
            }
            error => self.failure(&format!("cannot receive: {error}")),
        })
    }

    fn deliver(&mut self, topic: &str, data: &[u8]) -> Result<(), Failure> {
        let number = std::str::from_utf8(data)
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        let due = *self.last_on(topic)? + 1;
        if number != Some(due) {
            let data = data.escape_ascii();
            return Err(self.failure(&format!("received {data} on {topic} where {due} was due")));
        }
        *self.last_on(topic)? = due;
        self.delivered += 1;
        Ok(())
    }

    fn last_on(&mut self, topic: &str) -> Result<&mut u64, Failure> {
        if !self.last.contains_key(topic) {
            return Err(self.failure(&format!("received something on {topic}")));
        }
        Ok(self.last.get_mut(topic).expect("looked up above"))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::Failed(format!(
            "{}, subscribed to {}, {what}",
            self.who, self.filter
        ))
    }
}

/// The account of every subscriber, for the end.
#[derive(Default)]
pub(super) struct Account(Vec<[String; 6]>);

impl Account {
    /// Closes a reader's account: what was sent to it must have been delivered or reported missing.
    pub(super) fn close(&mut self, reader: &Reader, sent: &Sent) -> Result<(), Failure> {
        let sent: u64 = reader.last.keys().map(|topic| sent.on(topic)).sum();
        self.0.push([
            reader.who.clone(),
            reader.filter.clone(),
            reader.policy.clone(),
            format!("{sent:>6}"),
            format!("{:>9}", reader.delivered),
            format!("{:>16}", reader.missed),
        ]);
        if sent != reader.delivered + reader.missed {
            return Err(reader.failure(&format!("does not account for all {sent} messages")));
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn table(&self) -> Vec<String> {
        let heading = [
            "SUBSCRIBER",
            "LISTENS TO",
            "WHEN FULL",
            "  SENT",
            "DELIVERED",
            "REPORTED MISSING",
        ];
        table(heading, &self.0)
    }
}
