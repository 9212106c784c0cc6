//! What programs and fate do to a cluster, and what must be true in the end.

use spot_core::node::MemberState;
use spot_core::{Filter, Overflow, SubscriberId};

use crate::checker::SubscriberKey;
use crate::driver::Driver;
use crate::world::{Subscriber, World, address};

/// How long things go wrong.
const TROUBLE_MS: u64 = 12_000;
/// How long a cluster may take to heal.
const HEAL_MS: u64 = 40_000;
/// How long the last messages may take.
const SETTLE_MS: u64 = 10_000;
/// Topics of each host.
const TOPICS: usize = 3;

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
}

/// Runs the world of a seed; with `prints`, tells what happens.
///
/// # Errors
/// What went wrong.
pub fn run(seed: u64, prints: bool) -> Result<Summary, String> {
    let hosts = 3 + (seed % 3) as usize;
    let mut world = World::new(seed, hosts, prints);
    // In every fourth world hosts are given a seed and find the others.
    world.discovery = seed % 4 == 3;
    for host in 0..hosts {
        begin(&mut world, host);
    }
    while world.now_ms < TROUBLE_MS {
        let pause_ms = world.rng.of(1..40) as u64;
        world.run_until(world.now_ms + pause_ms);
        world.verdict()?;
        act(&mut world);
    }
    let healed_after_ms = heal(&mut world)?;
    expect_last_messages(&mut world)?;
    Ok(Summary {
        hash: world.hash(),
        delivered: world.checker.delivered,
        lost: world.checker.lost,
        healed_after_ms,
    })
}

/// A network in which nothing passes from the first host to the second, for good: they lose their link, and each still
/// sees all members by way of the others.
///
/// # Errors
/// What went wrong.
pub fn run_one_way(seed: u64, prints: bool) -> Result<(), String> {
    let hosts = 3 + (seed % 3) as usize;
    let mut world = World::new(seed, hosts, prints);
    for host in 0..hosts {
        begin(&mut world, host);
    }
    world.run_until(5000);
    world.net.blocked.insert((0, 1));
    for _ in 0..40 {
        world.run_until(world.now_ms + 1000);
        world.verdict()?;
        for host in 0..hosts {
            let driver = world.hosts[host].driver.as_ref().expect("it is up");
            let seen = driver.node.cluster();
            if seen.reachable != hosts || seen.partitioned {
                return Err(format!("{} ms: n{host} sees {seen:?}", world.now_ms));
            }
        }
    }
    let links = |host: usize| {
        let driver = world.hosts[host].driver.as_ref().expect("it is up");
        driver.node.link_count()
    };
    let counts: Vec<usize> = (0..hosts).map(links).collect();
    if counts[0] == hosts - 2 && counts[1] == hosts - 2 {
        return Ok(());
    }
    Err(format!("links: {counts:?}"))
}

/// A host begins a life: it adds every other, or the first one alone, hosts its topics and subscribes.
pub(crate) fn begin(world: &mut World, host: usize) {
    world.start(host);
    for topic in 0..TOPICS {
        create(world, host, topic);
    }
    let listed = if world.discovery {
        1
    } else {
        world.hosts.len()
    };
    for other in (0..listed).filter(|other| *other != host) {
        world.with(host, |driver| {
            let added = driver.with(|node, now| node.add_peer(now, &address(other)));
            added.expect("added once");
        });
    }
    for number in 0..3 {
        let overflow = Overflow::from_number(world.rng.of(0..4) as u64).expect("below four");
        let id = world.with(host, |driver| driver.add_subscriber(overflow));
        world.hosts[host].subscribers.push(Subscriber {
            id,
            overflow,
            filters: Vec::new(),
            appetite: [1, 5, 1000][number],
            settled: false,
        });
        subscribe(world, host, number);
    }
}

fn topic_name(host: usize, topic: usize) -> String {
    format!("n{host}:t{topic}")
}

