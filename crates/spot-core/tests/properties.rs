//! Whatever users, peers and the network do: nothing panics, and once all is quiet every node knows the truth.

mod common;

use std::collections::BTreeSet;

use common::{Cluster, Host, address, exact, node_id, pattern};
use proptest::prelude::*;
use spot_core::{Filter, LinkPeer, Overflow, SubscriberId};

const HOSTS: usize = 3;
const TOPICS: [&str; 4] = ["a", "a:b", "a:bc", "b"];

#[derive(Debug, Clone)]
enum Step {
    Add(usize, usize),
    Remove(usize, usize),
    Create(usize, usize),
    Destroy(usize, usize),
    Subscribe(usize, usize, usize),
    Unsubscribe(usize, usize, usize),
    Route(usize, usize, usize),
    Overflow(usize, usize, u64),
    Cut(usize, usize),
    Restart(usize),
    Deliver(usize),
    Run(u64),
}

fn filter(index: usize) -> Filter {
    match index {
        0..4 => exact(TOPICS[index]),
        4 => pattern("a*"),
        _ => pattern("*:b?"),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let host = 0..HOSTS;
    let pair = (0..HOSTS, 1..HOSTS).prop_map(|(from, ahead)| (from, (from + ahead) % HOSTS));
    let topic = 0..TOPICS.len();
    prop_oneof![
        3 => pair.clone().prop_map(|(from, to)| Step::Add(from, to)),
        1 => pair.clone().prop_map(|(from, to)| Step::Remove(from, to)),
        3 => (host.clone(), topic.clone()).prop_map(|(host, topic)| Step::Create(host, topic)),
        2 => (host.clone(), topic.clone()).prop_map(|(host, topic)| Step::Destroy(host, topic)),
        4 => (host.clone(), 0..2usize, 0..6usize).prop_map(|(h, s, f)| Step::Subscribe(h, s, f)),
        2 => (host.clone(), 0..2usize, 0..6usize).prop_map(|(h, s, f)| Step::Unsubscribe(h, s, f)),
        1 => (pair.clone(), topic).prop_map(|((from, to), topic)| Step::Route(from, to, topic)),
        1 => (host.clone(), 0..2usize, 0..4u64).prop_map(|(h, s, o)| Step::Overflow(h, s, o)),
        1 => pair.prop_map(|(a, b)| Step::Cut(a, b)),
        1 => host.prop_map(Step::Restart),
        12 => (0..8usize).prop_map(Step::Deliver),
        2 => (0..500u64).prop_map(Step::Run),
    ]
}

/// A cluster whose hosts have two subscribers each.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(HOSTS);
    cluster.hosts.iter_mut().for_each(subscribe_twice);
    cluster
}

fn subscribe_twice(host: &mut Host) {
    host.subscriber();
    host.subscriber();
}

fn act(cluster: &mut Cluster, lives: &mut u64, step: &Step) {
    // What a user may get wrong is tried all the same, and answered by an error.
    match *step {
        Step::Add(from, to) => {
            let _ = cluster.with(from, |node, now| node.add_peer(now, &address(to)));
        }
        Step::Remove(from, to) => {
            let _ = cluster.with(from, |node, _| node.remove_peer(&address(to)));
        }
        Step::Create(host, topic) => {
            let _ = cluster.with(host, |node, _| node.create_topic(TOPICS[topic]));
        }
        Step::Destroy(host, topic) => {
            let _ = cluster.with(host, |node, _| node.destroy_topic(TOPICS[topic]));
        }
        Step::Subscribe(host, subscriber, index) => {
            let subscriber = SubscriberId(subscriber as u32);
            let _ = cluster.with(host, |node, _| node.subscribe(subscriber, &filter(index)));
        }
        Step::Unsubscribe(host, subscriber, index) => {
            let subscriber = SubscriberId(subscriber as u32);
            cluster.with(host, |node, _| node.unsubscribe(subscriber, &filter(index)));
        }
        Step::Route(from, to, topic) => {
            let routed = cluster.with(from, |node, now| {
                node.begin_route(now, TOPICS[topic], &[address(to)])
            });
            if let Ok(peers) = routed {
                let _ = cluster.with(from, |node, _| node.finish_route(TOPICS[topic], peers));
            }
        }
        Step::Overflow(host, subscriber, policy) => {
            let policy = Overflow::from_number(policy).unwrap();
            let subscriber = SubscriberId(subscriber as u32);
            cluster.with(host, |node, _| node.set_overflow(subscriber, policy));
        }
        Step::Cut(a, b) => cluster.cut(a, b),
        Step::Restart(host) => {
            *lives += 1;
            cluster.restart(host, node_id(host), *lives);
            subscribe_twice(&mut cluster.hosts[host]);
        }
        Step::Deliver(choice) if cluster.choices() > 0 => {
            cluster.deliver(choice % cluster.choices())
        }
        Step::Deliver(_) => {}
        Step::Run(duration_ms) => cluster.run(duration_ms),
    }
}

