//! What fate does to a cluster. Most of it passes by itself after a while.

use crate::world::{Event, World, address};

/// Trouble that lasts until it is [eased](ease).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing passes from the first host to the second.
    Partition { from: usize, to: usize },
    /// The process stands still: its timers are late, its bytes wait in the system's buffers.
    Pause { host: usize, life: u64 },
    /// Nothing moves on a connection, and nothing breaks.
    Stall { connection: u32 },
    /// A program removed a peer: nothing is heard of it until it is added again.
    Removal { host: usize, life: u64, peer: usize },
    /// A connection has a long way and little bandwidth.
    Slow { connection: u32 },
}

/// Something goes wrong, somewhere.
pub(crate) fn strike(world: &mut World) {
    let host = world.rng.of(0..world.hosts.len());
    match world.rng.of(0..100) {
        0..24 => partition(world, host),
        24..40 => pause(world, host),
        40..54 => stall(world),
        54..66 => slow(world),
        66..80 => reset(world),
        80..84 => remove(world, host),
        84..94 => crash(world, host),
        _ => leave(world, host),
    }
}

/// It passes.
pub(crate) fn ease(world: &mut World, fault: Fault) {
    world.note(format_args!("over: {fault:?}"));
    match fault {
        Fault::Partition { from, to } => {
            world.net.blocked.remove(&(from, to));
        }
        Fault::Pause { host, life } => {
            if world.hosts[host].life == life {
                world.hosts[host].paused = false;
            }
        }
        Fault::Stall { connection } => world.net.set_stalled(connection, false),
        Fault::Removal { host, life, peer } => {
            if world.hosts[host].life == life && world.is_up(host) {
                add(world, host, peer);
            }
        }
        Fault::Slow { connection } => world.net.set_pace(connection, 5, None),
    }
    world.release_held();
}

/// Everything passes, and every host comes back.
pub(crate) fn end_all(world: &mut World) {
    world.note(format_args!("all heals"));
    world.net.blocked.clear();
    for connection in world.net.connections() {
        world.net.set_stalled(connection, false);
        world.net.set_pace(connection, 5, None);
    }
    for host in 0..world.hosts.len() {
        world.hosts[host].paused = false;
    }
    world.release_held();
    for host in 0..world.hosts.len() {
        if world.hosts[host].driver.is_none() {
            world.workload.begin(world, host);
        } else if world.workload.adds_everybody() && !world.discovery && world.is_up(host) {
            let others = (0..world.hosts.len()).filter(|other| *other != host);
            others.for_each(|other| add(world, host, other));
        }
    }
}

fn lasts(world: &mut World, fault: Fault, most_ms: usize) {
    world.note(format_args!("{fault:?}"));
    let for_ms = world.rng.of(100..most_ms) as u64;
    world.at(for_ms, Event::Ease(fault));
}

fn partition(world: &mut World, from: usize) {
    let to = world.rng.of(0..world.hosts.len());
    if from == to {
        return;
    }
    let both_ways = world.rng.percent(60);
    for (from, to) in [(from, to), (to, from)]
        .into_iter()
        .take(1 + usize::from(both_ways))
    {
        world.net.blocked.insert((from, to));
        lasts(world, Fault::Partition { from, to }, 14_000);
    }
}

fn pause(world: &mut World, host: usize) {
    let state = &mut world.hosts[host];
    if state.driver.is_some() && !state.paused {
        state.paused = true;
        let life = state.life;
        lasts(world, Fault::Pause { host, life }, 9000);
    }
}

fn any_connection(world: &mut World) -> Option<u32> {
    let connections = world.net.connections();
    let index = world.rng.of(0..connections.len().max(1));
    connections.get(index).copied()
}

fn stall(world: &mut World) {
    if let Some(connection) = any_connection(world) {
        world.net.set_stalled(connection, true);
        lasts(world, Fault::Stall { connection }, 12_000);
    }
}

fn slow(world: &mut World) {
    if let Some(connection) = any_connection(world) {
        let latency_ms = world.rng.of(100..500) as u64;
        let bytes_per_s = world.rng.of(1500..30_000) as u64;
        world
            .net
            .set_pace(connection, latency_ms, Some(bytes_per_s));
        lasts(world, Fault::Slow { connection }, 30_000);
    }
}

fn reset(world: &mut World) {
    if let Some(connection) = any_connection(world) {
        world.reset(connection);
    }
}

fn remove(world: &mut World, host: usize) {
    let peer = world.rng.of(0..world.hosts.len());
    if !world.workload.adds_everybody() || world.discovery || !world.is_up(host) {
        return;
    }
    let removed = world.with(host, |driver| {
        driver.with(|node, _| node.remove_peer(&address(peer)))
    });
    if removed.is_ok() {
        world.unsettle_all(host);
        let life = world.hosts[host].life;
        lasts(world, Fault::Removal { host, life, peer }, 9000);
    }
}

/// Adds a peer, unless it was added before.
fn add(world: &mut World, host: usize, peer: usize) {
    let _ = world.with(host, |driver| {
        driver.with(|node, now| node.add_peer(now, &address(peer)))
    });
}

fn crash(world: &mut World, host: usize) {
    if world.hosts[host].driver.is_some() {
        world.crash(host);
        let life = world.hosts[host].life;
        let for_ms = world.rng.of(50..9000) as u64;
        world.at(for_ms, Event::Begin { host, life });
    }
}

fn leave(world: &mut World, host: usize) {
    if world.is_up(host) {
        world.leave(host);
    }
}
