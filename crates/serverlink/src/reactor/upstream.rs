//! What another node publishes to the owner of a topic: to us, or to a node that we pass it on to.
//!
//! An I/O thread cannot be held up by a blocking subscriber. So what finds no room waits here, and the credit for it is
//! withheld: the other node's publisher waits in its place, and nothing else of the link does.

mod onward;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;

use spot_core::credit::Window;
use spot_core::frame::{Alias, Frame};
use spot_core::inbox::Limit;
use spot_core::stream::Verdict;
use spot_core::{Class, LinkId, Missed, NodeId, Payload, limits};

use super::LinkPort;
use super::fault::Fault;
use crate::data::{Aftermath, Blocker, PeerRefusal, SharedOutbox, Topic};
use crate::engine::NodeInner;
use onward::Onward;
use turn::Place;
pub(crate) use turn::Turns;

/// A stream of messages to the owner of a topic.
pub(super) struct Upstream {
    target: Target,
    place: Place,
    class: Class,
    window: Window,
    /// What waits for its turn or for room, in order.
    backlog: VecDeque<(u64, Payload)>,
    /// The first that waits was judged by its number.
    judged: bool,
    /// Where the stream stands behind what waits.
    tail: Option<u64>,
}

/// Who is to get the messages.
enum Target {
    /// We are the owner: of a topic hosted here, or that was, or may come to be.
    Here(Here),
    /// The owner is reached by way of us.
    Onward(Box<Onward>),
}

struct Here {
    name: Arc<str>,
    topic: Option<Arc<Topic>>,
}

/// Why a message was not taken.
enum Refusal {
    /// There is nobody to take it.
    Nobody,
    /// It is to be tried again when there is room.
    Full(Blocker),
    /// It is to be tried again when the owner can be reached.
    NoWay,
}

impl Upstream {
    /// The other side announced the stream; what was lost of it with an earlier link shows now.
    pub(super) fn announced(node: &NodeInner, link: LinkId, alias: &Alias<'_>) -> Self {
        let owner = alias.passage.map(|passage| passage.owner);
        let target = match alias.passage {
            Some(passage) if passage.owner != node.id() => {
                Target::Onward(Box::new(Onward::new(node, link, alias, passage)))
            }
            _ => Target::Here(Here {
                name: alias.topic.into(),
                topic: node.find_topic(alias.topic),
            }),
        };
        let limit = Limit {
            messages: limits::UPSTREAM_WINDOW_MESSAGES,
            bytes: limits::UPSTREAM_WINDOW_BYTES,
        };
        // The first window is the publisher's without asking.
        let (window, _) = Window::open(limit, 1);
        let owner = owner.unwrap_or(node.id());
        let mut upstream = Self {
            target,
            place: node.turns.place(owner, link, alias),
            class: Class::upstream(alias.alias),
            window,
            backlog: VecDeque::new(),
            judged: false,
            tail: None,
        };
        upstream.take_turn(None);
        upstream
    }

    /// A message arrived.
    pub(super) fn data(
        &mut self,
        node: &NodeInner,
        outbox: &SharedOutbox,
        sequence: u64,
        payload: Payload,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        // Credit that was on its way when the stream was announced anew may come on top of the window.
        if self.backlog.len() >= 4 * limits::UPSTREAM_WINDOW_MESSAGES {
            return Err(Fault::protocol(
                "more messages published to us than credit was given for",
            ));
        }
        // Behind what waits already there is nothing to try: it will be tried when there is room.
        let first = self.backlog.is_empty();
        self.backlog.push_back((sequence, payload));
        if first {
            self.drain(node, outbox, after);
        }
        Ok(())
    }

    /// Whether this node publishes it.
    pub(super) fn is_of(&self, node: NodeId) -> bool {
        self.place.publisher() == node
    }

    /// Whether something waits.
    pub(super) fn is_held_up(&self) -> bool {
        !self.backlog.is_empty() || self.tail.is_some()
    }

    /// Whether the owner cannot be reached, as far as was tried.
    pub(super) fn has_no_way(&self) -> bool {
        matches!(&self.target, Target::Onward(onward) if onward.has_no_way())
    }

    /// Hands on what waits, as far as there is room; the rest is tried again when there is more.
    pub(super) fn drain(&mut self, node: &NodeInner, outbox: &SharedOutbox, after: &mut Aftermath) {
        if !self.take_turn(Some(&outbox.port)) {
            return;
        }
        while let Some((sequence, payload)) = self.backlog.pop_front() {
            if !self.judge(sequence, after) {
                self.give_credit(outbox, payload.len());
                continue;
            }
            let retry = match self.target.take(node, sequence, &payload, after) {
                Ok(()) | Err(Refusal::Nobody) => {
                    self.judged = false;
                    self.place.reached(sequence + 1);
                    self.give_credit(outbox, payload.len());
                    continue;
                }
                Err(Refusal::Full(blocker)) => blocker.retry(payload.len(), &outbox.port),
                Err(Refusal::NoWay) => false,
            };
            self.backlog.push_front((sequence, payload));
            if !retry {
                return;
            }
        }
        self.stand_at_tail();
    }

