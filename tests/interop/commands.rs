//! DEALER and REQ sockets speak the open command protocol to a node.

use serverlink::{Event, LinkRejections, Node};
use wire_tests::{
    RawPeer, WAIT, ZmqExt, assert_silent, events_until, metadata, next_rejection, server,
    wait_until, zmq_socket,
};
use zmtp::SocketType;

const PUBLISH: &[u8] = &[1];
const SUBSCRIBE: &[u8] = &[2];
const UNSUBSCRIBE: &[u8] = &[3];
const QUERY: &[u8] = &[4];
const QUERY_RESP: &[u8] = &[5];

fn dealer(endpoint: &str) -> zmq::Socket {
    let socket = zmq_socket(zmq::DEALER);
    socket.connect(endpoint).unwrap();
    socket
}

/// What a QUERY is answered with, up to the order of the topics.
#[track_caller]
fn query(socket: &zmq::Socket) -> (u32, Vec<String>) {
    socket.give(&[b"", QUERY]);
    let answer = socket.take();
    assert_eq!(answer[..2], [b"", QUERY_RESP]);
    let count = u32::from_le_bytes(answer[2][..].try_into().expect("a u32"));
    let topics = answer[3..].iter().cloned();
    let mut topics: Vec<String> = topics
        .map(|topic| String::from_utf8(topic).unwrap())
        .collect();
    topics.sort();
    (count, topics)
}

#[test]
fn a_query_lists_the_topics_hosted_here() {
    let (node, endpoint) = server();
    let other = Node::builder().peer(&endpoint).topic("elsewhere").start();
    let other = other.unwrap();
    other.sync(WAIT).unwrap();
    node.sync(WAIT).unwrap();
    let socket = dealer(&endpoint);
    assert_eq!(query(&socket), (0, vec![]));
    node.create_topic("b:c").unwrap();
    node.create_topic("a").unwrap();
    assert_eq!(query(&socket), (2, vec!["a".into(), "b:c".into()]));
}

#[test]
fn a_req_socket_asks_too() {
    let (node, endpoint) = server();
    node.create_topic("a").unwrap();
    let socket = zmq_socket(zmq::REQ);
    socket.connect(&endpoint).unwrap();
    for _ in 0..3 {
        // A REQ socket adds and takes away the empty frame itself.
        socket.give(&[QUERY]);
        assert_eq!(socket.take(), [QUERY_RESP, &[1, 0, 0, 0], b"a"]);
    }
}

#[test]
fn a_thousand_topics_are_told_in_one_answer() {
    let (node, endpoint) = server();
    for n in 0..1000 {
        node.create_topic(&format!("t:{n}")).unwrap();
    }
    let socket = dealer(&endpoint);
    let (count, topics) = query(&socket);
    assert_eq!((count, topics.len()), (1000, 1000));
}

#[test]
fn a_publication_reaches_every_subscriber_as_if_published_here() {
    let (node, endpoint) = server();
    node.create_topic("t").unwrap();
    let here = node.subscribe(["t"]).unwrap();
    let guest = Node::builder().peer(&endpoint).start().unwrap();
    guest.sync(WAIT).unwrap();
    let there = guest.subscribe(["t"]).unwrap();
    there.wait_subscribed(WAIT).unwrap();
    let socket = dealer(&endpoint);
    for n in 0..100u32 {
        socket.give(&[b"", PUBLISH, b"t", &n.to_le_bytes()]);
    }
    for n in 0..100u32 {
        for subscriber in [&here, &there] {
            let delivery = subscriber.recv_timeout(WAIT).unwrap();
            assert_eq!(delivery.into_message().unwrap().data(), n.to_le_bytes());
        }
    }
    assert_eq!(node.stats().commands_refused, 0);
}

#[test]
fn a_publication_on_a_remote_topic_goes_to_its_owner() {
    let (node, endpoint) = server();
    let owner = Node::builder().peer(&endpoint).topic("t").start().unwrap();
    let subscriber = owner.subscribe(["t"]).unwrap();
    owner.sync(WAIT).unwrap();
    node.sync(WAIT).unwrap();
    let socket = dealer(&endpoint);
    socket.give(&[b"", PUBLISH, b"t", b"1"]);
    let delivery = subscriber.recv_timeout(WAIT).unwrap();
    assert_eq!(delivery.into_message().unwrap().data(), b"1");
}

#[test]
fn a_publication_that_reaches_nobody_is_counted_and_dropped() {
    let (node, endpoint) = server();
    let socket = dealer(&endpoint);
    socket.give(&[b"", PUBLISH, b"nobody's", b"1"]);
    assert_eq!(query(&socket), (0, vec![]));
    assert_eq!(node.stats().commands_refused, 1);
    assert_eq!(node.stats().rejected, LinkRejections::default());
}

