//! Carrying out what was going to happen.

use spot_core::Overflow;
use spot_core::inbox::{Notice, Taken};

use super::{Event, World};
use crate::checker::SubscriberKey;
use crate::driver::Driver;
use crate::fault;
use crate::net::{Chunk, End, PipeId};

impl World {
    pub(super) fn handle(&mut self, event: Event) {
        if self.is_obstructed(&event) {
            return self.held.push(event);
        }
        match event {
            Event::Connect { from, to } => self.connect(from, to),
            Event::Arrive(pipe) => self.arrive(pipe),
            Event::Wake { host, life } => self.wake(host, life),
            Event::Eat { host, life } => self.eat(host, life),
            Event::Leave {
                host,
                life,
                until_ms,
            } => self.go_on_leaving(host, life, until_ms),
            Event::Reborn { host, life } => {
                if self.hosts[host].life == life && self.hosts[host].driver.is_some() {
                    self.crash(host);
                    self.workload.begin(self, host);
                }
            }
            Event::Begin { host, life } => {
                if self.hosts[host].life == life && self.hosts[host].driver.is_none() {
                    self.workload.begin(self, host);
                }
            }
            Event::Ease(fault) => fault::ease(self, fault),
        }
    }

    /// Whether an event must wait until the network lets it through, or the host goes on.
    fn is_obstructed(&self, event: &Event) -> bool {
        let stands_still = |host: usize| self.hosts[host].paused;
        match event {
            Event::Connect { from, to } => stands_still(from.host) || stands_still(*to),
            Event::Arrive(pipe) => {
                let reader = self.net.route(*pipe).map(|(_, to)| to.host);
                reader.is_some_and(stands_still) || self.net.is_obstructed(*pipe)
            }
            Event::Wake { host, .. }
            | Event::Eat { host, .. }
            | Event::Leave { host, .. }
            | Event::Reborn { host, .. } => stands_still(*host),
            Event::Begin { .. } | Event::Ease(_) => false,
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
        let link = self.with(to, |driver| driver.accepted(name));
        let end = End {
            host: to,
            life,
            link,
        };
        let (latency_ms, trickles) = (self.rng.of(1..15) as u64, self.rng.percent(10));
        self.net.connect(from, end, latency_ms, trickles);
        self.note(format_args!("n{} connects to n{to}", from.host));
        self.pump(from.host);
        self.pump(to);
    }

    fn arrive(&mut self, pipe: PipeId) {
        let Some((from, to)) = self.net.route(pipe) else {
            return;
        };
        let Some((chunk, trickles)) = self.net.arrive(pipe) else {
            return;
        };
        if !self.net.is_open(pipe) {
            // Nobody reads it: a host that is up says so.
            if self.net.is_refused(pipe)
                && self.hosts[to.host].driver.is_some()
                && matches!(chunk, Chunk::Bytes(_))
            {
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
        // One that was put off by an earlier one is not needed any more.
        let state = &mut self.hosts[host];
        if state.wakes_at_ms.is_some_and(|at_ms| at_ms <= self.now_ms) {
            state.wakes_at_ms = None;
            self.with(host, Driver::wake);
        }
    }

    /// The subscribers of a host look into their queues.
    fn eat(&mut self, host: usize, life: u64) {
        if self.hosts[host].life != life || self.hosts[host].driver.is_none() {
            return;
        }
        let bounds = self.driver(host).check_bounds();
        self.faults.extend(
            bounds
                .err()
                .map(|fault| format!("bounds: n{host}: {fault}")),
        );
        for index in 0..self.hosts[host].subscribers.len() {
            let appetite = self.hosts[host].subscribers[index].appetite;
            self.take(host, index, appetite);
        }
        self.settle_subscribers(host);
        self.hosts[host].eats = false;
        self.arm(host);
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
            let subscriber = &self.hosts[host].subscribers[index];
            let filters = subscriber.ended.iter().flatten();
            let filters = filters.chain(&subscriber.filters);
            let fault = self.checker.took(key, filters, &taken, counted);
            self.faults.extend(fault.err());
            if let Taken::Notice(Notice::Ended) = taken {
                let subscriber = &mut self.hosts[host].subscribers[index];
                // What comes behind is of later subscriptions, which may begin with what was seen before.
                self.checker.wants_only(key, [].iter());
                if subscriber.ended.pop_front().is_none() {
                    self.faults.push(format!("ended: {key:?} was not"));
                }
            }
        }
    }

    /// Once all interest is acknowledged, subscribers that have taken what was queued until then are settled.
    fn settle_subscribers(&mut self, host: usize) {
        if !self.driver(host).interest_is_acknowledged() {
            return;
        }
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
