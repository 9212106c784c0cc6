//! Hubs: who knows of which topic, who asks whom, and what is passed on to whom.

mod common;

use common::{Cluster, exact, node_id, pattern};
use spot_core::limits::RELAY_ACK_MS;
use spot_core::{Class, Overflow};

/// Hosts that are linked as listed, all of the first `hubs` relaying.
fn linked(hosts: usize, hubs: usize, links: &[(usize, usize)]) -> Cluster {
    let mut cluster = Cluster::new(hosts);
    for hub in 0..hubs {
        cluster.with(hub, |node, _| node.set_relay(true));
    }
    for (from, to) in links {
        cluster.add(*from, *to);
    }
    cluster.settle();
    cluster
}

/// A hub, 0, that three spokes have added.
fn star() -> Cluster {
    linked(4, 1, &[(1, 0), (2, 0), (3, 0)])
}

fn settled(cluster: &Cluster, host: usize) -> bool {
    let mut versions = cluster.hosts[host].node.interest_versions();
    versions.all(|(_, acked, sent)| acked == sent)
}

#[test]
fn a_hub_makes_topics_known_and_sends_them_only_where_they_are_wanted() {
    let mut cluster = star();
    cluster.create(1, "t");
    cluster.settle();
    for host in [0, 2, 3] {
        assert_eq!(cluster.hosts[host].reachable("t"), Some(true), "{host}");
    }
    let way = cluster.hosts[2].place("t").upstream.unwrap();
    assert_eq!((way.owner, way.direct), (node_id(1), false));
    assert_eq!(cluster.copies(1, "t"), [0, 0, 0, 0], "nobody wants it");
    let subscriber = cluster.subscribe(2, &exact("t"));
    cluster.settle();
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1, 0]);
    assert_eq!(cluster.hosts[2].hears(subscriber), ["t"]);
    cluster.subscribe(3, &pattern("*"));
    cluster.settle();
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1, 1]);
    cluster.with(2, |node, _| node.unsubscribe(subscriber, &exact("t")));
    cluster.settle();
    assert_eq!(cluster.copies(1, "t"), [1, 0, 0, 1]);
}

#[test]
fn without_the_option_nothing_is_relayed() {
    let mut cluster = linked(3, 0, &[(1, 0), (2, 0)]);
    cluster.create(1, "t");
    cluster.subscribe(2, &exact("t"));
    cluster.settle();
    assert_eq!(cluster.hosts[2].topic_names(), [""; 0]);
    assert_eq!(cluster.copies(1, "t"), [0, 0, 0]);
    cluster.with(0, |node, _| node.set_relay(true));
    cluster.settle();
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1], "it takes effect at once");
    cluster.with(0, |node, _| node.set_relay(false));
    cluster.settle();
    assert_eq!(cluster.hosts[2].topic_names(), [""; 0]);
    assert_eq!(cluster.copies(1, "t"), [0, 0, 0]);
}

#[test]
fn a_subscription_is_acknowledged_once_the_owner_has_it() {
    let mut cluster = linked(4, 2, &[(2, 0), (0, 1), (3, 1)]);
    cluster.create(3, "t");
    cluster.settle();
    cluster.subscribe(2, &exact("t"));
    while cluster.choices() > 0 {
        let in_force = cluster.copies(3, "t")[1] == 1;
        assert!(in_force || !settled(&cluster, 2), "acknowledged too early");
        cluster.deliver(0);
    }
    assert_eq!(cluster.copies(3, "t"), [1, 1, 1, 0]);
    assert!(settled(&cluster, 2));
}

#[test]
fn hubs_in_a_ring_waited_for_each_others_acknowledgement_for_ever() {
    let mut cluster = star();
    cluster.create(1, "t");
    cluster.settle();
    // An owner that says nothing, as if it waited for us.
    cluster.crash(1, true);
    cluster.subscribe(2, &exact("t"));
    cluster.settle();
    assert!(!settled(&cluster, 2));
    cluster.run(RELAY_ACK_MS + 1000);
    assert!(settled(&cluster, 2));
}

#[test]
fn two_hubs_and_spokes_on_both_make_no_duplicates() {
    // 0 and 1 are hubs that added each other; 2 and 3 are on both.
    let mut cluster = linked(4, 2, &[(0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1)]);
    cluster.create(2, "t");
    cluster.subscribe(3, &exact("t"));
    cluster.settle();
    let copies = cluster.copies(2, "t");
    assert_eq!(copies[3], 1);
    assert_eq!(copies[0] + copies[1], 1, "by one hub alone: {copies:?}");
    cluster.subscribe(0, &exact("t"));
    cluster.subscribe(1, &exact("t"));
    cluster.settle();
    assert_eq!(cluster.copies(2, "t"), [1, 1, 0, 1]);
}

