//! A world in which a publisher elsewhere dies for good, or takes its leave: those who hear the topic are told of what it may
//! have taken along, and of nothing if it took its leave.

use spot_core::limits::PUBLISHER_GONE_MS;

use super::leaving::{HOSTS, JOINED_MS, OWNER};
use super::mesh::{publish_one, topic_name};
use super::{Summary, Workload, key};
use crate::world::World;

const PUBLISHER: usize = 3;
const LISTENER: usize = 2;
/// A dead connection is noticed after a while.
const SETTLE_MS: u64 = 15_000;

/// Runs the dying world of a seed; with `prints`, tells what happens.
///
/// # Errors
/// What went wrong.
pub fn run_dying(seed: u64, prints: bool) -> Result<Summary, String> {
    let mut world = World::new(seed, HOSTS, Workload::Leaving, None, prints);
    world.checker.shared_topics = true;
    (0..HOSTS).for_each(|host| Workload::Leaving.begin(&mut world, host));
    world.run_until(JOINED_MS);
    let topic = topic_name(OWNER, 0);
    for _ in 0..10 {
        publish_one(&mut world, PUBLISHER, &topic, 10);
    }
    let pause_ms = world.rng.of(0..100) as u64;
    world.run_until(world.now_ms + pause_ms);
    let dies = world.rng.percent(50);
    match dies {
        true => world.crash(PUBLISHER),
        false => world.leave(PUBLISHER),
    }
    let told_by_ms = world.now_ms + PUBLISHER_GONE_MS + SETTLE_MS;
    world.run_until(told_by_ms);
    world.verdict()?;
    let told = world.checker.tally(key(&world, LISTENER, 0), &topic);
    if told.unknown != (dies && told.messages > 0) {
        return Err(format!("silence: it dies: {dies}, and {told:?} is told"));
    }
    Ok(Summary {
        hash: world.hash(),
        delivered: world.checker.delivered,
        lost: world.checker.lost,
        healed_after_ms: 0,
        lived_ms: world.now_ms,
    })
}
