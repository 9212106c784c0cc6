//! The virtual world: hosts, network and time, and what happens to them.

use std::collections::BTreeMap;
use std::fmt;

use spot_core::endpoint::Host as EndpointHost;
use spot_core::inbox::{Notice, Taken};
use spot_core::{Endpoint, Filter, Incarnation, NodeConfig, NodeId, Overflow, SubscriberId};

use crate::checker::{Checker, SubscriberKey};
use crate::driver::{Driver, Request};
use crate::net::{Chunk, End, Net, PipeId};
use crate::rng::Rng;

/// How often a host looks at the clock.
const WAKE_EVERY_MS: u64 = 20;

/// A host: the present life of a node, if it is up.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) life: u64,
    pub(crate) driver: Option<Driver>,
    /// It has taken its leave and will be born anew.
    pub(crate) leaving: bool,
    pub(crate) subscribers: Vec<Subscriber>,
}

/// A subscriber as its program knows it.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: SubscriberId,
    pub(crate) overflow: Overflow,
    pub(crate) filters: Vec<Filter>,
    /// Messages it takes each time its host wakes.
    pub(crate) appetite: usize,
    /// Its interest was acknowledged since its filters changed.
    pub(crate) settled: bool,
}

#[derive(Debug)]
enum Event {
    Connect { from: End, to: usize },
    Arrive(PipeId),
    Wake { host: usize, life: u64 },
    Reborn { host: usize, life: u64 },
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now_ms: u64,
    pub(crate) hosts: Vec<Host>,
    pub(crate) net: Net,
    pub(crate) checker: Checker,
    /// Hosts dial the members they learn of.
    pub(crate) discovery: bool,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    trace: Trace,
    faults: Vec<String>,
}

/// What happened, as text, and a hash of it.
#[derive(Debug)]
struct Trace {
    prints: bool,
    hash: u64,
}

impl Trace {
    fn note(&mut self, now_ms: u64, what: fmt::Arguments<'_>) {
        let line = format!("{now_ms:>6} {what}");
        // FNV-1a 64.
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.prints {
            println!("{line}");
        }
    }
}

/// Where the `host`th host listens.
pub(crate) fn address(host: usize) -> Endpoint {
    Endpoint::Tcp {
        host: EndpointHost::Name(format!("n{host}")),
        port: 5555,
    }
}

fn host_at(endpoint: &Endpoint) -> usize {
    match endpoint {
        Endpoint::Tcp {
            host: EndpointHost::Name(name),
            ..
        } => name[1..].parse().expect("our own names"),
        _ => unreachable!("only our own addresses are dialled"),
    }
}

impl World {
    /// Hosts that are down.
    pub(crate) fn new(seed: u64, hosts: usize, prints: bool) -> Self {
        Self {
            rng: Rng::new(seed),
            now_ms: 0,
            hosts: (0..hosts).map(|_| Host::default()).collect(),
            net: Net::default(),
            checker: Checker::default(),
            discovery: false,
            events: BTreeMap::new(),
            next_event: 0,
            trace: Trace {
                prints,
                hash: 0xcbf2_9ce4_8422_2325,
            },
            faults: Vec::new(),
        }
    }

    /// A hash of everything that happened so far.
    pub(crate) fn hash(&self) -> u64 {
        self.trace.hash
    }

