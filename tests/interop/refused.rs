//! Sockets that a SPOT port does not speak with.

use std::time::Duration;

use serverlink::{Event, LinkRejections, Node, SyncError};
use wire_tests::{WAIT_MS, ZmqExt, events_until, next_rejection, server, zmq_socket};

#[test]
fn socket_types_that_make_no_sense_are_refused_by_name() {
    let refused = [
        (zmq::PUSH, "PUSH"),
        (zmq::PULL, "PULL"),
        (zmq::PAIR, "PAIR"),
        (zmq::REP, "REP"),
        (zmq::ROUTER, "ROUTER"),
    ];
    let (node, endpoint) = server();
    let events = node.events();
    for (count, (kind, name)) in (1..).zip(refused) {
        let socket = zmq_socket(kind);
        socket.set_reconnect_ivl(-1).unwrap();
        socket.connect(&endpoint).unwrap();
        let reason = next_rejection(&events);
        assert!(reason.contains(&format!("a {name} socket")), "{reason}");
        let expected = {
            let mut expected = LinkRejections::default();
            expected.handshake = count;
            expected
        };
        assert_eq!(node.stats().rejected, expected);
    }
    assert_eq!(node.stats().links, 0);
    assert!(node.peers().is_empty());
}

#[test]
fn a_refused_push_socket_never_delivers() {
    let (node, endpoint) = server();
    node.create_topic("t").unwrap();
    let subscriber = node.subscribe(["*"]).unwrap();
    let events = node.events();
    let socket = zmq_socket(zmq::PUSH);
    socket.set_reconnect_ivl(-1).unwrap();
    socket.connect(&endpoint).unwrap();
    socket.give(&[b"t", b"1"]);
    next_rejection(&events);
    assert_eq!(subscriber.queued(), 0);
}

#[test]
fn bound_sockets_of_other_types_are_no_peers() {
    for kind in [zmq::PULL, zmq::ROUTER, zmq::PAIR, zmq::SUB, zmq::DEALER] {
        let socket = zmq_socket(kind);
        let endpoint = socket.bind_anywhere();
        let node = Node::builder().start().unwrap();
        let events = node.events();
        node.add_peer(&endpoint).unwrap();
        events_until(&events, |event| match event {
            Event::ConnectFailed { endpoint, .. } => Some(endpoint),
            Event::PeerUp { .. } => panic!("a link to a bound {kind:?}"),
            _ => None,
        });
        let synced = node.sync(Duration::ZERO);
        assert_eq!(
            synced,
            Err(SyncError::Unreachable {
                peers: vec![endpoint]
            })
        );
    }
}

#[test]
fn a_curve_client_is_refused_for_its_mechanism() {
    let keys = zmq::CurveKeyPair::new();
    let Ok(keys) = keys else {
        return; // This libzmq has no CURVE.
    };
    let (node, endpoint) = server();
    let events = node.events();
    let socket = zmq_socket(zmq::SUB);
    socket.set_curve_serverkey(&keys.public_key).unwrap();
    socket.set_curve_publickey(&keys.public_key).unwrap();
    socket.set_curve_secretkey(&keys.secret_key).unwrap();
    socket.set_reconnect_ivl(WAIT_MS).unwrap();
    socket.connect(&endpoint).unwrap();
    let reason = next_rejection(&events);
    assert!(reason.contains("CURVE"), "{reason}");
    assert_eq!(node.stats().rejected.handshake, 1);
}
