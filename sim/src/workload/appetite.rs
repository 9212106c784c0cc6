//! How much subscribers take at a time.

use crate::world::{Subscriber, World};

/// Of a subscriber that is never behind.
pub(super) const HUNGRY: usize = 1000;

/// Changes how much each subscriber takes at a time; gives what it was before.
pub(super) fn set_appetites(world: &mut World, mut to: impl FnMut(usize) -> usize) -> Vec<usize> {
    let hosts = world.hosts.iter_mut();
    let subscribers = hosts.flat_map(|host| &mut host.subscribers);
    let change = |subscriber: &mut Subscriber| {
        let appetite = to(subscriber.appetite);
        std::mem::replace(&mut subscriber.appetite, appetite)
    };
    subscribers.map(change).collect()
}
