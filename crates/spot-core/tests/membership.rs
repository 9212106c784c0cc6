//! Membership and discovery: real nodes over a network of frames, in virtual time.

mod common;

use common::{Cluster, Host, address, endpoint, node_id};
use spot_core::node::{ClusterConfig, ClusterView, MemberState};
use spot_core::{Event, Incarnation, Role};

/// Longer than it takes to find a member down.
const DOWN_MS: u64 = 12_000;

fn view(cluster: &Cluster, host: usize) -> ClusterView {
    cluster.hosts[host].node.cluster()
}

fn state(cluster: &Cluster, host: usize, of: usize) -> Option<MemberState> {
    let members = view(cluster, host).members;
    let member = members
        .into_iter()
        .find(|member| member.node == node_id(of));
    member.map(|member| member.state)
}

/// Every host sees every other alive, and nothing else.
fn assert_whole(cluster: &Cluster) {
    for host in 0..cluster.hosts.len() {
        let view = view(cluster, host);
        let ids: Vec<_> = view.members.iter().map(|member| member.node).collect();
        let all: Vec<_> = (0..cluster.hosts.len()).map(node_id).collect();
        assert_eq!(ids, all, "members known to {host}");
        assert!(!view.partitioned && view.has_quorum, "{host}: {view:?}");
        assert_eq!(view.reachable, all.len());
    }
}

fn chain(count: usize) -> Cluster {
    let mut cluster = Cluster::new(count);
    for host in 1..count {
        cluster.add(host, host - 1);
    }
    cluster.run(3000);
    cluster
}

fn events(cluster: &mut Cluster, host: usize) -> Vec<Event> {
    let mut events = std::mem::take(&mut cluster.hosts[host].events);
    events.retain(|event| {
        matches!(
            event,
            Event::MemberUp { .. }
                | Event::MemberSuspect { .. }
                | Event::MemberDown { .. }
                | Event::Partition { .. }
                | Event::Heal { .. }
        )
    });
    events
}

/// So many hosts that know their own endpoints and look for others.
fn discovering(hosts: usize) -> Cluster {
    let mut cluster = Cluster::new(hosts);
    for host in 0..hosts {
        let own = address(host).to_string();
        cluster.with(host, |node, _| node.add_endpoint(own));
        discovers(&mut cluster, host);
    }
    cluster
}

fn discovers(cluster: &mut Cluster, host: usize) {
    let config = ClusterConfig {
        discovery: true,
        ..ClusterConfig::default()
    };
    cluster.with(host, |node, _| node.configure_cluster(config));
}

#[test]
fn a_node_alone_never_wakes() {
    let mut cluster = Cluster::new(1);
    assert_eq!(cluster.hosts[0].node.poll_timeout(), None);
    let view = view(&cluster, 0);
    assert_eq!((view.size, view.reachable, view.quorum), (1, 1, 1));
    assert!(view.has_quorum && !view.partitioned);
    assert!(events(&mut cluster, 0).is_empty());
}

#[test]
fn all_know_all_in_a_mesh_a_chain_and_around_a_hub() {
    let mut mesh = Cluster::mesh(4);
    mesh.run(100);
    assert_whole(&mesh);
    let mut chain = chain(9);
    assert_whole(&chain);
    chain.run(60_000);
    assert_whole(&chain);
    let mut hub = Cluster::new(6);
    (1..6).for_each(|spoke| hub.add(spoke, 0));
    hub.run(3000);
    assert_whole(&hub);
    hub.run(60_000);
    assert_whole(&hub);
}

#[test]
fn a_crash_is_suspected_then_down_and_a_new_life_heals() {
    let mut cluster = Cluster::mesh(3);
    cluster.run(2000);
    events(&mut cluster, 0);
    cluster.crash(2, false);
    cluster.run(DOWN_MS);
    assert_eq!(state(&cluster, 0, 2), Some(MemberState::Down));
    let seen = view(&cluster, 0);
    assert_eq!((seen.size, seen.reachable, seen.quorum), (3, 2, 2));
    assert!(seen.partitioned && seen.has_quorum);
    let told = events(&mut cluster, 0);
    let name = || "n2".into();
    let node = node_id(2);
    assert_eq!(
        told,
        [
            Event::MemberSuspect { node, name: name() },
            Event::MemberDown {
                node,
                name: name(),
                left: false
            },
            Event::Partition {
                reachable: 2,
                size: 3,
                majority: true
            },
        ]
    );
    cluster.restart(2, node, 2);
    cluster.add(2, 0);
    cluster.run(8000);
    assert_whole(&cluster);
    let told = events(&mut cluster, 0);
    assert_eq!(
        told,
        [
            Event::MemberUp { node, name: name() },
            Event::Heal { size: 3 }
        ]
    );
}

