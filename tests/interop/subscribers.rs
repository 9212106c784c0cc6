//! SUB and XSUB sockets connect to a node.

use serverlink::{Event, Node};
use wire_tests::{WAIT, ZmqExt, assert_silent, events_until, server, wait_until, zmq_socket};

/// A SUB socket connected to `endpoint` with these prefixes.
fn sub(endpoint: &str, prefixes: &[&[u8]]) -> zmq::Socket {
    let socket = zmq_socket(zmq::SUB);
    socket.connect(endpoint).unwrap();
    for prefix in prefixes {
        socket.set_subscribe(prefix).unwrap();
    }
    socket
}

fn message(topic: &str, data: &[u8]) -> Vec<Vec<u8>> {
    vec![topic.into(), data.into()]
}

fn listeners(node: &Node, topic: &str) -> usize {
    node.topic(topic).unwrap().subscribers
}

#[test]
fn each_message_whose_topic_begins_with_a_prefix_arrives_once_and_in_order() {
    let (node, endpoint) = server();
    for topic in ["a:1", "ab", "a:2", "b"] {
        node.create_topic(topic).unwrap();
    }
    let socket = sub(&endpoint, &[b"a:", b"a:1", b"b"]);
    node.wait_subscribers("b", 1, WAIT).unwrap();
    for round in 0..100u32 {
        for topic in ["ab", "b", "a:1", "a:2"] {
            node.publish(topic, round.to_le_bytes()).unwrap();
        }
        for topic in ["b", "a:1", "a:2"] {
            assert_eq!(socket.take(), message(topic, &round.to_le_bytes()));
        }
    }
    assert_silent(&socket);
}

#[test]
fn the_empty_prefix_takes_everything_also_topics_made_later() {
    let (node, endpoint) = server();
    node.create_topic("early").unwrap();
    let socket = sub(&endpoint, &[b""]);
    node.wait_subscribers("early", 1, WAIT).unwrap();
    node.create_topic("later").unwrap();
    node.publish("later", "1").unwrap();
    node.publish("early", "2").unwrap();
    assert_eq!(socket.take(), message("later", b"1"));
    assert_eq!(socket.take(), message("early", b"2"));
}

#[test]
fn a_prefix_may_end_within_a_character() {
    let (node, endpoint) = server();
    node.create_topic("\u{e9}t\u{e9}").unwrap();
    let socket = sub(&endpoint, &[b"\xc3"]);
    node.wait_subscribers("\u{e9}t\u{e9}", 1, WAIT).unwrap();
    node.publish("\u{e9}t\u{e9}", "").unwrap();
    assert_eq!(socket.take(), message("\u{e9}t\u{e9}", b""));
}

#[test]
fn an_unsubscribed_prefix_is_not_sent_any_more() {
    let (node, endpoint) = server();
    node.create_topic("a").unwrap();
    node.create_topic("b").unwrap();
    let socket = sub(&endpoint, &[b"a", b"b"]);
    node.wait_subscribers("b", 1, WAIT).unwrap();
    node.publish("a", "1").unwrap();
    assert_eq!(socket.take(), message("a", b"1"));
    socket.set_unsubscribe(b"a").unwrap();
    wait_until("the cancellation", || listeners(&node, "a") == 0);
    node.publish("a", "2").unwrap();
    node.publish("b", "3").unwrap();
    assert_eq!(socket.take(), message("b", b"3"));
}

#[test]
fn a_prefix_subscribed_twice_is_cancelled_by_the_second_unsubscribe() {
    let (node, endpoint) = server();
    node.create_topic("a").unwrap();
    let socket = sub(&endpoint, &[b"a", b"a"]);
    node.wait_subscribers("a", 1, WAIT).unwrap();
    socket.set_unsubscribe(b"a").unwrap();
    socket.set_subscribe(b"behind").unwrap();
    node.create_topic("behind").unwrap();
    node.wait_subscribers("behind", 1, WAIT).unwrap();
    node.publish("a", "1").unwrap();
    assert_eq!(socket.take(), message("a", b"1"));
    // libzmq counts at the subscriber: however often it subscribed, it cancels once.
    socket.set_unsubscribe(b"a").unwrap();
    wait_until("the cancellation", || listeners(&node, "a") == 0);
}

#[test]
fn large_messages_arrive_whole() {
    let (node, endpoint) = server();
    let topic = node.create_topic("large").unwrap();
    let socket = sub(&endpoint, &[b"large"]);
    node.wait_subscribers("large", 1, WAIT).unwrap();
    let data: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    for len in [1 << 20, 0, 255, 256, 65_535, 8192, 1 << 20] {
        topic.publish(&data[..len]).unwrap();
    }
    for len in [1 << 20, 0, 255, 256, 65_535, 8192, 1 << 20] {
        assert!(
            socket.take() == message("large", &data[..len]),
            "{len} bytes differ"
        );
    }
}

