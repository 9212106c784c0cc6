//! What is published on a topic that another node owns: numbers and credit of the publishing side; at the owner, and at
//! hubs on the way, what waits for its turn or for room.
//!
//! [`Sender`] numbers what is published. Each way that its stream comes by ends in a [`Receiver`], and all ways of one stream
//! to one owner share a [`Turn`]: first what came by the old way is handed on. The owner publishes what the receiver says is
//! due; a hub passes it on by an [`Onward`].

mod cut;
mod onward;
mod receiver;
mod sender;
mod turn;

pub use cut::CutStreams;
pub use onward::{Found, Onward};
pub use receiver::{Due, Overrun, Receiver, Settled};
pub use sender::{Sender, SentTo};
pub use turn::Turn;

use crate::limits::{UPSTREAM_WINDOW_BYTES, UPSTREAM_WINDOW_MESSAGES};
use crate::outbox::{Outbox, SinkPolicy};
use crate::overflow::Class;

/// How a link is to treat the messages of a stream to an owner that was just announced on it: they wait for its queue and
/// for credit, which begins with a full window.
fn open(queue: &mut Outbox, alias: u32) -> SinkPolicy {
    let (messages, bytes) = (
        UPSTREAM_WINDOW_MESSAGES as u64,
        UPSTREAM_WINDOW_BYTES as u64,
    );
    let gate = queue.reopen_gate(Class::upstream(alias), messages, bytes);
    SinkPolicy {
        block: true,
        gates: [gate].into_iter().collect(),
        ..SinkPolicy::default()
    }
}

#[cfg(test)]
mod tests;
