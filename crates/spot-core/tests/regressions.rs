//! Bugs that were, each by a test of its name.

mod common;

use common::{Cluster, address, endpoint, exact, node_id};
use spot_core::frame::{Alias, ByeReason, Frame, InterestEntry, TopicChange};
use spot_core::hello::Hello;
use spot_core::limits::{MAX_CLASSES_PER_FILTER, MAX_FILTERS_PER_LINK};
use spot_core::node::{CloseReason, LinkFrameError, PeerStatus};
use spot_core::{Class, Event, Incarnation, LinkId, LinkPeer, NodeId, Overflow};

fn hello(id: NodeId, incarnation: u64) -> Hello {
    Hello {
        node: id,
        incarnation: Incarnation(incarnation),
        name: String::new(),
        endpoints: Vec::new(),
        role: spot_core::Role::Node,
    }
}

/// A node of a smaller id than any host connects; it sends what it likes.
fn stranger(cluster: &mut Cluster, incarnation: u64) -> LinkId {
    cluster.accept(0, LinkPeer::Spot(hello(NodeId([0; 16]), incarnation)))
}

fn hear(cluster: &mut Cluster, link: LinkId, frame: &Frame<'_>) {
    let bytes = frame.to_vec();
    cluster.with(0, |node, now| node.handle_frame(now, link, &bytes).unwrap());
}

#[test]
fn use_of_a_second_link_left_the_first_ones_peer_with_a_dead_link() {
    // Host 1 has the larger id. Its own link is replaced by one that the decider chose instead.
    let mut cluster = Cluster::new(2);
    cluster.add(1, 0);
    cluster.settle();
    let second = cluster.accept(1, LinkPeer::Spot(hello(node_id(0), 1)));
    let chosen = Frame::Use.to_vec();
    cluster.with(1, |node, now| {
        node.handle_frame(now, second, &chosen).unwrap()
    });
    let sync = cluster.hosts[1].node.begin_sync();
    assert_eq!(cluster.hosts[1].node.sync_pending(sync).silent.len(), 1);
    assert_eq!(cluster.hosts[1].node.peers().len(), 1);
    // The peer is dialled again once its node is without a link.
    cluster.with(1, |node, now| node.link_closed(now, second, "reset"));
    assert!(cluster.hosts[1].node.poll_timeout().is_some());
}

#[test]
fn use_on_a_link_whose_node_was_forgotten() {
    let mut cluster = Cluster::new(1);
    let first = stranger(&mut cluster, 1);
    let second = stranger(&mut cluster, 1);
    cluster.with(0, |node, now| node.link_closed(now, first, "reset"));
    hear(&mut cluster, second, &Frame::Use);
    assert_eq!(cluster.hosts[0].node.link_count(), 1);
}

#[test]
fn a_removed_peer_left_its_waiting_links_open() {
    let mut cluster = Cluster::pair();
    let waiting = cluster.accept(1, LinkPeer::Spot(hello(node_id(0), 1)));
    cluster.with(1, |node, now| node.add_peer(now, &address(0)).unwrap());
    cluster.settle();
    cluster.remove(1, 0);
    assert_eq!(cluster.hosts[1].closed.last(), Some(&CloseReason::Refused));
    let late = Frame::Use.to_vec();
    cluster.with(1, |node, now| {
        node.handle_frame(now, waiting, &late).unwrap()
    });
    assert_eq!(cluster.hosts[1].node.link_count(), 0);
}

#[test]
fn a_released_peer_took_the_link_that_another_peer_of_its_node_needs() {
    let mut cluster = Cluster::new(2);
    let second_name = endpoint("tcp://other.name:5555");
    cluster.hosts[1].endpoints.push(second_name.clone());
    cluster.add(0, 1);
    cluster.settle();
    cluster.with(0, |node, now| node.add_peer(now, &second_name).unwrap());
    cluster.settle();
    cluster.remove(0, 1);
    cluster.settle();
    assert_eq!(cluster.hosts[0].node.link_count(), 1);
    cluster.cut(0, 1);
    cluster.run(200);
    assert_eq!(
        cluster.hosts[0].node.link_count(),
        1,
        "dialled by its other name"
    );
}

