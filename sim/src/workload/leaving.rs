//! A world in which an owner takes its leave and returns again and again while others publish on its topic, and nothing else
//! goes wrong: each message is delivered or counted as missing.

use std::collections::VecDeque;

use spot_core::{Filter, Overflow};

use super::appetite::HUNGRY;
use super::mesh::{publish_one, topic_name};
use super::{Summary, Workload, key};
use crate::checker::{SubscriberKey, Tally};
use crate::mutation::Mutation;
use crate::world::{Subscriber, World, address};

const HUB: usize = 0;
pub(super) const OWNER: usize = 1;
pub(super) const HOSTS: usize = 4;
/// The owner stays so long: subscribers are to hear of each of its lives.
const LIFE_MS: usize = 8000;
const TROUBLE_MS: u64 = 60_000;
/// Until then all know of each other.
pub(super) const JOINED_MS: u64 = 3000;
const SETTLE_MS: u64 = 10_000;

/// Runs the leaving world of a seed; with `prints`, tells what happens.
///
/// # Errors
/// What went wrong.
pub fn run_leaving(seed: u64, mutation: Option<Mutation>, prints: bool) -> Result<Summary, String> {
    let mut world = World::new(seed, HOSTS, Workload::Leaving, mutation, prints);
    world.checker.shared_topics = true;
    (0..HOSTS).for_each(|host| Workload::Leaving.begin(&mut world, host));
    world.run_until(JOINED_MS);
    let mut leaves_at_ms = world.now_ms;
    while world.now_ms < TROUBLE_MS {
        let pause_ms = world.rng.of(1..40) as u64;
        world.run_until(world.now_ms + pause_ms);
        world.verdict()?;
        let host = world.rng.of(HUB..HOSTS);
        if world.is_up(host) {
            act(&mut world, host);
        }
        if world.now_ms >= leaves_at_ms && world.is_up(OWNER) {
            world.leave(OWNER);
            leaves_at_ms = world.now_ms + world.rng.of(LIFE_MS..2 * LIFE_MS) as u64;
        }
    }
    world.run_until(world.now_ms + SETTLE_MS);
    world.verdict()?;
    expect_all(&world)?;
    Ok(Summary {
        hash: world.hash(),
        delivered: world.checker.delivered,
        lost: world.checker.lost,
        healed_after_ms: 0,
        lived_ms: world.now_ms,
    })
}

/// A host begins a life: hosts behind the hub, some of them linked to the owner, too.
pub(super) fn begin(world: &mut World, host: usize) {
    let linked = host > OWNER && world.rng.percent(50);
    world.with(host, |driver| {
        driver.with(|node, now| {
            node.set_relay(host == HUB);
            if host == OWNER {
                let created = node.create_topic(&topic_name(OWNER, 0));
                created.expect("it is new");
            }
            let peers = [(host != HUB, HUB), (linked, OWNER)];
            for (_, peer) in peers.iter().filter(|(adds, _)| *adds) {
                let added = node.add_peer(now, &address(*peer));
                added.expect("added once");
            }
        });
    });
    match host {
        OWNER => world.checker.note_hosted(&topic_name(OWNER, 0)),
        _ => subscribe(world, host),
    }
}

fn subscribe(world: &mut World, host: usize) {
    let filter = Filter::pattern("*").expect("well-formed");
    let overflow = [Overflow::DropNewest, Overflow::Block][world.rng.of(0..2)];
    let id = world.with(host, |driver| driver.add_subscriber(overflow, 0));
    let subscribed = world.with(host, |driver| driver.subscribe(id, &filter));
    subscribed.expect("patterns need no owner");
    world.hosts[host].subscribers.push(Subscriber {
        id,
        overflow,
        filters: vec![filter],
        ended: VecDeque::new(),
        appetite: [3, HUNGRY][world.rng.of(0..2)],
        settled: true,
    });
}

pub(super) fn act(world: &mut World, host: usize) {
    for _ in 0..world.rng.of(1..8) {
        publish_one(world, host, &topic_name(OWNER, 0), 10);
    }
}

/// Each subscriber has seen every message, or was told that it is missing.
pub(super) fn expect_all(world: &World) -> Result<(), String> {
    let mut hosts = (HUB..HOSTS).filter(|host| *host != OWNER);
    hosts.try_for_each(|host| expect_all_seen(world, key(world, host, 0)))
}

fn expect_all_seen(world: &World, key: SubscriberKey) -> Result<(), String> {
    let topic = topic_name(OWNER, 0);
    let published = world.checker.published_in_all(&topic);
    let Tally {
        messages,
        missed,
        unknown,
    } = world.checker.tally(key, &topic);
    if messages + missed == published && !unknown {
        return Ok(());
    }
    Err(format!(
        "accounting: of {published} messages {messages} came and {missed} were reported missing (others of unknown number: {unknown}); {key:?}"
    ))
}
