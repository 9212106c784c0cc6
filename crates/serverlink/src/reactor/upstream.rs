//! What another node publishes to the owner of a topic: to us, or to a node that we pass it on to.
//!
//! An I/O thread cannot be held up by a blocking subscriber. So what finds no room waits here, and the credit for it is
//! withheld: the other node's publisher waits in its place, and nothing else of the link does.

mod onward;
mod turn;

use std::sync::Arc;

use spot_core::frame::{Alias, Last};
use spot_core::upstream::{Due, Onward, Receiver};
use spot_core::{LinkId, Missed, NodeId, Payload};

use super::LinkPort;
use super::fault::Fault;
use crate::data::{Aftermath, Blocker, PeerRefusal, SharedOutbox, Topic};
use crate::engine::NodeInner;
use onward::Passage;
use turn::SharedTurn;
pub(crate) use turn::Turns;

/// A stream of messages to the owner of a topic.
pub(super) struct Upstream {
    target: Target,
    receiver: Receiver,
    turn: Arc<SharedTurn>,
}

/// Who is to get the messages.
enum Target {
    /// We are the owner: of a topic hosted here, or that was, or may come to be.
    Here(Here),
    /// The owner is reached by way of us.
    Onward(Box<Passage>),
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
    /// The other side announced the stream. [`drain`](Self::drain) it next: what was lost of it with an earlier link shows
    /// then.
    pub(super) fn announced(node: &NodeInner, link: LinkId, alias: &Alias<'_>) -> Self {
        let (target, owner) = match alias.passage {
            Some(passage) if passage.owner != node.id() => {
                let onward = Onward::new(link, alias, passage, node.passage_alias());
                (Target::Onward(Box::new(onward)), passage.owner)
            }
            _ => {
                let here = Here {
                    name: alias.topic.into(),
                    topic: node.find_topic(alias.topic),
                };
                (Target::Here(here), node.id())
            }
        };
        let turn = node.turns.of(owner, alias);
        let receiver = turn.with(|turn| Receiver::announced(alias, turn));
        Self {
            target,
            receiver,
            turn,
        }
    }

    /// A message arrived.
    #[inline]
    pub(super) fn data(
        &mut self,
        node: &NodeInner,
        outbox: &SharedOutbox,
        sequence: u64,
        payload: Payload,
        after: &mut Aftermath,
    ) -> Result<(), Fault> {
        let arrived = self.receiver.arrived(sequence, payload);
        if arrived.map_err(Fault::protocol)? {
            self.drain(node, outbox, after);
        }
        Ok(())
    }

    /// Whether this node publishes it.
    pub(super) fn is_of(&self, node: NodeId) -> bool {
        self.receiver.publisher() == node
    }

    /// Whether its owner is another node, which is reached by way of us.
    pub(super) fn is_passed_on(&self) -> bool {
        matches!(self.target, Target::Onward(_))
    }

    /// Whether something waits.
    pub(super) fn is_held_up(&self) -> bool {
        self.receiver.is_held_up()
    }

    /// Whether something is to be waited for although the stream has ended here.
    pub(super) fn waits_on(&self) -> bool {
        let has_no_way = matches!(&self.target, Target::Onward(onward) if onward.has_no_way());
        self.receiver.brings_more() && !has_no_way
    }

    /// Hands on what waits, as far as there is room; the rest is tried again when there is more.
    pub(super) fn drain(&mut self, node: &NodeInner, outbox: &SharedOutbox, after: &mut Aftermath) {
        self.hand_on(node, &outbox.port, after);
        let settled = self.receiver.settle();
        after.duplicates(settled.duplicates);
        if let Some(credit) = settled.credit() {
            outbox.control(&credit.to_vec());
            outbox.flush_soon();
        }
    }

