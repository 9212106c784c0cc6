//! Owners that are about to leave: who stops publishing to them, and whom it is believed of.

mod common;

use common::{Cluster, exact, node_id};
use spot_core::Incarnation;
use spot_core::frame::Frame;

/// A hub, 0, between two spokes; the first hosts "t".
fn spokes() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.with(0, |node, _| node.set_relay(true));
    cluster.add(1, 0);
    cluster.add(2, 0);
    cluster.create(1, "t");
    cluster.subscribe(2, &exact("t"));
    cluster.settle();
    cluster
}

fn publishes(cluster: &Cluster, host: usize) -> bool {
    cluster.hosts[host].place("t").upstream.is_some()
}

/// A host says that a life of another is about to leave.
fn say_to_cease(cluster: &mut Cluster, from: usize, to: usize, owner: usize, life: u64) {
    let link = cluster.link_between(to, from).unwrap();
    let (owner, life) = (node_id(owner), Incarnation(life));
    let frame = Frame::Cease { owner, life }.to_vec();
    cluster.with(to, |node, now| {
        node.handle_frame(now, link, &frame).unwrap()
    });
    cluster.settle();
}

#[test]
fn all_cease_to_publish_to_an_owner_before_it_leaves() {
    let mut cluster = spokes();
    cluster.with(1, |node, _| node.cease());
    assert!(cluster.hosts[1].node.is_published_to());
    cluster.settle();
    assert!(!cluster.hosts[1].node.is_published_to());
    assert!(!publishes(&cluster, 0) && !publishes(&cluster, 2));
}

#[test]
fn who_is_linked_while_the_owner_leaves_is_told_too() {
    let mut cluster = spokes();
    cluster.cut(2, 0);
    cluster.with(1, |node, _| node.cease());
    cluster.settle();
    cluster.add(2, 1);
    cluster.settle();
    assert!(cluster.link_between(2, 1).is_some() && !publishes(&cluster, 2));
    assert!(!cluster.hosts[1].node.is_published_to());
}

#[test]
fn a_stranger_or_a_past_life_had_publishers_cease() {
    let mut cluster = spokes();
    let life = cluster.hosts[2].place("t").upstream.unwrap().life.0;
    // Who neither is the owner nor offers its topics.
    say_to_cease(&mut cluster, 2, 0, 1, life);
    assert!(publishes(&cluster, 0) && publishes(&cluster, 2));
    // The owner itself, of another of its lives.
    say_to_cease(&mut cluster, 1, 0, 1, life + 1);
    assert!(publishes(&cluster, 0) && publishes(&cluster, 2));
    // A hub, of a life of an owner that it is not needed for.
    cluster.add(2, 1);
    cluster.settle();
    say_to_cease(&mut cluster, 0, 2, 1, life + 1);
    assert!(publishes(&cluster, 2));
    say_to_cease(&mut cluster, 0, 2, 1, life);
    assert!(!publishes(&cluster, 2));
}
