//! The end of one way of a stream: at the owner, or at a hub that passes it on.

use std::collections::VecDeque;

use thiserror::Error;

use super::Turn;
use super::turn::{Beginning, Ticket};
use crate::credit::{Grant, Window};
use crate::frame::{Alias, Frame};
use crate::identity::NodeId;
use crate::inbox::Limit;
use crate::limits::{UPSTREAM_WINDOW_BYTES, UPSTREAM_WINDOW_MESSAGES};
use crate::missed::Missed;
use crate::overflow::Class;
use crate::payload::Payload;
use crate::stream::{Stream, Verdict};

/// The other side sends more than it has credit for.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("more messages published to us than credit was given for")]
pub struct Overrun;

/// What waits for its turn, or for room at blocking subscribers. Its credit is withheld, so that the publisher waits in its
/// place, and nothing else of the link does.
#[derive(Debug)]
pub struct Receiver {
    way: Beginning,
    /// The number at which the stream began for this life of the owner.
    since: u64,
    ticket: Ticket,
    /// An earlier way is to hand on what precedes.
    waits: bool,
    class: Class,
    window: Window,
    /// What waits, in order.
    backlog: VecDeque<(u64, Payload)>,
    backlog_bytes: usize,
    /// The first that waits was judged by its number.
    judged: bool,
    /// Where the stream stands behind what waits.
    tail: Option<u64>,
    /// The first number that did not come to be handed on by this way.
    stands_at: u64,
    settled: Settled,
}

/// What is due to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// So much is missing before it.
    pub missed: Missed,
    /// The number of the message that is to be handed on, see [`Receiver::first`]; none where only a loss is told.
    pub sequence: Option<u64>,
}

/// What follows from handing on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settled {
    /// Messages that were seen before.
    pub duplicates: u64,
    credit: Option<(Class, Grant)>,
}

impl Settled {
    /// The credit to grant, if it is time.
    #[must_use]
    pub fn credit(&self) -> Option<Frame<'static>> {
        let (class, grant) = self.credit?;
        Some(Frame::Credit {
            class,
            messages: grant.messages,
            bytes: grant.bytes,
        })
    }
}

impl Receiver {
    /// The other side announced the stream. Call [`take_turn`](Self::take_turn) next.
    #[must_use]
    pub fn announced(alias: &Alias<'_>, turn: &mut Turn) -> Self {
        let limit = Limit {
            messages: UPSTREAM_WINDOW_MESSAGES,
            bytes: UPSTREAM_WINDOW_BYTES,
        };
        // The first window is the publisher's without asking.
        let (window, _) = Window::open(limit, 1);
        Self {
            way: Beginning {
                publisher: alias.publisher,
                incarnation: alias.incarnation,
                next: alias.next_sequence,
            },
            since: alias.since,
            ticket: turn.ticket(),
            waits: true,
            class: Class::upstream(alias.alias),
            window,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            judged: false,
            tail: None,
            stands_at: alias.next_sequence,
            settled: Settled::default(),
        }
    }

    /// Whether an earlier way is to hand on what precedes; see [`take_turn`](Self::take_turn).
    #[must_use]
    #[inline]
    pub fn waits_for_turn(&self) -> bool {
        self.waits
    }

    /// Takes over from the way that the stream came by before: what is missing since it was last heard, to be told first.
    /// `cut` gives what is remembered of it where no other way is left. `None` if an earlier way has not handed on all that
    /// precedes, or is still open while this one [brings](Self::brings_more) nothing: to be tried again when this one does,
    /// or when an earlier one has [handed on](Self::handed_on) something or has [left](Self::leave).
    pub fn take_turn(
        &mut self,
        turn: &mut Turn,
        cut: impl FnOnce() -> Option<Stream>,
    ) -> Option<Missed> {
        let missed = turn.take(self.ticket, self.way, self.brings_more(), cut)?;
        self.waits = false;
        Some(missed)
    }

    /// Who publishes the stream.
    #[must_use]
    pub fn publisher(&self) -> NodeId {
        self.way.publisher
    }

    /// The number that this way began with.
    #[must_use]
    pub fn begins(&self) -> u64 {
        self.way.next
    }

    /// The stream before its first message to this life of the owner: what an owner knows that has not forgotten any. What
    /// comes late by another way, behind this one, is then told as missing.
    #[must_use]
    pub fn unheard(&self) -> Stream {
        Stream::new(self.way.publisher, self.way.incarnation, self.since)
    }

