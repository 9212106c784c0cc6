//! What a hub passes on of one stream: its numbers stay, links that want it get it, those that block have it wait for them.
//!
//! A message goes at once to all who have room. For those who block and have none it waits here, and so does the credit of
//! the hub's own window: the publisher is held up, and nothing else is.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::credit::{Grant, Window};
use crate::frame::{Alias, DATA_HEADER_MAX_BYTES, Frame, Last, encode_data_header};
use crate::identity::{Incarnation, NodeId};
use crate::inbox::{Limit, Offer};
use crate::limits::{MAX_RELAY_BACKLOG_MESSAGES, UPSTREAM_WINDOW_BYTES, UPSTREAM_WINDOW_MESSAGES};
use crate::missed::Missed;
use crate::node::LinkId;
use crate::outbox::SinkPolicy;
use crate::overflow::Class;
use crate::payload::Payload;

/// The links that a stream is passed on over, each with its queue, as the driver has it.
#[derive(Debug)]
pub struct Relay<Q> {
    origin: NodeId,
    alias: u32,
    sinks: Vec<Sink<Q>>,
    /// What waits for sinks that block, in order.
    waiting: VecDeque<Waiting>,
    waiting_messages: usize,
    window: Option<(LinkId, Window)>,
}

#[derive(Debug)]
struct Sink<Q> {
    link: LinkId,
    queue: Q,
    policy: SinkPolicy,
    /// The life of the stream that it was announced.
    announced: Option<Incarnation>,
    /// It has not had all that waits.
    behind: bool,
    /// The first number that it has not had.
    next: u64,
}

#[derive(Debug)]
enum Waiting {
    /// Its number, and the link it came over.
    Message(u64, Payload, LinkId),
    Tail(u64, Last),
}

impl Waiting {
    /// The number that is next after it.
    fn next(&self) -> u64 {
        match self {
            Self::Message(sequence, ..) => sequence.wrapping_add(1),
            Self::Tail(next, _) => *next,
        }
    }
}

/// Something for a link's queue.
#[derive(Debug)]
pub enum Send<'a> {
    /// A message, to be offered under this policy.
    Message {
        /// How the subscribers behind the link want it.
        policy: &'a SinkPolicy,
        /// Its header.
        header: &'a [u8],
        /// Its data.
        payload: &'a Payload,
    },
    /// A frame that is no message; what is said of it does not matter.
    Control(&'a [u8]),
}

/// What became of a message.
#[derive(Debug, Default)]
pub struct Passed {
    /// Links that it went to.
    pub links: usize,
    /// Subscriptions that were too slow.
    pub ended: SmallVec<[(LinkId, Class); 1]>,
    /// Credit to grant for it, to the link that the window is for.
    pub grant: Option<Grant>,
}

impl<Q> Relay<Q> {
    /// Nothing is passed on yet.
    #[must_use]
    pub fn new(origin: NodeId, alias: u32) -> Self {
        Self {
            origin,
            alias,
            sinks: Vec::new(),
            waiting: VecDeque::new(),
            waiting_messages: 0,
            window: None,
        }
    }

    /// The node whose stream it is.
    #[must_use]
    pub fn origin(&self) -> NodeId {
        self.origin
    }

