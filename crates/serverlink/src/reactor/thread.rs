//! The loop of an I/O thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::{Duration, Instant};
use std::{fmt, io};

use mio::event::Event;
use mio::{Events, Poll, Token};
use slab::Slab;

use super::connection::{Connection, Outcome, Reading};
use super::timers::{Due, Timers};
use super::{Command, LinkPort, Reactor, WAKER};
use crate::data::lock;
use crate::engine::NodeInner;
use crate::net::{AcceptError, Listener, Stream};

/// Bytes read at once, shared by all connections of the thread.
const READ_BYTES: usize = 256 * 1024;
/// How long messages wait for others of a link that they come over so densely.
const LATER: Duration = Duration::from_millis(1);
/// Pause of a listener when the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often that is told while it lasts.
const EXHAUSTION_REMINDER: Duration = Duration::from_secs(60);

/// Something registered with the poller.
pub(super) enum Entry {
    Listener {
        node: Arc<NodeInner>,
        listener: Listener,
        serial: u64,
    },
    Connection(Box<Connection>),
}

/// An I/O thread's state.
pub(super) struct Thread {
    pub(super) poll: Poll,
    events: Events,
    pub(super) reactor: Reactor,
    pub(super) entries: Slab<Entry>,
    pub(super) timers: Timers,
    buffer: Vec<u8>,
    reading: Reading,
    /// Connections that had more to read than one turn allows.
    unread: VecDeque<Token>,
    /// Connections to write to together, and when.
    later: Vec<Token>,
    later_at: Option<Instant>,
    pub(super) next_serial: u64,
    /// When it was last told that no descriptor is left.
    exhaustion_told: Option<Instant>,
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.len();
        f.debug_struct("Thread").field("entries", &entries).finish()
    }
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    GoOn,
    Stop,
}

/// Drives the poller until told to stop, or leaves that to a thread of the program that waits for it.
pub(super) fn run(poll: Poll, reactor: Reactor) {
    let _ = reactor.0.thread.set(std::thread::current().id());
    let mut thread = Box::new(Thread::new(poll, reactor.clone()));
    while thread.turn(None) == Turn::GoOn {
        if reactor.0.seat.is_wanted() {
            match reactor.0.seat.lend(&reactor, thread) {
                Some(back) => thread = back,
                None => return,
            }
        }
    }
}

impl Thread {
    fn new(poll: Poll, reactor: Reactor) -> Self {
        Self {
            poll,
            reactor,
            events: Events::with_capacity(256),
            entries: Slab::new(),
            timers: Timers::default(),
            buffer: vec![0; READ_BYTES],
            reading: Reading::All,
            unread: VecDeque::new(),
            later: Vec::new(),
            later_at: None,
            next_serial: 0,
            exhaustion_told: None,
        }
    }

    /// As [`turn`](Self::turn), for a thread of the program: it receives what it has read before more is read.
    pub(super) fn turn_of_guest(&mut self, limit: Option<Duration>) -> Turn {
        self.reading = Reading::Sips;
        let turn = self.turn(limit);
        self.reading = Reading::All;
        turn
    }

    /// Sleeps until there is something to do, `limit` at most, and does it.
    pub(super) fn turn(&mut self, limit: Option<Duration>) -> Turn {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let slept = self.sleep(&mut events, limit);
        let turn = match slept {
            Ok(()) => self.work(&events),
            Err(error) => {
                tracing::error!(%error, "the poller failed; the I/O thread ends");
                Turn::Stop
            }
        };
        self.events = events;
        turn
    }

    fn work(&mut self, events: &Events) -> Turn {
        if self.run_commands() == Turn::Stop {
            return Turn::Stop;
        }
        let unread = self.unread.len();
        for event in events {
            self.handle_event(event);
        }
        let reading = self.reading;
        for _ in 0..unread {
            if let Some(token) = self.unread.pop_front() {
                self.with_connection(token, |connection, buffer| {
                    connection.readable(buffer, false, reading)
                });
            }
        }
        self.run_timers();
        Turn::GoOn
    }

