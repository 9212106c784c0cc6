//! A connection from its first byte to its last.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use spot_core::node::CloseReason;
use spot_core::{Endpoint, LinkId, NodeId, limits};
use zmtp::{Handshake, Limits, Progress};

use super::LinkPort;
use super::fault::{Fault, FaultKind};
use super::handshake::{failure_of, metadata_for_dialing, metadata_to_answer, peer_of};
use super::link::{Link, Wire};
use crate::engine::NodeInner;
use crate::net::Stream;

/// Bytes read of one connection before the others get their turn.
const READ_BYTES_PER_TURN: usize = 1024 * 1024;
/// Bytes read at once where large frames come one after another: the begin of the next.
const BEGIN_BYTES: usize = 16 * 1024;
/// How long a closed connection waits at most for the other side to close its end.
const FAREWELL: Duration = Duration::from_millis(500);

/// What came with one read, how much could have come, and whether it is in its place already.
struct Read {
    read: usize,
    room: usize,
    in_place: bool,
}

/// What a connection asks its thread for after a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Wait,
    /// There is more to read than one turn allows.
    ReadMore,
    /// It is over.
    Done,
}

/// What a dialled connection is for.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) link: LinkId,
    pub(super) endpoint: Endpoint,
    /// Addresses to try if this one fails.
    pub(super) more: Vec<SocketAddr>,
}

/// A connection of a node.
pub(super) struct Connection {
    node: Arc<NodeInner>,
    stream: Arc<Stream>,
    port: LinkPort,
    phase: Phase,
    /// The other end, in words.
    address: String,
    /// The link's number; a connection that was accepted gets it after the handshake.
    link: Option<LinkId>,
    /// What it was dialled for.
    target: Option<Target>,
    deadline: Option<Instant>,
    pub(super) armed: Option<Instant>,
    pub(super) serial: u64,
    /// The poller has told of the end of the stream: it is to be read up to there.
    end_seen: bool,
    gone: bool,
    /// Large frames come one after another.
    reads_in_place: bool,
}

enum Phase {
    Connecting,
    Shaking {
        handshake: Option<Handshake>,
        output: Vec<u8>,
    },
    Linked(Box<Link>),
    /// Closed by us: what is queued is sent, then the other side's end is waited for.
    Draining {
        link: Box<Link>,
        shut: bool,
    },
    /// The other side is gone. What it published, and was told to be on its way, waits for room at blocking subscribers.
    Remaining {
        link: Box<Link>,
        _kept: Kept,
    },
}

/// One of the few connections of a node of which something may remain.
struct Kept(Arc<NodeInner>);

impl Kept {
    fn new(node: &Arc<NodeInner>) -> Option<Self> {
        let count = node.remaining.fetch_add(1, Relaxed);
        let kept = Self(node.clone());
        (count < limits::MAX_REMAINING_CONNECTIONS).then_some(kept)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.remaining.fetch_sub(1, Relaxed);
    }
}

impl Connection {
    pub(super) fn dialed(
        node: Arc<NodeInner>,
        stream: Stream,
        target: Target,
        port: LinkPort,
        serial: u64,
    ) -> Self {
        let address = target.endpoint.to_string();
        let mut connection = Self::new(node, stream, address, port, serial, Phase::Connecting);
        connection.link = Some(target.link);
        connection.target = Some(target);
        connection.deadline = Some(Instant::now() + Duration::from_millis(limits::DIAL_TIMEOUT_MS));
        connection
    }

    pub(super) fn accepted(
        node: Arc<NodeInner>,
        stream: Stream,
        address: String,
        port: LinkPort,
        serial: u64,
    ) -> Self {
        let handshake = Handshake::accepting(zmtp_limits(&node));
        let phase = Phase::Shaking {
            handshake: Some(handshake),
            output: Vec::new(),
        };
        let mut connection = Self::new(node, stream, address, port, serial, phase);
        connection.deadline =
            Some(Instant::now() + Duration::from_millis(limits::HANDSHAKE_TIMEOUT_MS));
        connection
    }