fn act(world: &mut World) {
    let host = world.rng.of(0..world.hosts.len());
    let topic = world.rng.of(0..TOPICS);
    let dice = world.rng.of(0..100);
    if !world.is_up(host) {
        if dice < 20 && !world.hosts[host].leaving {
            begin(world, host);
        }
        return;
    }
    match dice {
        0..60 => publish(world, host, topic),
        60..70 => {
            let subscriber = world.rng.of(0..3);
            churn(world, host, subscriber);
        }
        70..75 => create(world, host, topic),
        75..78 => destroy(world, host, topic),
        78..84 => partition(world, host),
        84..92 => {
            let blocked = &mut world.net.blocked;
            blocked.pop_first();
        }
        92..97 => {
            let connections = world.net.connections();
            if !connections.is_empty() {
                let index = world.rng.of(0..connections.len());
                world.reset(connections[index]);
            }
        }
        97 => world.crash(host),
        98 => world.leave(host),
        _ => {}
    }
}

fn create(world: &mut World, host: usize, topic: usize) {
    let name = topic_name(host, topic);
    let created = world.with(host, |driver| {
        driver.with(|node, _| node.create_topic(&name))
    });
    if created.is_ok() {
        world.checker.note_hosted(&name);
        world.note(format_args!("n{host} hosts {name}"));
    }
}

fn destroy(world: &mut World, host: usize, topic: usize) {
    let name = topic_name(host, topic);
    let destroyed = world.with(host, |driver| {
        driver.with(|node, _| node.destroy_topic(&name))
    });
    if destroyed.is_ok() {
        world.note(format_args!("n{host} destroys {name}"));
    }
}

fn publish(world: &mut World, host: usize, topic: usize) {
    let name = topic_name(host, topic);
    let hosts = |world: &World| {
        let driver = world.hosts[host].driver.as_ref().expect("it is up");
        driver.node.hosts(&name)
    };
    for _ in 0..world.rng.of(1..60) {
        let padding = if world.rng.percent(3) {
            9000
        } else {
            world.rng.of(0..120)
        };
        if !hosts(world) || !publish_one(world, host, &name, padding) {
            return;
        }
    }
}

fn publish_one(world: &mut World, host: usize, name: &str, padding: usize) -> bool {
    let life = world.hosts[host].life;
    let payload = world.checker.payload(name, life, padding);
    let published = world.with(host, |driver| driver.publish(name, &payload));
    if published {
        world.checker.note_published(name, life);
    }
    published
}

fn subscribe(world: &mut World, host: usize, index: usize) {
    let other = world.rng.of(0..world.hosts.len());
    let topic = world.rng.of(0..TOPICS);
    let filter = match world.rng.of(0..3) {
        0 => Filter::pattern("*:t1").expect("well-formed"),
        1 => Filter::pattern(&format!("n{other}:*")).expect("well-formed"),
        _ => Filter::exact(&topic_name(other, topic)).expect("well-formed"),
    };
    let subscriber = &world.hosts[host].subscribers[index];
    if subscriber.filters.contains(&filter) {
        return;
    }
    let id = subscriber.id;
    let subscribed = world.with(host, |driver| {
        driver.with(|node, _| node.subscribe(id, &filter))
    });
    if subscribed.is_ok() {
        world.note(format_args!(
            "n{host} {id:?} subscribes to {}",
            filter.text()
        ));
        world.hosts[host].subscribers[index].filters.push(filter);
        unsettle(world, host, index, id);
    }
}

/// A subscriber gives up one of its filters, or takes another.
fn churn(world: &mut World, host: usize, index: usize) {
    let subscriber = &mut world.hosts[host].subscribers[index];
    if subscriber.filters.len() < 2 {
        return subscribe(world, host, index);
    }
    let (id, filter) = (subscriber.id, subscriber.filters.remove(0));
    world.note(format_args!(
        "n{host} {id:?} unsubscribes from {}",
        filter.text()
    ));
    world.with(host, |driver| driver.unsubscribe(id, &filter));
    unsettle(world, host, index, id);
}

fn unsettle(world: &mut World, host: usize, index: usize, id: SubscriberId) {
    let life = world.hosts[host].life;
    world.checker.unsettle(SubscriberKey { host, life, id });
    world.hosts[host].subscribers[index].settled = false;
}

