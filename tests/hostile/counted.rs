//! What was refused is counted by why, exactly.

use serverlink::HandshakeFailures;
use spot_core::frame::{Alias, Frame, put_data_header};
use spot_core::{Incarnation, NodeId};
use wire_tests::{RawPeer, WAIT, metadata};
use zmtp::{SocketType, command};

use crate::victim::{Victim, on_the_wire};

/// A greeting in which some bytes from `at` on are others.
fn greeting_with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut greeting = RawPeer::greeting(1).to_vec();
    greeting[at..at + bytes.len()].copy_from_slice(bytes);
    greeting
}

/// A good greeting, then this.
fn greeted(then: &[u8]) -> Vec<u8> {
    [&RawPeer::greeting(1)[..], then].concat()
}

fn ready(socket_type: SocketType, properties: &[(&str, &[u8])]) -> Vec<u8> {
    let mut ready = Vec::new();
    command::encode_ready(&mut ready, &metadata(socket_type, properties));
    greeted(&ready)
}

#[test]
fn failed_handshakes_are_counted_by_why() {
    type Count = fn(&mut HandshakeFailures) -> &mut u64;
    let version = |number: &'static [u8]| ready(SocketType::XSub, &[("X-SPOT-Version", number)]);
    let cases: [(Count, Vec<u8>); 9] = [
        (|of| &mut of.greeting, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (|of| &mut of.version, greeting_with(10, &[1])),
        (|of| &mut of.version, version(b"2")),
        (|of| &mut of.mechanism, greeting_with(12, b"CURVE")),
        (|of| &mut of.malformed, greeted(b"\xff\xff")),
        (|of| &mut of.malformed, greeted(b"\x04\x07\x04PING\0\0")),
        (|of| &mut of.socket_type, ready(SocketType::Push, &[])),
        (|of| &mut of.identity, version(b"1")),
        (
            |of| &mut of.refused_by_peer,
            greeted(b"\x04\x09\x05ERROR\x02no"),
        ),
    ];
    let mut victim = Victim::new();
    let mut expected = HandshakeFailures::default();
    for (count, bytes) in cases {
        let mut peer = victim.connect();
        peer.send(&bytes);
        victim.refuses_handshake(peer, "");
        *count(&mut expected) += 1;
        assert_eq!(victim.node.stats().handshake_failures, expected);
    }
}

#[test]
fn duplicates_and_gaps_of_a_publisher_are_counted_by_message() {
    let victim = Victim::new();
    victim.node.create_topic("t").unwrap();
    let subscriber = victim.node.subscriber();
    subscriber.subscribe("t").unwrap();
    let mut peer = victim.link();
    let alias = Alias {
        alias: 1,
        upstream: true,
        resumed: false,
        passage: None,
        next_sequence: 0,
        since: 0,
        incarnation: Incarnation(1),
        publisher: NodeId([0xff; 16]),
        topic: "t",
    };
    peer.send(&on_the_wire(&Frame::Alias(alias).to_vec()));
    // Two come twice, and three are missing.
    for sequence in [0, 1, 1, 2, 0, 6, 7] {
        let mut frame = Vec::new();
        put_data_header(&mut frame, 1, sequence);
        frame.push(b'x');
        peer.send(&on_the_wire(&frame));
    }
    let mut received = 0;
    while received < 5 {
        let delivery = subscriber.recv_timeout(WAIT).unwrap();
        received += u64::from(delivery.into_message().is_some());
    }
    // Messages are delivered before a turn is over, and counted at its end.
    wire_tests::wait_until("all is counted", || {
        let (stats, topic) = (victim.node.stats(), victim.node.topic("t").unwrap().stats);
        stats.duplicates_refused == 2
            && (stats.missed_messages, stats.gaps) == (3, 1)
            && (topic.missed_messages, topic.gaps) == (3, 1)
            && (topic.received_messages, topic.received_bytes) == (5, 5)
    });
    victim.is_well();
}
