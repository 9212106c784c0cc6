//! Whose turn it is when a stream of published messages changes its way: first what came by the old one is handed on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use spot_core::frame::Alias;
use spot_core::stream::{Stream, Verdict};
use spot_core::{Incarnation, LinkId, Missed, NodeId};

use crate::data::lock;
use crate::reactor::LinkPort;

/// The streams that are published to this node, or by way of it, whichever links they come by.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Key, Weak<Mutex<Turn>>>>);

/// Topic, owner, publisher.
type Key = (Arc<str>, NodeId, NodeId);

#[derive(Debug, Default)]
struct Turn {
    /// The way that hands on: link and alias.
    holder: Option<(LinkId, u32)>,
    stream: Option<Stream>,
    /// The first number that is not handed on.
    reached: u64,
    /// Ways that wait for their turn.
    waiting: Vec<LinkPort>,
}

/// One way of a stream.
#[derive(Debug)]
pub(super) struct Place {
    turn: Arc<Mutex<Turn>>,
    own: (LinkId, u32),
    publisher: NodeId,
    incarnation: Incarnation,
    /// The number that it begins with.
    begins: u64,
    has_turn: bool,
}

impl Turns {
    pub(super) fn place(&self, owner: NodeId, link: LinkId, alias: &Alias<'_>) -> Place {
        let mut turns = lock(&self.0);
        let key = (Arc::from(alias.topic), owner, alias.publisher);
        let known = turns.get(&key).and_then(Weak::upgrade);
        let turn = known.unwrap_or_else(|| {
            // What nobody holds any more goes when there is as much of it as of the rest.
            if turns.len() == turns.capacity() {
                turns.retain(|_, turn| turn.strong_count() > 0);
            }
            let turn = Arc::default();
            turns.insert(key, Arc::downgrade(&turn));
            turn
        });
        Place {
            turn,
            own: (link, alias.alias),
            publisher: alias.publisher,
            incarnation: alias.incarnation,
            begins: alias.next_sequence,
            has_turn: false,
        }
    }
}

impl Place {
    pub(super) fn has_turn(&self) -> bool {
        self.has_turn
    }

    pub(super) fn publisher(&self) -> NodeId {
        self.publisher
    }

    /// Takes the turn: what is missing since the stream was last heard. `None`: an earlier way has it and has not handed on
    /// all that precedes; the link is told when it may try again. `cut` gives what is remembered of an earlier link.
    pub(super) fn take_turn(
        &mut self,
        port: Option<&LinkPort>,
        cut: impl FnOnce() -> Option<Stream>,
    ) -> Option<Missed> {
        let mut turn = lock(&self.turn);
        let same_life = turn
            .stream
            .is_some_and(|stream| stream.incarnation() == self.incarnation);
        if turn.holder.is_some() && same_life && turn.reached < self.begins {
            if let Some(port) = port.filter(|port| !turn.waiting.contains(port)) {
                turn.waiting.push(port.clone());
            }
            return None;
        }
        turn.holder = Some(self.own);
        self.has_turn = true;
        let cut = cut();
        let Some(mut stream) = turn.stream.or(cut) else {
            let stream = Stream::new(self.publisher, self.incarnation, self.begins);
            turn.stream = Some(stream);
            turn.reached = self.begins;
            return Some(Missed::NONE);
        };
        // What an earlier way has handed on beyond its beginning is not handed on again.
        let ahead = same_life && !stream.has_ended() && stream.next() >= self.begins;
        let missed = if ahead {
            Missed::NONE
        } else {
            stream.reopen(self.incarnation, self.begins)
        };
        turn.stream = Some(stream);
        turn.reached = stream.next();
        Some(missed)
    }

    /// Judges a message. One that comes by a way that has lost its turn was handed on, or is told as missing, already.
    pub(super) fn receive(&self, sequence: u64) -> Verdict {
        let mut turn = lock(&self.turn);
        if turn.holder != Some(self.own) {
            return Verdict::Duplicate;
        }
        let stream = turn.stream.as_mut();
        stream.map_or(Verdict::Duplicate, |stream| stream.receive(sequence))
    }

    /// The stream stands at this number: what is missing before it.
    pub(super) fn announced(&self, next: u64) -> Missed {
        let mut turn = lock(&self.turn);
        if turn.holder != Some(self.own) {
            return Missed::NONE;
        }
        let stream = turn.stream.as_mut();
        let missed = stream.map_or(Missed::NONE, |stream| stream.announced(next));
        turn.advance(next);
        missed
    }

    /// All before this number is handed on.
    pub(super) fn reached(&self, next: u64) {
        let mut turn = lock(&self.turn);
        if turn.holder == Some(self.own) {
            turn.advance(next);
        }
    }

    /// The first number that is not handed on.
    pub(super) fn stands_at(&self) -> u64 {
        lock(&self.turn).reached
    }

    /// This way is at its end; gives what is to be remembered of the stream, unless it has ended or goes on by another way.
    pub(super) fn leave(&mut self, ended: bool) -> Option<Stream> {
        let mut turn = lock(&self.turn);
        if turn.holder != Some(self.own) {
            return None;
        }
        turn.holder = None;
        turn.waiting.drain(..).for_each(|port| port.retry());
        let stream = turn.stream.as_mut()?;
        if ended {
            stream.end();
            return None;
        }
        Some(*stream)
    }
}

impl Turn {
    fn advance(&mut self, next: u64) {
        self.reached = self.reached.max(next);
        self.waiting.drain(..).for_each(|port| port.retry());
    }
}