#[test]
fn topics_of_a_nodes_former_life_under_another_id_stayed_known() {
    let mut cluster = Cluster::new(2);
    cluster.create(1, "old");
    cluster.add(0, 1);
    cluster.settle();
    cluster.restart(1, NodeId([9; 16]), 2);
    cluster.settle();
    assert_eq!(cluster.hosts[0].topic_names(), ["old"]);
    cluster.run(200);
    assert_eq!(cluster.hosts[0].node.link_count(), 1);
    assert_eq!(cluster.hosts[0].topic_names(), [""; 0]);
}

#[test]
fn a_refused_node_dialled_ten_times_a_second() {
    let mut cluster = Cluster::mesh(2);
    cluster.remove(0, 1);
    cluster.hosts[1].dials.clear();
    cluster.run(60_000);
    let dials = cluster.hosts[1].dials.len();
    assert!((12..=17).contains(&dials), "{dials} dials in a minute");
}

#[test]
fn an_older_life_that_shook_hands_late_undid_the_newer_one() {
    let mut cluster = Cluster::new(1);
    let newer = stranger(&mut cluster, 2);
    let older = stranger(&mut cluster, 1);
    assert_eq!(cluster.hosts[0].closed, [CloseReason::Refused]);
    hear(&mut cluster, newer, &Frame::Use);
    hear(&mut cluster, older, &Frame::Use);
    stranger(&mut cluster, 2);
    assert_eq!(
        cluster.hosts[0].node.link_count(),
        1,
        "its equal does not replace it"
    );
}

/// Two nodes of one id, which is what two of one name have.
fn namesakes() -> Cluster {
    let mut cluster = Cluster::new(2);
    cluster.restart(1, node_id(0), 2);
    cluster
}

/// How often a host said that there are two nodes of a name: of what it dialled, and of what came.
fn told_of_namesakes(cluster: &Cluster, host: usize) -> [usize; 2] {
    let is_about_names = |reason: &str| reason.contains("same name, give each its own: \"n0\"");
    let mut told = [0; 2];
    for event in &cluster.hosts[host].events {
        match event {
            Event::ConnectFailed { reason, .. } if is_about_names(reason) => told[0] += 1,
            Event::Rejected { reason, .. } if is_about_names(reason) => told[1] += 1,
            event => panic!("{event:?}"),
        }
    }
    told
}

#[test]
fn two_nodes_of_one_name_that_dialled_each_other_took_each_other_for_themselves() {
    let mut cluster = namesakes();
    cluster.add(0, 1);
    cluster.add(1, 0);
    cluster.settle();
    for host in 0..2 {
        assert_eq!(told_of_namesakes(&cluster, host), [1, 1]);
        assert_eq!(cluster.hosts[host].closed, [CloseReason::Refused; 2]);
        let peers = cluster.hosts[host].node.peers();
        assert!(
            peers
                .iter()
                .all(|peer| peer.status == PeerStatus::Waiting && peer.node.is_none())
        );
    }
    // One of them gets another name, and it is as if nothing had been.
    cluster.restart(1, node_id(1), 3);
    cluster.add(1, 0);
    cluster.run(6000);
    cluster.assert_one_link_per_pair();
}

#[test]
fn a_node_of_the_same_name_is_dialled_at_the_longest_pauses() {
    let mut cluster = namesakes();
    cluster.add(0, 1);
    cluster.run(60_000);
    let dials = cluster.hosts[0].dials.len();
    assert!((12..=17).contains(&dials), "{dials} dials in a minute");
    assert_eq!(told_of_namesakes(&cluster, 0), [dials, 0]);
    assert_eq!(told_of_namesakes(&cluster, 1), [0, dials]);
}