    /// Whether it goes nowhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Whether messages wait.
    #[must_use]
    pub fn is_held_up(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Passes the stream on over a link, or in other classes than before.
    pub fn attach(&mut self, link: LinkId, queue: Q, policy: SinkPolicy) {
        match self.sinks.iter_mut().find(|sink| sink.link == link) {
            Some(sink) => (sink.queue, sink.policy) = (queue, policy),
            None => self.sinks.push(Sink {
                link,
                queue,
                policy,
                announced: None,
                behind: false,
                next: 0,
            }),
        }
    }

    /// Opens the window for the link that the stream is asked for on, in place of any other; the grant is to be sent there.
    pub fn open_window(&mut self, link: LinkId) -> Grant {
        let limit = Limit {
            messages: UPSTREAM_WINDOW_MESSAGES,
            bytes: UPSTREAM_WINDOW_BYTES,
        };
        let (window, grant) = Window::open(limit, 1);
        self.window = Some((link, window));
        grant
    }

    /// Announces the stream to links that it is new for; with `all`, also to those that have not had all before `next`, so
    /// that what was missed shows. Those that know it all are not told again: in a ring that would go round for ever.
    pub fn announce(
        &mut self,
        topic: &str,
        incarnation: Incarnation,
        next: u64,
        all: bool,
        mut send: impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) {
        let alias = Alias {
            alias: self.alias,
            upstream: false,
            resumed: false,
            since: 0,
            passage: None,
            next_sequence: next,
            incarnation,
            publisher: self.origin,
            topic,
        };
        let frame = Frame::Alias(alias).to_vec();
        for sink in &mut self.sinks {
            let is_known = sink.announced == Some(incarnation);
            if is_known && (!all || sink.next >= next) {
                continue;
            }
            sink.announced = Some(incarnation);
            sink.behind = false;
            sink.next = next;
            send(sink.link, &sink.queue, Send::Control(&frame));
        }
    }

    /// A message arrived over a link.
    pub fn pass(
        &mut self,
        from: LinkId,
        sequence: u64,
        payload: &Payload,
        mut send: impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) -> Passed {
        self.arrived(from, payload.len());
        let mut passed = Passed::default();
        let mut waits = false;
        for sink in &mut self.sinks {
            if sink.announced.is_none() || sequence < sink.next {
                continue;
            }
            sink.behind |=
                !sink.behind && !sink.offer(self.alias, sequence, payload, &mut passed, &mut send);
            waits |= sink.behind;
        }
        if !waits {
            passed.grant = self.done(from, payload.len());
        } else if self.waiting_messages < MAX_RELAY_BACKLOG_MESSAGES {
            let message = Waiting::Message(sequence, payload.clone(), from);
            self.waiting.push_back(message);
            self.waiting_messages += 1;
        } else {
            // It is lost to those who wait, and shows as a gap.
            self.wait_for_tail(sequence.wrapping_add(1), Last::No);
            passed.grant = self.done(from, payload.len());
        }
        passed
    }

    /// A message arrived over a link that goes to nobody: it was seen before. The credit to grant anew, if it is time.
    pub fn discard(&mut self, from: LinkId, len: usize) -> Option<Grant> {
        self.arrived(from, len);
        self.done(from, len)
    }

    /// Passes on what waits, as far as there is room; gives the link that has none, and for how many
    /// bytes, to be tried again when it has.
    pub fn drain(
        &mut self,
        passed: &mut Passed,
        mut send: impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) -> Option<(LinkId, usize)> {
        while let Some(waiting) = self.waiting.front() {
            for sink in self.sinks.iter_mut().filter(|sink| sink.behind) {
                match waiting {
                    Waiting::Message(sequence, payload, _)
                        if *sequence >= sink.next
                            && !sink.offer(self.alias, *sequence, payload, passed, &mut send) =>
                    {
                        return Some((sink.link, payload.len()));
                    }
                    Waiting::Tail(next, last) if *next > sink.next => {
                        sink.tail(self.alias, *next, *last, &mut send);
                    }
                    _ => {}
                }
            }
            self.forget_first(passed);
        }
        self.sinks.iter_mut().for_each(|sink| sink.behind = false);
        None
    }

    /// The stream stands at this number, and `missed` is the last that is missing before it.
    pub fn tail(
        &mut self,
        next: u64,
        missed: Missed,
        mut send: impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) {
        let last = Last::behind(missed);
        let mut waits = false;
        for sink in self
            .sinks
            .iter_mut()
            .filter(|sink| sink.announced.is_some())
        {
            if sink.behind {
                waits = true;
            } else if next > sink.next {
                sink.tail(self.alias, next, last, &mut send);
            }
        }
        if waits {
            self.wait_for_tail(next, last);
        }
    }

    /// The stream has ended, or its way is cut. What waits goes to all who have room, and the others are told what they
    /// miss. If it goes on it is announced anew.
    pub fn cut(
        &mut self,
        next: u64,
        ended: bool,
        mut send: impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) -> Passed {
        let mut passed = Passed::default();
        while let Some(waiting) = self.waiting.front() {
            let behind = self.sinks.iter_mut();
            for sink in behind.filter(|sink| sink.behind && waiting.next() > sink.next) {
                match waiting {
                    Waiting::Message(sequence, payload, _) => {
                        sink.offer_unheld(self.alias, *sequence, payload, &mut passed, &mut send);
                    }
                    Waiting::Tail(next, last) => {
                        sink.tail(self.alias, *next, *last, &mut send);
                    }
                }
            }
            self.forget_first(&mut passed);
        }
        for sink in self
            .sinks
            .iter_mut()
            .filter(|sink| sink.announced.is_some())
        {
            sink.behind = false;
            sink.announced = None;
            let last = if ended { Last::Ended } else { Last::No };
            sink.tail(self.alias, next, last, &mut send);
        }
        passed
    }

    /// Passes the stream on no more over a link: it ends there if the link is in use.
    pub fn detach(
        &mut self,
        link: LinkId,
        in_use: bool,
        mut send: impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) -> Passed {
        let mut passed = Passed::default();
        if let Some(index) = self.sinks.iter().position(|sink| sink.link == link) {
            let mut sink = self.sinks.swap_remove(index);
            if sink.announced.is_some() {
                let next = sink.next;
                let last = if in_use { Last::Withdrawn } else { Last::No };
                sink.tail(self.alias, next, last, &mut send);
            }
        }
        // Those that are left may have had all that waited for this one.
        self.drain(&mut passed, send);
        passed
    }

    /// The queue of a link that it is passed on over.
    pub fn queue(&self, link: LinkId) -> Option<(&Q, &SinkPolicy)> {
        let sink = self.sinks.iter().find(|sink| sink.link == link)?;
        Some((&sink.queue, &sink.policy))
    }

    fn forget_first(&mut self, passed: &mut Passed) {
        let first = self.waiting.pop_front();
        let next = first.as_ref().map_or(0, Waiting::next);
        for sink in self.sinks.iter_mut().filter(|sink| sink.behind) {
            sink.next = sink.next.max(next);
        }
        if let Some(Waiting::Message(_, payload, from)) = first {
            self.waiting_messages -= 1;
            let more = self.done(from, payload.len());
            passed.grant = add(passed.grant, more);
        }
    }

    /// Of several in a row one waits; a loss that nobody can count is then the last of them.
    fn wait_for_tail(&mut self, next: u64, last: Last) {
        match self.waiting.back_mut() {
            Some(Waiting::Tail(known, kind)) => {
                *known = next;
                *kind = if last == Last::Lost { last } else { *kind };
            }
            _ => self.waiting.push_back(Waiting::Tail(next, last)),
        }
    }

    fn arrived(&mut self, from: LinkId, len: usize) {
        if let Some((_, window)) = self.window.as_mut().filter(|(link, _)| *link == from) {
            window.arrived(len);
        }
    }

    /// A message is done with that came over this link: the credit to grant anew, if it is time.
    fn done(&mut self, from: LinkId, len: usize) -> Option<Grant> {
        let (link, window) = self.window.as_mut()?;
        (*link == from).then(|| window.received(len)).flatten()
    }
}

impl<Q> Sink<Q> {
    /// False if it must wait.
    fn offer(
        &mut self,
        alias: u32,
        sequence: u64,
        payload: &Payload,
        passed: &mut Passed,
        send: &mut impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) -> bool {
        let policy = std::mem::take(&mut self.policy);
        let offer = self.send(&policy, alias, sequence, payload, send);
        self.policy = policy;
        self.account(offer, sequence, passed);
        offer != Offer::Full
    }

