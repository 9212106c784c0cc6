//! The failure detector: SWIM, by the crate `foca`, without I/O.
//!
//! Packets and times go in; packets, and what is known of members, come out. Who a packet is for is all that this says
//! of the network: the node finds the way.

mod codec;
mod life;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use bytes::Bytes;
use foca::{
    AccumulatingRuntime, Codec, Config, Foca, Header, Member, Message, NoCustomBroadcast,
    OwnedNotification, PeriodicParams, Timer, TimerToken,
};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::identity::{Incarnation, NodeId};
use crate::limits;

pub(crate) use codec::Packet;
use codec::PacketCodec;
pub(crate) use foca::State;
use life::Life;

/// The failure detector of one node.
pub(crate) struct Swim {
    foca: Foca<Life, PacketCodec, SmallRng, NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Life>,
    /// By time and, at the same time, in the order they were set.
    timers: BTreeMap<(u64, u64), Timer<Life>>,
    next_timer: u64,
    /// When news are passed on next; only while there are some.
    spread_at_ms: Option<u64>,
    packets: VecDeque<(NodeId, Bytes)>,
    returned: bool,
}

impl fmt::Debug for Swim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let life = self.foca.identity();
        f.debug_struct("Swim")
            .field("life", life)
            .finish_non_exhaustive()
    }
}

impl Swim {
    /// A member that knows no other. It has nothing to do until it hears of one.
    pub(crate) fn new(node: NodeId, incarnation: Incarnation, seed: u64) -> Self {
        let life = Life {
            node,
            incarnation,
            returns: 0,
        };
        let random = SmallRng::seed_from_u64(seed);
        Self {
            foca: Foca::new(life, config(), random, PacketCodec),
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            spread_at_ms: None,
            packets: VecDeque::new(),
            returned: false,
        }
    }

    /// Asks a node to take us for a member, and for the members it knows.
    pub(crate) fn announce(&mut self, now_ms: u64, to: NodeId) {
        // Whatever life it leads: an announcement is for the node.
        let any = Life {
            node: to,
            incarnation: Incarnation(0),
            returns: 0,
        };
        let announced = self.foca.announce(any, &mut self.runtime);
        debug_assert!(announced.is_ok(), "our own packets can be encoded");
        self.settle(now_ms);
    }

    /// Takes a packet that was checked to be one.
    pub(crate) fn receive(&mut self, now_ms: u64, packet: &[u8]) {
        // What is refused is of another life of ours, or makes no sense: it changes nothing.
        let _ = self.foca.handle_data(packet, &mut self.runtime);
        self.settle(now_ms);
        if let Ok(header) = PacketCodec.decode_header(packet) {
            self.tell_suspect(&header.src);
        }
    }

    /// A suspect that speaks may not know that it is one: foca tells of a suspicion only as long as that is news, and one
    /// that was paused meanwhile would stay suspect for ever. Told, it refutes it.
    fn tell_suspect(&mut self, life: &Life) {
        let mut members = self.foca.iter_membership_state();
        let suspect = members.find(|member| member.id() == life);
        let Some(suspect) = suspect.filter(|member| member.state() == State::Suspect) else {
            return;
        };
        let header = Header {
            src: self.foca.identity().clone(),
            // Our own refutations are foca's secret; these say nothing new of us.
            src_incarnation: 0,
            dst: life.clone(),
            message: Message::Gossip,
        };
        let mut packet = Vec::new();
        let encoded = PacketCodec.encode_header(&header, &mut packet);
        packet.extend(1u16.to_be_bytes());
        let encoded = encoded.and_then(|()| PacketCodec.encode_member(suspect, &mut packet));
        debug_assert!(encoded.is_ok(), "a vector has room");
        self.packets.push_back((life.node, packet.into()));
    }

    /// A life of a node is over.
    pub(crate) fn bury(&mut self, now_ms: u64, node: NodeId, incarnation: Incarnation) {
        let known = self.foca.iter_membership_state().map(Member::id);
        let over = known.filter(|life| life.node == node && life.incarnation <= incarnation);
        let over: Vec<Life> = over.cloned().collect();
        let down = over.into_iter().map(Member::down);
        let applied = self.foca.apply_many(down, true, &mut self.runtime);
        debug_assert!(applied.is_ok(), "our own packets can be encoded");
        self.settle(now_ms);
    }