#[test]
fn who_leaves_is_forgotten_and_raises_no_partition() {
    let mut cluster = chain(4);
    (0..4).for_each(|host| drop(events(&mut cluster, host)));
    cluster.with(3, |node, _| node.leave());
    cluster.hosts[3].down = true;
    cluster.run(DOWN_MS);
    for host in 0..3 {
        let told = events(&mut cluster, host);
        assert_eq!(
            told,
            [Event::MemberDown {
                node: node_id(3),
                name: "n3".into(),
                left: true
            }],
            "events of {host}"
        );
        let view = view(&cluster, host);
        assert_eq!((view.size, view.reachable, view.partitioned), (3, 3, false));
    }
}

#[test]
fn two_halves_of_a_chain_come_together_again() {
    let mut cluster = chain(5);
    let cut = address(2);
    cluster.hosts[2].endpoints = vec![endpoint("tcp://nowhere:1")];
    cluster.cut(2, 3);
    cluster.run(2 * DOWN_MS);
    for (host, reachable, majority) in [(0, 3, true), (2, 3, true), (3, 2, false), (4, 2, false)] {
        let view = view(&cluster, host);
        assert_eq!((view.size, view.reachable), (5, reachable), "{host}");
        assert!(view.partitioned);
        assert_eq!(view.has_quorum, majority);
    }
    cluster.hosts[2].endpoints = vec![cut];
    cluster.run(9000);
    assert_whole(&cluster);
    for host in 0..5 {
        let healed = events(&mut cluster, host);
        assert_eq!(healed.last(), Some(&Event::Heal { size: 5 }), "{host}");
    }
}

#[test]
fn a_silent_link_with_another_way_around_leaves_the_member_alive() {
    let mut cluster = Cluster::mesh(3);
    cluster.run(2000);
    cluster.hosts[0].endpoints = vec![endpoint("tcp://nowhere:1")];
    cluster.hosts[1].endpoints = vec![endpoint("tcp://nowhere:2")];
    cluster.cut(0, 1);
    cluster.run(2 * DOWN_MS);
    assert_eq!(cluster.link_between(0, 1), None);
    assert_eq!(state(&cluster, 0, 1), Some(MemberState::Alive));
    assert_eq!(state(&cluster, 1, 0), Some(MemberState::Alive));
    assert!(!view(&cluster, 0).partitioned);
}

#[test]
fn gossip_ran_into_a_dead_end_where_its_way_led_back() {
    let mut cluster = chain(3);
    let (from, to) = (
        cluster.link_between(1, 0).unwrap(),
        cluster.link_between(1, 2).unwrap(),
    );
    let far = node_id(8);
    let entry = spot_core::frame::MemberEntry {
        node: far,
        incarnation: Incarnation(1),
        version: 1,
        standing: spot_core::frame::Standing::Alive,
        name: "far",
        endpoints: Vec::new(),
    };
    for frame in spot_core::frame::members_frames([entry]) {
        cluster.with(1, |node, now| node.handle_frame(now, from, &frame).unwrap());
    }
    cluster.settle();
    // Its neighbour takes it for the way to the member it told of.
    let mut packet = [&node_id(0).0[..], &[1, 0, 0]].concat();
    packet.extend([&far.0[..], &[0, 0, 6]].concat());
    let gossip = spot_core::frame::Frame::Gossip(spot_core::frame::Gossip {
        destination: far,
        hops: 0,
        packet: &packet,
    });
    for _ in 0..3 {
        let host = &mut cluster.hosts[1].node;
        let now = 1_000_000;
        host.handle_frame(now, from, &gossip.to_vec()).unwrap();
        let mut sent = Vec::new();
        while let Some(output) = host.poll_output() {
            if let spot_core::Output::Frame { link, frame } = output
                && frame[0] == spot_core::frame::kind::GOSSIP
            {
                sent.push(link);
            }
        }
        assert_eq!(sent, [to]);
    }
}