#[test]
fn another_hub_takes_over_without_a_loss_being_told() {
    let mut cluster = linked(4, 2, &[(0, 1), (2, 0), (2, 1), (3, 0), (3, 1)]);
    cluster.create(2, "t");
    let subscriber = cluster.subscribe(3, &exact("t"));
    cluster.settle();
    let used = usize::from(cluster.copies(2, "t")[1] == 1);
    cluster.crash(used, false);
    cluster.settle();
    assert_eq!(cluster.copies(2, "t")[3], 1);
    assert_eq!(cluster.hosts[3].reachable("t"), Some(true));
    let told = |cluster: &Cluster| {
        cluster.hosts[3]
            .lost
            .iter()
            .filter(|(id, _)| *id == subscriber)
            .count()
    };
    assert_eq!(told(&cluster), 0);
    cluster.crash(2, false);
    cluster.settle();
    assert_eq!(told(&cluster), 1, "{:?} {used}", cluster.hosts[3].lost);
}

#[test]
fn a_ring_of_hubs_neither_loops_nor_remembers_what_is_gone() {
    let ring: Vec<(usize, usize)> = (0..5).map(|hub| (hub, (hub + 1) % 5)).collect();
    let links = [&ring[..], &[(5, 0), (6, 2)]].concat();
    let mut cluster = linked(7, 5, &links);
    cluster.create(5, "t");
    let subscriber = cluster.subscribe(6, &exact("t"));
    cluster.settle();
    assert_eq!(cluster.copies(5, "t"), [1, 1, 1, 0, 0, 0, 1]);
    cluster.crash(5, false);
    cluster.settle();
    for host in [0, 1, 2, 3, 4, 6] {
        assert_eq!(cluster.hosts[host].topic_names(), [""; 0], "{host}");
        assert!(settled(&cluster, host), "{host}");
    }
    let lost = &cluster.hosts[6].lost;
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].0, subscriber);
}

#[test]
fn a_chain_of_hubs_ends_at_the_hop_limit() {
    // 0 to 8 are hubs in a row; 9 hosts at one end.
    let mut links: Vec<(usize, usize)> = (0..8).map(|hub| (hub, hub + 1)).collect();
    links.push((9, 0));
    let mut cluster = linked(10, 9, &links);
    cluster.create(9, "t");
    cluster.settle();
    assert_eq!(
        cluster.hosts[8].reachable("t"),
        Some(true),
        "behind eight hubs"
    );
    cluster.subscribe(8, &exact("t"));
    cluster.settle();
    assert_eq!(cluster.copies(9, "t"), [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    let mut cluster = linked(11, 9, &[&links[..], &[(10, 8)]].concat());
    cluster.create(9, "t");
    cluster.settle();
    assert_eq!(cluster.hosts[10].reachable("t"), None, "behind nine");
}

#[test]
fn a_topic_that_its_owner_ends_is_no_loss_and_an_owner_that_goes_is_one() {
    let mut cluster = star();
    cluster.create(1, "t");
    cluster.create(1, "u");
    let subscriber = cluster.subscribe(2, &pattern("*"));
    cluster.settle();
    cluster.with(1, |node, _| node.destroy_topic("t").unwrap());
    cluster.settle();
    assert_eq!(cluster.hosts[2].topic_names(), ["u"]);
    assert_eq!(cluster.hosts[2].lost, []);
    cluster.create(1, "t");
    cluster.settle();
    cluster.crash(1, false);
    cluster.settle();
    let lost: Vec<_> = cluster.hosts[2].lost.iter().map(|(id, _)| *id).collect();
    assert_eq!(lost, [subscriber], "once for both topics");
    assert_eq!(cluster.hosts[2].topic_names(), [""; 0]);
}

#[test]
fn a_topic_of_a_lost_peer_of_the_hub_stays_known_as_unreachable() {
    let mut cluster = linked(3, 1, &[(0, 1), (2, 0)]);
    cluster.create(1, "t");
    let subscriber = cluster.subscribe(2, &exact("t"));
    cluster.settle();
    cluster.cut(0, 1);
    cluster.settle();
    assert_eq!(cluster.hosts[2].reachable("t"), Some(false));
    assert_eq!(cluster.hosts[2].lost.len(), 1);
    assert_eq!(cluster.hosts[2].cut, [(String::from("t"), node_id(1))]);
    cluster.run(1000);
    assert_eq!(cluster.hosts[2].reachable("t"), Some(true));
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1]);
    cluster.cut(0, 1);
    cluster.settle();
    let lost: Vec<_> = cluster.hosts[2].lost.iter().map(|(id, _)| *id).collect();
    assert_eq!(lost, [subscriber; 2], "each loss is told");
}

#[test]
fn the_topics_of_a_lost_hub_stay_known_and_return_with_it() {
    let mut cluster = star();
    cluster.create(1, "t");
    cluster.create(1, "u");
    cluster.subscribe(2, &exact("t"));
    cluster.settle();
    cluster.cut(0, 2);
    cluster.settle();
    assert_eq!(cluster.hosts[2].reachable("t"), Some(false));
    assert_eq!(cluster.hosts[2].lost.len(), 1);
    cluster.with(1, |node, _| node.destroy_topic("u").unwrap());
    cluster.run(1000);
    assert_eq!(cluster.hosts[2].reachable("t"), Some(true));
    assert_eq!(cluster.hosts[2].reachable("u"), None, "not confirmed");
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1, 0]);
}

