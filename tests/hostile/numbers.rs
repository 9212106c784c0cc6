//! Message numbers that no publisher ever comes to.

use serverlink::{Node, Subscriber};
use spot_core::frame::{Alias, Frame, TopicChange, put_data_header};
use spot_core::{Incarnation, NodeId};
use wire_tests::WAIT;

use crate::victim::{Victim, answer, on_the_wire};

/// As the link says that it is.
const PEER: NodeId = NodeId([0xff; 16]);

/// A stream of somebody's messages on a topic.
fn stream(publisher: NodeId, topic: &str, upstream: bool) -> Vec<u8> {
    let alias = Alias {
        alias: 1,
        upstream,
        resumed: false,
        since: 0,
        passage: None,
        next_sequence: 0,
        incarnation: Incarnation(1),
        publisher,
        topic,
    };
    on_the_wire(&Frame::Alias(alias).to_vec())
}

fn message(sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_data_header(&mut frame, 1, sequence);
    frame.extend_from_slice(payload);
    on_the_wire(&frame)
}

/// The next message; what is missing before it is told as well.
fn next(subscriber: &Subscriber) -> Vec<u8> {
    loop {
        if let Some(message) = subscriber.recv_timeout(WAIT).unwrap().into_message() {
            return message.data().to_vec();
        }
    }
}

/// Whoever publishes to an owner numbers its messages, and what is missing counts among the owner's.
#[test]
fn an_owner_could_not_publish_behind_the_largest_number() {
    let victim = Victim::new();
    let publisher = victim.node.create_topic("t").unwrap();
    let subscriber = victim.node.subscriber();
    subscriber.subscribe("t").unwrap();
    let mut peer = victim.link();
    peer.send(&stream(PEER, "t", true));
    peer.send(&message(u64::MAX, b"theirs"));
    assert_eq!(next(&subscriber), b"theirs");
    publisher.publish("ours").unwrap();
    assert_eq!(next(&subscriber), b"ours");
    victim.is_well();
}

#[test]
fn a_hub_could_not_pass_on_the_largest_number() {
    let victim = Victim::new();
    victim
        .node
        .configure(|options| options.relay = true)
        .unwrap();
    let mut peer = victim.link();
    let offer = Frame::Topics {
        version: 1,
        reset: true,
        changes: vec![TopicChange::Add("t")],
    };
    peer.send(&on_the_wire(&offer.to_vec()));
    let spoke = Node::builder().peer(&victim.endpoint).start().unwrap();
    let subscriber = spoke.subscriber();
    subscriber.subscribe("t").unwrap();
    while !matches!(
        Frame::decode(&answer(&mut peer)[0]),
        Ok(Frame::Interest { .. })
    ) {}
    peer.send(&stream(PEER, "t", false));
    peer.send(&message(u64::MAX - 1, b"theirs"));
    assert_eq!(next(&subscriber), b"theirs");
    peer.send(&message(u64::MAX, b"the last"));
    assert_eq!(next(&subscriber), b"the last");
    victim.is_well();
}
