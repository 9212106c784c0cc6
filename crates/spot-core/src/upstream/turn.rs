//! Whose turn it is when a stream of published messages changes its way: first what came by the old one is handed on.

use crate::identity::{Incarnation, NodeId};
use crate::missed::Missed;
use crate::stream::{Stream, Verdict};

/// What the ways have in common that one publisher's stream to one owner comes by. It lasts as long as there is such a way.
#[derive(Debug, Default)]
pub struct Turn {
    /// The way that hands on.
    holder: Option<Ticket>,
    tickets: u64,
    stream: Option<Stream>,
    /// The first number that is not handed on.
    reached: u64,
}

/// A way of a stream, by the order in which ways were announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Where a way of a stream begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub(super) publisher: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) next: u64,
}

impl Turn {
    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// A way takes over, if what precedes is handed on: what is missing since the stream was last heard. `cut` gives what is
    /// remembered of it from before all the ways there are. `None`: it is to wait.
    ///
    /// A way that is late, because the stream has gone on beyond its beginning by another, or in a later life, does not take
    /// over: it brings nothing that was not handed on, or told as missing. One that `brings` nothing leaves the turn to a
    /// living one: where both begin with the same number, the stream may well go on by that.
    pub(super) fn take(
        &mut self,
        ticket: Ticket,
        way: Beginning,
        brings: bool,
        cut: impl FnOnce() -> Option<Stream>,
    ) -> Option<Missed> {
        if self.holder.is_some() && self.is_of(way.incarnation) {
            if self.reached > way.next {
                return Some(Missed::NONE);
            }
            if self.reached < way.next || !brings {
                return None;
            }
        }
        let cut = cut();
        let known = self.stream.or(cut);
        if let Some(stream) = known.filter(|stream| stream.incarnation() > way.incarnation) {
            if self.stream.is_none() {
                self.stand(stream);
            }
            return Some(Missed::NONE);
        }
        self.holder = Some(ticket);
        let first = || Stream::new(way.publisher, way.incarnation, way.next);
        let mut stream = known.unwrap_or_else(first);
        // Numbers are never given anew within a life: what was handed on beyond the beginning is not handed on again.
        let is_ahead = stream.incarnation() == way.incarnation && stream.next() >= way.next;
        let missed = if is_ahead {
            stream.go_on();
            Missed::NONE
        } else {
            stream.reopen(way.incarnation, way.next)
        };
        self.stand(stream);
        Some(missed)
    }

    /// Judges a message. One that comes by a way whose turn it is no more was handed on, or told as missing.
    pub(super) fn judge(&mut self, ticket: Ticket, sequence: u64) -> Verdict {
        match &mut self.stream {
            Some(stream) if self.holder == Some(ticket) => stream.receive(sequence),
            _ => Verdict::Duplicate,
        }
    }

    pub(super) fn is_held_by(&self, ticket: Ticket) -> bool {
        self.holder == Some(ticket)
    }

    /// The stream stands at this number: what is missing before it.
    pub(super) fn told(&mut self, ticket: Ticket, next: u64) -> Missed {
        match &mut self.stream {
            Some(stream) if self.holder == Some(ticket) => {
                self.reached = self.reached.max(next);
                stream.announced(next)
            }
            _ => Missed::NONE,
        }
    }

    /// All before this number is handed on.
    pub(super) fn handed_on(&mut self, ticket: Ticket, next: u64) {
        if self.holder == Some(ticket) {
            self.reached = self.reached.max(next);
        }
    }

    /// A way is at its end; gives what is to be remembered of the stream, unless it goes on by another way. Of one that has
    /// ended, too: a hub may still bring what was overtaken.
    pub(super) fn leave(&mut self, ticket: Ticket, ended: bool) -> Option<Stream> {
        if self.holder.is_some_and(|holder| holder != ticket) {
            return None;
        }
        let was_its = self.holder.take().is_some();
        let stream = self.stream.as_mut()?;
        if ended && was_its {
            stream.end();
        }
        Some(*stream)
    }

    fn is_of(&self, incarnation: Incarnation) -> bool {
        self.stream
            .is_some_and(|stream| stream.incarnation() == incarnation)
    }

    fn stand(&mut self, stream: Stream) {
        self.reached = stream.next();
        self.stream = Some(stream);
    }
}
