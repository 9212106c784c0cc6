//! A stream that may change its way: for a while it comes over several links, and must neither repeat nor skip.
//!
//! A new way is made before the old one is left. What comes over the new one waits until the old one has reached the number
//! at which the new one began, or has ended. From then on either may bring the next message.

use std::collections::VecDeque;

use crate::frame::Last;
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_SPLICE_BYTES, MAX_SPLICE_MESSAGES};
use crate::missed::Missed;
use crate::node::LinkId;
use crate::payload::Payload;
use crate::stream::{Standing, Stream, Verdict};

/// A stream with the links it comes over.
#[derive(Debug)]
pub struct Spliced {
    stream: Stream,
    /// The way that is followed: a number that is missing there is missing.
    link: Option<LinkId>,
    /// Most streams never come over more than one link, and there may be very many.
    beside: Option<Box<Beside>>,
}

/// What there is beside the way that is followed.
#[derive(Debug, Default)]
struct Beside {
    /// Other ways that it is announced on.
    others: Vec<Way>,
    /// What came over a way before that was followed, and is its turn now.
    released: VecDeque<Waiting>,
    /// Links and lengths of messages that waited in vain.
    discarded: Vec<(LinkId, usize)>,
}

/// A way that is not followed.
#[derive(Debug)]
struct Way {
    link: LinkId,
    /// The number that it began with.
    begins: u64,
    /// It is to be followed once that number is reached.
    comes: bool,
    /// What is not its turn yet, in order.
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
enum Waiting {
    /// A message with its number.
    Message(u64, Payload),
    /// The stream stands at this number.
    Tail(u64, Last),
}

impl Waiting {
    /// What is given back if it waited in vain.
    fn len(&self) -> Option<usize> {
        match self {
            Self::Message(_, payload) => Some(payload.len()),
            Self::Tail(..) => None,
        }
    }
}

impl Way {
    fn new(link: LinkId, begins: u64, comes: bool) -> Self {
        Self {
            link,
            begins,
            comes,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_SPLICE_MESSAGES || self.bytes >= MAX_SPLICE_BYTES
    }

    /// Takes the message with this number; those before it came otherwise.
    fn take(&mut self, next: u64, discarded: &mut Vec<(LinkId, usize)>) -> Option<(u64, Payload)> {
        let is_due = |first: &mut Waiting| match first {
            Waiting::Message(number, _) | Waiting::Tail(number, _) => *number <= next,
        };
        while let Some(first) = self.waiting.pop_front_if(is_due) {
            let Waiting::Message(sequence, payload) = first else {
                continue;
            };
            self.bytes -= payload.len();
            if sequence == next {
                return Some((sequence, payload));
            }
            discarded.push((self.link, payload.len()));
        }
        None
    }

    fn tell(&mut self, next: u64, last: Last) {
        match self.waiting.back_mut() {
            // The later one says it all.
            Some(Waiting::Tail(told, Last::No)) if last == Last::No => *told = next.max(*told),
            _ => self.waiting.push_back(Waiting::Tail(next, last)),
        }
    }
}

/// What to do with a message that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Deliver it; this much before it is missing.
    Deliver(Missed),
    /// It was seen before, or comes over a link that the stream has left.
    Discard,
    /// It waits; see [`Spliced::release`].
    Wait,
}

/// Something that waited and is its turn now.
#[derive(Debug)]
pub struct Released {
    /// The link it came over.
    pub link: LinkId,
    /// Missing before it.
    pub missed: Missed,
    /// Its number and data; none where only a loss is told.
    pub message: Option<(u64, Payload)>,
}

impl Spliced {
    /// A stream heard for the first time.
    #[must_use]
    pub fn new(link: LinkId, publisher: NodeId, incarnation: Incarnation, next: u64) -> Self {
        Self {
            stream: Stream::new(publisher, incarnation, next),
            link: Some(link),
            beside: None,
        }
    }

    /// The stream by its numbers.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The link that is followed now.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        self.link
    }