#[test]
fn a_configured_size_decides_on_the_majority_and_publishing_is_refused_at_once() {
    let mut cluster = Cluster::new(3);
    let config = ClusterConfig {
        size: Some(3),
        refuse_minority: true,
        ..ClusterConfig::default()
    };
    cluster.with(0, |node, _| node.configure_cluster(config));
    assert!(cluster.hosts[0].refuses);
    assert!(!view(&cluster, 0).has_quorum && !view(&cluster, 0).partitioned);
    cluster.add(0, 1);
    cluster.settle();
    assert!(!cluster.hosts[0].refuses);
    cluster.with(1, |node, _| node.leave());
    cluster.settle();
    assert!(cluster.hosts[0].refuses);
    cluster.with(0, |node, _| {
        node.configure_cluster(ClusterConfig::default())
    });
    assert!(!cluster.hosts[0].refuses);
}

#[test]
fn observers_count_for_nothing_and_see_what_their_peer_sees() {
    let mut cluster = Cluster::mesh(3);
    cluster.run(2000);
    let mut observer = Host::new(node_id(7), 1, Vec::new());
    observer.observe();
    cluster.hosts.push(observer);
    cluster.add(3, 0);
    cluster.run(2000);
    let whole = view(&cluster, 3);
    assert_eq!(
        (whole.size, whole.reachable, whole.members.len()),
        (3, 3, 3)
    );
    assert_eq!(view(&cluster, 0).size, 3);
    cluster.crash(2, false);
    cluster.run(DOWN_MS);
    assert_eq!(state(&cluster, 3, 2), Some(MemberState::Down));
    assert!(view(&cluster, 3).partitioned);
    cluster.with(3, |node, _| node.leave());
    cluster.settle();
    assert_eq!(view(&cluster, 0).size, 3);
}

#[test]
fn a_node_that_left_a_partition_said_that_it_had_healed() {
    let mut cluster = Cluster::mesh(2);
    cluster.run(2000);
    let mut observer = Host::new(node_id(7), 1, Vec::new());
    observer.observe();
    cluster.hosts.push(observer);
    cluster.add(2, 0);
    cluster.run(2000);
    cluster.crash(0, false);
    cluster.run(DOWN_MS);
    // The observer is linked to nobody, the other member to no other.
    for (host, reachable) in [(1, 1), (2, 0)] {
        cluster.with(host, |node, now| node.handle_timeout(now));
        let partition = Event::Partition {
            reachable,
            size: 2,
            majority: false,
        };
        let told = events(&mut cluster, host);
        assert_eq!(told.last(), Some(&partition), "{host}: {told:?}");
        cluster.with(host, |node, _| node.leave());
        let told = events(&mut cluster, host);
        let healed = told.iter().any(|event| matches!(event, Event::Heal { .. }));
        assert!(!healed, "{host}: {told:?}");
    }
}

#[test]
fn an_observer_that_forgets_all_members_said_that_they_were_reachable() {
    let mut cluster = Cluster::mesh(2);
    cluster.run(2000);
    let mut observer = Host::new(node_id(7), 1, Vec::new());
    observer.observe();
    cluster.hosts.push(observer);
    cluster.add(2, 0);
    cluster.run(2000);
    cluster.crash(0, false);
    cluster.crash(1, false);
    cluster.run(25 * 3_600_000);
    assert_eq!(view(&cluster, 2).members, []);
    let told = events(&mut cluster, 2);
    let partition = |event: &Event| matches!(event, Event::Partition { .. });
    assert!(told.iter().any(partition), "{told:?}");
    let heal = |event: &Event| matches!(event, Event::Heal { .. });
    let after = told.iter().rposition(partition).expect("told");
    assert!(!told[after..].iter().any(heal), "{told:?}");
}

