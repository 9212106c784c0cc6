//! Bugs that were, each by a test of its name.

mod common;

use common::{Cluster, address, endpoint, node_id};
use spot_core::frame::{ByeReason, Frame};
use spot_core::hello::Hello;
use spot_core::node::CloseReason;
use spot_core::{Incarnation, LinkId, LinkPeer, NodeId};

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
    cluster.with(0, |node, _| node.handle_frame(link, &bytes).unwrap());
}

#[test]
fn use_of_a_second_link_left_the_first_ones_peer_with_a_dead_link() {
    // Host 1 has the larger id. Its own link is replaced by one that the decider chose instead.
    let mut cluster = Cluster::new(2);
    cluster.add(1, 0);
    cluster.settle();
    let second = cluster.accept(1, LinkPeer::Spot(hello(node_id(0), 1)));
    let chosen = Frame::Use.to_vec();
    cluster.with(1, |node, _| node.handle_frame(second, &chosen).unwrap());
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
    cluster.with(1, |node, _| node.handle_frame(waiting, &late).unwrap());
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
        assert!(node.handle_frame(link, &frame.to_vec()).is_err());
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
        assert!(node.handle_frame(link, &bye.to_vec()).is_err());
        node.link_closed(now, link, "misplaced");
    });
}
