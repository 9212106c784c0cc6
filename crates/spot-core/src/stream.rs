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
    standing: Standing,
}

/// Whether a stream goes on, as far as its receiver knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does: what is not heard of it is lost.
    Open,
    /// Its publisher said that it ends: what comes later is new, and wanted from its first message on.
    Ended,
    /// Nobody here listened any more: what passes until it is announced again is no loss.
    Unheard,
    /// It may have been heard, and nobody knows how far.
    Forgotten,
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
            standing: Standing::Open,
        }
    }

    /// A stream that may have been heard before; how far was forgotten.
    #[must_use]
    pub fn forgotten(publisher: NodeId) -> Self {
        Self {
            standing: Standing::Forgotten,
            ..Self::new(publisher, Incarnation(0), 0)
        }
    }

    /// Whose stream it is.
    #[must_use]
    pub fn publisher(&self) -> NodeId {
        self.publisher
    }

    /// Which life of it.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The number expected next.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether the other is the same stream, heard further.
    #[must_use]
    pub fn is_behind(&self, other: &Self) -> bool {
        (self.publisher, self.incarnation) == (other.publisher, other.incarnation)
            && self.next < other.next
    }

    /// The stream is announced again, on a new link or after it had ended: what is missing since it was last heard. Each
    /// life of a publisher begins with number 0, so of a new one all before `next` is. Numbers that begin anew within an
    /// incarnation are those of a topic that was destroyed and created again.
    pub fn reopen(&mut self, incarnation: Incarnation, next: u64) -> Missed {
        let goes_on = incarnation == self.incarnation && next >= self.next;
        let missed = match self.standing {
            Standing::Unheard => Missed::NONE,
            Standing::Forgotten => Missed::UNKNOWN,
            Standing::Open | Standing::Ended if goes_on => Missed::exactly(next - self.next),
            Standing::Ended => Missed::exactly(next),
            Standing::Open => Missed::at_least(next),
        };
        *self = Self::new(self.publisher, incarnation, next);
        missed
    }

    /// A stream that had ended goes on with the numbers that were heard: who announces it is behind that.
    pub fn go_on(&mut self) {
        self.standing = Standing::Open;
    }

    /// As [`reopen`](Self::reopen) for a stream that goes on where its receiver asked it to: numbers that were seen
    /// since come again, and are duplicates.
    pub fn resume(&mut self, incarnation: Incarnation, next: u64) -> Missed {
        if !self.has_ended() && incarnation == self.incarnation && next <= self.next {
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

    /// As [`announced`](Self::announced) where the number before `next` is not a message's: it stands for a loss that nobody
    /// can count.
    pub fn announced_lost(&mut self, next: u64) -> Missed {
        if next <= self.next {
            return Missed::NONE;
        }
        let counted = self.announced(next).counted() - 1;
        Missed::at_least(counted)
    }

    /// Whether it has ended, or nobody here listened any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.standing != Standing::Open
    }

    /// Whether what its publisher sends next is wanted: from where it stands on or, of a new life, from the first message.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        matches!(self.standing, Standing::Open | Standing::Ended)
    }

    /// Its publisher ended it, and what comes of another life is wanted.
    #[must_use]
    pub fn is_ended_by_publisher(&self) -> bool {
        self.standing == Standing::Ended
    }

    /// The publisher ended the stream.
    pub fn end(&mut self) {
        self.stand(Standing::Ended);
    }

    /// Its publisher is not expected back: what is missing of it.
    pub fn give_up(&mut self) -> Missed {
        let is_open = self.standing == Standing::Open;
        self.stand(Standing::Unheard);
        match is_open {
            true => Missed::UNKNOWN,
            false => Missed::NONE,
        }
    }

    /// How it stands from now on. One that nobody listens to stays so until it is announced again.
    pub fn stand(&mut self, standing: Standing) {
        if self.standing == Standing::Open || standing == Standing::Unheard {
            self.standing = standing;
        }
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
    fn what_the_next_life_published_before_it_was_heard_is_missing() {
        let mut left = stream(5);
        left.end();
        assert_eq!(left.reopen(Incarnation(8), 3), Missed::exactly(3));
        let mut crashed = stream(5);
        let missed = crashed.reopen(Incarnation(8), 3);
        assert_eq!((missed.count(), missed.counted()), (None, 3));
        let mut created_again = stream(5);
        created_again.end();
        assert_eq!(created_again.reopen(Incarnation(7), 9), Missed::exactly(4));
    }

    #[test]
    fn what_passes_while_nobody_listens_is_not_missing() {
        for incarnation in [7, 8] {
            for ended_first in [true, false] {
                let mut stream = stream(5);
                if ended_first {
                    stream.end();
                }
                stream.stand(Standing::Unheard);
                stream.end();
                assert_eq!(stream.reopen(Incarnation(incarnation), 9), Missed::NONE);
                assert!(!stream.has_ended());
            }
        }
    }

    #[test]
    fn a_loss_that_nobody_can_count_takes_a_number_and_is_told_once() {
        let mut told = stream(5);
        assert_eq!(told.announced_lost(6), Missed::UNKNOWN);
        assert_eq!(told.announced_lost(6), Missed::NONE);
        assert_eq!(told.announced_lost(9), Missed::at_least(2));
        assert_eq!(told.receive(9), Verdict::Deliver);
        let mut untold = stream(5);
        assert_eq!(untold.receive(6), Verdict::DeliverAfterGap(1));
    }

    #[test]
    fn a_topic_created_anew_begins_anew() {
        let mut destroyed = stream(5);
        destroyed.end();
        assert_eq!(destroyed.reopen(Incarnation(7), 0), Missed::NONE);
        assert_eq!(destroyed.receive(0), Verdict::Deliver);
        let mut destroyed_unheard = stream(5);
        let missed = destroyed_unheard.reopen(Incarnation(7), 2);
        assert_eq!(missed, Missed::at_least(2));
        assert_eq!(destroyed_unheard.receive(2), Verdict::Deliver);
    }

    #[test]
    fn the_largest_number_does_not_overflow() {
        let mut stream = stream(0);
        assert_eq!(stream.receive(u64::MAX), Verdict::DeliverAfterGap(u64::MAX));
        stream.receive(u64::MAX);
    }
}
