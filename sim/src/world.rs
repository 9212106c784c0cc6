//! The virtual world: hosts, network and time, and what happens to them.

mod events;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use spot_core::endpoint::Host as EndpointHost;
use spot_core::limits::CEASE_MS;
use spot_core::{Endpoint, Filter, Incarnation, NodeConfig, NodeId, Overflow, SubscriberId};

use crate::checker::{Checker, Publisher, SubscriberKey};
use crate::clock::Clock;
use crate::driver::{Driver, Request};
use crate::fault::Fault;
use crate::mutation::Mutation;
use crate::net::{Chunk, End, Net, PipeId};
use crate::rng::Rng;
use crate::trace::Trace;
use crate::workload::Workload;

/// How long a subscriber that found something waits before it looks again.
const EAT_EVERY_MS: u64 = 20;

/// A host: the present life of a node, if it is up.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) life: u64,
    pub(crate) driver: Option<Driver>,
    /// It has taken its leave and will be born anew.
    pub(crate) leaving: bool,
    /// Its process stands still.
    pub(crate) paused: bool,
    pub(crate) subscribers: Vec<Subscriber>,
    clock: Option<Clock>,
    /// When it looks at its clock next.
    wakes_at_ms: Option<u64>,
    /// Whether its subscribers are going to look into their queues.
    eats: bool,
    /// How often a routed topic went over to another owner.
    switches: u64,
}

/// A subscriber as its program knows it.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: SubscriberId,
    pub(crate) overflow: Overflow,
    pub(crate) filters: Vec<Filter>,
    /// Those it had when it was ended as too slow, each time that it has not read of yet.
    pub(crate) ended: VecDeque<Vec<Filter>>,
    /// Messages it takes each time it looks.
    pub(crate) appetite: usize,
    /// Its interest was acknowledged since its filters changed.
    pub(crate) settled: bool,
}

/// What is going to happen.
#[derive(Debug)]
pub(crate) enum Event {
    Connect {
        from: End,
        to: usize,
    },
    Arrive(PipeId),
    Wake {
        host: usize,
        life: u64,
    },
    Eat {
        host: usize,
        life: u64,
    },
    /// A host takes its leave as soon as nobody publishes to it any more, or then.
    Leave {
        host: usize,
        life: u64,
        until_ms: u64,
    },
    /// A host that has taken its leave begins a new life.
    Reborn {
        host: usize,
        life: u64,
    },
    /// A host that died begins a new life, unless it has.
    Begin {
        host: usize,
        life: u64,
    },
    Ease(Fault),
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
    pub(crate) workload: Workload,
    mutation: Option<Mutation>,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    /// What cannot happen now, in order.
    held: Vec<Event>,
    trace: Trace,
    faults: Vec<String>,
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
    pub(crate) fn new(
        seed: u64,
        hosts: usize,
        workload: Workload,
        mutation: Option<Mutation>,
        prints: bool,
    ) -> Self {
        Self {
            rng: Rng::new(seed),
            now_ms: 0,
            hosts: (0..hosts).map(|_| Host::default()).collect(),
            net: Net::default(),
            checker: Checker::default(),
            discovery: false,
            workload,
            mutation,
            events: BTreeMap::new(),
            next_event: 0,
            held: Vec::new(),
            trace: Trace::new(prints),
            faults: Vec::new(),
        }
    }

    /// A hash of everything that happened so far.
    pub(crate) fn hash(&self) -> u64 {
        self.trace.hash()
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
        let clock = Clock::any(&mut self.rng);
        config.cluster.discovery = self.discovery;
        let driver = Driver::new(config, clock.local_ms(self.now_ms), self.mutation);
        self.hosts[host] = Host {
            life,
            driver: Some(driver),
            clock: Some(clock),
            ..Host::default()
        };
        self.with(host, |driver| {
            driver.with(|node, _| node.add_endpoint(address(host).to_string()));
        });
        self.note(format_args!("n{host} begins life {life}"));
    }

    /// A host dies without a word: its connections stay half open.
    pub(crate) fn crash(&mut self, host: usize) {
        self.note(format_args!("n{host} dies"));
        self.hosts[host].driver = None;
        self.hosts[host].paused = false;
        self.checker.forget(host);
        for end in self.net.ends_of(host) {
            self.net.close(end);
        }
        self.release_held();
    }

    /// A host takes its leave, and is born anew a little later.
    pub(crate) fn leave(&mut self, host: usize) {
        self.note(format_args!("n{host} leaves"));
        let topics: Vec<_> = self.driver(host).node.hosted_topics().collect();
        let life = self.hosts[host].life;
        let topics = topics.iter().map(|topic| &**topic);
        self.checker.note_left(Publisher { host, life }, topics);
        self.hosts[host].leaving = true;
        if self.mutation != Some(Mutation::LeaveAtOnce) {
            self.with(host, |driver| driver.with(|node, _| node.cease()));
        }
        let until_ms = self.now_ms + CEASE_MS;
        self.at(
            0,
            Event::Leave {
                host,
                life,
                until_ms,
            },
        );
    }