#[test]
fn a_node_that_dials_itself_says_nothing_of_names() {
    let mut cluster = Cluster::new(1);
    cluster.add(0, 0);
    cluster.run(10_000);
    assert_eq!(cluster.hosts[0].events, []);
    assert_eq!(cluster.hosts[0].closed, [CloseReason::Itself; 2]);
    let peers = cluster.hosts[0].node.peers();
    assert_eq!(peers[0].status, PeerStatus::Itself);
}

#[test]
fn links_of_a_former_life_that_waited_were_kept() {
    let mut cluster = Cluster::new(1);
    stranger(&mut cluster, 1);
    stranger(&mut cluster, 2);
    assert_eq!(cluster.hosts[0].closed, [CloseReason::Replaced]);
}

#[test]
fn a_route_that_was_under_way_outlives_the_leave() {
    let mut cluster = Cluster::new(1);
    let peers = cluster.with(0, |node, now| {
        node.begin_route(now, "t", &[address(7)]).unwrap()
    });
    cluster.with(0, |node, _| node.leave());
    assert_eq!(cluster.hosts[0].node.poll_timeout(), None);
    let _ = cluster.hosts[0].node.route_status(&peers);
    cluster.with(0, |node, _| node.abandon_route(&peers));
}

#[test]
fn frames_of_a_plain_peer_are_misplaced() {
    let mut cluster = Cluster::new(1);
    let link = cluster.accept(0, LinkPeer::PlainPublisher);
    let frame = Frame::Topics {
        version: 1,
        reset: true,
        changes: Vec::new(),
    };
    cluster.with(0, |node, _| {
        assert!(node.handle_frame(0, link, &frame.to_vec()).is_err());
    });
}

#[test]
fn a_second_link_up_is_ignored() {
    let mut cluster = Cluster::pair();
    let link = cluster.link_between(0, 1).unwrap();
    cluster.with(0, |node, now| {
        node.link_up(now, link, LinkPeer::Spot(hello(node_id(1), 1)));
    });
    assert_eq!(cluster.hosts[0].node.link_count(), 1);
}

#[test]
fn a_farewell_before_the_handshake_is_harmless() {
    let mut cluster = Cluster::new(1);
    let link = cluster.hosts[0].node.accept("x".into());
    let bye = Frame::Bye {
        reason: ByeReason::Leaving,
        text: "",
    };
    cluster.with(0, |node, now| {
        assert!(node.handle_frame(0, link, &bye.to_vec()).is_err());
        node.link_closed(now, link, "misplaced");
    });
}

fn route(cluster: &mut Cluster, host: usize, topic: &str, endpoints: &[spot_core::Endpoint]) {
    let peers = cluster.with(host, |node, now| {
        node.begin_route(now, topic, endpoints).unwrap()
    });
    cluster.settle();
    cluster.with(host, |node, _| node.finish_route(topic, peers).unwrap());
    cluster.settle();
}

#[test]
fn destroying_a_route_to_the_topics_only_owner() {
    let mut cluster = Cluster::new(2);
    cluster.create(1, "t");
    route(&mut cluster, 0, "t", &[address(1)]);
    cluster.with(0, |node, _| node.destroy_topic("t").unwrap());
    cluster.settle();
    assert_eq!(cluster.hosts[0].topic_names(), [""; 0]);
    assert_eq!(cluster.hosts[0].node.link_count(), 0);
}

#[test]
fn replacing_a_route_that_lost_its_only_owner() {
    let mut cluster = Cluster::new(3);
    cluster.create(1, "t");
    route(&mut cluster, 0, "t", &[address(1)]);
    cluster.crash(1, false);
    cluster.settle();
    route(&mut cluster, 0, "t", &[address(2)]);
    assert_eq!(cluster.hosts[0].reachable("t"), Some(true));
}

