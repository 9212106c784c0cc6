//! Peers of ZMTP 3.0, made by hand: they know no PING, and subscriptions travel as messages.

use std::net::TcpListener;
use std::time::Duration;

use serverlink::{LinkRejections, Node};
use wire_tests::{RawFrame, RawPeer, WAIT, metadata, wait_until};
use zmtp::{Command, Metadata, SocketType, Subscription};

/// A node that pings so often that a PING which should not come would come before anything else.
fn node() -> (Node, String) {
    let builder = Node::builder().bind("tcp://127.0.0.1:0");
    let node = builder
        .options(|options| {
            options.heartbeat_interval = Duration::from_millis(10);
            options.heartbeat_timeout = Some(WAIT);
        })
        .start()
        .unwrap();
    let endpoint = node.last_endpoint().unwrap();
    (node, endpoint)
}

fn socket(socket_type: SocketType) -> Metadata {
    metadata(socket_type, &[])
}

fn frame(more: bool, body: &[u8]) -> Option<RawFrame> {
    Some(RawFrame {
        more,
        command: false,
        body: body.to_vec(),
    })
}

#[track_caller]
fn wait_for_pings_that_must_not_come(node: &Node) {
    wait_until("many heartbeat intervals", || {
        node.peers()
            .first()
            .is_some_and(|peer| peer.connected_for >= Duration::from_millis(500))
    });
}

#[test]
fn a_sub_subscribes_by_messages_and_gets_no_ping() {
    let (node, endpoint) = node();
    node.create_topic("t").unwrap();
    let (mut peer, remote) = RawPeer::join(&endpoint, 0, &socket(SocketType::Sub));
    assert_eq!(remote.get("Socket-Type"), Some(&b"XPUB"[..]));
    peer.send_message(&[b"\x01t"]);
    node.wait_subscribers("t", 1, WAIT).unwrap();
    wait_for_pings_that_must_not_come(&node);
    node.publish("t", "1").unwrap();
    assert_eq!(peer.frame(), frame(true, b"t"));
    assert_eq!(peer.frame(), frame(false, b"1"));
    peer.send_message(&[b"\x00t"]);
    wait_until("the cancellation", || {
        node.topic("t").unwrap().subscribers == 0
    });
    assert_eq!(node.stats().rejected, LinkRejections::default());
}

#[test]
fn a_pub_gets_subscriptions_as_messages_and_no_ping() {
    let (node, endpoint) = node();
    let (mut peer, remote) = RawPeer::join(&endpoint, 0, &socket(SocketType::Pub));
    assert_eq!(remote.get("Socket-Type"), Some(&b"XSUB"[..]));
    wait_for_pings_that_must_not_come(&node);
    let subscriber = node.subscribe(["t", "u*"]).unwrap();
    assert_eq!(peer.frame(), frame(false, b"\x01t"));
    assert_eq!(peer.frame(), frame(false, b"\x01u"));
    peer.send_message(&[b"t", b"1"]);
    let delivery = subscriber.recv_timeout(WAIT).unwrap();
    assert_eq!(delivery.into_message().unwrap().data(), b"1");
    subscriber.unsubscribe("t").unwrap();
    assert_eq!(peer.frame(), frame(false, b"\x00t"));
}

#[test]
fn a_dealer_queries_and_gets_no_ping() {
    let (node, endpoint) = node();
    let (mut peer, remote) = RawPeer::join(&endpoint, 0, &socket(SocketType::Dealer));
    assert_eq!(remote.get("Socket-Type"), Some(&b"ROUTER"[..]));
    wait_for_pings_that_must_not_come(&node);
    peer.send_message(&[b"", &[4]]);
    assert_eq!(peer.frame(), frame(true, b""));
    assert_eq!(peer.frame(), frame(true, &[5]));
    assert_eq!(peer.frame(), frame(false, &[0; 4]));
}

#[test]
fn a_bound_pub_is_subscribed_to_by_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let (node, _) = node();
    let subscriber = node.subscribe(["*"]).unwrap();
    node.add_peer(&endpoint).unwrap();
    let mut peer = RawPeer::accept(&listener);
    let remote = peer.shake_hands(0, &socket(SocketType::Pub));
    assert_eq!(remote.get("Socket-Type"), Some(&b"XSUB"[..]));
    node.sync(WAIT).unwrap();
    assert_eq!(peer.frame(), frame(false, b"\x01"));
    wait_for_pings_that_must_not_come(&node);
    peer.send_message(&[b"t", b"1"]);
    let delivery = subscriber.recv_timeout(WAIT).unwrap();
    assert_eq!(delivery.into_message().unwrap().data(), b"1");
    drop(subscriber);
    assert_eq!(peer.frame(), frame(false, b"\x00"));
}

#[test]
fn a_3_1_peer_gets_commands_and_pings() {
    let (node, endpoint) = node();
    let (mut peer, _) = RawPeer::join(&endpoint, 1, &socket(SocketType::Pub));
    let ping = peer.frame().unwrap();
    assert!(matches!(
        Command::parse(&ping.body),
        Ok(Command::Ping { .. })
    ));
    let subscriber = node.subscribe(["t"]).unwrap();
    let mut subscription = |expected: Subscription<'_>| {
        wait_until("the command", || {
            let frame = peer.frame().unwrap();
            assert!(frame.command, "{frame:?}");
            Subscription::from_command(&Command::parse(&frame.body).unwrap()) == Some(expected)
        });
    };
    subscription(Subscription::Subscribe(b"t"));
    drop(subscriber);
    subscription(Subscription::Cancel(b"t"));
}

#[test]
fn a_3_1_peer_may_subscribe_by_messages_too() {
    let (node, endpoint) = node();
    node.create_topic("t").unwrap();
    let (mut peer, _) = RawPeer::join(&endpoint, 1, &socket(SocketType::XSub));
    peer.send_message(&[b"\x01t"]);
    node.wait_subscribers("t", 1, WAIT).unwrap();
    node.publish("t", "1").unwrap();
    assert_eq!(peer.message(), [b"t", b"1"]);
}
