//! Everybody publishes on everybody's topics: a message goes to the topic's owner, which fans it out.

use super::appetite::{HUNGRY, set_appetites};
use super::mesh::{any_padding, churn, publish_one, publish_soon, topic_name};
use super::{key, pass, publisher};
use crate::world::World;

/// How long the last messages may take.
const SETTLE_MS: u64 = 6000;

pub(super) fn act(world: &mut World, host: usize) {
    if world.rng.percent(8) {
        let subscriber = world.rng.of(0..3);
        return churn(world, host, subscriber);
    }
    let owner = world.rng.of(0..world.hosts.len());
    let topic = world.rng.of(0..world.workload.topics());
    let name = topic_name(owner, topic);
    let most = if world.rng.percent(15) { 60 } else { 6 };
    for _ in 0..world.rng.of(1..most) {
        let padding = any_padding(world);
        if !publish_one(world, host, &name, padding) {
            return;
        }
    }
}

/// From a round of messages that all have seen to another, sums of losses must be exact, and the last messages there.
pub(super) fn expect_balance(world: &mut World) -> Result<(), String> {
    set_appetites(world, |_| HUNGRY);
    pass(world, SETTLE_MS)?;
    // The first tells what was lost before, and from the second on everybody counts.
    round(world, 1)?;
    round(world, 1)?;
    world.checker.level();
    // More than some queues hold, so that something is lost.
    round(world, 100)?;
    round(world, 1)?;
    world.checker.expect_balance()?;
    for host in 0..world.hosts.len() {
        for index in 0..world.hosts[host].subscribers.len() {
            expect_last_of_all(world, host, index)?;
        }
    }
    Ok(())
}

/// Everybody publishes so many messages on every topic.
fn round(world: &mut World, messages: usize) -> Result<(), String> {
    for host in 0..world.hosts.len() {
        for (owner, topic) in all_topics(world) {
            let name = topic_name(owner, topic);
            for _ in 0..messages {
                publish_soon(world, host, &name)?;
            }
        }
    }
    pass(world, SETTLE_MS)
}

fn all_topics(world: &World) -> Vec<(usize, usize)> {
    let owners = 0..world.hosts.len();
    let topics = world.workload.topics();
    owners
        .flat_map(|owner| (0..topics).map(move |topic| (owner, topic)))
        .collect()
}

fn expect_last_of_all(world: &World, host: usize, index: usize) -> Result<(), String> {
    for (owner, topic) in all_topics(world) {
        let name = topic_name(owner, topic);
        let mut filters = world.hosts[host].subscribers[index].filters.iter();
        if filters.any(|filter| filter.matches(&name)) {
            for by in 0..world.hosts.len() {
                let by = publisher(world, by);
                world
                    .checker
                    .expect_last(key(world, host, index), &name, by)?;
            }
        }
    }
    Ok(())
}
