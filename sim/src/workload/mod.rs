//! What programs do to a cluster, and what must be true in the end.

mod appetite;
mod calm;
mod churn;
mod dying;
mod failover;
mod heal;
mod hubs;
mod leaving;
mod mesh;
mod moving;
mod remote;
mod silence;

pub use calm::run_calm;
pub use dying::run_dying;
pub use leaving::run_leaving;
pub use moving::run_moving;

use self::hubs::Shape;
use crate::checker::{Publisher, SubscriberKey};
use crate::fault;
use crate::mutation::Mutation;
use crate::world::World;

/// How long things go wrong.
const TROUBLE_MS: u64 = 125_000;
/// How long the cluster lives after it has healed, at least until then.
const CALM_UNTIL_MS: u64 = 160_000;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Hash of everything that happened.
    pub hash: u64,
    /// Messages taken by subscribers.
    pub delivered: u64,
    /// Messages reported as lost.
    pub lost: u64,
    /// How long healing took, in milliseconds.
    pub healed_after_ms: u64,
    /// How long the world existed, in milliseconds.
    pub lived_ms: u64,
}

/// What the programs of a world do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Everybody hosts topics and subscribes to those of others.
    Mesh,
    /// The same with many topics and subscriptions that come and go.
    Churn,
    /// Everybody publishes on everybody's topics.
    Remote,
    /// A topic routed to two hosts, one of them preferred.
    Failover,
    /// As in a mesh, and most hosts reach most others by way of hubs.
    Hubs(Shape),
    /// Everybody publishes on everybody's topics, mostly by way of hubs.
    Passage(Shape),
    /// Everybody publishes on the topic of an owner that leaves and returns.
    Leaving,
}

/// Runs the world of a seed; with `prints`, tells what happens.
///
/// # Errors
/// What went wrong: the name of the checker, a colon, details.
pub fn run(seed: u64, prints: bool) -> Result<Summary, String> {
    live(seed, None, prints)
}

/// As [`run`], with drivers that are broken in one way.
///
/// # Errors
/// What went wrong.
pub fn run_mutant(seed: u64, mutation: Mutation) -> Result<Summary, String> {
    live(seed, Some(mutation), false)
}

/// A network in which nothing passes from the first host to the second, for good: they lose their link, and each still
/// sees all members by way of the others.
///
/// # Errors
/// What went wrong.
pub fn run_one_way(seed: u64) -> Result<(), String> {
    let hosts = 3 + (seed % 3) as usize;
    let mut world = World::new(seed, hosts, Workload::Mesh, None, false);
    for host in 0..hosts {
        Workload::Mesh.begin(&mut world, host);
    }
    pass(&mut world, 5000)?;
    world.net.blocked.insert((0, 1));
    for _ in 0..40 {
        pass(&mut world, 1000)?;
        for host in 0..hosts {
            let seen = world.driver(host).node.cluster();
            if seen.reachable != hosts || seen.partitioned {
                return Err(format!("{} ms: n{host} sees {seen:?}", world.now_ms));
            }
        }
    }
    let counts = [0, 1].map(|host| world.driver(host).node.link_count());
    if counts == [hosts - 2; 2] {
        return Ok(());
    }
    Err(format!("links: {counts:?}"))
}

fn live(seed: u64, mutation: Option<Mutation>, prints: bool) -> Result<Summary, String> {
    let workload = Workload::of(seed);
    let hosts = match workload {
        Workload::Hubs(shape) | Workload::Passage(shape) => shape.hosts(),
        _ => 3 + (seed / 6 % 3) as usize,
    };
    let mut world = World::new(seed, hosts, workload, mutation, prints);
    // In some meshes hosts are given a seed and find the others.
    world.discovery = workload == Workload::Mesh && seed / 18 % 4 == 3;
    world.note(format_args!("{workload:?} of {hosts} hosts"));
    world.checker.shared_topics = matches!(
        workload,
        Workload::Remote | Workload::Failover | Workload::Passage(_)
    );
    for host in 0..hosts {
        workload.begin(&mut world, host);
    }
    let most_pause_ms = world.rng.of(600..7000);
    let mut strikes_at_ms = 0;
    while world.now_ms < TROUBLE_MS {
        step(&mut world)?;
        if world.now_ms >= strikes_at_ms {
            fault::strike(&mut world);
            strikes_at_ms = world.now_ms + world.rng.of(50..most_pause_ms) as u64;
        }
    }
    fault::end_all(&mut world);
    let healed_after_ms = heal::wait(&mut world)?;
    silence::expect_none(&mut world)?;
    while world.now_ms < CALM_UNTIL_MS {
        step(&mut world)?;
    }
    workload.expect(&mut world)?;
    world.verdict()?;
    Ok(Summary {
        hash: world.hash(),
        delivered: world.checker.delivered,
        lost: world.checker.lost,
        healed_after_ms,
        lived_ms: world.now_ms,
    })
}

