//! Members, partitions, majorities, discovery: what each node sees of its cluster.

mod common;

use std::collections::HashSet;

use common::proxy::Proxy;
use common::*;
use serverlink::{
    ClusterStatus, Discovery, Event, Events, MemberState, Minority, Node, NodeBuilder, PublishError,
};

fn named(index: usize) -> NodeBuilder {
    quick().name(format!("n{index}")).bind("tcp://127.0.0.1:0")
}

fn discovering(index: usize) -> NodeBuilder {
    named(index).options(|options| options.discovery = Discovery::Gossip)
}

/// Names of the members that are reachable, sorted.
fn reachable(node: &Node) -> Vec<String> {
    let members = node.cluster().members.into_iter();
    let reachable = members.filter(|member| member.reachable);
    let mut names: Vec<String> = reachable.filter_map(|member| member.name).collect();
    names.sort();
    names
}

fn is_whole(node: &Node, size: usize) -> bool {
    let seen = node.cluster();
    seen.size == size
        && seen.reachable == size
        && !seen.partitioned
        && seen.has_quorum
        && seen
            .members
            .iter()
            .all(|member| member.state == MemberState::Alive)
}

fn all_whole(nodes: &[Node], size: usize) {
    eventually("every node sees all members alive", || {
        nodes.iter().all(|node| is_whole(node, size))
    });
}

/// The members as each sees them: who they are and how they are.
fn views(nodes: &[Node]) -> HashSet<Vec<(String, u64, MemberState)>> {
    let view = |status: ClusterStatus| {
        let members = status.members.into_iter();
        members
            .map(|member| (member.node.to_string(), member.incarnation, member.state))
            .collect()
    };
    nodes.iter().map(|node| view(node.cluster())).collect()
}

/// The member events so far and the one that `wanted` takes.
fn member_events(events: &Events, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let next = event(events, |event| {
            matches!(
                event,
                Event::MemberUp { .. }
                    | Event::MemberSuspect { .. }
                    | Event::MemberDown { .. }
                    | Event::Partition { .. }
                    | Event::Heal { .. }
            )
        });
        let is_last = wanted(&next);
        seen.push(next);
        if is_last {
            return seen;
        }
    }
}

#[test]
fn a_node_alone_is_its_whole_cluster() {
    let node = Node::builder().name("alone").start().unwrap();
    let seen = node.cluster();
    assert_eq!((seen.size, seen.reachable, seen.quorum), (1, 1, 1));
    assert!(seen.has_quorum && !seen.partitioned);
    let [itself] = &seen.members[..] else {
        panic!("{seen:?}");
    };
    assert!(itself.itself && itself.reachable);
    assert_eq!(
        (itself.node, itself.name.as_deref()),
        (node.id(), Some("alone"))
    );
    assert_eq!(itself.state, MemberState::Alive);
}

#[test]
fn members_around_a_hub_see_each_other_and_one_that_leaves_raises_no_partition() {
    let hub = named(0).start().unwrap();
    let spokes: Vec<Node> = (1..4).map(|index| named(index).start().unwrap()).collect();
    let events = spokes[0].events();
    for spoke in &spokes {
        spoke.add_peer(&endpoint(&hub)).unwrap();
    }
    let mut nodes = spokes;
    nodes.insert(0, hub);
    all_whole(&nodes, 4);
    assert_eq!(views(&nodes).len(), 1);
    let described = nodes[1].cluster().members;
    let other = described.iter().find(|member| member.node == nodes[3].id());
    let other = other.expect("a member without a link to this one");
    assert_eq!(other.endpoints, [endpoint(&nodes[3])]);

    let leaver = nodes.pop().unwrap();
    leaver.close();
    all_whole(&nodes, 3);
    let seen = member_events(&events, |event| matches!(event, Event::MemberDown { .. }));
    let down = seen.last().unwrap();
    assert!(
        matches!(down, Event::MemberDown { node, left: true, .. } if *node == leaver.id()),
        "{down:?}"
    );
    assert!(
        !seen
            .iter()
            .any(|event| matches!(event, Event::Partition { .. } | Event::MemberSuspect { .. })),
        "{seen:?}"
    );
}