    fn offer_unheld(
        &mut self,
        alias: u32,
        sequence: u64,
        payload: &Payload,
        passed: &mut Passed,
        send: &mut impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) {
        let unheld = SinkPolicy::default();
        let offer = self.send(&unheld, alias, sequence, payload, send);
        self.account(offer, sequence, passed);
    }

    fn send(
        &self,
        policy: &SinkPolicy,
        alias: u32,
        sequence: u64,
        payload: &Payload,
        send: &mut impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) -> Offer {
        let mut header = [0; DATA_HEADER_MAX_BYTES];
        let length = encode_data_header(&mut header, alias, sequence);
        let message = Send::Message {
            policy,
            header: &header[..length],
            payload,
        };
        send(self.link, &self.queue, message)
    }

    fn account(&mut self, offer: Offer, sequence: u64, passed: &mut Passed) {
        match offer {
            Offer::Full => return,
            Offer::Queued => passed.links += 1,
            Offer::Dropped => {}
            Offer::Ended => {
                let ended = self.policy.disconnect.iter();
                passed.ended.extend(ended.map(|class| (self.link, *class)));
            }
        }
        self.next = sequence.wrapping_add(1);
    }

    fn tail(
        &mut self,
        alias: u32,
        next: u64,
        last: Last,
        send: &mut impl FnMut(LinkId, &Q, Send<'_>) -> Offer,
    ) {
        self.next = self.next.max(next);
        let tail = Frame::Tail {
            alias,
            next_sequence: self.next,
            last,
        };
        send(self.link, &self.queue, Send::Control(&tail.to_vec()));
    }
}

fn add(grant: Option<Grant>, more: Option<Grant>) -> Option<Grant> {
    match (grant, more) {
        (Some(grant), Some(more)) => Some(Grant {
            messages: grant.messages.saturating_add(more.messages),
            bytes: grant.bytes.saturating_add(more.bytes),
        }),
        (grant, more) => grant.or(more),
    }
}

#[cfg(test)]
mod tests;
