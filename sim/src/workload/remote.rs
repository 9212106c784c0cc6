//! Everybody publishes on everybody's topics: a message goes to the topic's owner, which fans it out.

use super::mesh::{any_padding, churn, publish_one, publish_soon, topic_name};
use super::{key, pass, publisher};
use crate::world::{Subscriber, World};

/// How long the last messages may take.
const SETTLE_MS: u64 = 6000;

/// The appetite of a subscriber that is never behind.
const HUNGRY: usize = 1000;

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

/// The cluster is whole, and nothing was published since: what was lost is told nevertheless.
pub(super) fn expect_no_silence(world: &mut World) -> Result<(), String> {
    let appetites = set_appetites(world, |_| HUNGRY);
    pass(world, SETTLE_MS)?;
    let mut appetites = appetites.into_iter();
    set_appetites(world, |_| appetites.next().expect("one for each"));
    let hosts = 0..world.hosts.len();
    let publishers: Vec<_> = hosts.map(|host| publisher(world, host)).collect();
    world.checker.expect_no_silence(&publishers)
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

/// Changes how much each subscriber takes at a time; gives what it was before.
fn set_appetites(world: &mut World, mut to: impl FnMut(usize) -> usize) -> Vec<usize> {
    let hosts = world.hosts.iter_mut();
    let subscribers = hosts.flat_map(|host| &mut host.subscribers);
    let change = |subscriber: &mut Subscriber| {
        let appetite = to(subscriber.appetite);
        std::mem::replace(&mut subscriber.appetite, appetite)
    };
    subscribers.map(change).collect()
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
