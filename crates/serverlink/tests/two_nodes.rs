//! Two nodes over real sockets.

use std::time::Duration;

use serverlink::{Delivery, Node, Overflow};

const WAIT: Duration = Duration::from_secs(10);

fn pair() -> (Node, Node) {
    let a = Node::builder()
        .name("a")
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let b = Node::builder()
        .name("b")
        .peer(a.last_endpoint().unwrap())
        .start()
        .unwrap();
    b.sync(WAIT).unwrap();
    (a, b)
}

#[test]
fn a_message_travels_both_ways_over_a_link_made_by_one_side() {
    let (a, b) = pair();
    a.create_topic("on:a").unwrap();
    b.create_topic("on:b").unwrap();
    a.sync(WAIT).unwrap();
    b.sync(WAIT).unwrap();
    let at_b = b.subscribe(["on:a"]).unwrap();
    let at_a = a.subscribe(["on:b"]).unwrap();
    at_a.wait_subscribed(WAIT).unwrap();
    at_b.wait_subscribed(WAIT).unwrap();
    a.publish("on:a", "1").unwrap();
    b.publish("on:b", "2").unwrap();
    assert_eq!(
        at_b.recv_timeout(WAIT)
            .unwrap()
            .into_message()
            .unwrap()
            .data(),
        b"1"
    );
    assert_eq!(
        at_a.recv_timeout(WAIT)
            .unwrap()
            .into_message()
            .unwrap()
            .data(),
        b"2"
    );
}

#[test]
fn a_remote_publish_goes_through_the_owner() {
    let (a, b) = pair();
    a.create_topic("t").unwrap();
    b.sync(WAIT).unwrap();
    let at_a = a.subscribe(["t"]).unwrap();
    let at_b = b.subscribe(["t"]).unwrap();
    at_b.wait_subscribed(WAIT).unwrap();
    for n in 0..100u32 {
        b.publish("t", n.to_le_bytes()).unwrap();
    }
    for n in 0..100u32 {
        for subscriber in [&at_a, &at_b] {
            let message = subscriber
                .recv_timeout(WAIT)
                .unwrap()
                .into_message()
                .unwrap();
            assert_eq!(message.data(), n.to_le_bytes());
        }
    }
}

#[test]
fn blocking_subscribers_lose_nothing_over_a_link() {
    const COUNT: u32 = 200_000;
    let (a, b) = pair();
    let topic = a.create_topic("t").unwrap();
    let subscriber = b.subscriber();
    subscriber
        .configure(|options| options.overflow = Overflow::Block)
        .unwrap();
    subscriber.subscribe("t").unwrap();
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    let publisher = std::thread::spawn(move || {
        for n in 0..COUNT {
            topic.publish_timeout(n.to_le_bytes(), WAIT).unwrap();
        }
    });
    for n in 0..COUNT {
        match subscriber.recv_timeout(WAIT).unwrap() {
            Delivery::Message(message) => assert_eq!(message.data(), n.to_le_bytes()),
            other => panic!("{other:?} instead of {n}"),
        }
    }
    publisher.join().unwrap();
}

#[test]
fn what_is_dropped_is_reported_exactly() {
    const COUNT: u64 = 100_000;
    let (a, b) = pair();
    let topic = a.create_topic("t").unwrap();
    let subscriber = b.subscribe(["t"]).unwrap();
    subscriber.wait_subscribed_to("t", WAIT).unwrap();
    for n in 0..COUNT {
        topic.publish(n.to_le_bytes()).unwrap();
    }
    let (mut next, mut received, mut missed_in_all) = (0, 0, 0);
    while next < COUNT {
        match subscriber.recv_timeout(WAIT).unwrap() {
            Delivery::Message(message) => {
                assert_eq!(message.data(), next.to_le_bytes());
                next += 1;
                received += 1;
            }
            Delivery::Gap { missed, .. } => {
                next += missed.unwrap();
                missed_in_all += missed.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received + missed_in_all, COUNT);
}
