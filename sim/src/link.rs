//! One connection's ZMTP: handshake, frames, heartbeats.

use std::collections::{BTreeMap, VecDeque};

use spot_core::hello::Hello;
use spot_core::inbox::Limit;
use spot_core::limits::{
    DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, HEARTBEAT_MISSES,
};
use spot_core::outbox::{Outbox, Segment};
use spot_core::unoffered::Unoffered;
use spot_core::{NodeId, TopicId};
use zmtp::{
    Command, Decoder, Handshake, Heartbeat, HeartbeatAction, HeartbeatConfig, Limits, Metadata,
    PeerInfo, Progress, SocketType, command,
};

use crate::driver::{HWM, Upstream};

/// A connection as one side has it.
#[derive(Debug)]
pub(crate) struct Link {
    stage: Stage,
    pub(crate) outbox: Outbox,
    writing: VecDeque<Segment>,
    heartbeat: Option<Heartbeat>,
    /// When the attempt is given up.
    deadline_ms: u64,
    /// In use, as the node says.
    pub(crate) active: bool,
    /// To be dropped once all is written; nothing is read any more.
    pub(crate) closing: bool,
    /// The streams that the other side announced, by alias.
    pub(crate) heard: BTreeMap<u32, (TopicId, NodeId)>,
    /// Streams whose topics the other side does not offer, as far as we know.
    pub(crate) unoffered: Unoffered,
    /// Those that were not wanted any more when they were announced.
    pub(crate) ignored: BTreeMap<u32, (TopicId, NodeId)>,
    /// Streams published to us as the owner of their topics, by alias.
    pub(crate) upstreams: BTreeMap<u32, Upstream>,
    /// Who is at the other end.
    pub(crate) node: Option<NodeId>,
}

#[derive(Debug)]
enum Stage {
    Dialing,
    Handshake(Handshake),
    Open(Decoder),
    /// A step of the handshake failed.
    Failed,
}

/// What bytes led to.
pub(crate) enum Received {
    Up(Hello),
    Frame(Vec<u8>),
}

impl Link {
    pub(crate) fn dialing(now_ms: u64) -> Self {
        Self::new(Stage::Dialing, now_ms + DIAL_TIMEOUT_MS)
    }

    pub(crate) fn accepting(now_ms: u64) -> Self {
        let mut handshake = Handshake::accepting(Limits::default());
        let greeting = handshake.take_output();
        let stage = Stage::Handshake(handshake);
        let mut link = Self::new(stage, now_ms + HANDSHAKE_TIMEOUT_MS);
        link.outbox.framed(&greeting);
        link
    }

    fn new(stage: Stage, deadline_ms: u64) -> Self {
        let limit = Limit {
            messages: HWM,
            bytes: 0,
        };
        Self {
            stage,
            outbox: Outbox::new(limit),
            writing: VecDeque::new(),
            heartbeat: None,
            deadline_ms,
            active: false,
            closing: false,
            heard: BTreeMap::new(),
            unoffered: Unoffered::default(),
            ignored: BTreeMap::new(),
            upstreams: BTreeMap::new(),
            node: None,
        }
    }

    pub(crate) fn connected(&mut self, hello: &Hello, now_ms: u64) {
        let local = metadata(SocketType::XSub, hello);
        let mut handshake = Handshake::connecting(local, Limits::default());
        self.outbox.framed(&handshake.take_output());
        self.stage = Stage::Handshake(handshake);
        self.deadline_ms = now_ms + HANDSHAKE_TIMEOUT_MS;
    }

