//! A world in which connections break and nothing else goes wrong: with history nothing at all is lost, and whoever comes
//! late begins where it asked to.

use std::collections::VecDeque;

use spot_core::{Filter, Overflow};

use super::mesh::{publish_one, topic_name};
use super::{Summary, Workload, heal, publisher};
use crate::checker::SubscriberKey;
use crate::world::{Subscriber, World, address};

const HOSTS: usize = 3;
const TOPICS: usize = 2;
/// More than all that is published of a topic.
const HISTORY: usize = 1000;
/// What half of the late subscribers ask for; few enough that a link's queue has room for those of several.
const ASKED: usize = 10;
const TROUBLE_MS: u64 = 6000;
const SETTLE_MS: u64 = 10_000;

/// A subscriber that came late.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) key: SubscriberKey,
    topic: String,
    asked: u64,
    /// Messages published when it subscribed.
    published: u64,
    owner: usize,
}

/// Runs the calm world of a seed; with `prints`, tells what happens.
///
/// # Errors
/// What went wrong.
pub fn run_calm(seed: u64, prints: bool) -> Result<Summary, String> {
    let mut world = World::new(seed, HOSTS, Workload::Mesh, None, prints);
    (0..HOSTS).for_each(|host| begin(&mut world, host));
    let mut late = Vec::new();
    while world.now_ms < TROUBLE_MS {
        let pause_ms = world.rng.of(10..60) as u64;
        world.run_until(world.now_ms + pause_ms);
        world.verdict()?;
        act(&mut world, &mut late);
    }
    let begun_ms = world.now_ms;
    world.run_until(begun_ms + SETTLE_MS);
    world.verdict()?;
    heal::is_whole(&world)?;
    if world.checker.gaps > 0 {
        return Err(format!("{} gaps", world.checker.gaps));
    }
    late.iter().try_for_each(|late| expect_all(&world, late))?;
    Ok(Summary {
        hash: world.hash(),
        delivered: world.checker.delivered,
        lost: world.checker.lost,
        healed_after_ms: world.now_ms - begun_ms,
        lived_ms: world.now_ms,
    })
}

fn begin(world: &mut World, host: usize) {
    world.start(host);
    world.with(host, |driver| driver.keep_history(HISTORY));
    for topic in 0..TOPICS {
        let name = topic_name(host, topic);
        let created = world.with(host, |driver| {
            driver.with(|node, _| node.create_topic(&name))
        });
        created.expect("it is new");
    }
    for other in (0..HOSTS).filter(|other| *other != host) {
        let added = world.with(host, |driver| {
            driver.with(|node, now| node.add_peer(now, &address(other)))
        });
        added.expect("added once");
    }
}

fn act(world: &mut World, late: &mut Vec<Late>) {
    let host = world.rng.of(0..HOSTS);
    match world.rng.of(0..100) {
        0..70 => {
            let topic = topic_name(host, world.rng.of(0..TOPICS));
            for _ in 0..world.rng.of(1..4) {
                publish_one(world, host, &topic, 10);
            }
        }
        70..85 => late.extend(come_late(world, host)),
        85..92 => {
            let connections = world.net.connections();
            if !connections.is_empty() {
                let index = world.rng.of(0..connections.len());
                world.reset(connections[index]);
            }
        }
        _ => {}
    }
}

fn come_late(world: &mut World, host: usize) -> Option<Late> {
    let owner = world.rng.of(0..HOSTS);
    let topic = world.rng.of(0..TOPICS);
    let overflow = [Overflow::DropNewest, Overflow::DropOldest][world.rng.of(0..2)];
    subscribe_late(world, host, (owner, topic), overflow)
}

/// A new subscriber to one topic, by its name or by a pattern. It takes everything at once and never changes its mind, so
/// that all counts from its first message on.
pub(super) fn subscribe_late(
    world: &mut World,
    host: usize,
    (owner, topic): (usize, usize),
    overflow: Overflow,
) -> Option<Late> {
    let topic = topic_name(owner, topic);
    let filter = match world.rng.percent(50) {
        true => Filter::exact(&topic).expect("well-formed"),
        false => Filter::pattern(&format!("{topic}*")).expect("well-formed"),
    };
    let asked = [0, ASKED][world.rng.of(0..2)];
    let id = world.with(host, |driver| driver.add_subscriber(overflow, asked));
    let published = world.checker.published(&topic, publisher(world, owner));
    let subscribed = world.with(host, |driver| driver.subscribe(id, &filter));
    let life = world.hosts[host].life;
    world.hosts[host].subscribers.push(Subscriber {
        id,
        overflow,
        filters: vec![filter],
        ended: VecDeque::new(),
        appetite: 1000,
        settled: true,
    });
    // By its name a topic is subscribed to while its owner is linked only.
    subscribed.is_ok().then_some(Late {
        key: SubscriberKey { host, life, id },
        topic,
        asked: asked as u64,
        published,
        owner,
    })
}

/// A late subscriber has what it asked for and everything since.
fn expect_all(world: &World, late: &Late) -> Result<(), String> {
    let by = publisher(world, late.owner);
    let published = world.checker.published(&late.topic, by);
    let Some(first) = world.checker.first(late.key, &late.topic, late.owner) else {
        let has_all = published == 0 || late.asked == 0 && late.published == published;
        return has_all.then_some(()).ok_or(format!("{late:?} has nothing"));
    };
    world.checker.expect_last(late.key, &late.topic, by)?;
    let earliest = late.published.saturating_sub(late.asked);
    // Who asked for some has at least one of those that were there, where there were any.
    let begins_late = late.asked > 0 && late.published > 0 && first >= late.published;
    // Who asks for nothing and comes while the link is down has what the others missed meanwhile.
    if late.asked > 0 && first < earliest || begins_late {
        return Err(format!("{late:?} begins with {first}"));
    }
    Ok(())
}
