//! What is published on a topic that another node owns: numbers and credit of the publishing side, and what waits for
//! room on the owner's side.

use std::collections::VecDeque;

use thiserror::Error;

use crate::credit::Window;
use crate::frame::{Alias, Frame};
use crate::identity::NodeId;
use crate::inbox::Limit;
use crate::limits::{MAX_CUT_UPSTREAMS, UPSTREAM_WINDOW_BYTES, UPSTREAM_WINDOW_MESSAGES};
use crate::missed::Missed;
use crate::node::LinkId;
use crate::outbox::{Outbox, SinkPolicy};
use crate::overflow::Class;
use crate::payload::Payload;
use crate::stream::{Stream, Verdict};

/// The publishing side of a stream to one owner. Its numbers go on over all links to that owner.
#[derive(Debug, Default)]
pub struct Sender {
    announced_on: Option<LinkId>,
    next_sequence: u64,
    policy: SinkPolicy,
}

impl Sender {
    /// Whether the stream was announced on this link, and on none since.
    #[must_use]
    #[inline]
    pub fn is_announced_on(&self, link: LinkId) -> bool {
        self.announced_on == Some(link)
    }

    /// Announces the stream on a link. It then waits for the link's queue and for the owner's credit, which begins with a
    /// full window. Number and direction of `stream` are filled in here.
    pub fn announce(&mut self, link: LinkId, stream: Alias<'_>, queue: &mut Outbox) {
        let stream = Alias {
            upstream: true,
            resumed: false,
            next_sequence: self.next_sequence,
            ..stream
        };
        queue.control(&Frame::Alias(stream).to_vec());
        let (messages, bytes) = (
            UPSTREAM_WINDOW_MESSAGES as u64,
            UPSTREAM_WINDOW_BYTES as u64,
        );
        let gate = queue.reopen_gate(Class::upstream(stream.alias), messages, bytes);
        self.policy = SinkPolicy {
            block: true,
            gates: [gate].into_iter().collect(),
            ..SinkPolicy::default()
        };
        self.announced_on = Some(link);
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

/// What became of a message that arrived at a [`Receiver`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It stands in line, and this much is missing before it.
    Waits(Missed),
    /// It was seen before.
    Duplicate,
}

/// The other side sends more than it has credit for.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("more messages published to us than credit was given for")]
pub struct Overrun;

/// The owner's side of a stream: what waits for room at blocking subscribers. Its credit is withheld, so that the
/// publisher waits in its place, and nothing else of the link does.
#[derive(Debug)]
pub struct Receiver {
    stream: Stream,
    class: Class,
    window: Window,
    backlog: VecDeque<Payload>,
}

impl Receiver {
    /// The other side announced the stream. `cut` is what was heard of it over an earlier link: what was lost with that
    /// link shows now.
    #[must_use]
    pub fn announced(alias: &Alias<'_>, cut: Option<Stream>) -> (Self, Missed) {
        let limit = Limit {
            messages: UPSTREAM_WINDOW_MESSAGES,
            bytes: UPSTREAM_WINDOW_BYTES,
        };
        // The first window is the publisher's without asking.
        let (window, _) = Window::open(limit, 1);
        let first = || Stream::new(alias.publisher, alias.incarnation, alias.next_sequence);
        let mut receiver = Self {
            stream: cut.unwrap_or_else(first),
            class: Class::upstream(alias.alias),
            window,
            backlog: VecDeque::new(),
        };
        let missed = receiver
            .stream
            .reopen(alias.incarnation, alias.next_sequence);
        (receiver, missed)
    }

    /// A message arrived.
    ///
    /// # Errors
    /// [`Overrun`]: the link is to be closed.
    pub fn arrived(&mut self, sequence: u64, payload: Payload) -> Result<Arrival, Overrun> {
        let missed = match self.stream.receive(sequence) {
            Verdict::Deliver => Missed::NONE,
            Verdict::DeliverAfterGap(count) => Missed::exactly(count),
            Verdict::Duplicate => return Ok(Arrival::Duplicate),
        };
        // Credit that was on its way when the stream was announced anew may come on top of the window.
        if self.backlog.len() >= 4 * UPSTREAM_WINDOW_MESSAGES {
            return Err(Overrun);
        }
        self.backlog.push_back(payload);
        Ok(Arrival::Waits(missed))
    }

    /// The stream announced its next number.
    pub fn told(&mut self, next_sequence: u64) -> Missed {
        self.stream.announced(next_sequence)
    }

    /// What is first in line.
    #[must_use]
    pub fn first(&self) -> Option<&Payload> {
        self.backlog.front()
    }

    /// Messages that wait for room.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// What is first in line was published, or discarded. Gives the credit to grant, if it is time.
    pub fn settle_first(&mut self) -> Option<Frame<'static>> {
        let payload = self.backlog.pop_front()?;
        self.window.arrived(payload.len());
        let grant = self.window.received(payload.len())?;
        Some(Frame::Credit {
            class: self.class,
            messages: grant.messages,
            bytes: grant.bytes,
        })
    }

    /// The link is gone: what was heard of the stream, to go on from, and what still waits.
    #[must_use]
    pub fn cut(self) -> (Stream, VecDeque<Payload>) {
        (self.stream, self.backlog)
    }
}

