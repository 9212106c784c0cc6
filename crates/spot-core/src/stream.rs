//! Sequence numbers of the streams a topic receives: order, gaps, duplicates.
//!
//! A stream is what one publisher incarnation sends on one topic. Its messages are numbered, so every loss shows as a
//! jump and every repetition as a number already seen, also across a reconnect.

use crate::identity::{Incarnation, NodeId};
use crate::missed::Missed;

/// One stream as its receiver knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    publisher: NodeId,
    incarnation: Incarnation,
    next: u64,
    /// Whether its publisher said that it ends; what comes later is then no gap.
    ended: bool,
}

/// What to do with a message that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Deliver,
    /// This many before it are missing.
    DeliverAfterGap(u64),
    /// It was seen before.
    Duplicate,
}

impl Stream {
    /// A stream heard for the first time: nothing before `next` was asked for.
    #[must_use]
    pub fn new(publisher: NodeId, incarnation: Incarnation, next: u64) -> Self {
        Self {
            publisher,
            incarnation,
            next,
            ended: false,
        }
    }

    /// Whose stream it is.
    #[must_use]
    pub fn publisher(&self) -> NodeId {
        self.publisher
    }

    /// Whether the other is the same stream, heard further.
    #[must_use]
    pub fn is_behind(&self, other: &Self) -> bool {
        (self.publisher, self.incarnation) == (other.publisher, other.incarnation)
            && self.next < other.next
    }

    /// The stream is announced again, on a new link or after it had ended: what is missing since it was last heard. Numbers
    /// that begin anew within an incarnation are those of a topic that was destroyed and created again.
    pub fn reopen(&mut self, incarnation: Incarnation, next: u64) -> Missed {
        let missed = if self.ended {
            Missed::NONE
        } else if incarnation != self.incarnation || next < self.next {
            Missed::UNKNOWN
        } else {
            Missed::exactly(next - self.next)
        };
        *self = Self::new(self.publisher, incarnation, next);
        missed
    }

    /// As [`reopen`](Self::reopen) for a stream that goes on where its receiver asked it to: numbers that were seen
    /// since come again, and are duplicates.
    pub fn resume(&mut self, incarnation: Incarnation, next: u64) -> Missed {
        if !self.ended && incarnation == self.incarnation && next <= self.next {
            return Missed::NONE;
        }
        self.reopen(incarnation, next)
    }

    /// Where it stands, for [`resume`](Self::resume): which life of its publisher, and the next number.
    #[must_use]
    pub fn position(&self) -> (Incarnation, u64) {
        (self.incarnation, self.next)
    }

    /// Judges a message by its number.
    #[inline]
    pub fn receive(&mut self, sequence: u64) -> Verdict {
        if sequence == self.next {
            self.next = sequence.wrapping_add(1);
            return Verdict::Deliver;
        }
        if sequence < self.next {
            return Verdict::Duplicate;
        }
        let gap = sequence - self.next;
        self.next = sequence.saturating_add(1);
        Verdict::DeliverAfterGap(gap)
    }

    /// An idle stream announced its next number: what is missing before it.
    pub fn announced(&mut self, next: u64) -> Missed {
        let missed = next.saturating_sub(self.next);
        self.next = self.next.max(next);
        Missed::exactly(missed)
    }

    /// Whether its publisher ended it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The publisher ended the stream: resuming it later leaves no gap.
    pub fn end(&mut self) {
        self.ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(next: u64) -> Stream {
        Stream::new(NodeId([1; 16]), Incarnation(7), next)
    }

    #[test]
    fn judges_by_number() {
        let mut stream = stream(5);
        assert_eq!(stream.receive(5), Verdict::Deliver);
        assert_eq!(stream.receive(5), Verdict::Duplicate);
        assert_eq!(stream.receive(9), Verdict::DeliverAfterGap(3));
        assert_eq!(stream.receive(10), Verdict::Deliver);
        assert_eq!(stream.announced(12), Missed::exactly(1));
        assert_eq!(stream.announced(12), Missed::NONE);
    }

    #[test]
    fn a_reconnect_tells_what_was_missed() {
        let mut stream = stream(5);
        assert_eq!(stream.reopen(Incarnation(7), 8), Missed::exactly(3));
        assert_eq!(stream.receive(8), Verdict::Deliver);
    }

    #[test]
    fn a_resumed_stream_repeats_nothing() {
        let mut stream = stream(5);
        assert_eq!(stream.resume(Incarnation(7), 3), Missed::NONE);
        assert_eq!(stream.receive(4), Verdict::Duplicate);
        assert_eq!(stream.receive(5), Verdict::Deliver);
        assert_eq!(stream.resume(Incarnation(7), 8), Missed::exactly(2));
        assert_eq!(stream.resume(Incarnation(8), 0), Missed::UNKNOWN);
    }

    #[test]
    fn a_crashed_publisher_leaves_an_unknown_gap_and_one_that_left_none() {
        let mut crashed = stream(5);
        assert_eq!(crashed.reopen(Incarnation(8), 0), Missed::UNKNOWN);
        assert_eq!(crashed.receive(0), Verdict::Deliver);
        let mut left = stream(5);
        left.end();
        assert_eq!(left.reopen(Incarnation(8), 0), Missed::NONE);
    }

    #[test]
    fn a_topic_created_anew_begins_anew() {
        let mut destroyed = stream(5);
        destroyed.end();
        assert_eq!(destroyed.reopen(Incarnation(7), 0), Missed::NONE);
        assert_eq!(destroyed.receive(0), Verdict::Deliver);
        let mut destroyed_unheard = stream(5);
        assert_eq!(destroyed_unheard.reopen(Incarnation(7), 2), Missed::UNKNOWN);
        assert_eq!(destroyed_unheard.receive(2), Verdict::Deliver);
    }

    #[test]
    fn the_largest_number_does_not_overflow() {
        let mut stream = stream(0);
        assert_eq!(stream.receive(u64::MAX), Verdict::DeliverAfterGap(u64::MAX));
        stream.receive(u64::MAX);
    }
}