#[test]
fn subscribed_topics_arrive_as_publish() {
    let (node, endpoint) = server();
    for topic in ["a", "ab", "b"] {
        node.create_topic(topic).unwrap();
    }
    let socket = dealer(&endpoint);
    for topic in [&b"a"[..], b"a", b"b", b"later"] {
        socket.give(&[b"", SUBSCRIBE, topic]);
    }
    node.wait_subscribers("b", 1, WAIT).unwrap();
    for (topic, data) in [("ab", "0"), ("a", "1"), ("b", ""), ("a", "2")] {
        node.publish(topic, data).unwrap();
    }
    assert_eq!(socket.take(), [b"", PUBLISH, b"a", b"1"]);
    assert_eq!(socket.take(), [b"", PUBLISH, b"b", b""]);
    assert_eq!(socket.take(), [b"", PUBLISH, b"a", b"2"]);
    node.create_topic("later").unwrap();
    node.wait_subscribers("later", 1, WAIT).unwrap();
    node.publish("later", "3").unwrap();
    assert_eq!(socket.take(), [b"", PUBLISH, b"later", b"3"]);
    assert_silent(&socket);
}

#[test]
fn an_unsubscribed_topic_does_not_arrive() {
    let (node, endpoint) = server();
    node.create_topic("a").unwrap();
    node.create_topic("b").unwrap();
    let socket = dealer(&endpoint);
    socket.give(&[b"", UNSUBSCRIBE, b"never subscribed"]);
    for topic in [b"a", b"b"] {
        socket.give(&[b"", SUBSCRIBE, topic]);
    }
    node.wait_subscribers("b", 1, WAIT).unwrap();
    socket.give(&[b"", UNSUBSCRIBE, b"a"]);
    wait_until("the cancellation", || {
        node.topic("a").unwrap().subscribers == 0
    });
    node.publish("a", "1").unwrap();
    node.publish("b", "2").unwrap();
    assert_eq!(socket.take(), [b"", PUBLISH, b"b", b"2"]);
}

#[test]
fn a_dealer_hears_its_own_publications_and_large_ones() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("ipc://{}/socket", directory.path().display());
    let node = Node::builder().bind(&endpoint).topic("t").start().unwrap();
    let socket = dealer(&endpoint);
    socket.give(&[b"", SUBSCRIBE, b"t"]);
    let data = vec![3; 1 << 20];
    for _ in 0..10 {
        socket.give(&[b"", PUBLISH, b"t", &data]);
        assert!(socket.take() == [b"", PUBLISH, b"t", &data[..]]);
    }
    assert_eq!(node.stats().links, 1);
}

#[test]
fn a_malformed_command_closes_that_connection_alone() {
    let malformed: [&[&[u8]]; 13] = [
        &[b"no empty frame"],
        &[b""],
        &[b"x", QUERY],
        &[b"", b""],
        &[b"", b"\x04\x04"],
        &[b"", &[0]],
        &[b"", &[6]],
        &[b"", QUERY_RESP],
        &[b"", QUERY, b"?"],
        &[b"", PUBLISH, b"t"],
        &[b"", SUBSCRIBE],
        &[b"", SUBSCRIBE, b""],
        &[b"", PUBLISH, b"\xff", b""],
    ];
    let (node, endpoint) = server();
    let events = node.events();
    let healthy = dealer(&endpoint);
    assert_eq!(query(&healthy), (0, vec![]));
    for (count, message) in (1..).zip(malformed) {
        let local = metadata(SocketType::Dealer, &[]);
        let (mut peer, remote) = RawPeer::join(&endpoint, 1, &local);
        assert_eq!(remote.get("Socket-Type"), Some(&b"ROUTER"[..]));
        peer.send_message(message);
        peer.wait_closed();
        next_rejection(&events);
        assert_eq!(node.stats().rejected.protocol, count, "{message:?}");
        assert_eq!(query(&healthy), (0, vec![]));
    }
}

#[test]
fn a_dealer_that_broke_the_rules_may_come_back() {
    let (node, endpoint) = server();
    let events = node.events();
    let socket = dealer(&endpoint);
    socket.give(&[b"", b"nonsense"]);
    assert!(next_rejection(&events).contains("a frame of one byte"));
    events_until(&events, |event| {
        matches!(event, Event::PeerDown { .. }).then_some(())
    });
    wait_until("the new link", || node.stats().links == 1);
    assert_eq!(query(&socket), (0, vec![]));
}