/// Streams to one topic whose links were cut, so that what was lost shows when their publishers return. The oldest is
/// forgotten when there are many.
#[derive(Debug, Default)]
pub struct CutStreams(Vec<Stream>);

impl CutStreams {
    /// Remembers how far a stream was heard. Of two that one publisher had announced on a link, the one that went further
    /// counts.
    pub fn keep(&mut self, stream: Stream) {
        if self.0.iter().any(|known| stream.is_behind(known)) {
            return;
        }
        self.0
            .retain(|known| known.publisher() != stream.publisher());
        self.0.truncate(MAX_CUT_UPSTREAMS - 1);
        self.0.insert(0, stream);
    }

    /// The stream of this publisher.
    pub fn take(&mut self, publisher: NodeId) -> Option<Stream> {
        let index = self
            .0
            .iter()
            .position(|known| known.publisher() == publisher)?;
        Some(self.0.remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Incarnation;
    use crate::inbox::Offer;

    fn alias(publisher: u8, next_sequence: u64) -> Alias<'static> {
        Alias {
            alias: 3,
            upstream: true,
            resumed: false,
            next_sequence,
            incarnation: Incarnation(1),
            publisher: NodeId([publisher; 16]),
            topic: "t",
        }
    }

    fn payload() -> Payload {
        Payload::copy_from(b"x")
    }

    #[test]
    fn numbers_go_on_over_links_and_each_link_begins_with_a_full_window() {
        let mut sender = Sender::default();
        let limit = Limit {
            messages: 0,
            bytes: 0,
        };
        for link in [LinkId(1), LinkId(2)] {
            let mut queue = Outbox::new(limit);
            assert!(!sender.is_announced_on(link));
            sender.announce(link, alias(1, 0), &mut queue);
            assert!(sender.is_announced_on(link));
            for _ in 0..UPSTREAM_WINDOW_MESSAGES {
                assert_eq!(queue.offer(sender.policy(), b"", &payload()), Offer::Queued);
                sender.sent();
            }
            assert_eq!(queue.offer(sender.policy(), b"", &payload()), Offer::Full);
        }
        assert_eq!(sender.next_sequence(), 2 * UPSTREAM_WINDOW_MESSAGES as u64);
    }

    #[test]
    fn credit_is_withheld_for_what_waits() {
        let (mut receiver, missed) = Receiver::announced(&alias(1, 5), None);
        assert_eq!(missed, Missed::NONE);
        for sequence in 5..505 {
            let arrival = receiver.arrived(sequence, payload());
            assert_eq!(arrival, Ok(Arrival::Waits(Missed::NONE)));
        }
        assert_eq!(receiver.waiting(), 500);
        let credits = (0..500).filter_map(|_| receiver.settle_first());
        assert_eq!(credits.count(), 1, "half of the window at once");
        assert_eq!(receiver.first(), None);
    }

    #[test]
    fn what_a_cut_link_lost_shows_and_repetitions_are_refused() {
        let (mut receiver, _) = Receiver::announced(&alias(1, 0), None);
        receiver.arrived(0, payload()).unwrap();
        let mut cut = CutStreams::default();
        cut.keep(receiver.cut().0);
        assert_eq!(cut.take(NodeId([2; 16])), None);
        let stream = cut.take(NodeId([1; 16]));
        let (mut receiver, missed) = Receiver::announced(&alias(1, 4), stream);
        assert_eq!(missed, Missed::exactly(3));
        assert_eq!(receiver.arrived(3, payload()), Ok(Arrival::Duplicate));
        assert_eq!(receiver.told(6), Missed::exactly(2));
        let gap = Ok(Arrival::Waits(Missed::exactly(1)));
        assert_eq!(receiver.arrived(7, payload()), gap);
    }

    #[test]
    fn a_topic_that_comes_back_under_another_alias_is_announced_anew_with_the_numbers_it_had() {
        let mut sender = Sender::default();
        let limit = Limit {
            messages: 0,
            bytes: 0,
        };
        let mut queue = Outbox::new(limit);
        sender.announce(LinkId(1), alias(1, 0), &mut queue);
        sender.sent();
        sender.resume();
        assert!(!sender.is_announced_on(LinkId(1)));
        assert_eq!(sender.next_sequence(), 1);
        let mut cut = CutStreams::default();
        for next in [7, 3] {
            cut.keep(Stream::new(NodeId([1; 16]), Incarnation(1), next));
        }
        let (_, missed) = Receiver::announced(&alias(1, 9), cut.take(NodeId([1; 16])));
        assert_eq!(missed, Missed::exactly(2));
    }

    #[test]
    fn a_publisher_without_credit_is_found_out() {
        let (mut receiver, _) = Receiver::announced(&alias(1, 0), None);
        let most = 4 * UPSTREAM_WINDOW_MESSAGES as u64;
        assert!((0..most).all(|sequence| receiver.arrived(sequence, payload()).is_ok()));
        assert_eq!(receiver.arrived(most, payload()), Err(Overrun));
    }

    #[test]
    fn the_longest_cut_stream_is_forgotten_first() {
        let mut cut = CutStreams::default();
        for publisher in 0..=MAX_CUT_UPSTREAMS as u8 {
            cut.keep(Stream::new(NodeId([publisher; 16]), Incarnation(1), 0));
        }
        assert_eq!(cut.take(NodeId([0; 16])), None);
        assert!(cut.take(NodeId([1; 16])).is_some());
    }
}