#[test]
fn a_member_that_vanishes_is_suspected_then_down_until_it_is_back() {
    let nodes: Vec<Node> = (0..3).map(|index| named(index).start().unwrap()).collect();
    nodes[1].add_peer(&endpoint(&nodes[0])).unwrap();
    let proxies: Vec<Proxy> = nodes[..2]
        .iter()
        .map(|node| Proxy::before(&endpoint(node)))
        .collect();
    for proxy in &proxies {
        nodes[2].add_peer(&proxy.endpoint).unwrap();
    }
    all_whole(&nodes, 3);
    let events = nodes[0].events();
    let gone = nodes[2].id();

    proxies.iter().for_each(Proxy::cut);
    let seen = member_events(&events, |event| matches!(event, Event::Partition { .. }));
    assert!(
        matches!(&seen[0], Event::MemberSuspect { node, .. } if *node == gone),
        "{seen:?}"
    );
    assert!(
        matches!(&seen[1], Event::MemberDown { node, left: false, .. } if *node == gone),
        "{seen:?}"
    );
    let expected = Event::Partition {
        reachable: 2,
        size: 3,
        majority: true,
    };
    assert_eq!(seen[2..], [expected]);
    let status = nodes[0].cluster();
    assert!(status.partitioned && status.has_quorum);

    proxies.iter().for_each(Proxy::restore);
    let seen = member_events(&events, |event| matches!(event, Event::Heal { .. }));
    assert!(matches!(&seen[0], Event::MemberUp { node, name } if *node == gone && &**name == "n2"));
    assert_eq!(seen[1..], [Event::Heal { size: 3 }]);
    all_whole(&nodes, 3);
    assert_eq!(views(&nodes).len(), 1);
}

/// Five nodes, every pair linked; the links between the first three and the last two go through proxies.
fn split_cluster() -> (Vec<Node>, Vec<Proxy>) {
    let refuse = |index| {
        let builder = named(index).options(|options| options.minority = Minority::Refuse);
        builder.topic(format!("of:n{index}")).start().unwrap()
    };
    let nodes: Vec<Node> = (0..5).map(refuse).collect();
    let mut proxies = Vec::new();
    for (from, to) in (0..5).flat_map(|from| (0..from).map(move |to| (from, to))) {
        if from >= 3 && to < 3 {
            let proxy = Proxy::before(&endpoint(&nodes[to]));
            nodes[from].add_peer(&proxy.endpoint).unwrap();
            proxies.push(proxy);
        } else {
            nodes[from].add_peer(&endpoint(&nodes[to])).unwrap();
        }
    }
    all_whole(&nodes, 5);
    (nodes, proxies)
}

fn splits_and_heals(split: impl Fn(&Proxy)) {
    let (nodes, proxies) = split_cluster();
    let here = subscribed(&nodes[4], &["of:n4"]);
    let remote = nodes[4].publisher("of:n3").unwrap();
    let events = nodes[0].events();
    proxies.iter().for_each(split);

    eventually("each side sees itself alone", || {
        (0..3).all(|index| reachable(&nodes[index]) == ["n0", "n1", "n2"])
            && (3..5).all(|index| reachable(&nodes[index]) == ["n3", "n4"])
    });
    for (index, node) in nodes.iter().enumerate() {
        let seen = node.cluster();
        assert!(seen.partitioned, "{index}");
        assert_eq!(
            (seen.size, seen.quorum, seen.has_quorum),
            (5, 3, index < 3),
            "{index}"
        );
    }
    let refused = PublishError::Minority {
        topic: "of:n4".into(),
        reachable: 2,
        size: 5,
    };
    assert_eq!(nodes[4].publish("of:n4", "x"), Err(refused.clone()));
    let publisher = nodes[4].publisher("of:n4").unwrap();
    assert_eq!(publisher.publish("x"), Err(refused.clone()));
    assert_eq!(publisher.try_publish("x"), Err(refused.clone()));
    assert_eq!(publisher.publish_many(["x", "y"]), (0, Err(refused)));
    assert!(matches!(
        remote.publish("x"),
        Err(PublishError::Minority { .. })
    ));
    assert_empty(&here);
    nodes[0].publish("of:n0", "the majority goes on").unwrap();

    proxies.iter().for_each(Proxy::restore);
    all_whole(&nodes, 5);
    assert_eq!(views(&nodes).len(), 1);
    publisher.publish("back").unwrap();
    assert_eq!(text(&here), "back");
    let seen = member_events(&events, |event| matches!(event, Event::Heal { .. }));
    let last_loss = seen.iter().rfind(|event| {
        matches!(
            event,
            Event::Partition {
                reachable: 3,
                size: 5,
                majority: true
            }
        )
    });
    assert!(last_loss.is_some(), "{seen:?}");
}

#[test]
fn five_nodes_split_by_broken_connections_and_heal() {
    splits_and_heals(Proxy::cut);
}

#[test]
fn five_nodes_split_by_silence_and_heal() {
    splits_and_heals(Proxy::silence);
}

