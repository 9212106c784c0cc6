//! The side that measures: it hosts the topics, finds the other side, and learns what that counted.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use serverlink::{Publisher, Subscriber, WaitError};

use super::{end_of, kind, topic};
use crate::cli::bench::LoadArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::text::duration;

/// The end may have found a full queue that loses: it is told again after this.
const END_AGAIN: Duration = Duration::from_millis(200);

/// A measurement whose other side listens.
pub(super) struct Measurement {
    pub(super) client: Client,
    pub(super) id: String,
    /// What the other side counts.
    pub(super) publisher: Publisher,
    /// Nodes that count, or hubs before them.
    receivers: usize,
    counted: Subscriber,
    timeout: Duration,
}

impl Measurement {
    /// Waits for the other side.
    pub(super) fn start(load: &LoadArgs, counts: &str) -> Result<Self, Failure> {
        let timeout = load.timeout;
        let client = Client::start(
            &load.place.join,
            &load.place.binds,
            |options| {
                options.send_timeout = Some(timeout);
                options.linger = Some(timeout);
                options.max_message_size = options.max_message_size.max(load.size);
            },
            serverlink::Node::close,
        )?;
        let id = client.node.id().to_string();
        for kind in [kind::ANSWER, kind::COUNTED] {
            client.node.create_topic(&topic(&id, kind))?;
        }
        let counted = client.node.subscribe([&*topic(&id, kind::COUNTED)])?;
        let publisher = client.node.create_topic(&topic(&id, counts))?;
        let waited = client.node.wait_subscribers(publisher.topic(), 1, timeout);
        waited.map_err(|error| nobody(&client, error, timeout))?;
        Ok(Self {
            receivers: publisher.subscribers(),
            client,
            id,
            publisher,
            counted,
            timeout,
        })
    }

    /// Ends the stream, and waits for what each receiver counted.
    pub(super) fn finish(&self, sent: u64) -> Result<Vec<Value>, Failure> {
        let deadline = Instant::now() + self.timeout;
        let (mut known, mut all) = (HashSet::new(), Vec::new());
        while all.len() < self.receivers {
            self.publisher.publish(end_of(sent))?;
            let again = Instant::now() + END_AGAIN;
            while let Ok(delivery) = self.counted.recv_timeout(again - Instant::now().min(again)) {
                let Some(message) = delivery.into_message() else {
                    continue;
                };
                let counted: Value = serde_json::from_slice(message.data()).unwrap_or_default();
                if known.insert(counted["receiver"].to_string()) {
                    all.push(counted);
                }
                if all.len() == self.receivers {
                    return Ok(all);
                }
            }
            if Instant::now() >= deadline {
                return Err(Failure::Timeout(format!(
                    "{} of {} receivers told what they counted within {}; is `spot bench sub` still there?",
                    all.len(),
                    self.receivers,
                    duration(self.timeout)
                )));
            }
        }
        Ok(all)
    }

    /// A queue for answers that loses none.
    pub(super) fn answers(&self) -> Result<Subscriber, Failure> {
        let answers = self
            .client
            .node
            .subscribe([&*topic(&self.id, kind::ANSWER)])?;
        Ok(answers)
    }
}

fn nobody(client: &Client, error: WaitError, timeout: Duration) -> Failure {
    match error {
        WaitError::TimedOut { .. } if client.peers.is_empty() || client.is_connected() => {
            Failure::Timeout(format!(
                "nobody counts within {}: start `spot bench sub` there, or at a hub both sides are linked to",
                duration(timeout)
            ))
        }
        WaitError::TimedOut { .. } => Failure::Timeout(format!(
            "not connected within {} to {}; start `spot bench sub --bind tcp://*:PORT` there",
            duration(timeout),
            client.explain(&client.peers)
        )),
        error => Failure::Failed(error.to_string()),
    }
}

/// A failure if any receiver saw losses, or messages out of order.
pub(super) fn judged(counted: &[Value]) -> Result<(), Failure> {
    let sum = |name: &str| {
        counted
            .iter()
            .filter_map(|one| one[name].as_u64())
            .sum::<u64>()
    };
    match (sum("lost"), sum("reordered")) {
        (0, 0) => Ok(()),
        (lost, reordered) => Err(Failure::Failed(format!(
            "{lost} lost, {reordered} out of order: see what `spot bench sub` says of it"
        ))),
    }
}