    fn hand_on(&mut self, node: &NodeInner, port: &LinkPort, after: &mut Aftermath) {
        if !self.take_turn(Some(port)) {
            return;
        }
        self.enter_way(node);
        while let Some(Due { missed, sequence }) = self.due() {
            self.target.missed(missed);
            let Some((sequence, payload)) = sequence.zip(self.receiver.first()) else {
                continue;
            };
            let retry = match self.target.take(node, sequence, payload, after) {
                Ok(()) | Err(Refusal::Nobody) => {
                    self.turn.advance(|turn| self.receiver.handed_on(turn));
                    continue;
                }
                Err(Refusal::Full(blocker)) => blocker.retry(payload.len(), port),
                Err(Refusal::NoWay) => false,
            };
            if !retry {
                return;
            }
        }
    }

    /// A stream that began before is announced onward also where it brings nothing: what was lost of it is to show although
    /// nothing more may be published.
    fn enter_way(&mut self, node: &NodeInner) {
        let stands_at = self.receiver.stands_at();
        if let Target::Onward(onward) = &mut self.target
            && stands_at > 0
            && onward::is_to_look(onward, node)
            && self.turn.with(|turn| self.receiver.has_turn(turn))
        {
            onward::look(onward, node, stands_at);
        }
    }

    /// The stream stands at this number, behind what waits.
    pub(super) fn tail(&mut self, next_sequence: u64) {
        if self.receiver.told(next_sequence)
            && self.take_turn(None)
            && let Some(due) = self.turn.advance(|turn| self.receiver.due(turn))
        {
            self.target.missed(due.missed);
        }
    }

    /// The stream ends here. Its publisher was told that what waits is on its way: it goes to all who have room, and the
    /// others are told what they miss. Unless it has ended for good, it is remembered how far it was heard.
    pub(super) fn cut(&mut self, node: &Arc<NodeInner>, last: Last, after: &mut Aftermath) {
        if self.take_turn(None) {
            while let Some(Due { missed, sequence }) = self.due() {
                self.target.missed(missed);
                if let Some((sequence, payload)) = sequence.zip(self.receiver.first()) {
                    self.target.take_unheld(node, sequence, payload, after);
                    self.turn.advance(|turn| self.receiver.handed_on(turn));
                }
            }
        }
        if let Target::Onward(onward) = &mut self.target {
            onward::end(onward, self.receiver.stands_at(), last);
        }
        let ended = last == Last::Ended;
        let heard = self.turn.advance(|turn| self.receiver.leave(turn, ended));
        if let (Target::Here(here), Some(stream)) = (&self.target, heard)
            && let Some(topic) = &here.topic
        {
            let at_ms = node.now_ms();
            topic.keep_cut_upstream(stream, at_ms);
            if last == Last::Cut {
                node.control(|control| {
                    let core = &mut control.core;
                    core.publisher_cut(at_ms, topic.id, stream.publisher());
                });
            }
        }
    }

    /// What is to be done next.
    #[inline]
    fn due(&mut self) -> Option<Due> {
        if !self.receiver.is_held_up() {
            return None;
        }
        self.turn.advance(|turn| self.receiver.due(turn))
    }

    /// Takes over from the way that the stream came by before, if that has handed on what precedes; otherwise it is tried
    /// again when it has.
    #[inline]
    fn take_turn(&mut self, port: Option<&LinkPort>) -> bool {
        if !self.receiver.waits_for_turn() {
            return true;
        }
        let topic = match &self.target {
            Target::Here(here) => here.topic.as_ref(),
            Target::Onward(_) => None,
        };
        let (next, unheard) = (self.receiver.begins(), self.receiver.unheard());
        let cut = || topic.and_then(|topic| topic.take_cut_upstream(next, unheard));
        let receiver = &mut self.receiver;
        let taken = self
            .turn
            .try_take(port, |turn| receiver.take_turn(turn, cut));
        if let Some(missed) = taken {
            self.target.missed(missed);
        }
        taken.is_some()
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
            Self::Onward(onward) => onward::send(onward, node, sequence, payload, after),
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
            Self::Onward(onward) => onward::send_unheld(onward, node, sequence, payload, after),
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