#[test]
fn a_reconnect_made_every_topic_go_and_come_back() {
    let mut cluster = Cluster::new(2);
    cluster.create(1, "stays");
    cluster.create(1, "goes");
    cluster.add(0, 1);
    cluster.settle();
    let number = cluster.hosts[0].node.topic("stays").unwrap().id;
    cluster.hosts[0].events.clear();
    cluster.cut(0, 1);
    cluster.settle();
    cluster.with(1, |node, _| node.destroy_topic("goes").unwrap());
    cluster.run(200);
    assert_eq!(cluster.hosts[0].topic_names(), ["stays"]);
    assert_eq!(cluster.hosts[0].node.topic("stays").unwrap().id, number);
    let told_of_stays = |event: &&Event| match event {
        Event::TopicAdded { topic } | Event::TopicRemoved { topic } => &**topic == "stays",
        _ => false,
    };
    assert_eq!(cluster.hosts[0].events.iter().find(told_of_stays), None);
}

#[test]
fn removing_a_topic_that_was_never_offered_told_of_its_end() {
    let mut cluster = Cluster::new(1);
    let plain = cluster.accept(0, LinkPeer::PlainPublisher);
    cluster.with(0, |node, _| node.foreign_topic(plain, "heard").unwrap());
    let link = stranger(&mut cluster, 1);
    hear(&mut cluster, link, &Frame::Use);
    let remove = Frame::Topics {
        version: 1,
        reset: false,
        changes: vec![TopicChange::Remove("heard")],
    };
    hear(&mut cluster, link, &remove);
    let is_removal = |event: &Event| matches!(event, Event::TopicRemoved { .. });
    assert!(!cluster.hosts[0].events.iter().any(is_removal));
}

#[test]
fn a_stream_of_a_destroyed_topic_brought_the_topic_back() {
    let mut cluster = Cluster::new(1);
    let link = stranger(&mut cluster, 1);
    hear(&mut cluster, link, &Frame::Use);
    let stream = Alias {
        alias: 0,
        upstream: false,
        passage: None,
        resumed: false,
        since: 0,
        next_sequence: 0,
        incarnation: Incarnation(1),
        publisher: NodeId([0; 16]),
        topic: "gone",
    };
    let target = cluster.with(0, |node, _| node.open_stream(link, &stream));
    assert_eq!(target, None);
    assert_eq!(cluster.hosts[0].topic_names(), [""; 0]);
}

#[test]
fn publishing_left_a_living_owner_for_one_that_came_back() {
    let mut cluster = Cluster::mesh(3);
    cluster.create(1, "t");
    cluster.settle();
    cluster.create(2, "t");
    cluster.settle();
    let to = |cluster: &Cluster, host| {
        cluster.hosts[0].place("t").link() == cluster.link_between(0, host)
    };
    assert!(to(&cluster, 1));
    cluster.cut(0, 1);
    cluster.settle();
    assert!(to(&cluster, 2));
    cluster.run(200);
    assert!(to(&cluster, 2), "the same while it lives");
}

#[test]
fn the_loss_of_a_node_was_told_to_subscribers_of_topics_routed_elsewhere() {
    let mut cluster = Cluster::new(3);
    cluster.create(1, "t");
    cluster.create(2, "t");
    cluster.add(0, 2);
    route(&mut cluster, 0, "t", &[address(1)]);
    cluster.subscribe(0, &exact("t"));
    cluster.crash(2, false);
    cluster.settle();
    assert_eq!(cluster.hosts[0].lost, []);
    cluster.crash(1, false);
    cluster.settle();
    assert_eq!(cluster.hosts[0].lost.len(), 1);
}

#[test]
fn a_route_that_failed_over_told_of_a_loss() {
    let mut cluster = Cluster::new(3);
    cluster.create(1, "t");
    cluster.create(2, "t");
    route(&mut cluster, 0, "t", &[address(1), address(2)]);
    cluster.subscribe(0, &exact("t"));
    cluster.crash(1, false);
    cluster.settle();
    assert_eq!(cluster.hosts[0].lost, []);
}

