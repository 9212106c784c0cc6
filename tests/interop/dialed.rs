//! A node connects to bound PUB and XPUB sockets.

use std::time::Duration;

use serverlink::{Delivery, Event, Node, PeerState, Subscriber, SyncError};
use wire_tests::{WAIT, ZmqExt, events_until, wait_until, zmq_socket};

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
fn a_bound_xpub_sees_subscriptions_come_and_go() {
    let socket = zmq_socket(zmq::XPUB);
    let endpoint = socket.bind_anywhere();
    let node = Node::builder().peer(&endpoint).start().unwrap();
    node.sync(WAIT).unwrap();
    let subscriber = node.subscribe(["a", "b:*"]).unwrap();
    assert_eq!(socket.take(), [b"\x01a"]);
    assert_eq!(socket.take(), [b"\x01b:"]);
    socket.give(&[b"ab", b"not wanted"]);
    socket.give(&[b"b:1", b"1"]);
    socket.give(&[b"a", b"2"]);
    assert_eq!(next(&subscriber), message("b:1", b"1"));
    assert_eq!(next(&subscriber), message("a", b"2"));
    subscriber.unsubscribe("a").unwrap();
    assert_eq!(socket.take(), [b"\x00a"]);
    drop(subscriber);
    assert_eq!(socket.take(), [b"\x00b:"]);
    assert_eq!(node.topics(), []);
}

#[test]
fn a_plain_peer_has_answered_a_sync_once_it_is_connected() {
    let socket = zmq_socket(zmq::PUB);
    let endpoint = socket.bind_anywhere();
    socket.unbind(&endpoint).unwrap();
    let node = Node::builder()
        .peer(&endpoint)
        .options(|options| options.reconnect_max = Duration::from_millis(100))
        .start()
        .unwrap();
    let missing = node.sync(Duration::from_millis(10));
    let expected = SyncError::Unreachable {
        peers: vec![endpoint.clone()],
    };
    assert_eq!(missing, Err(expected));
    let bound = zmq_socket(zmq::PUB);
    bound.bind(&endpoint).unwrap();
    node.sync(WAIT).unwrap();
    let peers = node.peers();
    let [peer] = &peers[..] else {
        panic!("{peers:?} is one peer");
    };
    assert_eq!((peer.state, peer.added), (PeerState::Connected, true));
    assert_eq!(
        (peer.node, peer.name.as_deref(), peer.topics),
        (None, None, 0)
    );
}

#[test]
fn a_restarted_pub_is_subscribed_again() {
    let mut socket = zmq_socket(zmq::XPUB);
    let endpoint = socket.bind_anywhere();
    let node = Node::builder()
        .peer(&endpoint)
        .options(|options| options.reconnect_max = Duration::from_millis(100))
        .start()
        .unwrap();
    let events = node.events();
    node.sync(WAIT).unwrap();
    let subscriber = node.subscribe(["t", "u*"]).unwrap();
    for round in 0..3u8 {
        let mut wanted = [socket.take(), socket.take()];
        wanted.sort();
        assert_eq!(wanted, [[b"\x01t"], [b"\x01u"]]);
        socket.give(&[b"t", &[round]]);
        assert_eq!(next(&subscriber), message("t", &[round]));
        drop(socket);
        events_until(&events, |event| {
            matches!(event, Event::PeerDown { node: None, .. }).then_some(())
        });
        socket = zmq_socket(zmq::XPUB);
        wait_until("the port to be free", || socket.bind(&endpoint).is_ok());
    }
}

#[test]
fn start_order_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("ipc://{}/socket", directory.path().display());
    let node = Node::builder()
        .peer(&endpoint)
        .options(|options| options.reconnect_max = Duration::from_millis(100))
        .start()
        .unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    let events = node.events();
    events_until(&events, |event| {
        matches!(event, Event::ConnectFailed { .. }).then_some(())
    });
    let socket = zmq_socket(zmq::XPUB);
    socket.bind(&endpoint).unwrap();
    assert_eq!(socket.take(), [b"\x01t"]);
    socket.give(&[b"t", b"1"]);
    assert_eq!(next(&subscriber), message("t", b"1"));
}

#[test]
fn a_removed_peer_is_left_and_nothing_more_arrives_from_it() {
    let socket = zmq_socket(zmq::XPUB);
    let endpoint = socket.bind_anywhere();
    let node = Node::builder().peer(&endpoint).start().unwrap();
    let other = zmq_socket(zmq::XPUB);
    node.add_peer(&other.bind_anywhere()).unwrap();
    node.sync(WAIT).unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    assert_eq!(socket.take(), [b"\x01t"]);
    assert_eq!(other.take(), [b"\x01t"]);
    node.remove_peer(&endpoint).unwrap();
    // This is how an XPUB tells that its last subscriber is gone.
    assert_eq!(socket.take(), [b"\x00t"]);
    socket.give(&[b"t", b"from the removed one"]);
    other.give(&[b"t", b"from the other one"]);
    assert_eq!(next(&subscriber), message("t", b"from the other one"));
    assert_eq!(node.peers().len(), 1);
}

#[test]
fn one_pub_serves_several_nodes_and_one_node_several_pubs() {
    let sockets = [zmq_socket(zmq::XPUB), zmq_socket(zmq::XPUB)];
    let endpoints = sockets.each_ref().map(ZmqExt::bind_anywhere);
    let nodes = [(); 2].map(|()| {
        let builder = Node::builder().peer(&endpoints[0]).peer(&endpoints[1]);
        builder.start().unwrap()
    });
    let subscribers = nodes.each_ref().map(|node| {
        node.sync(WAIT).unwrap();
        node.subscribe(["t"]).unwrap()
    });
    for socket in &sockets {
        // An XPUB tells of the first subscription; with the second one it has taken both.
        socket.set_xpub_verbose(true).unwrap();
    }
    for socket in &sockets {
        assert_eq!(socket.take(), [b"\x01t"]);
    }
    for (index, socket) in sockets.iter().enumerate() {
        for subscriber in &subscribers {
            // The second subscription may be on its way when the first message is sent.
            wait_until("a message", || {
                socket.give(&[b"t", &[index as u8]]);
                std::iter::from_fn(|| subscriber.try_recv().ok())
                    .any(|delivery| delivery.into_message().unwrap().data() == [index as u8])
            });
        }
    }
}
