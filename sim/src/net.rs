//! The network: connections as pairs of byte pipes with latency and a bounded amount under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use spot_core::LinkId;

/// Bytes that may be under way in one direction; a writer waits for room.
const CAPACITY: usize = 4096;

/// One side of a connection: a link of one life of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) host: usize,
    pub(crate) life: u64,
    pub(crate) link: LinkId,
}

/// What arrives at an end.
#[derive(Debug)]
pub(crate) enum Chunk {
    Bytes(Vec<u8>),
    /// Nothing more comes: an orderly end, or a reset.
    End(&'static str),
}

#[derive(Debug)]
struct Pipe {
    to: End,
    /// Whether its reader still reads.
    open: bool,
    /// Its reader has said all it had to, and reads on without a look at it until the other side ends.
    lingers: bool,
    chunks: VecDeque<Chunk>,
    under_way: usize,
    last_arrival_ms: u64,
}

/// A connection: the pipe to each of its ends.
#[derive(Debug)]
struct Connection {
    pipes: [Pipe; 2],
    latency_ms: u64,
    /// `None` is as much as comes.
    bytes_per_s: Option<u64>,
    /// Nothing moves.
    stalled: bool,
    /// Its reader gets one byte at a time.
    trickles: bool,
}

/// A pipe to one end: the connection and the side.
pub(crate) type PipeId = (u32, usize);

/// All connections, and who cannot reach whom.
#[derive(Debug, Default)]
pub(crate) struct Net {
    connections: BTreeMap<u32, Connection>,
    next: u32,
    ends: BTreeMap<End, PipeId>,
    /// Nothing passes from the first to the second.
    pub(crate) blocked: BTreeSet<(usize, usize)>,
}

impl Net {
    pub(crate) fn connect(&mut self, from: End, to: End, latency_ms: u64, trickles: bool) {
        let pipe = |to| Pipe {
            to,
            open: true,
            lingers: false,
            chunks: VecDeque::new(),
            under_way: 0,
            last_arrival_ms: 0,
        };
        self.next += 1;
        let connection = Connection {
            pipes: [pipe(from), pipe(to)],
            latency_ms,
            bytes_per_s: None,
            stalled: false,
            trickles,
        };
        self.connections.insert(self.next, connection);
        self.ends.insert(from, (self.next, 0));
        self.ends.insert(to, (self.next, 1));
    }

    /// The ends that a host has open.
    pub(crate) fn ends_of(&self, host: usize) -> Vec<End> {
        let ends = self.ends.keys().filter(|end| end.host == host);
        ends.copied().collect()
    }

    pub(crate) fn connections(&self) -> Vec<u32> {
        self.connections.keys().copied().collect()
    }

    /// The connections between two hosts.
    pub(crate) fn connections_between(&self, a: usize, b: usize) -> Vec<u32> {
        let hosts = |connection: &Connection| connection.pipes.each_ref().map(|pipe| pipe.to.host);
        let all = self.connections.iter();
        let between = all.filter(|(_, connection)| [[a, b], [b, a]].contains(&hosts(connection)));
        between.map(|(id, _)| *id).collect()
    }

    /// How much an end may write now.
    pub(crate) fn room(&self, from: End) -> usize {
        let Some((id, side)) = self.ends.get(&from) else {
            return 0;
        };
        CAPACITY.saturating_sub(self.connections[id].pipes[1 - side].under_way)
    }

    /// An end writes; says when which pipe delivers it.
    pub(crate) fn write(&mut self, from: End, chunk: Chunk, now_ms: u64) -> Option<(u64, PipeId)> {
        let (id, side) = *self.ends.get(&from)?;
        Some((self.push((id, 1 - side), chunk, now_ms), (id, 1 - side)))
    }