#[test]
fn a_peer_could_make_us_keep_topics_and_filters_without_end() {
    let mut cluster = Cluster::new(1);
    let link = stranger(&mut cluster, 1);
    hear(&mut cluster, link, &Frame::Use);
    let interest = |round: usize| {
        let entry = |index| InterestEntry {
            origin: None,
            filter: exact(&format!("t{index}")),
            classes: vec![Class(0)],
        };
        let entries = (round * 2048..(round + 1) * 2048).map(entry).collect();
        let version = round as u64 + 1;
        Frame::Interest { version, entries }.to_vec()
    };
    let mut node = cluster.hosts.remove(0).node;
    let rounds = MAX_FILTERS_PER_LINK / 2048;
    for round in 0..rounds {
        node.handle_frame(0, link, &interest(round)).unwrap();
    }
    node.handle_frame(0, link, &interest(0)).unwrap();
    let refused = node.handle_frame(0, link, &interest(rounds));
    assert_eq!(refused, Err(LinkFrameError::TooManyFilters));
}

#[test]
fn more_blocking_subscribers_of_one_filter_than_an_entry_holds() {
    let mut cluster = Cluster::pair();
    cluster.cut(0, 1);
    cluster.settle();
    for _ in 0..MAX_CLASSES_PER_FILTER + 10 {
        let node = &mut cluster.hosts[0].node;
        let subscriber = node.add_subscriber(Overflow::Block);
        node.subscribe(subscriber, &exact("t")).unwrap();
    }
    cluster.create(1, "t");
    cluster.run(200);
    let link = cluster.link_between(1, 0).unwrap();
    let topic = cluster.hosts[1].node.topic("t").unwrap().id;
    let classes = &cluster.hosts[1].sinks[&(topic, link)];
    assert_eq!(classes.len(), MAX_CLASSES_PER_FILTER);
}

#[test]
fn a_removed_subscriber_subscribes() {
    let mut cluster = Cluster::pair();
    let subscriber = cluster.hosts[0].subscriber();
    cluster.with(0, |node, _| {
        node.remove_subscriber(subscriber);
        node.subscribe(subscriber, &exact("t")).unwrap();
    });
    assert_eq!(cluster.hosts[0].node.subscriptions(), 0);
}

#[test]
fn the_order_of_what_is_told_differed_from_run_to_run() {
    let told = || {
        let mut cluster = Cluster::pair();
        let subscriber = cluster.hosts[1].subscriber();
        for index in 0..50 {
            let filter = exact(&format!("t{index}"));
            cluster.with(1, |node, _| node.subscribe(subscriber, &filter).unwrap());
        }
        cluster.settle();
        let node = &mut cluster.hosts[1].node;
        node.remove_subscriber(subscriber);
        std::iter::from_fn(|| node.poll_output()).collect::<Vec<_>>()
    };
    assert_eq!(told(), told());
}

#[test]
fn an_answer_of_a_former_life_counted_for_the_present_one() {
    let mut cluster = Cluster::pair();
    let sync = cluster.hosts[0].node.begin_sync();
    cluster.with(0, |_, _| ());
    cluster.settle();
    assert!(cluster.hosts[0].node.sync_pending(sync).is_empty());
    cluster.restart(1, node_id(1), 2);
    cluster.settle();
    cluster.with(0, |node, now| node.handle_timeout(now + 100));
    let answers = |cluster: &Cluster| cluster.hosts[0].node.sync_pending(sync).is_empty();
    while cluster.hosts[0].node.link_count() == 0 {
        cluster.deliver(0);
    }
    assert!(!answers(&cluster), "linked, and silent still");
    cluster.settle();
    assert!(answers(&cluster));
}

#[test]
fn a_route_to_a_node_that_had_linked_to_us_was_not_placed() {
    let mut cluster = Cluster::new(2);
    let peers = cluster.with(0, |node, now| {
        node.begin_route(now, "t", &[address(1)]).unwrap()
    });
    cluster.with(0, |node, _| node.finish_route("t", peers).unwrap());
    let second = hello(node_id(1), 1);
    cluster.accept(0, LinkPeer::Spot(second));
    cluster.settle();
    assert_eq!(cluster.hosts[0].reachable("t"), Some(true));
    assert!(cluster.hosts[0].place("t").upstream.is_some());
}
