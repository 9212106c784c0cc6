//! PUB and XPUB sockets connect to a node.

use serverlink::{Delivery, Node, PublishError, Subscriber};
use wire_tests::{WAIT, ZmqExt, server, wait_until, zmq_socket};

/// An XPUB socket connected to the node: it shows what the node subscribes to.
fn xpub(node: &Node, endpoint: &str) -> zmq::Socket {
    let socket = zmq_socket(zmq::XPUB);
    socket.connect(endpoint).unwrap();
    wait_until("the link", || node.stats().links == 1);
    socket
}

#[track_caller]
fn next(subscriber: &Subscriber) -> (String, Vec<u8>) {
    match subscriber.recv_timeout(WAIT).unwrap() {
        Delivery::Message(message) => (message.topic().to_owned(), message.data().to_vec()),
        other => panic!("{other:?} instead of a message"),
    }
}

fn message(topic: &str, data: &[u8]) -> (String, Vec<u8>) {
    (topic.to_owned(), data.to_vec())
}

#[test]
fn messages_enter_under_their_topic_and_make_none() {
    let (node, endpoint) = server();
    let socket = xpub(&node, &endpoint);
    let subscriber = node.subscribe(["sensor:temp"]).unwrap();
    assert_eq!(socket.take(), [b"\x01sensor:temp"]);
    for n in 0..1000u32 {
        socket.give(&[b"sensor:temp", &n.to_le_bytes()]);
        assert_eq!(next(&subscriber), message("sensor:temp", &n.to_le_bytes()));
    }
    assert_eq!(node.topics(), []);
    assert_eq!(node.topic("sensor:temp"), None);
    assert_eq!(node.stats().topics, 0);
    let refused = node.publish("sensor:temp", "");
    assert!(matches!(refused, Err(PublishError::Unknown { .. })));
}

#[test]
fn prefixes_are_filtered_to_what_was_subscribed_to() {
    let (node, endpoint) = server();
    let socket = xpub(&node, &endpoint);
    let exact = node.subscribe(["a"]).unwrap();
    assert_eq!(socket.take(), [b"\x01a"]);
    let pattern = node.subscribe(["b:*:x"]).unwrap();
    assert_eq!(socket.take(), [b"\x01b:"]);
    for topic in ["ab", "b:1", "b:1:xy", "a", "b:1:x", "b::x"] {
        socket.give(&[topic.as_bytes(), b"!"]);
    }
    assert_eq!(next(&exact), message("a", b"!"));
    assert_eq!(next(&pattern), message("b:1:x", b"!"));
    assert_eq!(next(&pattern), message("b::x", b"!"));
    assert_eq!((exact.queued(), pattern.queued()), (0, 0));
}

#[test]
fn a_prefix_is_cancelled_with_the_last_filter_that_needs_it() {
    let (node, endpoint) = server();
    let socket = xpub(&node, &endpoint);
    let first = node.subscribe(["p"]).unwrap();
    assert_eq!(socket.take(), [b"\x01p"]);
    let second = node.subscribe(["p*", "p?"]).unwrap();
    let third = node.subscribe(["q"]).unwrap();
    assert_eq!(socket.take(), [b"\x01q"]);
    drop(first);
    second.unsubscribe("p*").unwrap();
    drop(third);
    assert_eq!(socket.take(), [b"\x00q"]);
    second.unsubscribe("p?").unwrap();
    assert_eq!(socket.take(), [b"\x00p"]);
}

#[test]
fn two_subscribers_and_overlapping_filters_get_each_message_once() {
    let (node, endpoint) = server();
    let socket = xpub(&node, &endpoint);
    let both = node.subscribe(["t:*", "t:1"]).unwrap();
    let one = node.subscribe(["t:1"]).unwrap();
    socket.take();
    socket.take();
    for n in 0..100u32 {
        socket.give(&[b"t:1", &n.to_le_bytes()]);
    }
    for n in 0..100u32 {
        assert_eq!(next(&both), message("t:1", &n.to_le_bytes()));
        assert_eq!(next(&one), message("t:1", &n.to_le_bytes()));
    }
    assert_eq!((both.queued(), one.queued()), (0, 0));
}

#[test]
fn messages_of_other_shapes_harm_nothing() {
    let (node, endpoint) = server();
    let socket = xpub(&node, &endpoint);
    let subscriber = node.subscribe(["*"]).unwrap();
    assert_eq!(socket.take(), [b"\x01"]);
    socket.give(&[b"one frame"]);
    socket.give(&[b"three", b"frames", b"here"]);
    socket.give(&[b"", b"no name"]);
    socket.give(&[b"\xff\xfe", b"no text"]);
    socket.give(&[b"nul\0", b""]);
    socket.give(&[&[b'x'; 256], b"too long a name"]);
    socket.give(&[b"t", b"in order"]);
    assert_eq!(next(&subscriber), message("one frame", b""));
    assert_eq!(next(&subscriber), message("t", b"in order"));
    let stats = node.stats();
    assert_eq!(stats.links, 1);
    assert_eq!(stats.rejected, serverlink::LinkRejections::default());
    assert_eq!(stats.messages_refused, 5);
}

#[test]
fn a_topic_of_the_same_name_hosted_here_stays_apart() {
    let (node, endpoint) = server();
    let socket = xpub(&node, &endpoint);
    let own = node.create_topic("t").unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    let guest = Node::builder().peer(&endpoint).start().unwrap();
    guest.sync(WAIT).unwrap();
    let remote = guest.subscribe(["t"]).unwrap();
    remote.wait_subscribed(WAIT).unwrap();
    assert_eq!(socket.take(), [b"\x01t"]);
    socket.give(&[b"t", b"from the PUB"]);
    assert_eq!(next(&subscriber), message("t", b"from the PUB"));
    own.publish("from the owner").unwrap();
    assert_eq!(next(&subscriber), message("t", b"from the owner"));
    assert_eq!(next(&remote), message("t", b"from the owner"));
}

#[test]
fn a_pub_connects_over_ipc_and_sends_large_messages() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("ipc://{}/socket", directory.path().display());
    let node = Node::builder().bind(&endpoint).start().unwrap();
    let subscriber = node.subscribe(["*"]).unwrap();
    let socket = zmq_socket(zmq::PUB);
    socket.connect(&endpoint).unwrap();
    // A PUB does not tell when a subscription has reached it.
    wait_until("a first message", || {
        socket.give(&[b"probe", b""]);
        subscriber.try_recv().is_ok()
    });
    let data = vec![7; 1 << 20];
    for _ in 0..20 {
        socket.give(&[b"large", &data]);
        let received =
            std::iter::repeat_with(|| next(&subscriber)).find(|(name, _)| name == "large");
        assert!(received == Some(message("large", &data)));
    }
}

#[test]
fn a_pub_that_comes_back_is_subscribed_again() {
    let (node, endpoint) = server();
    let subscriber = node.subscribe(["t*"]).unwrap();
    for round in [b"1", b"2"] {
        let socket = zmq_socket(zmq::XPUB);
        socket.connect(&endpoint).unwrap();
        assert_eq!(socket.take(), [b"\x01t"]);
        socket.give(&[b"t", round]);
        assert_eq!(next(&subscriber), message("t", round));
        drop(socket);
        wait_until("the end of the link", || node.stats().links == 0);
    }
}