    /// This node is known by another of its lives from now on.
    pub(crate) fn take_up(&mut self, now_ms: u64, incarnation: Incarnation) {
        let life = Life {
            incarnation,
            returns: 0,
            ..self.foca.identity().clone()
        };
        let changed = self.foca.change_identity(life, &mut self.runtime);
        debug_assert!(changed.is_ok(), "it is another life");
        self.settle(now_ms);
        self.returned = true;
        self.resume(now_ms);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let timer = self.timers.keys().next().map(|(at_ms, _)| *at_ms);
        timer.into_iter().chain(self.spread_at_ms).min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now_ms: u64) {
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now_ms
        {
            let timer = entry.remove();
            // A probe that came too late for its interval starts over.
            let _ = self.foca.handle_timer(timer, &mut self.runtime);
            self.settle(now_ms);
        }
        if self.spread_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.spread_at_ms = None;
            let sent = self.foca.gossip(&mut self.runtime);
            debug_assert!(sent.is_ok(), "our own packets can be encoded");
            self.settle(now_ms);
        }
    }

    /// The next packet to send, and to whom.
    pub(crate) fn poll_packet(&mut self) -> Option<(NodeId, Bytes)> {
        self.packets.pop_front()
    }

    /// As [`take_returned`](Self::take_returned), which is still to be called.
    pub(crate) fn has_returned(&self) -> bool {
        self.returned
    }

    /// Whether others had taken this node for down since the last call, so that it is new to them.
    pub(crate) fn take_returned(&mut self) -> bool {
        std::mem::take(&mut self.returned)
    }

    /// How many members were heard of.
    pub(crate) fn len(&self) -> usize {
        self.foca.iter_membership_state().len()
    }

    /// Every member heard of, which of its lives, and how it is.
    pub(crate) fn states(&self) -> impl Iterator<Item = (NodeId, Incarnation, State)> {
        let members = self.foca.iter_membership_state();
        members.map(|member| {
            let life = member.id();
            (life.node, life.incarnation, member.state())
        })
    }

    /// Collects what foca asked for.
    fn settle(&mut self, now_ms: u64) {
        while let Some((to, packet)) = self.runtime.to_send() {
            self.packets.push_back((to.node, packet));
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            self.schedule(now_ms + after.as_millis() as u64, timer);
        }
        while let Some(news) = self.runtime.to_notify() {
            if let OwnedNotification::Rejoin(_) = news {
                self.returned = true;
                self.resume(now_ms);
            }
        }
        let spreads = self.foca.updates_backlog() > 0 && self.foca.num_members() > 0;
        if spreads && self.spread_at_ms.is_none() {
            self.spread_at_ms = Some(now_ms + limits::GOSSIP_SPREAD_MS);
        }
    }

    /// With a new life foca has stopped probing, and has forgotten when suspects are to be taken for down.
    fn resume(&mut self, now_ms: u64) {
        let resumed = self
            .foca
            .apply_many(std::iter::empty(), true, &mut self.runtime);
        debug_assert!(resumed.is_ok(), "nothing is encoded");
        while let Some((after, timer)) = self.runtime.to_schedule() {
            if let Timer::ProbeRandomMember(token) = timer {
                self.resume_suspicions(now_ms, token);
            }
            self.schedule(now_ms + after.as_millis() as u64, timer);
        }
    }

    fn resume_suspicions(&mut self, now_ms: u64, token: TimerToken) {
        let members = self.foca.iter_membership_state();
        let suspects = members.filter(|member| member.state() == State::Suspect);
        let timers: Vec<Timer<Life>> = suspects
            .map(|suspect| Timer::ChangeSuspectToDown {
                member_id: suspect.id().clone(),
                incarnation: suspect.incarnation(),
                token,
            })
            .collect();
        for timer in timers {
            self.schedule(now_ms + limits::SUSPICION_MS, timer);
        }
    }

    fn schedule(&mut self, at_ms: u64, timer: Timer<Life>) {
        if let Timer::RemoveDown(down) = &timer {
            // One for each node: who goes down and returns all the time must not fill our memory.
            self.timers.retain(
                |_, known| !matches!(known, Timer::RemoveDown(known) if known.node == down.node),
            );
        }
        self.next_timer += 1;
        self.timers.insert((at_ms, self.next_timer), timer);
    }
}

fn config() -> Config {
    let count = |count| NonZeroUsize::new(count).expect("not zero");
    let every = |period_ms, members| {
        Some(PeriodicParams {
            frequency: Duration::from_millis(period_ms),
            num_members: count(members),
        })
    };
    Config {
        probe_period: Duration::from_millis(limits::PROBE_INTERVAL_MS),
        probe_rtt: Duration::from_millis(limits::PROBE_ANSWER_MS),
        num_indirect_probes: count(limits::INDIRECT_PROBES),
        max_transmissions: NonZeroU8::new(limits::GOSSIP_TRANSMISSIONS).expect("not zero"),
        suspect_to_down_after: Duration::from_millis(limits::SUSPICION_MS),
        remove_down_after: Some(Duration::from_millis(limits::MEMBER_FORGET_MS)),
        max_packet_size: count(limits::MAX_GOSSIP_BYTES),
        notify_down_members: true,
        periodic_announce: every(limits::GOSSIP_COMPARE_MS, 1),
        periodic_announce_to_down_members: every(limits::GOSSIP_DOWN_MS, 2),
        // News are spread when there are some; nobody wakes for nothing.
        periodic_gossip: None,
    }
}

#[cfg(test)]
mod tests;