    /// Reads up to the next thing the driver should know of; `None` once all input is read.
    pub(crate) fn received(
        &mut self,
        input: &mut &[u8],
        local: &Hello,
        now_ms: u64,
    ) -> Result<Option<Received>, String> {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.on_received();
        }
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Handshake(handshake) => self.shake_hands(handshake, input, local, now_ms),
            Stage::Open(mut decoder) => {
                let frame = self.next_frame(&mut decoder, input, now_ms);
                self.stage = Stage::Open(decoder);
                frame
            }
            Stage::Dialing | Stage::Failed => Err("bytes out of turn".into()),
        }
    }

    fn shake_hands(
        &mut self,
        handshake: Handshake,
        input: &mut &[u8],
        local: &Hello,
        now_ms: u64,
    ) -> Result<Option<Received>, String> {
        let progress = handshake.receive(input);
        let established = match progress.map_err(|error| error.to_string())? {
            Progress::Pending(handshake) => {
                self.stage = Stage::Handshake(handshake);
                return Ok(None);
            }
            Progress::PeerReady(answering) => answering.answer(metadata(SocketType::XPub, local)),
            Progress::Established(established) => established,
        };
        self.outbox.framed(&established.output);
        self.stage = Stage::Open(established.decoder);
        let config = HeartbeatConfig {
            interval_ms: HEARTBEAT_INTERVAL_MS,
            timeout_ms: HEARTBEAT_INTERVAL_MS * u64::from(HEARTBEAT_MISSES - 1),
            ttl_ms: 0,
        };
        self.heartbeat = Some(Heartbeat::new(config, established.peer.version, now_ms));
        hello(&established.peer).map(|hello| Some(Received::Up(hello)))
    }

    fn next_frame(
        &mut self,
        decoder: &mut Decoder,
        input: &mut &[u8],
        now_ms: u64,
    ) -> Result<Option<Received>, String> {
        while let Some(frame) = decoder.decode(input).map_err(|error| error.to_string())? {
            if !frame.command {
                return Ok(Some(Received::Frame(frame.body.to_vec())));
            }
            let command = Command::parse(&frame.body).map_err(|error| error.to_string())?;
            if let Command::Ping {
                ttl_deciseconds,
                context,
            } = command
            {
                let mut pong = Vec::new();
                command::encode_pong(&mut pong, context);
                self.outbox.framed(&pong);
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.on_ping(ttl_deciseconds, now_ms);
                }
            }
        }
        Ok(None)
    }

    /// Sends a PING if one is due; says whether the other side, or the attempt, is to be given up.
    pub(crate) fn is_dead(&mut self, now_ms: u64) -> bool {
        let Some(heartbeat) = &mut self.heartbeat else {
            return now_ms >= self.deadline_ms;
        };
        match heartbeat.poll(now_ms) {
            HeartbeatAction::None => false,
            HeartbeatAction::PeerDead => true,
            HeartbeatAction::SendPing => {
                let mut ping = Vec::new();
                command::encode_ping(&mut ping, heartbeat.ttl_deciseconds(), b"");
                self.outbox.framed(&ping);
                false
            }
        }
    }

    /// When [`is_dead`](Self::is_dead) has something to say next.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        match &self.heartbeat {
            Some(heartbeat) => heartbeat.deadline(),
            None => Some(self.deadline_ms),
        }
    }

    pub(crate) fn take_output(&mut self, room: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < room && !self.is_drained() {
            if self.writing.is_empty() {
                self.outbox.take(1, &mut self.writing);
            }
            let segment = self.writing.front_mut().expect("just taken");
            let length = segment.bytes().len().min(room - bytes.len());
            bytes.extend_from_slice(&segment.bytes()[..length]);
            segment.advance(length);
            if segment.bytes().is_empty() {
                let segment = self.writing.pop_front().expect("just written");
                self.outbox.written(&segment);
            }
        }
        bytes
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.writing.is_empty() && self.outbox.is_empty()
    }
}

fn metadata(socket_type: SocketType, hello: &Hello) -> Metadata {
    let mut metadata = Metadata::for_socket(socket_type);
    for (name, value) in hello.properties() {
        metadata.push(name, &value).expect("our own names");
    }
    metadata
}

fn hello(peer: &PeerInfo) -> Result<Hello, String> {
    let hello = Hello::from_properties(|name| peer.metadata.get(name));
    hello
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "not a SPOT node".into())
}