    /// What must not have happened.
    ///
    /// # Errors
    /// The first such thing.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        self.faults.first().cloned().map_or(Ok(()), Err)
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.trace.note(self.now_ms, what);
    }

    /// Lets everything happen up to a time, or up to the first fault.
    pub(crate) fn run_until(&mut self, end_ms: u64) {
        while self.faults.is_empty()
            && let Some(entry) = self.events.first_entry()
            && entry.key().0 <= end_ms
        {
            let ((at_ms, _), event) = entry.remove_entry();
            self.now_ms = at_ms;
            self.handle(event);
        }
        self.now_ms = end_ms;
    }

    // Hosts.

    /// A new life of a host.
    pub(crate) fn start(&mut self, host: usize) {
        let life = self.hosts[host].life + 1;
        let id = NodeId([host as u8 + 1; 16]);
        let seed = self.rng.any();
        let mut config = NodeConfig::new(id, Incarnation(life), seed);
        config.name = format!("n{host}");
        config.cluster.discovery = self.discovery;
        self.hosts[host] = Host {
            life,
            driver: Some(Driver::new(config, self.now_ms)),
            ..Host::default()
        };
        self.with(host, |driver| {
            driver.with(|node, _| node.add_endpoint(address(host).to_string()));
        });
        self.note(format_args!("n{host} begins life {life}"));
        self.at(WAKE_EVERY_MS, Event::Wake { host, life });
    }

    /// A host dies without a word: its connections stay half open.
    pub(crate) fn crash(&mut self, host: usize) {
        self.note(format_args!("n{host} dies"));
        self.hosts[host].driver = None;
        for end in self.net.ends_of(host) {
            self.net.close(end);
        }
    }

    /// A host takes its leave, and is born anew a little later.
    pub(crate) fn leave(&mut self, host: usize) {
        self.note(format_args!("n{host} leaves"));
        self.hosts[host].leaving = true;
        self.with(host, |driver| driver.with(|node, _| node.leave()));
        let life = self.hosts[host].life;
        self.at(300, Event::Reborn { host, life });
    }

    /// Calls a host's driver, and carries bytes and requests to the network. The host must be up.
    pub(crate) fn with<T>(&mut self, host: usize, call: impl FnOnce(&mut Driver) -> T) -> T {
        let driver = self.hosts[host].driver.as_mut().expect("it is up");
        driver.set_now(self.now_ms);
        let result = call(driver);
        self.pump(host);
        result
    }

    pub(crate) fn is_up(&self, host: usize) -> bool {
        self.hosts[host].driver.is_some() && !self.hosts[host].leaving
    }

    /// Breaks a connection.
    pub(crate) fn reset(&mut self, connection: u32) {
        self.note(format_args!("connection {connection} breaks"));
        for (at_ms, pipe) in self.net.reset(connection, self.now_ms) {
            self.at(at_ms - self.now_ms, Event::Arrive(pipe));
        }
    }

    fn pump(&mut self, host: usize) {
        let life = self.hosts[host].life;
        loop {
            let driver = self.hosts[host].driver.as_mut().expect("it is up");
            let faults = driver.faults.drain(..);
            self.faults
                .extend(faults.map(|fault| format!("n{host}: {fault}")));
            for event in std::mem::take(&mut driver.news) {
                self.trace
                    .note(self.now_ms, format_args!("n{host} {event:?}"));
            }
            let driver = self.hosts[host].driver.as_mut().expect("it is up");
            if let Some(request) = driver.poll_request() {
                self.carry_out(host, request);
                continue;
            }
            let mut wrote = false;
            for end in self.net.ends_of(host) {
                wrote |= end.life == life && self.write(end);
            }
            if !wrote {
                return;
            }
        }
    }

    fn carry_out(&mut self, host: usize, request: Request) {
        let life = self.hosts[host].life;
        match request {
            Request::Dial(link, endpoint) => {
                let from = End { host, life, link };
                let to = host_at(&endpoint);
                let delay_ms = self.rng.of(1..20) as u64;
                self.at(delay_ms, Event::Connect { from, to });
            }
            Request::HangUp(link) => {
                let end = End { host, life, link };
                self.send(end, Chunk::End("closed"));
                self.net.close(end);
            }
        }
    }

    fn write(&mut self, end: End) -> bool {
        let room = self.net.room(end);
        let driver = self.hosts[end.host].driver.as_mut().expect("it is up");
        let bytes = driver.take_output(end.link, room);
        let wrote = !bytes.is_empty();
        if wrote {
            self.send(end, Chunk::Bytes(bytes));
        }
        wrote
    }

    fn send(&mut self, from: End, chunk: Chunk) {
        if let Some((at_ms, pipe)) = self.net.write(from, chunk, self.now_ms) {
            self.at(at_ms - self.now_ms, Event::Arrive(pipe));
        }
    }

    fn at(&mut self, delay_ms: u64, event: Event) {
        self.next_event += 1;
        let key = (self.now_ms + delay_ms, self.next_event);
        self.events.insert(key, event);
    }

    // Events.

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connect { from, to } => self.connect(from, to),
            Event::Arrive(pipe) => self.arrive(pipe),
            Event::Wake { host, life } => self.wake(host, life),
            Event::Reborn { host, life } => {
                if self.hosts[host].life == life {
                    self.crash(host);
                    crate::workload::begin(self, host);
                }
            }
        }
    }

    fn is_alive(&self, end: End) -> bool {
        let host = &self.hosts[end.host];
        host.life == end.life && host.driver.is_some()
    }

    fn connect(&mut self, from: End, to: usize) {
        let blocked = &self.net.blocked;
        // A lost SYN: the dialling side gives up by itself.
        if !self.is_alive(from)
            || blocked.contains(&(from.host, to))
            || blocked.contains(&(to, from.host))
        {
            return;
        }
        if !self.is_up(to) {
            return self.with(from.host, |driver| driver.lost(from.link, "refused"));
        }
        if !self.with(from.host, |driver| driver.connected(from.link)) {
            return;
        }
        let name = format!("n{}", from.host);
        let life = self.hosts[to].life;
        let driver = self.hosts[to].driver.as_mut().expect("it is up");
        let link = driver.accepted(name);
        let end = End {
            host: to,
            life,
            link,
        };
        let (latency_ms, trickles) = (self.rng.of(1..15) as u64, self.rng.percent(20));
        self.net.connect(from, end, latency_ms, trickles);
        self.note(format_args!("n{} connects to n{to}", from.host));
        self.pump(from.host);
        self.pump(to);
    }

    fn arrive(&mut self, pipe: PipeId) {
        let Some((from, to)) = self.net.route(pipe) else {
            return;
        };
        if self.net.blocked.contains(&(from.host, to.host)) {
            return self.at(25, Event::Arrive(pipe));
        }
        let Some((chunk, trickles)) = self.net.arrive(pipe) else {
            return;
        };
        if !self.net.is_open(pipe) {
            // Nobody reads it: a host that is up says so.
            if self.hosts[to.host].driver.is_some() && matches!(chunk, Chunk::Bytes(_)) {
                self.reset(pipe.0);
            }
            return;
        }
        match chunk {
            Chunk::Bytes(bytes) => self.deliver(to, &bytes, trickles),
            Chunk::End(reason) => {
                self.note(format_args!("n{} {:?} {reason}", to.host, to.link));
                self.net.close(to);
                self.with(to.host, |driver| driver.lost(to.link, reason));
            }
        }
        if self.is_alive(from) {
            self.pump(from.host);
        }
    }

    fn deliver(&mut self, to: End, bytes: &[u8], trickles: bool) {
        self.note(format_args!(
            "n{} {:?} reads {}",
            to.host,
            to.link,
            bytes.len()
        ));
        let mut rng = self.rng.clone();
        self.with(to.host, |driver| {
            let mut rest = bytes;
            while !rest.is_empty() {
                let most = rest.len().min(if trickles { 1 } else { 1500 });
                let (piece, others) = rest.split_at(rng.of(1..most + 1));
                driver.received(to.link, piece);
                rest = others;
            }
        });
        self.rng = rng;
    }

    fn wake(&mut self, host: usize, life: u64) {
        if self.hosts[host].life != life || self.hosts[host].driver.is_none() {
            return;
        }
        self.at(WAKE_EVERY_MS, Event::Wake { host, life });
        self.with(host, Driver::wake);
        let bounds = self.with(host, |driver| driver.check_bounds());
        self.faults.extend(bounds.err());
        for index in 0..self.hosts[host].subscribers.len() {
            let appetite = self.hosts[host].subscribers[index].appetite;
            self.take(host, index, appetite);
        }
        self.settle_subscribers(host);
    }

    /// A subscriber takes up to so many messages.
    fn take(&mut self, host: usize, index: usize, most: usize) {
        let subscriber = &self.hosts[host].subscribers[index];
        let (id, settled) = (subscriber.id, subscriber.settled);
        let counted = settled && subscriber.overflow != Overflow::Disconnect;
        let life = self.hosts[host].life;
        let key = SubscriberKey { host, life, id };
        for _ in 0..most {
            let Some(taken) = self.with(host, |driver| driver.take(id)) else {
                return;
            };
            self.note(format_args!("n{host} {id:?} takes {}", describe(&taken)));
            let fault = self.checker.took(key, &taken, counted);
            self.faults.extend(fault.err());
            if let Taken::Notice(Notice::Ended) = taken {
                let subscriber = &mut self.hosts[host].subscribers[index];
                subscriber.filters.clear();
                subscriber.settled = false;
            }
        }
    }

    /// Once all interest is acknowledged, subscribers that have taken what was queued until then are settled.
    fn settle_subscribers(&mut self, host: usize) {
        let driver = self.hosts[host].driver.as_ref().expect("it is up");
        let mut versions = driver.node.interest_versions();
        if versions.any(|(_, acked, sent)| acked != sent) {
            return;
        }
        drop(versions);
        for index in 0..self.hosts[host].subscribers.len() {
            if !self.hosts[host].subscribers[index].settled {
                self.take(host, index, usize::MAX);
                self.hosts[host].subscribers[index].settled = true;
            }
        }
    }
}

fn describe(taken: &Taken) -> String {
    match taken {
        Taken::Message { topic, payload, .. } => {
            let text = String::from_utf8_lossy(payload.as_ref());
            format!("{topic} {}", text.trim_end_matches('x'))
        }
        other => format!("{other:?}"),
    }
}
