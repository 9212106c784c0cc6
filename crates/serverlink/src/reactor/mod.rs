//! I/O threads: each owns a poller and the connections of some nodes.
//!
//! Everything reaches a thread by its mailbox; a thread that is awake is not woken again.

pub(crate) mod command;
mod connection;
mod dial;
mod fault;
mod handshake;
mod link;
mod plain;
mod run;
mod seat;
mod spot;
mod thread;
mod timers;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{JoinHandle, ThreadId};

use mio::{Poll, Token, Waker};
use spot_core::node::CloseReason;
use spot_core::{Endpoint, LinkId, NodeId};

use crate::data::{SharedOutbox, lock};
use crate::engine::NodeInner;
use crate::net::{Listener, Resolver};

use self::seat::Seat;

pub(crate) use seat::Waiting;
pub(crate) use upstream::Turns;

const WAKER: Token = Token(usize::MAX);

/// A handle to an I/O thread.
#[derive(Debug, Clone)]
pub(crate) struct Reactor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waker: Waker,
    asleep: AtomicBool,
    /// There may be links to be written later.
    has_later: AtomicBool,
    mailbox: Mutex<Mailbox>,
    thread: OnceLock<ThreadId>,
    seat: Seat,
    resolver: Resolver,
}

#[derive(Debug, Default)]
struct Mailbox {
    commands: Vec<Command>,
    /// Links with something to write.
    flushes: Vec<Token>,
    /// Links that waited for room in a queue, which there may be now.
    retries: Vec<Token>,
    /// Links of which more is to be written together, in a moment.
    later: Vec<Token>,
    /// That moment has come.
    hurried: bool,
    /// Who drives is to look whether what it waits for is there.
    nudged: bool,
}

impl Mailbox {
    fn is_empty(&self) -> bool {
        let Self {
            commands,
            flushes,
            retries,
            later,
            hurried,
            nudged,
        } = self;
        let lists_are_empty = flushes.is_empty() && retries.is_empty() && later.is_empty();
        commands.is_empty() && lists_are_empty && !hurried && !nudged
    }
}

/// What an I/O thread is asked to do.
#[derive(Debug)]
enum Command {
    Dial {
        node: Arc<NodeInner>,
        link: LinkId,
        endpoint: Endpoint,
    },
    Resolved {
        node: Arc<NodeInner>,
        link: LinkId,
        endpoint: Endpoint,
        addresses: io::Result<Vec<SocketAddr>>,
    },
    Listen {
        node: Arc<NodeInner>,
        listener: Listener,
    },
    StopListening {
        node: NodeId,
    },
    Close {
        token: Token,
        link: LinkId,
        reason: CloseReason,
    },
    Abandon {
        node: NodeId,
        link: LinkId,
    },
    Arm {
        node: Arc<NodeInner>,
        at_ms: u64,
    },
    Stop,
}

impl Reactor {
    pub(crate) fn dial(&self, node: Arc<NodeInner>, link: LinkId, endpoint: Endpoint) {
        self.send(Command::Dial {
            node,
            link,
            endpoint,
        });
    }

    pub(crate) fn listen(&self, node: Arc<NodeInner>, listener: Listener) {
        self.send(Command::Listen { node, listener });
    }

    pub(crate) fn stop_listening(&self, node: NodeId) {
        self.send(Command::StopListening { node });
    }

    /// Goes on with the next address of a connection attempt.
    fn dial_next(&self, node: Arc<NodeInner>, target: connection::Target) {
        let connection::Target {
            link,
            endpoint,
            more,
        } = target;
        self.send(Command::Resolved {
            node,
            link,
            endpoint,
            addresses: Ok(more),
        });
    }

    /// Ends a link; unless its other end is dead, what is queued is sent first, within the linger time.
    pub(crate) fn close(&self, outbox: &SharedOutbox, reason: CloseReason) {
        self.send(Command::Close {
            token: outbox.port.token,
            link: outbox.link,
            reason,
        });
    }

