//! Losses that nobody is told of until something more is published.

use super::appetite::{HUNGRY, set_appetites};
use super::{key, pass, publisher};
use crate::world::World;

/// How long what is queued may take.
const SETTLE_MS: u64 = 6000;

/// The cluster is whole, and nothing was published since: what was lost is told nevertheless.
pub(super) fn expect_none(world: &mut World) -> Result<(), String> {
    let appetites = set_appetites(world, |_| HUNGRY);
    pass(world, SETTLE_MS)?;
    let mut appetites = appetites.into_iter();
    set_appetites(world, |_| appetites.next().expect("one for each"));
    let hosts = 0..world.hosts.len();
    let publishers: Vec<_> = hosts.clone().map(|host| publisher(world, host)).collect();
    let subscribers: Vec<_> = hosts
        .flat_map(|host| {
            let subscribers = 0..world.hosts[host].subscribers.len();
            subscribers.map(move |index| (host, index))
        })
        .map(|(host, index)| key(world, host, index))
        .collect();
    world.checker.expect_no_silence(&publishers, &subscribers)
}