    /// A message arrived; whether it is first in line. Behind others there is nothing to try: they are tried when there is
    /// room.
    ///
    /// # Errors
    /// [`Overrun`]: the link is to be closed.
    #[inline]
    pub fn arrived(&mut self, sequence: u64, payload: Payload) -> Result<bool, Overrun> {
        let first = self.backlog.is_empty();
        // Credit that was on its way when the stream was announced anew may come on top of the window.
        if self.backlog.len() >= 4 * UPSTREAM_WINDOW_MESSAGES
            || self.backlog_bytes >= 4 * UPSTREAM_WINDOW_BYTES && !first
        {
            return Err(Overrun);
        }
        self.backlog_bytes += payload.len();
        self.backlog.push_back((sequence, payload));
        Ok(first)
    }

    /// The stream stands at this number, behind what waits; whether nothing does.
    pub fn told(&mut self, next_sequence: u64) -> bool {
        self.tail = self.tail.max(Some(next_sequence));
        self.backlog.is_empty()
    }

    /// Whether something waits, be it for its turn alone.
    #[must_use]
    #[inline]
    pub fn is_held_up(&self) -> bool {
        self.waits || !self.backlog.is_empty() || self.tail.is_some()
    }

    /// Whether there are messages of this way to hand on, or a loss to tell.
    #[must_use]
    pub fn brings_more(&self) -> bool {
        !self.backlog.is_empty() || self.tail.is_some_and(|next| next > self.stands_at)
    }

    /// Whether the stream goes on by this way now.
    #[must_use]
    pub fn has_turn(&self, turn: &Turn) -> bool {
        !self.waits && turn.is_held_by(self.ticket)
    }

    /// Messages that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// What is to be done next; `None` if nothing waits, or it is not its turn. What was seen before is passed by.
    #[inline]
    pub fn due(&mut self, turn: &mut Turn) -> Option<Due> {
        if self.waits {
            return None;
        }
        while let Some((sequence, _)) = self.backlog.front() {
            let sequence = *sequence;
            if let Some(missed) = self.judge(turn, sequence) {
                self.judged = true;
                return Some(Due {
                    missed,
                    sequence: Some(sequence),
                });
            }
            self.settled.duplicates += 1;
            self.forget_first();
        }
        let next = self.tail.take()?;
        self.stands_at = self.stands_at.max(next);
        let missed = turn.told(self.ticket, next);
        Some(Due {
            missed,
            sequence: None,
        })
    }

    /// The message that is first in line.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<&Payload> {
        self.backlog.front().map(|(_, payload)| payload)
    }

    /// What was [due](Self::due) is published or passed on, or there is nobody to take it. Ways that wait for their turn may
    /// have it now.
    #[inline]
    pub fn handed_on(&mut self, turn: &mut Turn) {
        if let Some(sequence) = self.forget_first() {
            self.stands_at = sequence.saturating_add(1);
            turn.handed_on(self.ticket, self.stands_at);
        }
    }

    /// What follows from handing on, to be asked once it has come to a halt.
    #[inline]
    pub fn settle(&mut self) -> Settled {
        std::mem::take(&mut self.settled)
    }

    /// The first number that this way did not bring to be handed on.
    #[must_use]
    pub fn stands_at(&self) -> u64 {
        self.stands_at
    }

    /// The way is at its end, and with it what still waits; `ended` if the stream is, for good. Gives how far it was heard,
    /// unless it goes on by another way. Ways that wait for their turn may have it now.
    pub fn leave(&mut self, turn: &mut Turn, ended: bool) -> Option<Stream> {
        turn.leave(self.ticket, ended)
    }

    /// What is missing before the first in line; `None` if that was seen before.
    fn judge(&self, turn: &mut Turn, sequence: u64) -> Option<Missed> {
        if self.judged {
            return turn.is_held_by(self.ticket).then_some(Missed::NONE);
        }
        match turn.judge(self.ticket, sequence) {
            Verdict::Deliver => Some(Missed::NONE),
            Verdict::DeliverAfterGap(count) => Some(Missed::exactly(count)),
            Verdict::Duplicate => None,
        }
    }

    /// Its credit comes back.
    fn forget_first(&mut self) -> Option<u64> {
        let (sequence, payload) = self.backlog.pop_front()?;
        self.judged = false;
        self.backlog_bytes -= payload.len();
        if let Some(grant) = self.window.received(payload.len()) {
            let before = self.settled.credit.map_or(Grant::default(), |(_, due)| due);
            let grant = Grant {
                messages: before.messages.saturating_add(grant.messages),
                bytes: before.bytes.saturating_add(grant.bytes),
            };
            self.settled.credit = Some((self.class, grant));
        }
        Some(sequence)
    }
}