    /// Gives a connection attempt up.
    pub(crate) fn abandon(&self, node: NodeId, link: LinkId) {
        self.send(Command::Abandon { node, link });
    }

    /// Calls the node's `handle_timeout` then.
    pub(crate) fn arm(&self, node: &Arc<NodeInner>, at_ms: u64) {
        self.send(Command::Arm {
            node: node.clone(),
            at_ms,
        });
    }

    /// Whether the calling thread does the I/O thread's work.
    pub(crate) fn is_current_thread(&self) -> bool {
        self.0.thread.get() == Some(&std::thread::current().id())
            || self.0.seat.is_driven_by_current_thread()
    }

    fn send(&self, command: Command) {
        lock(&self.0.mailbox).commands.push(command);
        self.wake();
    }

    fn wake(&self) {
        // The mailbox lock orders this against the thread, which says that it sleeps before it looks into the mailbox.
        if self.0.asleep.swap(false, SeqCst) {
            // A full pipe of wake-ups wakes, too; any other failure leaves nothing to be done here.
            let _ = self.0.waker.wake();
        } else {
            self.0.seat.poke();
        }
    }
}

/// Where a link's outbox asks for its bytes to be written.
#[derive(Debug, Clone)]
pub(crate) struct LinkPort {
    reactor: Reactor,
    token: Token,
}

impl PartialEq for LinkPort {
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token && Arc::ptr_eq(&self.reactor.0, &other.reactor.0)
    }
}

impl LinkPort {
    pub(crate) fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    pub(crate) fn flush(&self) {
        lock(&self.reactor.0.mailbox).flushes.push(self.token);
        self.reactor.wake();
    }

    /// As [`flush`](Self::flush) for what more is likely to follow. Where a thread of the program has left the I/O thread's
    /// seat a moment ago and may come back, the I/O thread is not woken: one of the two is there soon.
    pub(crate) fn flush_in_a_while(&self) {
        lock(&self.reactor.0.mailbox).flushes.push(self.token);
        if !self.reactor.0.seat.is_vacant() {
            self.reactor.wake();
        }
    }

    /// As [`flush_in_a_while`](Self::flush_in_a_while), once a millisecond has passed: by then much more has followed.
    pub(crate) fn flush_later(&self) {
        lock(&self.reactor.0.mailbox).later.push(self.token);
        self.reactor.0.has_later.store(true, Relaxed);
        if !self.reactor.0.seat.is_vacant() {
            self.reactor.wake();
        }
    }

    /// Has the links written that were to be written [later](Self::flush_later).
    pub(crate) fn hurry(&self) {
        if !self.reactor.0.has_later.load(Relaxed) {
            return;
        }
        lock(&self.reactor.0.mailbox).hurried = true;
        self.reactor.wake();
    }

    /// Has the link try again what found no room in a queue.
    pub(crate) fn retry(&self) {
        lock(&self.reactor.0.mailbox).retries.push(self.token);
        self.reactor.wake();
    }
}

/// An I/O thread; dropping it ends it.
#[derive(Debug)]
pub(crate) struct IoThread {
    reactor: Reactor,
    join: Option<JoinHandle<()>>,
}

impl IoThread {
    /// Starts a thread of this name.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let poll = Poll::new()?;
        let shared = Shared {
            waker: Waker::new(poll.registry(), WAKER)?,
            asleep: AtomicBool::new(false),
            has_later: AtomicBool::new(false),
            mailbox: Mutex::default(),
            thread: OnceLock::new(),
            seat: Seat::new(),
            resolver: Resolver::new(format!("{name}-dns")),
        };
        let reactor = Reactor(Arc::new(shared));
        let own = reactor.clone();
        let join = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || thread::run(poll, own))?;
        Ok(Self {
            reactor,
            join: Some(join),
        })
    }

    pub(crate) fn reactor(&self) -> &Reactor {
        &self.reactor
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        self.reactor.send(Command::Stop);
        if let Some(join) = self.join.take()
            && !self.reactor.is_current_thread()
        {
            // A thread that panicked has told so by itself.
            let _ = join.join();
        }
    }
}