    fn new(
        node: Arc<NodeInner>,
        stream: Stream,
        address: String,
        port: LinkPort,
        serial: u64,
        phase: Phase,
    ) -> Self {
        node.socket_opened();
        Self {
            node,
            stream: Arc::new(stream),
            port,
            phase,
            address,
            link: None,
            target: None,
            deadline: None,
            armed: None,
            serial,
            end_seen: false,
            gone: false,
            reads_in_place: false,
        }
    }

    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream
            .register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&self, registry: &Registry) {
        let _ = self.stream.deregister(registry);
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// The first turn: an accepted connection sends its greeting, a local one may be connected already.
    pub(super) fn begin(&mut self) -> Outcome {
        self.writable()
    }

    /// When [`timeout`](Self::timeout) wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Linked(link) => link.deadline(),
            _ => self.deadline,
        }
    }

    pub(super) fn is_attempt(&self, node: NodeId, link: LinkId) -> bool {
        self.node.id() == node && self.link == Some(link) && self.is_shaking_hands_for(node)
    }

    pub(super) fn is_shaking_hands_for(&self, node: NodeId) -> bool {
        self.node.id() == node && matches!(self.phase, Phase::Connecting | Phase::Shaking { .. })
    }

    /// Ends an attempt without telling the control plane, which has asked for it.
    pub(super) fn give_up(&mut self) {
        self.leave();
    }

    pub(super) fn writable(&mut self) -> Outcome {
        let turn = match &mut self.phase {
            Phase::Connecting => self.try_connected(),
            Phase::Shaking { .. } => self.write_handshake(),
            Phase::Linked(link) => link.outbox.flush().map_err(Fault::closed),
            Phase::Draining { .. } => return self.drain(),
            Phase::Remaining { .. } => return Outcome::Wait,
        };
        match turn {
            Ok(()) if self.gone => Outcome::Done,
            Ok(()) => Outcome::Wait,
            Err(fault) => self.end(fault),
        }
    }

    /// `closed`: the poller has seen the end of the stream, which makes no further edge.
    pub(super) fn readable(&mut self, buffer: &mut [u8], closed: bool) -> Outcome {
        self.end_seen |= closed;
        match self.phase {
            Phase::Connecting => return self.writable(),
            Phase::Remaining { .. } => return Outcome::Wait,
            _ => {}
        }
        let mut budget = READ_BYTES_PER_TURN;
        while budget > 0 {
            let Read {
                read,
                room,
                in_place,
            } = match self.read(buffer) {
                Ok(Read { read: 0, .. }) => return self.end(Fault::closed("closed by the peer")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.turn_done(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.end(Fault::closed(error)),
            };
            let buffered = if in_place { 0 } else { read };
            if let Err(fault) = self.take(&buffer[..buffered]) {
                return self.end(fault);
            }
            // The next read tells whether another large frame begins.
            self.reads_in_place = in_place || self.is_large_arriving();
            // A short read has emptied the socket: what comes later makes a new edge, except for an end already seen.
            if read < room && !self.end_seen {
                return self.turn_done();
            }
            budget = budget.saturating_sub(read);
        }
        self.turn_done();
        Outcome::ReadMore
    }

    /// Reads to where what comes belongs: the rest of a large frame to the frame, anything else into `buffer`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        if let Phase::Linked(link) = &mut self.phase
            && let Some((frame, room)) = link.arriving()
        {
            let read = self.stream.read_onto(frame, room)?;
            return Ok(Read {
                read,
                room,
                in_place: true,
            });
        }
        let room = match self.reads_in_place {
            true => BEGIN_BYTES,
            false => buffer.len(),
        };
        let read = self.stream.read(&mut buffer[..room])?;
        Ok(Read {
            read,
            room,
            in_place: false,
        })
    }

    fn is_large_arriving(&self) -> bool {
        matches!(&self.phase, Phase::Linked(link) if link.is_large_arriving())
    }

    /// There may be room for what the peer published to us.
    pub(super) fn retry(&mut self) -> Outcome {
        match &mut self.phase {
            Phase::Linked(link) => link.retry(&self.node),
            Phase::Remaining { link, .. } => {
                link.retry(&self.node);
                link.turn_done(&self.node);
                if !link.remains() {
                    return Outcome::Done;
                }
            }
            _ => {}
        }
        self.turn_done()
    }

    /// The node closes: what remains of the connection is not waited for.
    pub(super) fn is_remainder_of(&self, node: NodeId) -> bool {
        self.node.id() == node && matches!(self.phase, Phase::Remaining { .. })
    }

    /// Keeps of a link that is gone what waits for room, if anything does; otherwise it is over.
    fn keep_remainder(&mut self, mut link: Box<Link>) -> Outcome {
        self.leave();
        if link.remains()
            && !self.node.is_closed()
            && let Some(kept) = Kept::new(&self.node)
        {
            self.phase = Phase::Remaining { link, _kept: kept };
            // There may have been room since.
            return self.retry();
        }
        link.give_up(&self.node);
        Outcome::Done
    }

    pub(super) fn timeout(&mut self, now: Instant) -> Outcome {
        let turn = match &mut self.phase {
            Phase::Linked(link) => link.heartbeat(now),
            _ if self.deadline.is_none_or(|deadline| now < deadline) => return Outcome::Wait,
            Phase::Connecting => self.try_next(Fault::closed(format!(
                "no connection within {} ms",
                limits::DIAL_TIMEOUT_MS
            ))),
            Phase::Shaking { .. } => Err(Fault {
                reason: format!(
                    "no complete handshake within {} ms",
                    limits::HANDSHAKE_TIMEOUT_MS
                ),
                kind: FaultKind::HandshakeTimeout,
            }),
            Phase::Draining { .. } => return self.give_up_draining(),
            Phase::Remaining { .. } => {
                self.leave();
                return Outcome::Done;
            }
        };
        match turn {
            Ok(()) if self.gone => Outcome::Done,
            Ok(()) => Outcome::Wait,
            Err(fault) => self.end(fault),
        }
    }

    /// The control plane closes the link.
    pub(super) fn close(&mut self, link: LinkId, reason: CloseReason) -> Outcome {
        if self.link != Some(link) {
            return Outcome::Wait;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Connecting);
        let Phase::Linked(mut link) = phase else {
            self.phase = phase;
            return Outcome::Wait;
        };
        link.closing(&self.node, reason);
        let is_replaced = reason == CloseReason::Replaced;
        if is_replaced && link.remains() {
            // The farewell is for another node of its name, and only as good as one write.
            let _ = link.outbox.flush();
            return self.keep_remainder(link);
        }
        link.give_up(&self.node);
        // Who was replaced is mostly gone, and not waited for.
        let linger = self.node.read_options(|options| options.linger);
        let linger = if is_replaced { Some(FAREWELL) } else { linger };
        self.deadline = linger.map(|linger| Instant::now() + linger);
        self.phase = Phase::Draining { link, shut: false };
        self.drain()
    }

    pub(super) fn fail(&mut self, reason: &str) -> Outcome {
        self.end(Fault::closed(reason))
    }

    fn turn_done(&mut self) -> Outcome {
        if let Phase::Linked(link) = &mut self.phase {
            link.turn_done(&self.node);
        }
        Outcome::Wait
    }

    /// Handles bytes that arrived.
    fn take(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        if let Phase::Shaking { .. } = self.phase {
            self.shake(&mut input)?;
        }
        match &mut self.phase {
            Phase::Linked(link) => link.take(&self.node, input),
            _ => Ok(()),
        }
    }

    fn try_connected(&mut self) -> Result<(), Fault> {
        match self.stream.is_connected() {
            Ok(false) => Ok(()),
            Ok(true) => {
                let metadata = metadata_for_dialing(&self.node);
                let handshake = Handshake::connecting(metadata, zmtp_limits(&self.node));
                self.phase = Phase::Shaking {
                    handshake: Some(handshake),
                    output: Vec::new(),
                };
                self.deadline =
                    Some(Instant::now() + Duration::from_millis(limits::HANDSHAKE_TIMEOUT_MS));
                self.write_handshake()
            }
            Err(error) => self.try_next(Fault::closed(error)),
        }
    }

    /// This address failed: a connection to the next one of the same name takes over, if there is one.
    fn try_next(&mut self, fault: Fault) -> Result<(), Fault> {
        match self.target.take() {
            Some(target) if !target.more.is_empty() => {
                self.port.reactor.dial_next(self.node.clone(), target);
                self.leave();
                Ok(())
            }
            _ => Err(fault),
        }
    }

    fn shake(&mut self, input: &mut &[u8]) -> Result<(), Fault> {
        while !input.is_empty() {
            let Phase::Shaking { handshake, .. } = &mut self.phase else {
                return Ok(());
            };
            let machine = handshake.take().expect("present between two calls");
            match machine.receive(input) {
                Ok(Progress::Pending(machine)) => *handshake = Some(machine),
                Ok(Progress::PeerReady(answering)) => {
                    match metadata_to_answer(&self.node, answering.peer()) {
                        Ok(metadata) => self.established(answering.answer(metadata))?,
                        Err(fault) => {
                            self.write_last(&answering.refuse("refused"));
                            return Err(fault);
                        }
                    }
                }
                Ok(Progress::Established(established)) => self.established(established)?,
                Err(error) => {
                    self.write_last(&error.error_command().unwrap_or_default());
                    return Err(Fault::handshake(failure_of(&error), error));
                }
            }
        }
        self.write_handshake()
    }

    fn established(&mut self, established: zmtp::Established) -> Result<(), Fault> {
        let peer = peer_of(&established.peer)?;
        let Phase::Shaking { output, .. } = &mut self.phase else {
            unreachable!("only handshakes establish")
        };
        output.extend_from_slice(&established.output);
        let unwritten = std::mem::take(output);
        let wire = Wire {
            stream: self.stream.clone(),
            port: self.port.clone(),
            unwritten,
        };
        let link = Link::up(
            &self.node,
            self.link,
            &self.address,
            peer,
            established,
            wire,
        );
        let link = link.ok_or_else(|| Fault::closed("not wanted any more"))?;
        self.link = Some(link.outbox.link);
        self.deadline = None;
        self.phase = Phase::Linked(Box::new(link));
        Ok(())
    }

    fn write_handshake(&mut self) -> Result<(), Fault> {
        let Phase::Shaking { handshake, output } = &mut self.phase else {
            return Ok(());
        };
        if let Some(handshake) = handshake {
            output.extend_from_slice(&handshake.take_output());
        }
        while !output.is_empty() {
            match self.stream.write_vectored(&[IoSlice::new(output)]) {
                Ok(written) => drop(output.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Fault::closed(error)),
            }
        }
        Ok(())
    }

    /// Sends a last word; the connection ends whether it arrives or not.
    fn write_last(&mut self, bytes: &[u8]) {
        if self.write_handshake().is_ok() && !bytes.is_empty() {
            let _ = self.stream.write_vectored(&[IoSlice::new(bytes)]);
        }
    }

    fn drain(&mut self) -> Outcome {
        let Phase::Draining { link, shut } = &mut self.phase else {
            return Outcome::Wait;
        };
        if link.outbox.flush().is_err() {
            return self.give_up_draining();
        }
        if !*shut && link.outbox.is_drained() {
            *shut = true;
            let _ = self.stream.shutdown(Shutdown::Write);
            let farewell = Instant::now() + FAREWELL;
            self.deadline = Some(
                self.deadline
                    .map_or(farewell, |deadline| deadline.min(farewell)),
            );
        }
        Outcome::Wait
    }

    /// The other side takes no more, or not in time. There is no event of what is lost by that, as nobody follows those of a
    /// node that is closed; so it is logged under a target of its own.
    fn give_up_draining(&mut self) -> Outcome {
        if let Phase::Draining { link, .. } = &self.phase {
            let unsent = link.outbox.view().queued_messages;
            if unsent > 0 {
                let (node, peer) = (
                    self.node.name.as_deref().unwrap_or_default(),
                    &*self.address,
                );
                tracing::warn!(
                    target: "serverlink::linger",
                    node, peer, unsent, "messages were not sent within linger, and are lost"
                );
            }
        }
        self.leave();
        Outcome::Done
    }

    /// The connection ends by itself.
    fn end(&mut self, fault: Fault) -> Outcome {
        self.count(&fault);
        let phase = std::mem::replace(&mut self.phase, Phase::Connecting);
        match (phase, self.link) {
            (Phase::Linked(mut link), _) => {
                link.down(&self.node, &fault.reason);
                if fault.kind == FaultKind::Protocol && link.say_bye(&fault.reason) {
                    link.give_up(&self.node);
                    self.deadline = Some(Instant::now() + FAREWELL);
                    self.phase = Phase::Draining { link, shut: false };
                    return self.drain();
                }
                return self.keep_remainder(link);
            }
            (Phase::Connecting | Phase::Shaking { .. }, Some(link)) => {
                self.node.link_closed(link, &fault.reason)
            }
            _ => {}
        }
        self.leave();
        Outcome::Done
    }

    /// Counts and logs a fault that lies with the other side.
    fn count(&self, fault: &Fault) {
        let counters = &self.node.counters;
        let counter: &AtomicU64 = match fault.kind {
            FaultKind::Closed => return,
            FaultKind::HandshakeTimeout => &counters.handshake_timeouts,
            FaultKind::Handshake(why) => counters.handshake_failures(why),
            FaultKind::Protocol => &counters.protocol_errors,
            FaultKind::Heartbeat => &counters.heartbeat_failures,
        };
        counter.fetch_add(1, Relaxed);
        self.node.rejected(&self.address, &fault.reason);
    }

    fn leave(&mut self) {
        if !std::mem::replace(&mut self.gone, true) {
            self.node.socket_closed();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
        if let Phase::Draining { link, .. } | Phase::Remaining { link, .. } = &self.phase {
            self.node.keep_link(&link.outbox);
        }
    }
}

pub(super) fn zmtp_limits(node: &NodeInner) -> Limits {
    let largest = node
        .max_message_size
        .load(Relaxed)
        .saturating_add(limits::MAX_CONTROL_FRAME_BYTES);
    Limits {
        max_frame_size: largest,
        max_message_size: largest,
        ..Limits::default()
    }
}
