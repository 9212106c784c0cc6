//! One test for each bug that was found, named after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serverlink::{Context, Delivery, Event, Node, Overflow, StartError};

const WAIT: Duration = Duration::from_secs(30);

/// A subscriber of another node of the context is attached as soon as its interest is read; its node may read only then
/// that the topic exists. A message published in between went nowhere.
#[test]
fn a_message_to_a_node_that_had_not_read_of_the_topic_was_lost() {
    let context = Context::new().unwrap();
    for round in 0..100 {
        let name = format!("inproc://round-{round}");
        let client = context
            .node()
            .options(|options| options.reconnect_max = Duration::from_millis(100))
            .peer(&name)
            .start()
            .unwrap();
        let subscriber = client.subscribe(["t"]).unwrap();
        let host = context.node().topic("t").bind(&name).start().unwrap();
        host.wait_subscribers("t", 1, WAIT).unwrap();
        host.publish("t", "1").unwrap();
        let received = subscriber.recv_timeout(WAIT).unwrap();
        assert_eq!(received.into_message().unwrap().data(), b"1");
    }
}

/// Messages that were on their way when a blocking subscriber cancelled were sent on its credit, and nobody gave it back:
/// after enough cancellations its publishers waited for ever.
#[test]
fn the_window_of_a_blocking_subscriber_shrank_with_every_cancellation() {
    let owner = Node::builder()
        .topic("kept")
        .topic("fickle")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let client = Node::builder()
        .peer(owner.last_endpoint().unwrap())
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = client.subscriber();
    subscriber
        .configure(|options| {
            options.overflow = Overflow::Block;
            options.hwm = 8;
        })
        .unwrap();
    subscriber.subscribe("kept").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = owner.publish("fickle", "x");
            }
        });
        for _ in 0..100 {
            subscriber.subscribe("fickle").unwrap();
            subscriber.wait_subscribed(WAIT).unwrap();
            for _ in 0..3 {
                subscriber.recv_timeout(WAIT).unwrap();
            }
            subscriber.unsubscribe("fickle").unwrap();
        }
        subscriber.wait_subscribed(WAIT).unwrap();
        done.store(true, Ordering::Relaxed);
    });
    for n in 0..100u32 {
        owner.publish("kept", n.to_le_bytes()).unwrap();
        match subscriber.recv_timeout(WAIT).unwrap() {
            Delivery::Message(message) => assert_eq!(message.data(), n.to_le_bytes()),
            other => panic!("{other:?} instead of {n}"),
        }
    }
}

/// Peers refused its handshake, and the node itself said nothing.
#[test]
fn a_name_too_long_made_a_node_that_nobody_could_reach() {
    for name in [String::new(), "x".repeat(256), String::from("a\0b")] {
        let error = Node::builder().name(name).start().unwrap_err();
        assert!(matches!(error, StartError::InvalidName { .. }), "{error}");
    }
    Node::builder().name("x".repeat(255)).start().unwrap();
}

/// The publisher found the same queue full again until its control plane had caught up, and told of each time.
#[test]
fn a_slow_subscription_was_ended_again_for_every_message() {
    let owner = Node::builder()
        .topic("t")
        .bind("tcp://127.0.0.1:0")
        .options(|options| options.send_hwm = 1)
        .start()
        .unwrap();
    let client = Node::builder()
        .peer(owner.last_endpoint().unwrap())
        .start()
        .unwrap();
    client.sync(WAIT).unwrap();
    let subscriber = client.subscriber();
    subscriber
        .configure(|options| options.overflow = Overflow::Disconnect)
        .unwrap();
    subscriber.subscribe("t").unwrap();
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    let events = owner.events();
    let payload = vec![0; 1 << 20];
    while owner.topic("t").unwrap().subscribers > 0 {
        owner.publish("t", &payload).unwrap();
    }
    client.close();
    let mut ended = 0;
    loop {
        match events.next_timeout(WAIT).expect("the client leaves") {
            Event::SlowSubscriber { .. } => ended += 1,
            Event::PeerDown { .. } => break,
            _ => {}
        }
    }
    assert_eq!(ended, 1);
}

/// The end of a connection came with the same readiness as more data than one turn reads. The later turns did not know of
/// it, and took the last short read for an empty socket: without heartbeats the link stayed up for ever.
#[test]
fn the_end_of_a_link_behind_much_data_went_unnoticed() {
    for _ in 0..100 {
        let owner = Node::builder()
            .bind("tcp://127.0.0.1:0")
            .topic("t")
            .start()
            .unwrap();
        let client = Node::builder()
            .options(|options| options.heartbeat_interval = Duration::ZERO)
            .peer(owner.last_endpoint().unwrap())
            .start()
            .unwrap();
        client.sync(WAIT).unwrap();
        let subscriber = client.subscribe(["t"]).unwrap();
        subscriber.wait_subscribed(WAIT).unwrap();
        for _ in 0..900 {
            owner.publish("t", [0; 2000]).unwrap();
        }
        owner.close();
        while !matches!(
            subscriber.recv_timeout(WAIT).expect("the loss is told"),
            Delivery::PeerLost { .. }
        ) {}
    }
}
