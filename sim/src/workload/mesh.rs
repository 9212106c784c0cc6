//! Everybody hosts topics, and subscribes to those of others.

use std::collections::VecDeque;

use spot_core::{Filter, Overflow};

use super::appetite::{HUNGRY, set_appetites};
use super::{key, pass, publisher};
use crate::world::{Subscriber, World, address};

/// How long the last messages may take.
const SETTLE_MS: u64 = 8000;

/// A host begins a life: it adds its neighbours, hosts its topics and subscribes.
pub(super) fn begin(world: &mut World, host: usize) {
    let history = [0, 5, 40, 1000][world.rng.of(0..4)];
    world.with(host, |driver| driver.keep_history(history));
    for topic in 0..world.workload.topics() {
        create(world, host, topic);
    }
    let mut neighbours = world.workload.neighbours(host, world.hosts.len());
    neighbours.retain(|other| !world.discovery || *other == 0);
    for other in neighbours {
        world.with(host, |driver| {
            let added = driver.with(|node, now| node.add_peer(now, &address(other)));
            added.expect("added once");
        });
    }
    for number in 0..3 {
        let subscriber = any_subscriber(world, host, [1, 5, 1000][number]);
        world.hosts[host].subscribers.push(subscriber);
        subscribe(world, host, number);
    }
}

fn any_subscriber(world: &mut World, host: usize, appetite: usize) -> Subscriber {
    let overflow = Overflow::from_number(world.rng.of(0..4) as u64).expect("below four");
    let history = [0, 1, 30][world.rng.of(0..3)];
    let id = world.with(host, |driver| driver.add_subscriber(overflow, history));
    Subscriber {
        id,
        overflow,
        filters: Vec::new(),
        ended: VecDeque::new(),
        appetite,
        settled: false,
    }
}

/// A subscriber goes, and another comes.
pub(super) fn replace(world: &mut World, host: usize, index: usize) {
    let Subscriber { id, appetite, .. } = world.hosts[host].subscribers[index];
    world.note(format_args!("n{host} {id:?} goes"));
    world.with(host, |driver| driver.remove_subscriber(id));
    let subscriber = any_subscriber(world, host, appetite);
    world.hosts[host].subscribers[index] = subscriber;
    subscribe(world, host, index);
}

pub(super) fn topic_name(host: usize, topic: usize) -> String {
    format!("n{host}:t{topic}")
}

pub(super) fn act(world: &mut World, host: usize) {
    let topic = world.rng.of(0..world.workload.topics());
    match world.rng.of(0..100) {
        0..78 => publish(world, host, topic),
        78..90 => {
            let subscriber = world.rng.of(0..3);
            churn(world, host, subscriber);
        }
        90..96 => create(world, host, topic),
        _ => destroy(world, host, topic),
    }
}

pub(super) fn create(world: &mut World, host: usize, topic: usize) {
    let name = topic_name(host, topic);
    let created = world.with(host, |driver| {
        driver.with(|node, _| node.create_topic(&name))
    });
    if created.is_ok() {
        world.checker.note_hosted(&name);
        world.note(format_args!("n{host} hosts {name}"));
    }
}

pub(super) fn destroy(world: &mut World, host: usize, topic: usize) {
    let name = topic_name(host, topic);
    let destroyed = world.with(host, |driver| {
        driver.with(|node, _| node.destroy_topic(&name))
    });
    if destroyed.is_ok() {
        world.checker.note_destroyed(&name);
        world.note(format_args!("n{host} destroys {name}"));
    }
}

pub(super) fn publish(world: &mut World, host: usize, topic: usize) {
    let name = topic_name(host, topic);
    let hosts = |world: &World| world.driver(host).node.hosts(&name);
    let most = if world.rng.percent(15) { 80 } else { 8 };
    for _ in 0..world.rng.of(1..most) {
        let padding = any_padding(world);
        if !hosts(world) || !publish_one(world, host, &name, padding) {
            return;
        }
    }
}

/// How much a message is longer than it need be.
pub(super) fn any_padding(world: &mut World) -> usize {
    if world.rng.percent(3) {
        9000
    } else {
        world.rng.of(0..120)
    }
}