    /// It does so once nobody publishes to it any more, or takes too long to say so.
    fn go_on_leaving(&mut self, host: usize, life: u64, until_ms: u64) {
        if self.hosts[host].life != life || self.hosts[host].driver.is_none() {
            return;
        }
        if self.driver(host).node.is_published_to() && self.now_ms < until_ms {
            return self.at(
                1,
                Event::Leave {
                    host,
                    life,
                    until_ms,
                },
            );
        }
        self.note(format_args!("n{host} says farewell"));
        self.with(host, |driver| driver.with(|node, _| node.leave()));
        self.at(300, Event::Reborn { host, life });
    }

    /// Calls a host's driver, and carries bytes and requests to the network. The host must be up.
    pub(crate) fn with<T>(&mut self, host: usize, call: impl FnOnce(&mut Driver) -> T) -> T {
        let clock = self.hosts[host].clock.expect("it is up");
        let driver = self.hosts[host].driver.as_mut().expect("it is up");
        driver.set_now(clock.local_ms(self.now_ms));
        let result = call(driver);
        self.pump(host);
        self.follow_routes(host);
        self.follow_ends(host);
        self.arm(host);
        result
    }

    /// How long after a host began to host a topic all know it: where the news is missed each link repairs that in turn.
    pub(crate) fn known_after_ms(&self) -> u64 {
        match self.mutation {
            Some(mutation) if mutation.loses_topics() => 10_000,
            _ => 100,
        }
    }

    /// Whether a host's programs can do anything.
    pub(crate) fn is_up(&self, host: usize) -> bool {
        let state = &self.hosts[host];
        state.driver.is_some() && !state.leaving && !state.paused
    }

    /// The driver of a host that is up.
    pub(crate) fn driver(&self, host: usize) -> &Driver {
        self.hosts[host].driver.as_ref().expect("it is up")
    }

    /// What could not happen is tried again.
    pub(crate) fn release_held(&mut self) {
        for event in std::mem::take(&mut self.held) {
            self.at(0, event);
        }
    }

    pub(crate) fn at(&mut self, delay_ms: u64, event: Event) {
        self.next_event += 1;
        let key = (self.now_ms + delay_ms, self.next_event);
        self.events.insert(key, event);
    }

    /// Breaks a connection.
    pub(crate) fn reset(&mut self, connection: u32) {
        self.note(format_args!("connection {connection} breaks"));
        for (at_ms, pipe) in self.net.reset(connection, self.now_ms) {
            self.at(at_ms - self.now_ms, Event::Arrive(pipe));
        }
    }

    /// Subscribers that listen to another owner from now on miss what the one before goes on to publish.
    fn follow_routes(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        let switches = state.driver.as_ref().expect("it is up").switches;
        if std::mem::replace(&mut state.switches, switches) == switches {
            return;
        }
        self.unsettle_all(host);
    }

    /// What the subscribers of a host miss from now on is no loss, until their interest is acknowledged.
    pub(crate) fn unsettle_all(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        for subscriber in &mut state.subscribers {
            subscriber.settled = false;
            let (life, id) = (state.life, subscriber.id);
            self.checker.unsettle(SubscriberKey { host, life, id });
        }
    }

    /// What was ended is no more, once that is read.
    fn follow_ends(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        let driver = state.driver.as_mut().expect("it is up");
        for ended in driver.ended.drain(..) {
            let subscriber = state.subscribers.iter_mut().find(|known| known.id == ended);
            let Some(subscriber) = subscriber else {
                continue;
            };
            let filters = std::mem::take(&mut subscriber.filters);
            subscriber.ended.push_back(filters);
            subscriber.settled = false;
        }
    }

    /// Has a host wake when its timers or its subscribers want it.
    fn arm(&mut self, host: usize) {
        let now_ms = self.now_ms;
        let state = &mut self.hosts[host];
        let life = state.life;
        let driver = state.driver.as_ref().expect("it is up");
        let clock = state.clock.expect("it is up");
        let wakes_at_ms = driver.wakes_at_ms().map(|at| clock.world_ms(at));
        let wakes_at_ms = wakes_at_ms.map(|at| at.max(now_ms + 1));
        let hungry = driver.has_something_to_take()
            || state
                .subscribers
                .iter()
                .any(|subscriber| !subscriber.settled)
                && driver.interest_is_acknowledged();
        let eats = hungry && !state.eats;
        state.eats |= hungry;
        if let Some(at_ms) = wakes_at_ms
            && state.wakes_at_ms.is_none_or(|known| at_ms < known)
        {
            state.wakes_at_ms = Some(at_ms);
            self.at(at_ms - now_ms, Event::Wake { host, life });
        }
        if eats {
            self.at(EAT_EVERY_MS, Event::Eat { host, life });
        }
    }

    fn pump(&mut self, host: usize) {
        if self.hosts[host].paused {
            return;
        }
        let life = self.hosts[host].life;
        loop {
            let driver = self.hosts[host].driver.as_mut().expect("it is up");
            driver.retry_upstreams();
            let faults = driver.faults.drain(..);
            self.faults
                .extend(faults.map(|fault| format!("protocol: n{host}: {fault}")));
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
                self.net.linger(end);
            }
            Request::Drop(link) => {
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
}
