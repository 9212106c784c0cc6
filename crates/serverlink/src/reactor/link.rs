//! A link in use: traffic in, by what the other end is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spot_core::frame::{ByeReason, Frame as SpotFrame};
use spot_core::node::CloseReason;
use spot_core::{LinkId, LinkPeer};
use zmtp::{
    Command, Decoder, Frame, Heartbeat, HeartbeatAction, HeartbeatConfig, RoundTrip, command,
};

use super::LinkPort;
use super::command::Commander;
use super::connection::zmtp_limits;
use super::fault::{Fault, FaultKind};
use super::plain::{PlainPublisher, PlainSubscriber};
use super::run::Run;
use super::spot::Spot;
use crate::data::{Aftermath, SharedOutbox};
use crate::engine::{LinkHandle, NodeInner};
use crate::net::Stream;

/// From so many missing bytes on, a frame is read to where it stays: only then is that less than a copy of what is in the cache.
const READ_IN_PLACE_MIN_BYTES: usize = 128 * 1024;
/// Bytes of it read at once.
const READ_IN_PLACE_MAX_BYTES: usize = 256 * 1024;

/// A link in use.
pub(super) struct Link {
    pub(super) outbox: Arc<SharedOutbox>,
    decoder: Decoder,
    heartbeat: Heartbeat,
    round_trip: RoundTrip,
    /// What the node's milliseconds count from.
    epoch: Instant,
    traffic: Traffic,
    /// What the messages of this turn left to do.
    after: Aftermath,
}

/// The socket of a link, and what the handshake left to write.
pub(super) struct Wire {
    pub(super) stream: Arc<Stream>,
    pub(super) port: LinkPort,
    pub(super) unwritten: Vec<u8>,
}

/// Traffic by what the other end is.
enum Traffic {
    Spot(Box<Spot>),
    PlainPublisher(PlainPublisher),
    PlainSubscriber(PlainSubscriber),
    Commander(Commander),
}

impl Traffic {
    /// Messages that have come so far.
    fn messages(&self) -> u64 {
        match self {
            Self::Spot(spot) => spot.messages(),
            Self::PlainPublisher(publisher) => publisher.messages(),
            Self::PlainSubscriber(_) => 0,
            Self::Commander(commander) => commander.messages(),
        }
    }
}

impl Link {
    /// Tells the control plane that the handshake is done; `None` if it does not want the link any more.
    pub(super) fn up(
        node: &Arc<NodeInner>,
        dialed: Option<LinkId>,
        address: &str,
        peer: LinkPeer,
        established: zmtp::Established,
        wire: Wire,
    ) -> Option<Self> {
        let now_ms = node.now_ms();
        let version = established.peer.version;
        let limit = node.send_limit();
        let limits = zmtp_limits(node);
        if matches!(peer, LinkPeer::Spot(_)) {
            limit_unacknowledged(node, &wire.stream);
        }
        let (outbox, traffic) = node.control(|control| {
            let id = dialed.unwrap_or_else(|| control.core.accept(address.to_owned()));
            if !control.core.is_open(id) {
                return None;
            }
            let outbox = Arc::new(SharedOutbox::new(id, limit, wire.stream, wire.port));
            outbox.begin_with(&wire.unwritten);
            outbox.flush_soon();
            let traffic = match &peer {
                LinkPeer::Spot(hello) => Traffic::Spot(Box::new(Spot::new(id, hello.node))),
                LinkPeer::PlainPublisher => {
                    Traffic::PlainPublisher(PlainPublisher::new(id, limits))
                }
                LinkPeer::PlainSubscriber => Traffic::PlainSubscriber(PlainSubscriber::new(id)),
                LinkPeer::Commander => Traffic::Commander(Commander::new(id, limits)),
            };
            let handle = LinkHandle::Wire {
                outbox: outbox.clone(),
                peer: peer.clone(),
                version,
            };
            control.links.insert(id, handle);
            control.core.link_up(now_ms, id, peer);
            Some((outbox, traffic))
        })?;
        let heartbeat = Heartbeat::new(heartbeat_config(node), version, now_ms);
        let (decoder, epoch) = (established.decoder, node.epoch());
        Some(Self {
            outbox,
            decoder,
            heartbeat,
            round_trip: RoundTrip::default(),
            epoch,
            traffic,
            after: Aftermath::default(),
        })
    }