fn partition(world: &mut World, host: usize) {
    let other = world.rng.of(0..world.hosts.len());
    if other != host {
        let both_ways = world.rng.percent(60);
        world.note(format_args!(
            "n{host} cannot reach n{other}, both ways: {both_ways}"
        ));
        world.net.blocked.insert((host, other));
        if both_ways {
            world.net.blocked.insert((other, host));
        }
    }
}

/// Ends all trouble; says how long it took until every host knew the truth.
fn heal(world: &mut World) -> Result<u64, String> {
    world.note(format_args!("all heals"));
    world.net.blocked.clear();
    for host in 0..world.hosts.len() {
        if !world.is_up(host) && !world.hosts[host].leaving {
            begin(world, host);
        }
    }
    let begun_ms = world.now_ms;
    loop {
        world.run_until(world.now_ms + 250);
        world.verdict()?;
        let state = converged(world);
        if state.is_ok() {
            return Ok(world.now_ms - begun_ms);
        }
        if world.now_ms > begun_ms + HEAL_MS {
            return state.map(|()| 0);
        }
    }
}

/// One link for each pair, and every host knows every topic.
fn converged(world: &World) -> Result<(), String> {
    let count = world.hosts.len();
    let connections = world.net.connections().len();
    if connections != count * (count - 1) / 2 {
        return Err(format!("{connections} connections between {count} hosts"));
    }
    let drivers: Vec<_> = world.hosts.iter().flat_map(|host| &host.driver).collect();
    let hosted = drivers
        .iter()
        .flat_map(|driver| driver.node.hosted_topics());
    let mut truth: Vec<_> = hosted.collect();
    truth.sort();
    for (index, driver) in drivers.iter().enumerate() {
        let links = driver.node.link_count();
        if links != count - 1 {
            return Err(format!("n{index} has {links} links"));
        }
        let mut versions = driver.node.interest_versions();
        if versions.any(|(_, acked, sent)| acked != sent) {
            return Err(format!("n{index} has interest that is not acknowledged"));
        }
        let known = driver.node.topics().filter(|topic| topic.reachable);
        let mut known: Vec<_> = known.map(|topic| topic.name).collect();
        known.sort();
        if known != truth {
            return Err(format!("n{index} knows {known:?} instead of {truth:?}"));
        }
        sees_all(world, driver).map_err(|fault| format!("n{index} {fault}"))?;
    }
    Ok(())
}

/// A host sees the present life of each, all alive, and nobody else.
fn sees_all(world: &World, driver: &Driver) -> Result<(), String> {
    let seen = driver.node.cluster();
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

/// Publishes a last message on every topic: every subscriber that wants it must get it, with all losses accounted for.
fn expect_last_messages(world: &mut World) -> Result<(), String> {
    for subscriber in world
        .hosts
        .iter_mut()
        .flat_map(|host| &mut host.subscribers)
    {
        subscriber.appetite = 1000;
    }
    world.run_until(world.now_ms + SETTLE_MS);
    world.verdict()?;
    let mut last = Vec::new();
    for host in 0..world.hosts.len() {
        for topic in 0..TOPICS {
            create(world, host, topic);
            world.run_until(world.now_ms + 100);
            let name = topic_name(host, topic);
            if !publish_one(world, host, &name, 0) {
                return Err(format!("{name} is blocked for ever"));
            }
            last.push((name, world.hosts[host].life));
        }
    }
    world.run_until(world.now_ms + SETTLE_MS);
    world.verdict()?;
    for (host, state) in world.hosts.iter().enumerate() {
        for subscriber in &state.subscribers {
            let key = SubscriberKey {
                host,
                life: state.life,
                id: subscriber.id,
            };
            for (topic, life) in &last {
                if subscriber
                    .filters
                    .iter()
                    .any(|filter| filter.matches(topic))
                {
                    world.checker.expect_last(key, topic, *life)?;
                }
            }
        }
    }
    Ok(())
}