    fn sleep(&mut self, events: &mut Events, limit: Option<Duration>) -> io::Result<()> {
        let shared = &self.reactor.0;
        shared.asleep.store(true, SeqCst);
        let has_mail = {
            let mailbox = lock(&shared.mailbox);
            !mailbox.is_empty()
        };
        let timeout = if has_mail || !self.unread.is_empty() {
            Some(Duration::ZERO)
        } else {
            let until_due = self.timers.timeout();
            let until_later = self
                .later_at
                .map(|at| at.saturating_duration_since(Instant::now()));
            until_due.into_iter().chain(limit).chain(until_later).min()
        };
        let polled = self.poll.poll(events, timeout);
        shared.asleep.store(false, SeqCst);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Does what the mailbox asks for.
    pub(super) fn run_commands(&mut self) -> Turn {
        let mailbox = std::mem::take(&mut *lock(&self.reactor.0.mailbox));
        for command in mailbox.commands {
            match command {
                Command::Dial {
                    node,
                    link,
                    endpoint,
                } => self.dial(node, link, endpoint),
                Command::Resolved {
                    node,
                    link,
                    endpoint,
                    addresses,
                } => self.resolved(node, link, endpoint, addresses),
                Command::Listen { node, listener } => self.listen(node, listener),
                Command::StopListening { node } => self.stop_listening(node),
                Command::Close {
                    token,
                    link,
                    reason,
                } => {
                    self.with_connection(token, |connection, _| connection.close(link, reason));
                }
                Command::Abandon { node, link } => self.abandon(node, link),
                Command::Arm { node, at_ms } => self.timers.set_node(&node, at_ms),
                Command::Stop => return Turn::Stop,
            }
        }
        for token in mailbox.retries {
            self.with_connection(token, |connection, _| connection.retry());
        }
        for token in mailbox.flushes {
            self.with_connection(token, |connection, _| connection.writable());
        }
        self.write_later(mailbox.later, mailbox.hurried);
        Turn::GoOn
    }

    /// Writes to the connections of which more was to come, if it is time.
    fn write_later(&mut self, tokens: Vec<Token>, hurried: bool) {
        if tokens.is_empty() && self.later.is_empty() {
            return;
        }
        self.later.extend(tokens);
        let now = Instant::now();
        let at = *self.later_at.get_or_insert(now + LATER);
        if hurried || now >= at {
            self.later_at = None;
            self.reactor.0.has_later.store(false, Relaxed);
            for token in std::mem::take(&mut self.later) {
                self.with_connection(token, |connection, _| connection.writable());
            }
        }
    }

    fn handle_event(&mut self, event: &Event) {
        let token = event.token();
        if token == WAKER {
            return;
        }
        if let Some(Entry::Listener { .. }) = self.entries.get(token.0) {
            return self.accept(token);
        }
        if event.is_writable() {
            self.with_connection(token, |connection, _| connection.writable());
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            let closed = event.is_read_closed() || event.is_error();
            if !closed && self.unread.contains(&token) {
                return;
            }
            let reading = self.reading;
            self.with_connection(token, |connection, buffer| {
                connection.readable(buffer, closed, reading)
            });
        }
    }

    /// Runs `turn` on a connection and does what it asks for then.
    fn with_connection(
        &mut self,
        token: Token,
        turn: impl FnOnce(&mut Connection, &mut [u8]) -> Outcome,
    ) {
        let Some(Entry::Connection(connection)) = self.entries.get_mut(token.0) else {
            return;
        };
        match turn(connection, &mut self.buffer) {
            Outcome::Wait => {}
            Outcome::ReadMore if self.unread.contains(&token) => {}
            Outcome::ReadMore => self.unread.push_back(token),
            Outcome::Done => return self.remove(token),
        }
        self.arm_connection(token);
    }

    /// Sets the connection's timer, unless an earlier one is set.
    fn arm_connection(&mut self, token: Token) {
        let Some(Entry::Connection(connection)) = self.entries.get_mut(token.0) else {
            return;
        };
        let Some(at) = connection.deadline() else {
            return;
        };
        if connection.armed.is_none_or(|armed| at < armed) {
            connection.armed = Some(at);
            self.timers
                .set(at, Due::Connection(token, connection.serial));
        }
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Node(node) => {
                    if let Some(node) = node.upgrade() {
                        node.handle_timeout();
                    }
                }
                Due::Connection(token, serial) => {
                    self.with_connection(token, |connection, _| {
                        if connection.serial != serial {
                            return Outcome::Wait;
                        }
                        connection.armed = None;
                        connection.timeout(now)
                    });
                }
                Due::Listener(token, serial) => {
                    let is_it = |entry: &Entry| matches!(entry, Entry::Listener { serial: known, .. } if *known == serial);
                    if self.entries.get(token.0).is_some_and(is_it) {
                        self.accept(token);
                    }
                }
            }
        }
    }

    fn listen(&mut self, node: Arc<NodeInner>, listener: Listener) {
        if node.is_closed() {
            drop(listener);
            return node.socket_closed();
        }
        let serial = self.serial();
        let entry = self.entries.vacant_entry();
        let token = Token(entry.key());
        if let Err(error) = listener.register(self.poll.registry(), token) {
            tracing::error!(%error, "cannot watch a listening socket");
            drop(listener);
            return node.socket_closed();
        }
        entry.insert(Entry::Listener {
            node,
            listener,
            serial,
        });
        // What came before the registration makes no edge.
        self.accept(token);
    }

    fn stop_listening(&mut self, id: spot_core::NodeId) {
        let is_it = |entry: &Entry| matches!(entry, Entry::Listener { node, .. } if node.id() == id && node.is_closed());
        let listeners = self.entries.iter().filter(|(_, entry)| is_it(entry));
        let listeners: Vec<Token> = listeners.map(|(key, _)| Token(key)).collect();
        for token in listeners {
            self.close_listener(token);
        }
        self.entries.retain(|_, entry| match entry {
            Entry::Connection(connection) if connection.is_shaking_hands_for(id) => {
                connection.give_up();
                false
            }
            Entry::Connection(connection) => !connection.is_remainder_of(id),
            _ => true,
        });
    }

    /// Its address is free before the node is told.
    fn close_listener(&mut self, token: Token) {
        if let Some(Entry::Listener { node, listener, .. }) = self.entries.try_remove(token.0) {
            let _ = listener.deregister(self.poll.registry());
            drop(listener);
            node.socket_closed();
        }
    }

    fn accept(&mut self, token: Token) {
        loop {
            let Some(Entry::Listener {
                node,
                listener,
                serial,
            }) = self.entries.get(token.0)
            else {
                return;
            };
            let (node, serial) = (node.clone(), *serial);
            match listener.accept() {
                Ok((stream, address)) => self.accepted(node, stream, address),
                Err(AcceptError::WouldBlock) => return,
                Err(AcceptError::ConnectionLost(_)) => {}
                Err(AcceptError::Exhausted(error)) => {
                    let endpoint = listener.local_text();
                    node.counters.accept_failures.fetch_add(1, Relaxed);
                    self.timers
                        .set(Instant::now() + ACCEPT_PAUSE, Due::Listener(token, serial));
                    return self.tell_exhaustion(&endpoint, &error);
                }
                Err(AcceptError::Broken(error)) => {
                    tracing::error!(%error, "a listening socket is broken and was closed");
                    return self.close_listener(token);
                }
            }
        }
    }

    /// Once for all attempts of a minute. A target of its own, as there is no event of it.
    fn tell_exhaustion(&mut self, endpoint: &str, error: &io::Error) {
        let now = Instant::now();
        let recently = |told: Instant| now < told + EXHAUSTION_REMINDER;
        if self.exhaustion_told.is_some_and(recently) {
            return;
        }
        self.exhaustion_told = Some(now);
        tracing::warn!(
            target: "serverlink::accept",
            "no connection can be accepted at {endpoint}: {error}; peers wait until descriptors are free: raise the \
             limit of open files (ulimit -n) or let fewer connect"
        );
    }

    fn accepted(&mut self, node: Arc<NodeInner>, stream: Stream, address: String) {
        self.add_connection(|port, serial| {
            Connection::accepted(node, stream, address, port, serial)
        });
    }

    /// Registers a connection and gives it its first turn.
    pub(super) fn add_connection(&mut self, make: impl FnOnce(LinkPort, u64) -> Connection) {
        let serial = self.serial();
        let entry = self.entries.vacant_entry();
        let token = Token(entry.key());
        let connection = make(
            LinkPort {
                reactor: self.reactor.clone(),
                token,
            },
            serial,
        );
        let registered = connection.register(self.poll.registry(), token);
        entry.insert(Entry::Connection(Box::new(connection)));
        match registered {
            Ok(()) => self.with_connection(token, |connection, _| connection.begin()),
            Err(error) => {
                self.with_connection(token, |connection, _| {
                    connection.fail(&format!("cannot watch the socket: {error}"))
                });
            }
        }
    }

    pub(super) fn remove(&mut self, token: Token) {
        if let Some(Entry::Connection(connection)) = self.entries.try_remove(token.0) {
            connection.deregister(self.poll.registry());
        }
    }

    fn abandon(&mut self, node: spot_core::NodeId, link: spot_core::LinkId) {
        let found = self.entries.iter().find_map(|(key, entry)| match entry {
            Entry::Connection(connection) if connection.is_attempt(node, link) => Some(Token(key)),
            _ => None,
        });
        if let Some(token) = found {
            self.with_connection(token, |connection, _| {
                connection.give_up();
                Outcome::Done
            });
        }
    }

    fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }
}