    /// The large frame that is arriving, to read up to so many bytes of it to where it stays.
    pub(super) fn arriving(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let decoder = &mut self.decoder;
        decoder.arriving(READ_IN_PLACE_MIN_BYTES, READ_IN_PLACE_MAX_BYTES)
    }

    /// Messages that have come so far.
    pub(super) fn messages(&self) -> u64 {
        self.traffic.messages()
    }

    pub(super) fn is_large_arriving(&self) -> bool {
        self.decoder.missing() >= READ_IN_PLACE_MIN_BYTES
    }

    /// Handles bytes that arrived.
    pub(super) fn take(&mut self, node: &Arc<NodeInner>, input: &[u8]) -> Result<(), Fault> {
        self.heartbeat.on_received();
        let mut run = Run::default();
        let taken = self.take_frames(node, input, &mut run);
        // Also what came before a fault was sent.
        let ended = self.end_run(node, &mut run);
        let messages = self.traffic.messages();
        self.outbox.note_received(input.len(), messages);
        taken.and(ended)
    }

    fn end_run(&mut self, node: &Arc<NodeInner>, run: &mut Run<'_>) -> Result<(), Fault> {
        match &mut self.traffic {
            Traffic::Spot(spot) => spot.end_run(node, &self.outbox, run, &mut self.after),
            _ => Ok(()),
        }
    }