#[test]
fn another_node_at_the_endpoint_of_one_that_died_takes_its_place() {
    let mut cluster = Cluster::mesh(3);
    cluster.run(2000);
    cluster.restart(2, node_id(9), 1);
    cluster.run(DOWN_MS);
    for host in [0, 1] {
        let view = view(&cluster, host);
        let ids: Vec<_> = view.members.iter().map(|member| member.node).collect();
        assert_eq!(ids, [node_id(0), node_id(1), node_id(9)], "{host}");
        assert!(!view.partitioned);
    }
}

#[test]
fn who_stays_away_for_a_day_is_given_up() {
    let mut cluster = Cluster::pair();
    cluster.run(2000);
    cluster.crash(1, false);
    cluster.run(23 * 3_600_000);
    assert!(view(&cluster, 0).partitioned);
    events(&mut cluster, 0);
    cluster.run(2 * 3_600_000);
    let seen = view(&cluster, 0);
    assert_eq!((seen.size, seen.partitioned), (1, false));
    let told = events(&mut cluster, 0);
    let node = node_id(1);
    let gone = Event::MemberDown {
        node,
        name: "n1".into(),
        left: true,
    };
    assert_eq!(told, [gone, Event::Heal { size: 1 }]);
}

#[test]
fn who_is_said_to_be_gone_and_is_not_speaks_up() {
    let mut cluster = Cluster::mesh(3);
    cluster.run(2000);
    // A stranger tells host 1 that host 0 has left.
    let stranger = spot_core::Hello {
        node: node_id(8),
        incarnation: Incarnation(1),
        name: "stranger".into(),
        endpoints: Vec::new(),
        role: Role::Node,
    };
    let link = cluster.accept(1, spot_core::LinkPeer::Spot(stranger));
    let entry = spot_core::frame::MemberEntry {
        node: node_id(0),
        incarnation: Incarnation(1),
        version: 40,
        standing: spot_core::frame::Standing::Left,
        name: "n0",
        endpoints: Vec::new(),
    };
    for frame in spot_core::frame::members_frames([entry]) {
        cluster.with(1, |node, now| node.handle_frame(now, link, &frame).unwrap());
    }
    cluster.run(DOWN_MS);
    assert_eq!(state(&cluster, 1, 0), Some(MemberState::Alive));
    assert_eq!(state(&cluster, 2, 0), Some(MemberState::Alive));
}

#[test]
fn the_highest_version_there_is_made_a_node_panic() {
    let mut cluster = Cluster::mesh(2);
    let link = cluster.link_between(1, 0).unwrap();
    for node in [node_id(0), node_id(1)] {
        let entry = spot_core::frame::MemberEntry {
            node,
            incarnation: Incarnation(1),
            version: u64::MAX,
            standing: spot_core::frame::Standing::Alive,
            name: "n0",
            endpoints: Vec::new(),
        };
        for frame in spot_core::frame::members_frames([entry]) {
            cluster.with(1, |node, now| node.handle_frame(now, link, &frame).unwrap());
        }
    }
    cluster.restart(0, node_id(5), 1);
    cluster.run(DOWN_MS);
    assert_eq!(view(&cluster, 1).size, 2);
}

#[test]
fn one_seed_is_enough_for_a_mesh() {
    let mut cluster = discovering(6);
    (1..6).for_each(|host| cluster.add(host, 0));
    cluster.run(5000);
    cluster.assert_one_link_per_pair();
    assert_whole(&cluster);
    for host in &cluster.hosts {
        let added = host.node.peers().iter().filter(|peer| peer.added).count();
        assert_eq!(added, usize::from(host.node.id() != node_id(0)));
        assert_eq!(host.node.peers().len(), 5);
    }
    // Without the seed the others stay together, and find one that comes back.
    cluster.crash(0, false);
    cluster.run(DOWN_MS);
    assert_eq!(view(&cluster, 3).reachable, 5);
    cluster.restart(0, node_id(0), 2);
    cluster.run(8000);
    assert_eq!(view(&cluster, 0).reachable, 6);
    assert_eq!(cluster.hosts[0].node.link_count(), 5);
}

