//! Many topics and subscriptions that come and go.

use super::mesh::{churn, create, destroy, publish, replace};
use crate::world::World;

pub(super) fn act(world: &mut World, host: usize) {
    let topic = world.rng.of(0..world.workload.topics());
    match world.rng.of(0..100) {
        0..30 => publish(world, host, topic),
        30..65 => {
            let subscriber = world.rng.of(0..3);
            churn(world, host, subscriber);
        }
        65..70 => {
            let subscriber = world.rng.of(0..3);
            replace(world, host, subscriber);
        }
        70..85 => create(world, host, topic),
        _ => destroy(world, host, topic),
    }
}
