//! Announcing a stream on a link with what is kept of it. Nothing is replayed that has no room: the newest messages win.

use std::cmp::Ordering;

use super::{Outbox, SinkPolicy};
use crate::frame::{Alias, Frame, Last, put_data_header, put_past_header};
use crate::history::History;
use crate::inbox::Offer;
use crate::overflow::{Class, Overflow};
use crate::past::{Past, Replay, Resume};
use crate::payload::Payload;

impl Outbox {
    /// Announces a stream, from where its receiver lost it as far as it is kept, and sends what is kept since then.
    pub fn announce(
        &mut self,
        mut stream: Alias<'_>,
        policy: &SinkPolicy,
        history: Option<&History>,
        resume: Option<Resume>,
    ) {
        let Some(next_sequence) = resume.and_then(|resume| resume.place_in(&stream)) else {
            return self.control(&Frame::Alias(stream).to_vec());
        };
        stream.resumed = resume.is_some_and(|resume| resume.incarnation == stream.incarnation);
        let kept = history.map_or(0, |history| {
            let missed = history.lens_back().take(history.since(next_sequence));
            self.room_for(policy, missed)
        });
        let stands_at = stream.next_sequence;
        let mut messages = history.into_iter().flat_map(|history| history.last(kept));
        let first = messages.next();
        if let Some((sequence, _)) = first {
            stream.next_sequence = sequence;
        }
        self.control(&Frame::Alias(stream).to_vec());
        let mut header = Vec::new();
        let mut reached = stream.next_sequence;
        for (sequence, payload) in first.into_iter().chain(messages) {
            header.clear();
            put_data_header(&mut header, stream.alias, sequence);
            self.offer_past(policy, &header, payload);
            reached = sequence + 1;
        }
        // Numbers behind the last message stand for losses of publishers elsewhere.
        if reached < stands_at {
            self.tail(stream.alias, stands_at);
        }
    }

    fn tail(&mut self, alias: u32, next_sequence: u64) {
        let tail = Frame::Tail {
            alias,
            next_sequence,
            last: Last::No,
        };
        self.control(&tail.to_vec());
    }

    /// Sends each subscriber that asks for it the last messages of an announced stream, then that it has them.
    pub fn replay(
        &mut self,
        alias: u32,
        next_sequence: u64,
        history: Option<&History>,
        past: &Past,
    ) {
        for replay in &past.replays {
            if let Some(history) = history {
                self.replay_one(alias, history, replay);
            }
            let live = Frame::Live {
                alias,
                token: replay.token.0,
                next_sequence,
            };
            self.control(&live.to_vec());
        }
    }

    fn replay_one(&mut self, alias: u32, history: &History, replay: &Replay) {
        let policy = self.policy_of(replay.class);
        let count = self.room_for(&policy, history.lens_back().take(replay.count));
        let mut header = Vec::new();
        for (sequence, payload) in history.last(count) {
            header.clear();
            put_past_header(&mut header, alias, replay.token.0, sequence);
            self.offer_past(&policy, &header, payload);
        }
    }

    /// What is sent to one subscriber is on its credit alone.
    fn policy_of(&mut self, class: Class) -> SinkPolicy {
        let mut policy = SinkPolicy::default();
        if class.policy() == Overflow::Block {
            policy.gates.push(self.gate(class));
        }
        policy
    }

    /// How many messages of these lengths, told from the newest on, find room and credit.
    fn room_for(&self, policy: &SinkPolicy, lens_back: impl Iterator<Item = usize>) -> usize {
        let (messages, bytes) = (
            self.messages + self.reserved_messages,
            self.bytes + self.reserved_bytes,
        );
        let (mut count, mut total) = (0, 0);
        for len in lens_back {
            let has_credit = policy.gates.iter().all(|gate| {
                let gate = self.gates.get(gate.0 as usize);
                gate.is_some_and(|gate| gate.allows(count, total, len))
            });
            if !has_credit || !self.limit.has_room(messages + count, bytes + total, len) {
                break;
            }
            count += 1;
            total += len;
        }
        count
    }

    fn offer_past(&mut self, policy: &SinkPolicy, header: &[u8], payload: &Payload) {
        let offer = self.offer(policy, header, payload);
        debug_assert_eq!(offer, Offer::Queued, "there was room for it");
    }
}

impl Resume {
    /// From which number on a stream is wanted by who heard it last so: of a later life, which begins with number 0, all.
    fn place_in(self, stream: &Alias<'_>) -> Option<u64> {
        match self.incarnation.cmp(&stream.incarnation) {
            Ordering::Less => Some(0),
            Ordering::Equal => {
                Some(self.next_sequence).filter(|next| *next <= stream.next_sequence)
            }
            Ordering::Greater => None,
        }
    }
}
