//! Many topics and subscriptions that come and go.

use super::mesh::{churn, create, destroy, publish};
use crate::world::World;

pub(super) fn act(world: &mut World, host: usize) {
    let topic = world.rng.of(0..world.workload.topics());
    match world.rng.of(0..100) {
        0..30 => publish(world, host, topic),
        30..65 => {
            let subscriber = world.rng.of(0..3);
            churn(world, host, subscriber);
        }
        65..83 => create(world, host, topic),
        _ => destroy(world, host, topic),
    }
}
