//! A topic that the others route to two hosts: the preferred one, and one that stands in for it.

use std::collections::VecDeque;

use spot_core::node::RouteStatus;
use spot_core::{Filter, Overflow};

use super::mesh::unsettle;
use super::{key, pass, publisher};
use crate::checker::Publisher;
use crate::world::{Subscriber, World, address};

const TOPIC: &str = "service";
const PREFERRED: usize = 0;
const BACKUP: usize = 1;
/// How long going over to the other owner may take: a dead peer is found, and the one that is back dialled.
const SWITCH_MS: u64 = 20_000;

pub(super) fn is_owner(host: usize) -> bool {
    host == PREFERRED || host == BACKUP
}

pub(super) fn begin(world: &mut World, host: usize) {
    if is_owner(host) {
        let created = world.with(host, |driver| {
            driver.with(|node, _| node.create_topic(TOPIC))
        });
        created.expect("it is new");
        return;
    }
    let endpoints = [address(PREFERRED), address(BACKUP)];
    // The program waits for an endpoint before it goes on. Here it goes on at once, as when an earlier route failed.
    world.with(host, |driver| {
        driver.with(|node, now| {
            let peers = node.begin_route(now, TOPIC, &endpoints).expect("a new one");
            assert_ne!(node.route_status(&peers), RouteStatus::Itself);
            node.finish_route(TOPIC, peers).expect("a new one");
        });
    });
    let exact = Filter::exact(TOPIC).expect("well-formed");
    let pattern = Filter::pattern("serv*").expect("well-formed");
    for (number, filter) in [exact, pattern].into_iter().enumerate() {
        let overflow = Overflow::from_number(world.rng.of(0..3) as u64).expect("below four");
        let id = world.with(host, |driver| driver.add_subscriber(overflow, 0));
        world.hosts[host].subscribers.push(Subscriber {
            id,
            overflow,
            filters: Vec::new(),
            ended: VecDeque::new(),
            appetite: [3, 1000][number],
            settled: false,
        });
        subscribe(world, host, number, filter);
    }
}

fn subscribe(world: &mut World, host: usize, index: usize, filter: Filter) {
    let id = world.hosts[host].subscribers[index].id;
    let subscribed = world.with(host, |driver| driver.subscribe(id, &filter));
    if subscribed.is_ok() {
        world.hosts[host].subscribers[index].filters.push(filter);
        unsettle(world, host, index);
    }
}

pub(super) fn act(world: &mut World, host: usize) {
    if is_owner(host) {
        let most = if world.rng.percent(10) { 70 } else { 6 };
        for _ in 0..world.rng.of(1..most) {
            if !publish(world, host) {
                return;
            }
        }
        return;
    }
    // An exact subscription needs an owner that is linked.
    if world.hosts[host].subscribers[0].filters.is_empty() {
        let exact = Filter::exact(TOPIC).expect("well-formed");
        subscribe(world, host, 0, exact);
    }
}

fn publish(world: &mut World, host: usize) -> bool {
    let by = publisher(world, host);
    let padding = world.rng.of(0..60);
    let payload = world.checker.payload(TOPIC, by, padding);
    let published = world.with(host, |driver| driver.publish(TOPIC, &payload));
    if published {
        world.checker.note_published(TOPIC, by);
    }
    published
}

/// With both owners up the preferred one is heard alone; without it the other one is; and once more when it is back.
pub(super) fn expect_both_ways(world: &mut World) -> Result<(), String> {
    for host in (0..world.hosts.len()).filter(|host| !is_owner(*host)) {
        for index in 0..2 {
            world.hosts[host].subscribers[index].appetite = 1000;
        }
        act(world, host);
    }
    pass(world, SWITCH_MS / 2)?;
    expect_heard(world, PREFERRED, Some(BACKUP))?;
    world.crash(PREFERRED);
    pass(world, SWITCH_MS)?;
    expect_heard(world, BACKUP, None)?;
    world.workload.begin(world, PREFERRED);
    pass(world, SWITCH_MS)?;
    expect_heard(world, PREFERRED, Some(BACKUP))
}

fn expect_heard(world: &mut World, owner: usize, other: Option<usize>) -> Result<(), String> {
    for owner in [Some(owner), other].into_iter().flatten() {
        if !publish(world, owner) {
            return Err(format!("progress: n{owner} cannot publish"));
        }
    }
    pass(world, 2000)?;
    for host in (0..world.hosts.len()).filter(|host| !is_owner(*host)) {
        for index in 0..2 {
            let key = key(world, host, index);
            world
                .checker
                .expect_last(key, TOPIC, publisher(world, owner))?;
            if let Some(other) = other {
                let last: Publisher = publisher(world, other);
                if world.checker.expect_last(key, TOPIC, last).is_ok() {
                    return Err(format!("route: n{other} is heard; {key:?}"));
                }
            }
        }
    }
    Ok(())
}