    /// Whether it is announced on some link and has not ended since.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.link.is_some() && !self.stream.has_ended()
    }

    /// Whether all further messages come over this link, so that the others may be left; also where it is not announced.
    #[must_use]
    pub fn is_carried_by(&self, link: LinkId) -> bool {
        let mut others = self.others().iter();
        others.all(|way| way.link != link || way.begins <= self.stream.next())
    }

    /// A link announced the stream: what is missing since it was last heard. Call [`release`](Self::release) after it.
    pub fn announced(&mut self, link: LinkId, incarnation: Incarnation, next: u64) -> Missed {
        if incarnation < self.stream.incarnation() {
            // It is of a life that is over, and comes by a slow way.
            self.cut(link, Standing::Open);
            return Missed::NONE;
        }
        let same_life = self.stream.incarnation() == incarnation;
        let goes_on = same_life && !self.stream.has_ended();
        // A hub may be behind what was heard by another way; numbers are never given anew within a life.
        let is_behind = same_life && next <= self.stream.next();
        if !goes_on || self.link == Some(link) || self.link.is_none() && !is_behind {
            if !same_life {
                self.discard_waiting(|_| true);
            }
            self.discard_waiting(|way| way == link);
            self.link = Some(link);
            if is_behind {
                self.stream.go_on();
                return Missed::NONE;
            }
            return self.stream.reopen(incarnation, next);
        }
        self.discard_waiting(|way| way == link);
        if is_behind {
            self.follow(link);
        } else {
            let beside = self.beside.get_or_insert_default();
            beside.others.push(Way::new(link, next, true));
        }
        Missed::NONE
    }

    /// Judges a message. After each one that is not discarded, call [`release`](Self::release) until it gives nothing.
    #[inline]
    pub fn receive(&mut self, link: LinkId, sequence: u64, payload: &Payload) -> Judged {
        if self.receive_run(link, sequence, 1) {
            return Judged::Deliver(Missed::NONE);
        }
        let released = self.beside.as_ref().map(|beside| &beside.released);
        if self.link != Some(link) || released.is_some_and(|released| !released.is_empty()) {
            return self.receive_beside(link, sequence, payload);
        }
        match self.stream.receive(sequence) {
            Verdict::Deliver => Judged::Deliver(Missed::NONE),
            Verdict::DeliverAfterGap(count) => Judged::Deliver(Missed::exactly(count)),
            Verdict::Duplicate => Judged::Discard,
        }
    }

    /// Judges `count` messages with the numbers from `first` on: true if they are plainly the next ones of a stream that
    /// has one way only, and so are to be delivered. Otherwise nothing has changed.
    #[inline]
    pub fn receive_run(&mut self, link: LinkId, first: u64, count: u64) -> bool {
        self.link == Some(link) && !self.is_spliced() && self.stream.receive_run(first, count)
    }

    /// Whether [`release`](Self::release) may have something to give.
    #[must_use]
    #[inline]
    pub fn is_spliced(&self) -> bool {
        let beside = self.beside.as_ref();
        beside.is_some_and(|beside| !beside.others.is_empty() || !beside.released.is_empty())
    }

    /// What waited and is its turn now.
    pub fn release(&mut self) -> Option<Released> {
        let mut missed = self.follow_if_due();
        let link = self.link?;
        while let Some(beside) = &mut self.beside
            && let Some(first) = beside.released.pop_front()
        {
            let (sequence, payload) = match first {
                Waiting::Message(sequence, payload) => (sequence, payload),
                Waiting::Tail(next, last) => {
                    missed += self.stands_at(next, last);
                    continue;
                }
            };
            match self.stream.receive(sequence) {
                Verdict::Deliver => {}
                Verdict::DeliverAfterGap(count) => missed += Missed::exactly(count),
                Verdict::Duplicate => {
                    beside.discarded.push((link, payload.len()));
                    continue;
                }
            }
            return Some(Released {
                link,
                missed,
                message: Some((sequence, payload)),
            });
        }
        if !missed.is_none() {
            return Some(Released {
                link,
                missed,
                message: None,
            });
        }
        let next = self.stream.next();
        let Beside {
            others, discarded, ..
        } = &mut **self.beside.as_mut()?;
        let mut others = others.iter_mut();
        let (link, message) =
            others.find_map(|way| Some((way.link, way.take(next, discarded)?)))?;
        self.stream.receive(next);
        Some(Released {
            link,
            missed,
            message: Some(message),
        })
    }

    /// An idle stream announced its next number on a link, or its end there: what is missing before it. Call
    /// [`release`](Self::release) after it, too.
    pub fn tail(&mut self, link: LinkId, next: u64, last: Last) -> Missed {
        if self.link != Some(link) {
            if last.frees_alias() {
                self.discard_waiting(|way| way == link);
            } else if let Some(way) = self.other_mut(link) {
                way.tell(next, last);
            }
            return Missed::NONE;
        }
        let missed = self.stands_at(next, last);
        match last {
            Last::No | Last::Lost => {}
            Last::Ended if self.others().is_empty() => self.stream.end(),
            Last::Ended | Last::Withdrawn | Last::Cut => self.link = None,
        }
        missed
    }

    /// A link is gone, and the stream stands so unless it comes over another. Call [`release`](Self::release) after it.
    pub fn cut(&mut self, link: LinkId, standing: Standing) {
        self.discard_waiting(|way| way == link);
        if self.link == Some(link) {
            self.link = None;
            if self.others().is_empty() {
                self.stream.stand(standing);
            }
        }
    }

    /// The way is cut somewhere behind its link: the stream goes on when it is announced again.
    pub fn lost(&mut self) {
        self.discard_waiting(|_| true);
        self.link = None;
    }

    /// Its publisher is not expected back: what is missing of it, unless it comes by way of others.
    pub fn give_up(&mut self) -> Missed {
        match self.link {
            Some(_) => Missed::NONE,
            None => self.stream.give_up(),
        }
    }

    /// How the stream stands from now on, whichever links it comes over.
    pub fn stand(&mut self, standing: Standing) {
        self.stream.stand(standing);
    }

    /// Links and lengths of messages that waited and are not going to be released: what came on credit gives it back.
    pub fn take_discarded(&mut self) -> Vec<(LinkId, usize)> {
        let beside = self.beside.as_mut();
        beside.map_or_else(Vec::new, |beside| std::mem::take(&mut beside.discarded))
    }

    fn stands_at(&mut self, next: u64, last: Last) -> Missed {
        match last {
            Last::Lost => self.stream.announced_lost(next),
            _ => self.stream.announced(next),
        }
    }

    /// Forgets ways other than the one that is followed, with what waits on them.
    fn discard_waiting(&mut self, is_left: impl Fn(LinkId) -> bool) {
        let Some(beside) = &mut self.beside else {
            return;
        };
        if self.link.is_some_and(&is_left) || self.link.is_none() {
            let released = std::mem::take(&mut beside.released).into_iter();
            if let Some(link) = self.link {
                let lengths = released.filter_map(|waiting| Some((link, waiting.len()?)));
                beside.discarded.extend(lengths);
            }
        }
        let left = beside.others.extract_if(.., |way| is_left(way.link));
        for way in left {
            let waiting = way.waiting.into_iter();
            let lengths = waiting.filter_map(|waiting| Some((way.link, waiting.len()?)));
            beside.discarded.extend(lengths);
        }
    }

    /// Another way takes the place of the one that is followed, which may bring messages, too.
    fn follow(&mut self, link: LinkId) {
        if let Some(before) = self.link.replace(link) {
            let beside = self.beside.get_or_insert_default();
            beside.others.push(Way::new(before, 0, false));
        }
    }

    fn receive_beside(&mut self, link: LinkId, sequence: u64, payload: &Payload) -> Judged {
        if self.link == Some(link) {
            let message = Waiting::Message(sequence, payload.clone());
            let beside = self.beside.get_or_insert_default();
            beside.released.push_back(message);
            return Judged::Wait;
        }
        let next = self.stream.next();
        let Some(way) = self.other_mut(link).filter(|_| sequence >= next) else {
            return Judged::Discard;
        };
        way.bytes += payload.len();
        let message = Waiting::Message(sequence, payload.clone());
        way.waiting.push_back(message);
        Judged::Wait
    }

    /// Follows another way if that has come, or if the one that is followed has ended or takes too long.
    fn follow_if_due(&mut self) -> Missed {
        let next = self.stream.next();
        let due = |way: &Way| way.comes && way.begins <= next || way.is_full();
        let Some(beside) = &mut self.beside else {
            return Missed::NONE;
        };
        let found = beside.others.iter().rposition(due);
        let fallback = || beside.others.len().checked_sub(1);
        let found = match self.link {
            Some(_) => found,
            None => found.or_else(fallback),
        };
        let Some(index) = found else {
            return Missed::NONE;
        };
        let way = beside.others.remove(index);
        beside.released.extend(way.waiting);
        self.follow(way.link);
        self.stream.announced(way.begins)
    }

    fn others(&self) -> &[Way] {
        self.beside.as_ref().map_or(&[], |beside| &beside.others)
    }

    fn other_mut(&mut self, link: LinkId) -> Option<&mut Way> {
        let mut others = self.beside.as_mut()?.others.iter_mut();
        others.find(|way| way.link == link)
    }
}

#[cfg(test)]
mod tests;