/// Who should be attached to what, computed from what each side says it wants and hosts.
fn assert_truth(cluster: &Cluster) {
    for (index, host) in cluster.hosts.iter().enumerate() {
        assert_eq!(host.active.len(), host.node.link_count());
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for other in 0..HOSTS {
            let linked = other == index || cluster.link_between(index, other).is_some();
            assert_eq!(
                linked,
                other == index || cluster.link_between(other, index).is_some()
            );
            if linked {
                known.extend(
                    TOPICS
                        .iter()
                        .filter(|topic| cluster.hosts[other].node.hosts(topic)),
                );
            }
        }
        for topic in TOPICS {
            let reachable = host.reachable(topic) == Some(true);
            let routed = host
                .node
                .topic(topic)
                .is_some_and(|_| host.place(topic).routed);
            assert!(
                routed || reachable == known.contains(topic),
                "{topic} at {index}"
            );
            assert_attached(cluster, index, topic);
        }
    }
}

fn assert_attached(cluster: &Cluster, index: usize, topic: &str) {
    let host = &cluster.hosts[index];
    let Some(view) = host.node.topic(topic) else {
        return;
    };
    for subscriber in [SubscriberId(0), SubscriberId(1)] {
        let attached = host.subscribers.contains(&(view.id, subscriber));
        assert_eq!(
            attached,
            host.node.wants(subscriber, topic),
            "{topic} at {index}"
        );
    }
    for (other, peer) in cluster.hosts.iter().enumerate() {
        let Some(link) = cluster
            .link_between(index, other)
            .filter(|_| other != index)
        else {
            continue;
        };
        let wanted = [SubscriberId(0), SubscriberId(1)]
            .iter()
            .any(|subscriber| peer.node.wants(*subscriber, topic));
        let routed = peer
            .node
            .topic(topic)
            .is_some_and(|_| peer.place(topic).routed);
        let sent = host.sinks.contains_key(&(view.id, link));
        assert!(
            routed || sent == (wanted && host.node.hosts(topic)),
            "{topic}: {index} to {other}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_the_truth_prevails(steps in prop::collection::vec(step(), 1..120)) {
        let mut cluster = cluster();
        let mut lives = 1;
        for step in &steps {
            act(&mut cluster, &mut lives, step);
        }
        cluster.run(60_000);
        assert_truth(&cluster);
    }

    #[test]
    fn a_healed_mesh_has_one_link_per_pair(steps in prop::collection::vec(step(), 1..60)) {
        let mut cluster = cluster();
        let mut lives = 1;
        for step in &steps {
            act(&mut cluster, &mut lives, step);
        }
        for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            act(&mut cluster, &mut lives, &Step::Add(from, to));
        }
        cluster.run(60_000);
        cluster.assert_one_link_per_pair();
        assert_truth(&cluster);
    }

    /// A stranger with any bytes, before and after the handshake.
    #[test]
    fn any_frames_are_taken_or_refused(
        smaller: bool,
        frames in prop::collection::vec(prop::collection::vec(0..8u8, 0..24), 0..40),
        kinds in prop::collection::vec(0..12usize, 40),
    ) {
        let mut cluster = cluster();
        cluster.create(0, "a");
        let mut hello = cluster.hosts[1].node.hello();
        hello.node.0 = if smaller { [0; 16] } else { [9; 16] };
        let link = cluster.accept(0, LinkPeer::Spot(hello));
        const KINDS: [u8; 12] = [2, 2, 0x0f, 0x10, 0x10, 0x11, 0x12, 0x13, 0x20, 0x20, 0x21, 0x22];
        for (frame, kind) in frames.iter().zip(kinds) {
            let frame: Vec<u8> = std::iter::once(KINDS[kind]).chain(frame.iter().copied()).collect();
            cluster.with(0, |node, now| { let _ = node.handle_frame(now, link, &frame); });
        }
        cluster.with(0, |node, now| node.link_closed(now, link, "done"));
        prop_assert_eq!(cluster.hosts[0].topic_names(), ["a"]);
    }
}