    /// The stream stands at this number, behind what waits.
    pub(super) fn tail(&mut self, next_sequence: u64) {
        self.tail = Some(next_sequence);
        if self.backlog.is_empty() && self.take_turn(None) {
            self.stand_at_tail();
        }
    }

    /// The stream ends here. Its publisher was told that what waits is on its way: it goes to all who have room, and the
    /// others are told what they miss. Unless it has ended for good, it is remembered how far it was heard.
    pub(super) fn cut(&mut self, node: &NodeInner, ended: bool, after: &mut Aftermath) {
        if self.take_turn(None) {
            for (sequence, payload) in std::mem::take(&mut self.backlog) {
                if self.judge(sequence, after) {
                    self.target.take_unheld(node, sequence, &payload, after);
                    self.judged = false;
                    self.place.reached(sequence + 1);
                }
            }
            self.stand_at_tail();
        }
        if let Target::Onward(onward) = &mut self.target {
            onward.end(self.place.stands_at());
        }
        let heard = self.place.leave(ended);
        if let (Target::Here(here), Some(stream)) = (&self.target, heard)
            && let Some(topic) = &here.topic
        {
            topic.keep_cut_upstream(stream);
        }
    }

    /// Takes over from the way that the stream came by before, if that has handed on what precedes; otherwise it is tried
    /// again when it has.
    fn take_turn(&mut self, port: Option<&LinkPort>) -> bool {
        if self.place.has_turn() {
            return true;
        }
        let topic = match &self.target {
            Target::Here(here) => here.topic.as_ref(),
            Target::Onward(_) => None,
        };
        let publisher = self.place.publisher();
        let cut = || topic.and_then(|topic| topic.take_cut_upstream(publisher));
        match self.place.take_turn(port, cut) {
            Some(missed) => {
                self.target.missed(missed);
                true
            }
            None => false,
        }
    }

    /// Whether the first that waits is to be handed on.
    fn judge(&mut self, sequence: u64, after: &mut Aftermath) -> bool {
        if self.judged {
            return true;
        }
        match self.place.receive(sequence) {
            Verdict::Deliver => {}
            Verdict::DeliverAfterGap(count) => self.target.missed(Missed::exactly(count)),
            Verdict::Duplicate => {
                after.duplicates += 1;
                return false;
            }
        }
        self.judged = true;
        true
    }

    fn stand_at_tail(&mut self) {
        if let Some(next) = self.tail.take() {
            let missed = self.place.announced(next);
            self.target.missed(missed);
        }
    }

    fn give_credit(&mut self, outbox: &SharedOutbox, len: usize) {
        self.window.arrived(len);
        if let Some(grant) = self.window.received(len) {
            let credit = Frame::Credit {
                class: self.class,
                messages: grant.messages,
                bytes: grant.bytes,
            };
            outbox.control(&credit.to_vec());
            outbox.flush_soon();
        }
    }
}

impl Target {
    fn take(
        &mut self,
        node: &NodeInner,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Result<(), Refusal> {
        match self {
            Self::Here(here) => here.publish(node, payload, after),
            Self::Onward(onward) => onward.send(node, sequence, payload, after),
        }
    }

    fn take_unheld(
        &mut self,
        node: &NodeInner,
        sequence: u64,
        payload: &Payload,
        after: &mut Aftermath,
    ) {
        match self {
            Self::Here(here) => {
                if let Some(topic) = &here.topic {
                    topic.publish_unheld(payload, after);
                }
            }
            Self::Onward(onward) => onward.send_unheld(node, sequence, payload, after),
        }
    }

    /// Messages are missing here: everybody misses them. A further node sees for itself by the numbers.
    fn missed(&self, missed: Missed) {
        if let Self::Here(Here {
            topic: Some(topic), ..
        }) = self
            && !missed.is_none()
        {
            topic.skip_for_peer(missed);
        }
    }
}

impl Here {
    fn publish(
        &mut self,
        node: &NodeInner,
        payload: &Payload,
        after: &mut Aftermath,
    ) -> Result<(), Refusal> {
        if let Some(topic) = &self.topic {
            match topic.publish_for_peer(payload, after) {
                Err(PeerRefusal::NotHosted) => {}
                other => return refused(other),
            }
        }
        // Not hosted: not any more, not yet, or created anew since it was looked up.
        self.topic = node.find_topic(&self.name);
        match &self.topic {
            Some(topic) => refused(topic.publish_for_peer(payload, after)),
            None => Err(Refusal::Nobody),
        }
    }
}

fn refused(published: Result<(), PeerRefusal>) -> Result<(), Refusal> {
    published.map_err(|refusal| match refusal {
        PeerRefusal::NotHosted => Refusal::Nobody,
        PeerRefusal::Full(blocker) => Refusal::Full(blocker),
    })
}