    fn push(&mut self, (id, side): PipeId, chunk: Chunk, now_ms: u64) -> u64 {
        let connection = self.connections.get_mut(&id).expect("it has an end");
        let pipe = &mut connection.pipes[side];
        pipe.last_arrival_ms = pipe.last_arrival_ms.max(now_ms + connection.latency_ms);
        if let Chunk::Bytes(bytes) = &chunk {
            pipe.under_way += bytes.len();
            if let Some(bytes_per_s) = connection.bytes_per_s {
                pipe.last_arrival_ms += bytes.len() as u64 * 1000 / bytes_per_s;
            }
        }
        pipe.chunks.push_back(chunk);
        pipe.last_arrival_ms
    }

    /// An end is gone: what it wrote is still delivered, what it is sent is not read.
    pub(crate) fn close(&mut self, end: End) {
        if let Some((id, side)) = self.ends.remove(&end) {
            let connection = self.connections.get_mut(&id).expect("it has an end");
            connection.pipes[side].open = false;
            if connection.pipes.iter().all(|pipe| !pipe.open) {
                self.connections.remove(&id);
            }
        }
    }

    /// An end has nothing more to write, and waits for the other one to close.
    pub(crate) fn linger(&mut self, end: End) {
        if let Some((id, side)) = self.ends.get(&end) {
            let connection = self.connections.get_mut(id).expect("it has an end");
            connection.pipes[*side].lingers = true;
        }
        self.close(end);
    }

    /// The connection breaks: what is under way is lost and both ends hear of it.
    pub(crate) fn reset(&mut self, id: u32, now_ms: u64) -> Vec<(u64, PipeId)> {
        let connection = self.connections.get_mut(&id).expect("listed");
        for pipe in &mut connection.pipes {
            pipe.chunks.clear();
            pipe.under_way = 0;
        }
        let sides = [(id, 0), (id, 1)];
        sides
            .map(|pipe| (self.push(pipe, Chunk::End("reset"), now_ms), pipe))
            .into()
    }

    /// Stops or starts all movement on a connection, if it still exists.
    pub(crate) fn set_stalled(&mut self, id: u32, stalled: bool) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stalled = stalled;
        }
    }

    /// Changes the pace of a connection, if it still exists, for what is written from now on.
    pub(crate) fn set_pace(&mut self, id: u32, latency_ms: u64, bytes_per_s: Option<u64>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.latency_ms = latency_ms;
            connection.bytes_per_s = bytes_per_s;
        }
    }

    /// Whether nothing can arrive by a pipe now.
    pub(crate) fn is_obstructed(&self, pipe: PipeId) -> bool {
        let stalled = |id| self.connections.get(id).is_some_and(|it| it.stalled);
        self.route(pipe).is_some_and(|(from, to)| {
            stalled(&pipe.0) || self.blocked.contains(&(from.host, to.host))
        })
    }

    /// Who writes to a pipe and who reads it, as long as its connection exists.
    pub(crate) fn route(&self, (id, side): PipeId) -> Option<(End, End)> {
        let connection = self.connections.get(&id)?;
        Some((connection.pipes[1 - side].to, connection.pipes[side].to))
    }

    /// What arrives at a pipe's end, in the pieces its reader gets; `None` if nothing is there.
    pub(crate) fn arrive(&mut self, (id, side): PipeId) -> Option<(Chunk, bool)> {
        let connection = self.connections.get_mut(&id)?;
        let pipe = &mut connection.pipes[side];
        let chunk = pipe.chunks.pop_front()?;
        if let Chunk::Bytes(bytes) = &chunk {
            pipe.under_way -= bytes.len();
        }
        Some((chunk, connection.trickles))
    }

    /// Whether what arrives at the end of a pipe is an error there.
    pub(crate) fn is_refused(&self, (id, side): PipeId) -> bool {
        let pipe = &self.connections[&id].pipes[side];
        !pipe.open && !pipe.lingers
    }

    /// Whether the end of a pipe still reads.
    pub(crate) fn is_open(&self, (id, side): PipeId) -> bool {
        self.connections[&id].pipes[side].open
    }
}