#[test]
fn a_configured_size_and_the_minority_option_take_effect_at_once() {
    let node = named(0).topic("t").start().unwrap();
    let publisher = node.publisher("t").unwrap();
    publisher.publish("alone").unwrap();
    node.configure(|options| options.cluster_size = Some(2))
        .unwrap();
    assert!(!node.cluster().has_quorum);
    publisher.publish("a minority may go on").unwrap();
    node.configure(|options| options.minority = Minority::Refuse)
        .unwrap();
    let refused = publisher.publish("x").unwrap_err();
    let expected = "only 1 of 2 members of the cluster are reachable, no majority, so topic \"t\" takes no messages here: \
                    restore the connections to the others, or set the option minority to go on without";
    assert_eq!(refused.to_string(), expected);
    let other = named(1).peer(endpoint(&node)).start().unwrap();
    eventually("the second member makes the majority", || {
        publisher.publish("x").is_ok()
    });
    drop(other);
    eventually("it leaves", || publisher.publish("x").is_err());
    node.configure(|options| options.cluster_size = None)
        .unwrap();
    publisher.publish("one of one").unwrap();
    for size in [0, 4097] {
        let refused = node.configure(|options| options.cluster_size = Some(size));
        assert!(
            refused.unwrap_err().to_string().contains("cluster_size"),
            "{size}"
        );
    }
}

#[test]
fn a_minority_is_refused_from_the_start() {
    let builder = named(0).topic("t").options(|options| {
        options.cluster_size = Some(3);
        options.minority = Minority::Refuse;
    });
    let node = builder.start().unwrap();
    assert!(matches!(
        node.publish("t", "x"),
        Err(PublishError::Minority { .. })
    ));
}

#[test]
fn six_nodes_that_know_one_seed_make_a_full_mesh() {
    let seed = discovering(0).start().unwrap();
    let mut nodes = vec![seed];
    for index in 1..6 {
        let builder = discovering(index).topic(format!("of:n{index}"));
        nodes.push(builder.peer(endpoint(&nodes[0])).start().unwrap());
    }
    all_whole(&nodes, 6);
    let ports: HashSet<u16> = nodes.iter().map(port).collect();
    eventually("every pair is linked once", || {
        nodes.iter().all(|node| node.stats().links == 5) && connections(&ports) == 15
    });
    for node in &nodes[1..] {
        node.sync(WAIT).unwrap();
        assert_eq!(node.topics().len(), 5);
        let peers = node.peers();
        assert_eq!(peers.len(), 5, "{peers:?}");
        assert_eq!(peers.iter().filter(|peer| peer.added).count(), 1);
    }
    // The seed is needed no more: what it joined stays together.
    let seed = nodes.remove(0);
    seed.close();
    all_whole(&nodes, 5);
    nodes[0].publish("of:n5", "directly").unwrap();
}

#[test]
fn nodes_bound_to_every_interface_are_found_by_the_address_of_their_links() {
    let everywhere = |index: usize| {
        let builder = quick().name(format!("n{index}")).bind("tcp://*:0");
        builder.options(|options| options.discovery = Discovery::Gossip)
    };
    let seed = everywhere(0).start().unwrap();
    let at_loopback = format!("tcp://127.0.0.1:{}", port(&seed));
    let mut nodes = vec![seed];
    nodes.extend((1..4).map(|index| everywhere(index).peer(&at_loopback).start().unwrap()));
    eventually("every pair is linked", || {
        nodes.iter().all(|node| node.stats().links == 3)
    });
}

#[test]
fn discovery_is_off_by_default() {
    let hub = named(0).start().unwrap();
    let spokes: Vec<Node> = (1..4)
        .map(|index| named(index).peer(endpoint(&hub)).start().unwrap())
        .collect();
    all_whole(&spokes, 4);
    assert!(spokes.iter().all(|spoke| spoke.peers().len() == 1));
    spokes[0]
        .configure(|options| options.discovery = Discovery::Gossip)
        .unwrap();
    eventually("switched on, it links to all", || {
        spokes[0].stats().links == 3
    });
}

#[test]
fn two_live_nodes_of_one_name_learn_that_there_are_two() {
    let hub = named(0).start().unwrap();
    let first = quick().name("same").peer(endpoint(&hub)).start().unwrap();
    all_whole(std::slice::from_ref(&hub), 2);
    let events = first.events();
    let second = quick().name("same").peer(endpoint(&hub)).start().unwrap();
    let refused = event(&events, |event| {
        matches!(event, Event::PeerDown { reason, .. } | Event::ConnectFailed { reason, .. }
            if reason.contains("two nodes have the same name"))
    });
    drop(refused);
    eventually("the later one is the member", || {
        let members = hub.cluster().members;
        members.len() == 2 && is_whole(&second, 2)
    });
}