#[test]
fn a_slow_sub_loses_the_newest_and_holds_up_nobody() {
    const COUNT: u64 = 20_000;
    let node = Node::builder()
        .bind("tcp://127.0.0.1:0")
        .topic("t")
        .options(|options| options.send_hwm = 10)
        .start()
        .unwrap();
    let socket = zmq_socket(zmq::SUB);
    socket.set_rcvhwm(10).unwrap();
    socket.set_subscribe(b"t").unwrap();
    socket.connect(&node.last_endpoint().unwrap()).unwrap();
    node.wait_subscribers("t", 1, WAIT).unwrap();
    let mut data = vec![0; 4096];
    for number in 0..COUNT {
        data[..8].copy_from_slice(&number.to_le_bytes());
        node.publish("t", &data).unwrap();
    }
    let dropped = node.stats().dropped_at_sender;
    assert!(dropped > 0, "nothing was dropped");
    let number = |message: &[Vec<u8>]| u64::from_le_bytes(message[1][..8].try_into().unwrap());
    let mut next = 0;
    for _ in 0..COUNT - dropped {
        let received = number(&socket.take());
        assert!(received >= next, "{received} after {next}");
        assert!(next > 0 || received == 0, "the oldest was dropped");
        next = received + 1;
    }
    data[..8].copy_from_slice(&COUNT.to_le_bytes());
    node.publish("t", &data).unwrap();
    assert_eq!(number(&socket.take()), COUNT);
}

#[test]
fn a_sub_connects_over_ipc() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("ipc://{}/socket", directory.path().display());
    let node = Node::builder().bind(&endpoint).topic("t").start().unwrap();
    let socket = sub(&endpoint, &[b"t"]);
    node.wait_subscribers("t", 1, WAIT).unwrap();
    node.publish("t", "1").unwrap();
    assert_eq!(socket.take(), message("t", b"1"));
}

#[test]
fn a_sub_finds_a_restarted_node_again() {
    let (node, endpoint) = server();
    node.create_topic("t").unwrap();
    let socket = sub(&endpoint, &[b"t"]);
    node.wait_subscribers("t", 1, WAIT).unwrap();
    node.close();
    let node = Node::builder().bind(&endpoint).topic("t").start().unwrap();
    wait_until("the subscription", || {
        // libzmq sends it again only while its socket is in use.
        socket.poll(zmq::POLLIN, 0).unwrap();
        listeners(&node, "t") == 1
    });
    node.publish("t", "1").unwrap();
    assert_eq!(socket.take(), message("t", b"1"));
}

#[test]
fn an_xsub_subscribes_by_messages_and_its_other_messages_go_nowhere() {
    let (node, endpoint) = server();
    node.create_topic("a").unwrap();
    node.create_topic("b").unwrap();
    let socket = zmq_socket(zmq::XSUB);
    socket.connect(&endpoint).unwrap();
    socket.give(&[b"\x01a"]);
    node.wait_subscribers("a", 1, WAIT).unwrap();
    socket.give(&[b"\x05for nobody"]);
    socket.give(&[b"two", b"\x01frames"]);
    socket.give(&[b""]);
    socket.give(&[b"\x01b"]);
    node.wait_subscribers("b", 1, WAIT).unwrap();
    node.create_topic("frames").unwrap();
    assert_eq!(listeners(&node, "frames"), 0);
    node.publish("a", "1").unwrap();
    assert_eq!(socket.take(), message("a", b"1"));
    socket.give(&[b"\x00a"]);
    wait_until("the cancellation", || listeners(&node, "a") == 0);
    node.publish("a", "2").unwrap();
    node.publish("b", "3").unwrap();
    assert_eq!(socket.take(), message("b", b"3"));
    assert_eq!(node.stats().rejected, serverlink::LinkRejections::default());
}

#[test]
fn subscriptions_may_come_and_go_for_ever() {
    let (node, endpoint) = server();
    node.create_topic("last").unwrap();
    let socket = zmq_socket(zmq::XSUB);
    socket.set_sndhwm(0).unwrap();
    socket.connect(&endpoint).unwrap();
    for _ in 0..spot_core::limits::MAX_FILTERS_PER_LINK + 1 {
        socket.give(&[b"\x01a"]);
        socket.give(&[b"\x00a"]);
    }
    socket.give(&[b"\x01last"]);
    node.wait_subscribers("last", 1, WAIT).unwrap();
    assert_eq!(node.stats().rejected.protocol, 0);
}

#[test]
fn a_sub_that_goes_away_takes_its_subscriptions_along() {
    let (node, endpoint) = server();
    let events = node.events();
    node.create_topic("t").unwrap();
    let socket = sub(&endpoint, &[b"t"]);
    node.wait_subscribers("t", 1, WAIT).unwrap();
    drop(socket);
    let (peer, graceful) = events_until(&events, |event| match event {
        Event::PeerDown { node, graceful, .. } => Some((node, graceful)),
        _ => None,
    });
    assert_eq!((peer, graceful), (None, false));
    assert_eq!(listeners(&node, "t"), 0);
    assert!(node.peers().is_empty());
}
