//! The publishing side: numbers that go on over all links to an owner.

use super::open;
use crate::frame::{Alias, Frame, Last};
use crate::identity::{Incarnation, NodeId};
use crate::limits::MAX_OWNERS_SENT_TO;
use crate::node::{LinkId, WayToOwner};
use crate::outbox::{Outbox, SinkPolicy};

/// The publishing side of a stream to one owner. Its numbers go on over all links to that owner.
#[derive(Debug, Default)]
pub struct Sender {
    announced_on: Option<WayToOwner>,
    next_sequence: u64,
    /// The last life of the owner that it was announced to, and the number it had reached when it first was.
    life: Option<Incarnation>,
    since: u64,
    policy: SinkPolicy,
}

impl Sender {
    /// Whether the stream was announced on this way, and on none since.
    #[must_use]
    #[inline]
    pub fn is_announced_on(&self, way: &WayToOwner) -> bool {
        self.announced_on.as_ref() == Some(way)
    }

    /// Whether the stream is to be announced as soon as it has this way: something was sent by another, and what of that was
    /// lost is to show although nothing more may be published.
    #[must_use]
    pub fn is_to_show_on(&self, way: &WayToOwner) -> bool {
        self.next_sequence > 0 && !self.is_announced_on(way)
    }

    /// Announces the stream on a way. It then waits for the link's queue and for the owner's credit, which begins with a
    /// full window. Numbers, direction and passage of `stream` are filled in here.
    pub fn announce(&mut self, way: &WayToOwner, stream: Alias<'_>, queue: &mut Outbox) {
        if self.life < Some(way.life) {
            self.life = Some(way.life);
            self.since = self.next_sequence;
        }
        let stream = Alias {
            upstream: true,
            resumed: false,
            since: self.since,
            passage: way.passage(),
            next_sequence: self.next_sequence,
            ..stream
        };
        queue.control(&Frame::Alias(stream).to_vec());
        self.policy = open(queue, stream.alias);
        self.announced_on = Some(*way);
    }

    /// The stream goes by this link no more, which is still in use: the frame that says so, if it was announced there.
    pub fn leave(&mut self, link: LinkId, alias: u32) -> Option<Frame<'static>> {
        let tail = Frame::Tail {
            alias,
            next_sequence: self.next_sequence,
            last: Last::Withdrawn,
        };
        let announced = self.announced_on.take_if(|known| known.link == link);
        announced.map(|_| tail)
    }

    /// The topic was forgotten and is back, maybe under another alias: the stream is to be announced anew.
    pub fn resume(&mut self) {
        self.announced_on = None;
    }

    /// How the link is to treat its messages.
    #[must_use]
    #[inline]
    pub fn policy(&self) -> &SinkPolicy {
        &self.policy
    }

    /// The number of the next message.
    #[must_use]
    #[inline]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The message of that number is queued.
    #[inline]
    pub fn sent(&mut self) {
        self.next_sequence += 1;
    }
}

/// What is known of each owner that messages of a topic were sent to: its [`Sender`], as the driver keeps it.
#[derive(Debug)]
pub struct SentTo<T>(Vec<(NodeId, T)>);

impl<T> Default for SentTo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SentTo<T> {
    /// The sender to an owner, made if it is new. True beside it if that made one be forgotten: numbers to that owner would
    /// begin anew, so every sender made from now on must be of a later life of the stream.
    pub fn of(&mut self, owner: NodeId, make: impl FnOnce() -> T) -> (&mut T, bool) {
        let known = self.0.iter().position(|(known, _)| *known == owner);
        let forgets = known.is_none() && self.0.len() >= MAX_OWNERS_SENT_TO;
        match known {
            Some(index) => self.0[..=index].rotate_right(1),
            None => {
                self.0.truncate(MAX_OWNERS_SENT_TO - 1);
                self.0.insert(0, (owner, make()));
            }
        }
        (&mut self.0[0].1, forgets)
    }

    /// Whether nothing was sent to anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All senders.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, sender)| sender)
    }
}
