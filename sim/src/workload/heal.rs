//! Waiting until a cluster is whole again.

use spot_core::node::MemberState;

use super::pass;
use crate::world::World;

/// How long a cluster may take to heal.
const HEAL_MS: u64 = 40_000;

/// No trouble is left: says how long it took until every host knew the truth.
pub(super) fn wait(world: &mut World) -> Result<u64, String> {
    let begun_ms = world.now_ms;
    loop {
        pass(world, 250)?;
        let state = is_whole(world);
        if state.is_ok() {
            return Ok(world.now_ms - begun_ms);
        }
        if world.now_ms > begun_ms + HEAL_MS {
            return state
                .map(|()| 0)
                .map_err(|fault| format!("registry: {fault}"));
        }
    }
}

/// One link for each pair that is to be linked, and every host knows every topic of the hosts it is linked to.
pub(super) fn is_whole(world: &World) -> Result<(), String> {
    let count = world.hosts.len();
    if world.hosts.iter().any(|host| host.driver.is_none()) {
        return Err("a host is down".into());
    }
    let neighbours = |host| world.workload.neighbours(host, count);
    let pairs = (0..count).map(|host| neighbours(host).len()).sum::<usize>() / 2;
    let connections = world.net.connections().len();
    if connections != pairs {
        return Err(format!("{connections} connections instead of {pairs}"));
    }
    for host in 0..count {
        let driver = world.driver(host);
        let links = driver.node.link_count();
        if links != neighbours(host).len() || links != driver.link_count() {
            return Err(format!("n{host} has {links} links"));
        }
        if !driver.interest_is_acknowledged() {
            return Err(format!("n{host} has interest that is not acknowledged"));
        }
        let hosted = |host: usize| world.driver(host).node.hosted_topics();
        let mut truth: Vec<_> = hosted(host).collect();
        truth.extend(neighbours(host).into_iter().flat_map(hosted));
        truth.sort();
        truth.dedup();
        let known = driver.node.topics().filter(|topic| topic.reachable);
        let mut known: Vec<_> = known.map(|topic| topic.name).collect();
        known.sort();
        if known != truth {
            return Err(format!("n{host} knows {known:?} instead of {truth:?}"));
        }
        sees_all(world, host).map_err(|fault| format!("n{host} {fault}"))?;
    }
    Ok(())
}

/// A host sees the present life of each as a member, all alive, and nobody else.
fn sees_all(world: &World, host: usize) -> Result<(), String> {
    let seen = world.driver(host).node.cluster();
    let members = seen.members.iter();
    let lives: Vec<_> = members
        .map(|member| (&member.name[..], member.incarnation.0, member.state))
        .collect();
    let hosts = world.hosts.iter().enumerate();
    let names: Vec<_> = hosts
        .map(|(index, host)| (format!("n{index}"), host.life))
        .collect();
    let truth = names
        .iter()
        .map(|(name, life)| (&name[..], *life, MemberState::Alive));
    if !lives.iter().copied().eq(truth) || seen.partitioned || !seen.has_quorum {
        return Err(format!("sees {lives:?}, partitioned: {}", seen.partitioned));
    }
    Ok(())
}