#[test]
fn a_direct_link_is_preferred_and_the_hub_left_once_it_is_in_force() {
    let mut cluster = star();
    cluster.create(1, "t");
    cluster.subscribe(2, &exact("t"));
    cluster.settle();
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1, 0]);
    cluster.add(2, 1);
    while cluster.choices() > 0 {
        cluster.deliver(0);
        assert!(
            cluster.copies(1, "t")[2] >= 1,
            "the old way was left before the new one was there"
        );
    }
    assert_eq!(cluster.copies(1, "t"), [0, 0, 1, 0]);
    cluster.cut(1, 2);
    cluster.settle();
    assert_eq!(cluster.copies(1, "t"), [1, 0, 1, 0]);
    assert_eq!(cluster.hosts[2].lost, []);
}

#[test]
fn blocking_subscribers_behind_a_hub_share_a_window_of_its_own() {
    let mut cluster = star();
    cluster.create(1, "t");
    let subscriber = cluster.hosts[2].node.add_subscriber(Overflow::Block);
    cluster.with(2, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    cluster.settle();
    let classes: Vec<Class> = cluster.hosts[1].sinks.values().flatten().copied().collect();
    assert_eq!(classes.len(), 1);
    assert_eq!(classes[0].policy(), Overflow::Block);
    assert!(classes[0].subscriber() >= 1 << 60);
    assert_eq!(cluster.hosts[0].windows.len(), 1);
    let relayed: Vec<Class> = cluster.hosts[0]
        .relays
        .values()
        .flatten()
        .copied()
        .collect();
    assert_eq!(
        relayed,
        [Class::new(Overflow::Block, u64::from(subscriber.0))]
    );
}

#[test]
fn a_slow_subscription_behind_a_hub_is_ended_at_the_hub() {
    let mut cluster = star();
    cluster.create(1, "t");
    let subscriber = cluster.hosts[2].node.add_subscriber(Overflow::Disconnect);
    cluster.with(2, |node, _| {
        node.subscribe(subscriber, &exact("t")).unwrap()
    });
    cluster.settle();
    let link = cluster.link_between(0, 2).unwrap();
    let class = Class::new(Overflow::Disconnect, u64::from(subscriber.0));
    assert!(cluster.with(0, |node, _| node.end_class(link, class)));
    cluster.settle();
    assert_eq!(cluster.hosts[2].ended, [subscriber]);
    assert_eq!(cluster.copies(1, "t"), [0, 0, 0, 0]);
}

#[test]
fn random_links_among_hubs_and_spokes_come_to_the_truth() {
    for seed in 0..150u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let mut cluster = linked(7, 4, &[(0, 1), (1, 2), (2, 3), (4, 0), (5, 3), (6, 1)]);
        let subscribers: Vec<_> = (0..7)
            .map(|host| cluster.subscribe(host, &pattern("*")))
            .collect();
        for _ in 0..60 {
            let (a, b) = (random(7), random(7));
            match random(6) {
                0 if a != b => {
                    let endpoint = common::address(b);
                    let _ = cluster.with(a, |node, now| node.add_peer(now, &endpoint));
                }
                1 => cluster.cut(a, b),
                2 => {
                    let _ = cluster.with(a, |node, _| node.create_topic(&format!("t{a}")));
                }
                3 => {
                    let _ = cluster.with(a, |node, _| node.destroy_topic(&format!("t{a}")));
                }
                4 => cluster.run(20),
                _ => {
                    for _ in 0..random(30) {
                        if cluster.choices() > 0 {
                            let choice = random(cluster.choices());
                            cluster.deliver(choice);
                        }
                    }
                }
            }
        }
        cluster.run(60_000);
        let mut truth: Vec<String> = cluster
            .hosts
            .iter()
            .flat_map(|host| {
                host.node
                    .hosted_topics()
                    .map(|name| name.to_string())
                    .collect::<Vec<_>>()
            })
            .collect();
        truth.sort();
        for (host, subscriber) in subscribers.iter().enumerate() {
            assert_eq!(
                cluster.hosts[host].topic_names(),
                truth,
                "seed {seed}, host {host}"
            );
            assert!(settled(&cluster, host), "seed {seed}, host {host}");
            let mut heard = cluster.hosts[host].hears(*subscriber);
            heard.sort();
            assert_eq!(heard, truth);
        }
        for origin in 0..7 {
            let name = format!("t{origin}");
            if truth.contains(&name) {
                let mut expected = vec![1; 7];
                expected[origin] = 0;
                assert_eq!(
                    cluster.copies(origin, &name),
                    expected,
                    "seed {seed}, {name}"
                );
            }
        }
    }
}
