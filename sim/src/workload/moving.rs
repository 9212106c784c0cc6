//! A world in which streams move between a hub and direct links while subscribers that ask for history come: nobody gets a
//! message twice or misses one in silence, whenever it subscribes.

use spot_core::Overflow;

use super::calm::{Late, subscribe_late};
use super::hubs::Shape;
use super::mesh::{publish_one, topic_name};
use super::{Summary, Workload, publisher};
use crate::world::{World, address};

const HUB: usize = 0;
const OWNER: usize = 1;
const HOSTS: usize = 4;
/// More than all that is published.
const HISTORY: usize = 1000;
const TROUBLE_MS: u64 = 5000;
const SETTLE_MS: u64 = 10_000;

/// Runs the moving world of a seed; with `prints`, tells what happens.
///
/// # Errors
/// What went wrong.
pub fn run_moving(seed: u64, prints: bool) -> Result<Summary, String> {
    let mut world = World::new(seed, HOSTS, Workload::Hubs(Shape::Star), None, prints);
    (0..HOSTS).for_each(|host| begin(&mut world, host));
    let mut late = Vec::new();
    let mut linked = [false; HOSTS];
    while world.now_ms < TROUBLE_MS {
        let pause_ms = world.rng.of(1..40) as u64;
        world.run_until(world.now_ms + pause_ms);
        world.verdict()?;
        act(&mut world, &mut late, &mut linked);
    }
    let begun_ms = world.now_ms;
    world.run_until(begun_ms + SETTLE_MS);
    world.verdict()?;
    publish_one(&mut world, OWNER, &topic_name(OWNER, 0), 0);
    world.run_until(begun_ms + 2 * SETTLE_MS);
    world.verdict()?;
    late.iter().try_for_each(|late| expect_last(&world, late))?;
    Ok(Summary {
        hash: world.hash(),
        delivered: world.checker.delivered,
        lost: world.checker.lost,
        healed_after_ms: 0,
        lived_ms: world.now_ms,
    })
}

fn begin(world: &mut World, host: usize) {
    world.start(host);
    world.with(host, |driver| {
        driver.keep_history(HISTORY);
        driver.with(|node, now| {
            node.set_relay(host == HUB);
            if host == OWNER {
                let created = node.create_topic(&topic_name(OWNER, 0));
                created.expect("it is new");
            }
            if host != HUB {
                let added = node.add_peer(now, &address(HUB));
                added.expect("added once");
            }
        });
    });
}

fn act(world: &mut World, late: &mut Vec<Late>, linked: &mut [bool; HOSTS]) {
    let host = world.rng.of(OWNER + 1..HOSTS);
    match world.rng.of(0..100) {
        0..55 => {
            for _ in 0..world.rng.of(1..4) {
                publish_one(world, OWNER, &topic_name(OWNER, 0), 10);
            }
        }
        55..80 => {
            let overflow = [Overflow::DropNewest, Overflow::Block][world.rng.of(0..2)];
            late.extend(subscribe_late(world, host, (OWNER, 0), overflow));
        }
        80..92 => {
            linked[host] = !linked[host];
            turn(world, host, linked[host]);
        }
        92..95 => break_direct(world, host),
        _ => slow(world),
    }
}

/// A host links to the owner itself, or does so no more: what it is sent at that moment it has chosen to miss.
fn turn(world: &mut World, host: usize, links: bool) {
    let owner = address(OWNER);
    world.with(host, |driver| {
        driver.with(|node, now| match links {
            true => node.add_peer(now, &owner).map(|_| ()).expect("not there"),
            false => node.remove_peer(&owner).expect("added"),
        });
    });
    if !links {
        world.unsettle_all(host);
    }
}

/// One of the ways takes longer from now on.
fn slow(world: &mut World) {
    let connections = world.net.connections();
    if !connections.is_empty() {
        let index = world.rng.of(0..connections.len());
        let latency_ms = world.rng.of(1..200) as u64;
        world.net.set_pace(connections[index], latency_ms, None);
    }
}

fn break_direct(world: &mut World, host: usize) {
    let connections = world.net.connections_between(host, OWNER);
    if let Some(connection) = connections.first() {
        world.reset(*connection);
    }
}

/// A late subscriber has the last message.
fn expect_last(world: &World, late: &Late) -> Result<(), String> {
    let by = publisher(world, OWNER);
    world
        .checker
        .expect_last(late.key, &topic_name(OWNER, 0), by)
}