fn step(world: &mut World) -> Result<(), String> {
    let pause_ms = world.rng.of(1..250) as u64;
    pass(world, pause_ms)?;
    let host = world.rng.of(0..world.hosts.len());
    if world.is_up(host) {
        world.workload.act(world, host);
    }
    Ok(())
}

/// Time passes, and nothing must go wrong.
fn pass(world: &mut World, for_ms: u64) -> Result<(), String> {
    world.run_until(world.now_ms + for_ms);
    world.verdict()
}

impl Workload {
    fn of(seed: u64) -> Self {
        match seed % 6 {
            0 => Self::Mesh,
            1 => Self::Churn,
            2 => Self::Remote,
            3 => Self::Failover,
            4 => Self::Hubs(Shape::of(seed / 6)),
            _ => Self::Passage(Shape::of(seed / 6)),
        }
    }

    /// A host begins a life.
    pub(crate) fn begin(self, world: &mut World, host: usize) {
        world.start(host);
        match self {
            Self::Mesh | Self::Churn | Self::Remote => mesh::begin(world, host),
            Self::Failover => failover::begin(world, host),
            Self::Hubs(shape) | Self::Passage(shape) => hubs::begin(world, host, shape),
            Self::Leaving => leaving::begin(world, host),
        }
    }

    /// A program of a host that is up does something.
    fn act(self, world: &mut World, host: usize) {
        match self {
            Self::Mesh | Self::Hubs(_) => mesh::act(world, host),
            Self::Churn => churn::act(world, host),
            Self::Remote | Self::Passage(_) => remote::act(world, host),
            Self::Failover => failover::act(world, host),
            Self::Leaving => leaving::act(world, host),
        }
    }

    /// The cluster is whole: whatever was promised must hold now.
    fn expect(self, world: &mut World) -> Result<(), String> {
        match self {
            Self::Mesh | Self::Churn | Self::Hubs(_) => mesh::expect_last_messages(world),
            Self::Remote | Self::Passage(_) => remote::expect_balance(world),
            Self::Failover => failover::expect_both_ways(world),
            Self::Leaving => leaving::expect_all(world),
        }
    }

    /// The hosts that a host is linked to once all is well.
    pub(crate) fn neighbours(self, host: usize, hosts: usize) -> Vec<usize> {
        let others = (0..hosts).filter(|other| *other != host);
        match self {
            Self::Failover => others
                .filter(|other| failover::is_owner(*other) != failover::is_owner(host))
                .collect(),
            Self::Hubs(shape) | Self::Passage(shape) => {
                others.filter(|other| shape.links(host, *other)).collect()
            }
            _ => others.collect(),
        }
    }

    /// The hosts whose topics a host knows once all is well.
    fn reachable(self, host: usize, hosts: usize) -> Vec<usize> {
        match self {
            Self::Hubs(_) | Self::Passage(_) => (0..hosts).filter(|other| *other != host).collect(),
            _ => self.neighbours(host, hosts),
        }
    }

    /// Whether programs may remove a peer for a while.
    pub(crate) fn removes_peers(self) -> bool {
        matches!(self, Self::Mesh | Self::Churn)
    }

    /// Topics of each host.
    pub(crate) fn topics(self) -> usize {
        match self {
            Self::Mesh | Self::Hubs(_) => 3,
            Self::Churn => 12,
            Self::Remote | Self::Passage(_) => 2,
            Self::Leaving => 1,
            Self::Failover => 0,
        }
    }
}

/// The present life of a host, as a publisher.
fn publisher(world: &World, host: usize) -> Publisher {
    let life = world.hosts[host].life;
    Publisher { host, life }
}

/// A subscriber of the present life of a host.
fn key(world: &World, host: usize, index: usize) -> SubscriberKey {
    let state = &world.hosts[host];
    SubscriberKey {
        host,
        life: state.life,
        id: state.subscribers[index].id,
    }
}