#[test]
fn a_member_whose_place_a_namesake_took_is_not_dialled_without_end() {
    let mut cluster = Cluster::new(3);
    for host in 0..3 {
        let own = address(host).to_string();
        cluster.with(host, |node, _| node.add_endpoint(own));
    }
    discovers(&mut cluster, 0);
    cluster.add(0, 1);
    cluster.add(2, 1);
    cluster.run(5000);
    assert!(cluster.link_between(0, 2).is_some());
    cluster.restart(2, node_id(0), 2);
    cluster.hosts[0].dials.clear();
    cluster.run(30_000);
    let dials = &cluster.hosts[0].dials;
    assert!((6..=10).contains(&dials.len()), "{dials:?}");
}

#[test]
fn discovery_lets_go_of_who_left_and_of_who_was_removed() {
    let mut cluster = discovering(4);
    (1..4).for_each(|host| cluster.add(host, 0));
    cluster.run(5000);
    cluster.with(3, |node, _| node.leave());
    cluster.hosts[3].down = true;
    cluster.run(5000);
    assert_eq!(cluster.hosts[2].node.peers().len(), 2);
    let dials = cluster.hosts[2].dials.len();
    cluster.run(30_000);
    assert_eq!(cluster.hosts[2].dials.len(), dials, "nobody dials who left");
    cluster.remove(2, 0);
    cluster.run(30_000);
    assert_eq!(cluster.link_between(2, 0), None);
    let peers = cluster.hosts[2].node.peers();
    assert!(
        peers.iter().all(|peer| peer.node != Some(node_id(0))),
        "{peers:?}"
    );
    cluster.add(2, 0);
    cluster.run(10_000);
    assert!(cluster.link_between(2, 0).is_some());
}

#[test]
fn discovery_switched_off_drops_what_it_found() {
    let mut cluster = discovering(3);
    (1..3).for_each(|host| cluster.add(host, 0));
    cluster.run(5000);
    cluster.assert_one_link_per_pair();
    for host in [1, 2] {
        let off = ClusterConfig::default();
        cluster.with(host, |node, _| node.configure_cluster(off));
    }
    cluster.run(1000);
    assert_eq!(cluster.link_between(1, 2), None);
    assert_eq!(
        state(&cluster, 1, 2),
        Some(MemberState::Alive),
        "by way of the seed"
    );
}

#[test]
fn who_is_bound_to_every_interface_is_dialled_where_its_links_come_from() {
    let mut cluster = Cluster::new(3);
    for host in 0..3 {
        cluster.with(host, |node, _| {
            node.add_endpoint("tcp://0.0.0.0:5555".into())
        });
    }
    (1..3).for_each(|host| cluster.add(host, 0));
    cluster.run(3000);
    // Dialled by its address, the seed is known by that; it was dialled from within this machine.
    for (host, of, known) in [
        (1, 0, "tcp://10.0.0.0:5555"),
        (2, 0, "tcp://10.0.0.0:5555"),
        (0, 1, "tcp://127.0.0.1:5555"),
    ] {
        let members = view(&cluster, host).members;
        let member = members.iter().find(|member| member.node == node_id(of));
        assert_eq!(
            member.unwrap().endpoints,
            [known],
            "{of} as {host} knows it"
        );
    }
}

/// Another node of a member's name displaced that one and went again: the member stayed gone for the others, or suspect,
/// though it was linked to them and well.
#[test]
fn a_member_did_not_return_once_its_namesake_was_gone() {
    for leaves in [true, false] {
        let mut cluster = Cluster::new(4);
        cluster.add(1, 0);
        cluster.add(2, 0);
        cluster.run(3000);
        assert_eq!(view(&cluster, 0).size, 3);
        // The mistake.
        cluster.restart(3, node_id(1), 2);
        cluster.add(3, 0);
        cluster.run(3000);
        if leaves {
            cluster.with(3, |node, _| node.leave());
            cluster.settle();
        }
        cluster.crash(3, false);
        cluster.run(DOWN_MS + 10_000);
        for host in 0..3 {
            let view = view(&cluster, host);
            assert_eq!((view.reachable, view.size), (3, 3), "{host}: {view:?}");
            let states = view.members.iter().map(|member| member.state);
            assert!(
                states.clone().all(|state| state == MemberState::Alive),
                "{host}: {view:?}"
            );
        }
        // It is a member like any other: its end is noticed.
        cluster.crash(1, false);
        cluster.run(DOWN_MS);
        assert_eq!(view(&cluster, 2).reachable, 2);
    }
}