    fn take_frames<'a>(
        &mut self,
        node: &Arc<NodeInner>,
        mut input: &'a [u8],
        run: &mut Run<'a>,
    ) -> Result<(), Fault> {
        loop {
            if let Traffic::Spot(spot) = &mut self.traffic {
                spot.take_messages(
                    node,
                    &self.outbox,
                    &self.decoder,
                    &mut input,
                    run,
                    &mut self.after,
                )?;
            }
            let Some(frame) = self.decoder.decode(&mut input).map_err(Fault::protocol)? else {
                return Ok(());
            };
            if frame.command {
                self.end_run(node, run)?;
                self.command(node, &frame)?;
                continue;
            }
            match &mut self.traffic {
                Traffic::Spot(spot) => {
                    spot.frame(node, &self.outbox, frame, run, &mut self.after)?
                }
                Traffic::PlainPublisher(publisher) => {
                    publisher.frame(node, frame, &mut self.after)?
                }
                Traffic::PlainSubscriber(subscriber) => subscriber.frame(node, frame)?,
                Traffic::Commander(commander) => {
                    commander.frame(node, &self.outbox, frame, &mut self.after)?
                }
            }
        }
    }

    /// There may be room for what the peer published to us.
    pub(super) fn retry(&mut self, node: &Arc<NodeInner>) {
        if let Traffic::Spot(spot) = &mut self.traffic {
            spot.retry(node, &self.outbox, &mut self.after);
        }
    }

    /// Whether something that the peer published to us waits for room though the link is gone.
    pub(super) fn remains(&self) -> bool {
        matches!(&self.traffic, Traffic::Spot(spot) if spot.is_ending())
    }

    /// What waits is not waited for any longer: those who have no room are told what they miss.
    pub(super) fn give_up(&mut self, node: &Arc<NodeInner>) {
        if let Traffic::Spot(spot) = &mut self.traffic {
            spot.give_up(node, &mut self.after);
        }
        self.turn_done(node);
    }

    /// Does what the messages of a turn left to do.
    pub(super) fn turn_done(&mut self, node: &Arc<NodeInner>) {
        if !self.after.is_empty() {
            node.settle_on_reactor(std::mem::take(&mut self.after));
        }
    }

    /// Tells a SPOT node why its link ends; false if there is nobody who would understand.
    pub(super) fn say_bye(&mut self, reason: &str) -> bool {
        let spot = matches!(self.traffic, Traffic::Spot(_));
        if spot {
            let bye = SpotFrame::Bye {
                reason: ByeReason::ProtocolError,
                text: reason,
            };
            self.outbox.control(&bye.to_vec());
        }
        spot
    }

    /// The link is gone; something of it may [remain](Self::remains).
    pub(super) fn down(&mut self, node: &Arc<NodeInner>, reason: &str) {
        self.outbox.close();
        if let Traffic::Spot(spot) = &mut self.traffic {
            spot.cut(node, false, &mut self.after);
        }
        self.turn_done(node);
        node.link_closed(self.outbox.link, reason);
    }

    /// The link is closed by us: nothing more is heard on it; something of it may [remain](Self::remains).
    pub(super) fn closing(&mut self, node: &Arc<NodeInner>, reason: CloseReason) {
        if let Traffic::Spot(spot) = &mut self.traffic {
            // Another link to the same node goes on with the streams: what is lost in between shows there.
            let goes_on = matches!(reason, CloseReason::Duplicate | CloseReason::Replaced);
            spot.cut(node, !goes_on, &mut self.after);
        }
        self.turn_done(node);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.epoch + Duration::from_millis(self.heartbeat.deadline()?))
    }

    pub(super) fn heartbeat(&mut self, now: Instant) -> Result<(), Fault> {
        let now_ms = now.saturating_duration_since(self.epoch).as_millis() as u64;
        match self.heartbeat.poll(now_ms) {
            HeartbeatAction::None => Ok(()),
            HeartbeatAction::SendPing => {
                let mut ping = Vec::new();
                let context = self.round_trip.ping(self.micros(now));
                command::encode_ping(&mut ping, self.heartbeat.ttl_deciseconds(), &context);
                self.send(&ping);
                Ok(())
            }
            HeartbeatAction::PeerDead => Err(Fault {
                reason: String::from("silent past the heartbeat timeout"),
                kind: FaultKind::Heartbeat,
            }),
        }
    }

    fn command(&mut self, node: &Arc<NodeInner>, frame: &Frame<'_>) -> Result<(), Fault> {
        let command = Command::parse(&frame.body).map_err(Fault::protocol)?;
        match command {
            Command::Ping {
                ttl_deciseconds,
                context,
            } => {
                self.heartbeat.on_ping(ttl_deciseconds, node.now_ms());
                let mut pong = Vec::new();
                command::encode_pong(&mut pong, context);
                if !self.outbox.answer(&pong) {
                    return Err(Fault::unread_answers());
                }
            }
            Command::Error { reason } => {
                let reason = String::from_utf8_lossy(reason);
                return Err(Fault::protocol(format!(
                    "the peer reported an error: {reason}"
                )));
            }
            Command::Subscribe(_) | Command::Cancel(_) => {
                if let Traffic::PlainSubscriber(subscriber) = &self.traffic {
                    subscriber.command(node, &command)?;
                }
            }
            Command::Ready(_) => return Err(Fault::protocol("READY after the handshake")),
            Command::Pong { context } => self.answered(context),
            Command::Unknown { .. } => {}
        }
        Ok(())
    }

    /// The peer answered a PING.
    fn answered(&mut self, context: &[u8]) {
        let now_us = self.micros(Instant::now());
        self.round_trip.pong(context, now_us);
        let round_trip = &self.round_trip;
        if let (Some(last_us), Some(smoothed_us)) = (round_trip.last_us(), round_trip.smoothed_us())
        {
            self.outbox.note_round_trip(last_us, smoothed_us);
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.epoch).as_micros() as u64
    }

    fn send(&self, framed: &[u8]) {
        self.outbox.with(|queue| queue.framed(framed));
        self.outbox.flush_soon();
    }
}

/// The net below the heartbeats, for what they do not see: a path that carries only the peer's bytes, and what is left to
/// send after we have closed. A node always reads, so nobody who is merely slow is cut off.
fn limit_unacknowledged(node: &NodeInner, stream: &Stream) {
    let heartbeat = heartbeat_config(node);
    let (floor, chosen) =
        node.read_options(|options| (options.tcp.keepalive_floor(), options.tcp.user_timeout_ms));
    if heartbeat.interval_ms > 0 && chosen.is_none() {
        // Not before the heartbeats: they know more, and were told how patient to be.
        let dead_ms = heartbeat.interval_ms + heartbeat.timeout_ms;
        stream.limit_unacknowledged(floor.max(Duration::from_millis(dead_ms)));
    }
}

fn heartbeat_config(node: &NodeInner) -> HeartbeatConfig {
    node.read_options(|options| {
        let millis = |duration: Duration| duration.as_millis() as u64;
        let interval = options.heartbeat_interval;
        HeartbeatConfig {
            interval_ms: millis(interval),
            timeout_ms: millis(options.heartbeat_timeout.unwrap_or(interval * 3)),
            ttl_ms: options.heartbeat_ttl.map_or(0, millis),
        }
    })
}