/// Publishes a message on a topic, wherever it is hosted; false if it is not taken.
pub(super) fn publish_one(world: &mut World, host: usize, name: &str, padding: usize) -> bool {
    let by = publisher(world, host);
    let payload = world.checker.payload(name, by, padding);
    let taken = world.with(host, |driver| {
        if driver.node.hosts(name) {
            driver.publish(name, &payload)
        } else {
            driver.publish_upstream(name, &payload)
        }
    });
    if taken {
        world.checker.note_published(name, by);
    }
    taken
}

/// Subscribers that block may hold a publisher up for a moment, but not for ever.
pub(super) fn publish_soon(world: &mut World, host: usize, name: &str) -> Result<(), String> {
    let until_ms = world.now_ms + SETTLE_MS;
    while !publish_one(world, host, name, 0) {
        if world.now_ms >= until_ms {
            return Err(format!("progress: n{host} cannot publish on {name}"));
        }
        pass(world, 50)?;
    }
    Ok(())
}

fn subscribe(world: &mut World, host: usize, index: usize) {
    let other = world.rng.of(0..world.hosts.len());
    let topic = world.rng.of(0..world.workload.topics());
    let filter = match world.rng.of(0..3) {
        0 => Filter::pattern("*:t1").expect("well-formed"),
        1 => Filter::pattern(&format!("n{other}:*")).expect("well-formed"),
        _ => Filter::exact(&topic_name(other, topic)).expect("well-formed"),
    };
    let subscriber = &world.hosts[host].subscribers[index];
    if subscriber.filters.contains(&filter) {
        return;
    }
    let id = subscriber.id;
    let subscribed = world.with(host, |driver| driver.subscribe(id, &filter));
    if subscribed.is_ok() {
        world.note(format_args!(
            "n{host} {id:?} subscribes to {}",
            filter.text()
        ));
        world.hosts[host].subscribers[index].filters.push(filter);
        unsettle(world, host, index);
    }
}

/// A subscriber gives up one of its filters, or takes another.
pub(super) fn churn(world: &mut World, host: usize, index: usize) {
    let subscriber = &mut world.hosts[host].subscribers[index];
    if subscriber.filters.len() < 2 {
        return subscribe(world, host, index);
    }
    let (id, filter) = (subscriber.id, subscriber.filters.remove(0));
    world.note(format_args!(
        "n{host} {id:?} unsubscribes from {}",
        filter.text()
    ));
    world.with(host, |driver| driver.unsubscribe(id, &filter));
    forget_unwanted(world, host, index);
    unsettle(world, host, index);
}

/// What a subscriber does not want by its filters it may see again.
fn forget_unwanted(world: &mut World, host: usize, index: usize) {
    let key = key(world, host, index);
    let filters = world.hosts[host].subscribers[index].filters.iter();
    world.checker.wants_only(key, filters);
}

pub(super) fn unsettle(world: &mut World, host: usize, index: usize) {
    let key = key(world, host, index);
    world.checker.unsettle(key);
    world.hosts[host].subscribers[index].settled = false;
}

/// Publishes a last message on every topic: every subscriber that wants it must get it, with all losses accounted for.
pub(super) fn expect_last_messages(world: &mut World) -> Result<(), String> {
    set_appetites(world, |_| HUNGRY);
    pass(world, SETTLE_MS)?;
    let mut last = Vec::new();
    for host in 0..world.hosts.len() {
        for topic in 0..world.workload.topics() {
            create(world, host, topic);
        }
        let known_after_ms = world.known_after_ms();
        pass(world, known_after_ms)?;
        for topic in 0..world.workload.topics() {
            let name = topic_name(host, topic);
            publish_soon(world, host, &name)?;
            last.push((name, publisher(world, host)));
        }
    }
    pass(world, SETTLE_MS)?;
    for (host, state) in world.hosts.iter().enumerate() {
        for (index, subscriber) in state.subscribers.iter().enumerate() {
            for (topic, by) in &last {
                let mut filters = subscriber.filters.iter();
                if filters.any(|filter| filter.matches(topic)) {
                    world
                        .checker
                        .expect_last(key(world, host, index), topic, *by)?;
                }
            }
        }
    }
    Ok(())
}
