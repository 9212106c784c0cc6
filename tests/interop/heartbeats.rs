//! PING and PONG between a node and libzmq, in both directions.

use std::time::Duration;

use serverlink::{Event, LinkRejections, Node};
use wire_tests::{RawPeer, WAIT, ZmqExt, metadata, next_rejection, wait_until, zmq_socket};
use zmtp::{Command, SocketType, command};

/// Longer than any peer here waits for a sign of life.
const QUIET: Duration = Duration::from_secs(3);

fn node(interval: Duration) -> Node {
    let builder = Node::builder().bind("tcp://127.0.0.1:0").topic("t");
    builder
        .options(|options| {
            options.heartbeat_interval = interval;
            options.heartbeat_timeout = Some(Duration::from_secs(1));
        })
        .start()
        .unwrap()
}

/// A quiet link stays, and what is published then arrives on it.
#[track_caller]
fn outlives_the_quiet(node: &Node, socket: &zmq::Socket) {
    let events = node.events();
    node.wait_subscribers("t", 1, WAIT).unwrap();
    wait_until("a quiet while", || {
        node.peers()
            .first()
            .is_some_and(|peer| peer.connected_for >= QUIET)
    });
    node.publish("t", "1").unwrap();
    assert_eq!(socket.take(), [b"t", b"1"]);
    assert_eq!(node.stats().rejected, LinkRejections::default());
    let down = std::iter::from_fn(|| events.try_next())
        .find(|event| matches!(event, Event::PeerDown { .. }));
    assert_eq!(down, None);
}

#[test]
fn our_pings_keep_a_quiet_sub_and_do_not_confuse_it() {
    let node = node(Duration::from_millis(50));
    let socket = zmq_socket(zmq::SUB);
    socket.set_subscribe(b"t").unwrap();
    socket.connect(&node.last_endpoint().unwrap()).unwrap();
    outlives_the_quiet(&node, &socket);
}

#[test]
fn libzmqs_pings_are_answered() {
    let node = node(Duration::ZERO);
    let socket = zmq_socket(zmq::SUB);
    socket.set_heartbeat_ivl(50).unwrap();
    socket.set_heartbeat_timeout(1000).unwrap();
    socket.set_heartbeat_ttl(1000).unwrap();
    socket.set_subscribe(b"t").unwrap();
    socket.connect(&node.last_endpoint().unwrap()).unwrap();
    outlives_the_quiet(&node, &socket);
}

#[test]
fn both_may_ping_each_other() {
    let node = node(Duration::from_millis(50));
    node.configure(|options| options.heartbeat_ttl = Some(Duration::from_secs(1)))
        .unwrap();
    let socket = zmq_socket(zmq::SUB);
    socket.set_heartbeat_ivl(50).unwrap();
    socket.set_heartbeat_ttl(1000).unwrap();
    socket.set_subscribe(b"t").unwrap();
    socket.connect(&node.last_endpoint().unwrap()).unwrap();
    outlives_the_quiet(&node, &socket);
}

#[test]
fn a_bound_pub_with_heartbeats_is_kept() {
    let socket = zmq_socket(zmq::XPUB);
    socket.set_heartbeat_ivl(50).unwrap();
    socket.set_heartbeat_timeout(1000).unwrap();
    let endpoint = socket.bind_anywhere();
    let node = node(Duration::from_millis(50));
    node.add_peer(&endpoint).unwrap();
    node.sync(WAIT).unwrap();
    let subscriber = node.subscribe(["u"]).unwrap();
    assert_eq!(socket.take(), [b"\x01u"]);
    wait_until("a quiet while", || node.peers()[0].connected_for >= QUIET);
    socket.give(&[b"u", b"1"]);
    let delivery = subscriber.recv_timeout(WAIT).unwrap();
    assert_eq!(delivery.into_message().unwrap().data(), b"1");
    assert_eq!(node.stats().rejected, LinkRejections::default());
}

#[test]
fn a_ping_is_echoed_with_its_context() {
    let node = node(Duration::ZERO);
    let endpoint = node.last_endpoint().unwrap();
    for socket_type in [SocketType::Sub, SocketType::Pub, SocketType::Dealer] {
        let (mut peer, _) = RawPeer::join(&endpoint, 1, &metadata(socket_type, &[]));
        let mut ping = Vec::new();
        command::encode_ping(&mut ping, 0, b"sixteen octets!!");
        peer.send(&ping);
        let frame = peer.frame().unwrap();
        let context = b"sixteen octets!!";
        assert_eq!(Command::parse(&frame.body), Ok(Command::Pong { context }));
    }
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    let node = node(Duration::from_millis(50));
    let events = node.events();
    let endpoint = node.last_endpoint().unwrap();
    let (mut peer, _) = RawPeer::join(&endpoint, 1, &metadata(SocketType::Sub, &[]));
    let frame = peer.frame().unwrap();
    assert!(matches!(
        Command::parse(&frame.body),
        Ok(Command::Ping { .. })
    ));
    let reason = next_rejection(&events);
    assert!(reason.contains("silent"), "{reason}");
    assert_eq!(node.stats().rejected.heartbeat, 1);
    peer.wait_closed();
}

#[test]
fn a_peers_ttl_is_honoured() {
    let node = node(Duration::ZERO);
    let events = node.events();
    let endpoint = node.last_endpoint().unwrap();
    let (mut peer, _) = RawPeer::join(&endpoint, 1, &metadata(SocketType::Sub, &[]));
    let mut ping = Vec::new();
    command::encode_ping(&mut ping, 1, b"");
    peer.send(&ping);
    next_rejection(&events);
    assert_eq!(node.stats().rejected.heartbeat, 1);
    peer.wait_closed();
}
