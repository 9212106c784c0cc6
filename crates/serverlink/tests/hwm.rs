//! High-water marks: messages and bytes, none, and changed while in use.

mod common;

use common::*;
use serverlink::{Node, Overflow, PublishError, Publisher, Subscriber};

fn publish_numbers(publisher: &Publisher, numbers: std::ops::Range<u64>) {
    for n in numbers {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
}

#[test]
fn a_queue_holds_1000_messages_by_default() {
    let node = quick().start().unwrap();
    let publisher = node.create_topic("t").unwrap();
    let subscriber = node.subscribe(["t"]).unwrap();
    publish_numbers(&publisher, 0..1_001);
    assert_eq!(subscriber.queued(), 1_000);
    assert_eq!(take_run(&subscriber, 1_001).missed, 1);
}

#[test]
fn a_hwm_of_0_is_no_limit() {
    let host = quick()
        .options(|options| {
            options.send_hwm = 0;
            options.send_hwm_bytes = 0;
            options.subscriber.hwm = 0;
            options.subscriber.hwm_bytes = 0;
        })
        .bind("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    let publisher = host.create_topic("t").unwrap();
    let client = joined(&[&host]);
    let here = host.subscribe(["t"]).unwrap();
    let there = subscribed_with(&client, &["t"], Overflow::DropNewest, 0);
    let blocking = subscribed_with(&client, &["t"], Overflow::Block, 0);
    publish_numbers(&publisher, 0..50_000);
    for subscriber in [&here, &there, &blocking] {
        assert_eq!(take_run(subscriber, 50_000).received, 50_000);
    }
}

#[test]
fn bytes_are_bounded_beside_messages() {
    let (host, client) = hosting(&["t"]);
    for node in [&host, &client] {
        let subscriber = node.subscriber();
        subscriber
            .configure(|options| options.hwm_bytes = 10_000)
            .unwrap();
        subscriber.subscribe("t").unwrap();
        subscriber.wait_subscribed(WAIT).unwrap();
        let mut payload = vec![0; 1_000];
        for n in 0..15u64 {
            payload[..8].copy_from_slice(&n.to_le_bytes());
            host.publish("t", &payload).unwrap();
        }
        let dropped = node.stats();
        eventually("all is queued or dropped", || {
            subscriber.queued() == 10 && node.stats().dropped_at_receiver >= 5
        });
        let run = take_run(&subscriber, 15);
        assert_eq!((run.received, run.missed), (10, 5), "{dropped:?}");
        // A single message larger than the bound is not refused for ever.
        host.publish("t", vec![0; 20_000]).unwrap();
        assert_eq!(
            next(&subscriber).into_message().unwrap().data().len(),
            20_000
        );
    }
}

#[test]
fn bytes_bound_a_blocking_subscriber_over_a_link() {
    let (host, client) = hosting(&["t"]);
    let subscriber = client.subscriber();
    subscriber
        .configure(|options| {
            options.overflow = Overflow::Block;
            options.hwm_bytes = 10_000;
        })
        .unwrap();
    subscriber.subscribe("t").unwrap();
    subscriber.wait_subscribed(WAIT).unwrap();
    let publisher = host.publisher("t").unwrap();
    let mut accepted = 0;
    while publisher.try_publish([0; 1_000]).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 10);
    for _ in 0..accepted {
        next(&subscriber);
    }
    publisher.publish_timeout([0; 1_000], WAIT).unwrap();
}

/// How many messages find room before one is refused.
fn room(publisher: &Publisher) -> u64 {
    let mut accepted = 0;
    loop {
        match publisher.try_publish("") {
            Ok(()) => accepted += 1,
            Err(PublishError::Full { .. }) => return accepted,
            Err(error) => panic!("{error}"),
        }
    }
}

fn set_hwm(subscriber: &Subscriber, hwm: usize) {
    subscriber.configure(|options| options.hwm = hwm).unwrap();
    assert_eq!(subscriber.options().hwm, hwm);
}

#[test]
fn the_hwm_of_a_subscriber_changes_at_once() {
    let node = quick().start().unwrap();
    let publisher = node.create_topic("t").unwrap();
    let subscriber = subscribed_with(&node, &["t"], Overflow::DropNewest, 2);
    publish_numbers(&publisher, 0..3);
    assert_eq!(subscriber.queued(), 2);
    set_hwm(&subscriber, 5);
    publish_numbers(&publisher, 3..10);
    assert_eq!(subscriber.queued(), 5);
    set_hwm(&subscriber, 1);
    assert_eq!(subscriber.queued(), 5, "what is queued stays");
    publish_numbers(&publisher, 10..11);
    let run = take_run(&subscriber, 11);
    assert_eq!((run.received, run.missed), (5, 6));
    publish_numbers(&publisher, 0..2);
    assert_eq!(subscriber.queued(), 1);
}

#[test]
fn raising_the_hwm_lets_a_blocked_publisher_go_on() {
    let (host, client) = hosting(&["t"]);
    let publisher = host.publisher("t").unwrap();
    for node in [&host, &client] {
        let subscriber = subscribed_with(node, &["t"], Overflow::Block, 2);
        assert_eq!(room(&publisher), 2);
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| publisher.publish_timeout("", WAIT));
            set_hwm(&subscriber, 3);
            assert_eq!(blocked.join().unwrap(), Ok(()));
        });
        assert_eq!(room(&publisher), 0);
        set_hwm(&subscriber, 10);
        let mut accepted = 0;
        eventually("the rest of the room", || {
            accepted += room(&publisher);
            accepted >= 7
        });
        assert_eq!(accepted, 7);
    }
}

#[test]
fn lowering_the_hwm_of_a_blocking_subscriber_narrows_its_window() {
    let (host, client) = hosting(&["t"]);
    let publisher = host.publisher("t").unwrap();
    for node in [&host, &client] {
        let subscriber = subscribed_with(node, &["t"], Overflow::Block, 10);
        assert_eq!(room(&publisher), 10);
        set_hwm(&subscriber, 4);
        for _ in 0..10 {
            assert_eq!(text(&subscriber), "");
        }
        let mut accepted = 0;
        eventually("the room that is left", || {
            accepted += room(&publisher);
            accepted >= 4
        });
        assert_eq!(accepted, 4);
        client.sync(WAIT).unwrap();
        assert_eq!(room(&publisher), 0);
    }
}

#[test]
fn a_blocking_subscriber_of_many_links_loses_nothing() {
    let client = bound();
    let subscriber = subscribed_with(&client, &["?"], Overflow::Block, 100);
    let hosts = [(); 10].map(|()| {
        let host = joined(&[&client]);
        host.create_topic("t").unwrap();
        host.wait_subscribers("t", 1, WAIT).unwrap();
        host
    });
    let accepted = hosts
        .each_ref()
        .map(|host| room(&host.publisher("t").unwrap()));
    for _ in 0..accepted.iter().sum() {
        assert_eq!(text(&subscriber), "", "{accepted:?}");
    }
}

#[test]
fn the_hwm_of_links_changes_at_once() {
    let (host, proxy, client) = through_proxy(5, &["t"]);
    let subscriber = subscribed_with(&client, &["t"], Overflow::DropNewest, 0);
    proxy.silence();
    let mut published = 0u64;
    let mut payload = vec![0; 64 * 1024];
    // The network takes a little more now and then, so a message is dropped only beside a full queue.
    let mut fill = |limit: usize| {
        eventually("the queue is full and drops", || {
            let dropped = host.stats().dropped_at_sender;
            payload[..8].copy_from_slice(&published.to_le_bytes());
            host.publish("t", &payload).unwrap();
            published += 1;
            assert!(queued(&host) <= limit);
            queued(&host) == limit && host.stats().dropped_at_sender > dropped
        });
    };
    fill(5);
    host.configure(|options| options.send_hwm = 20).unwrap();
    fill(20);
    host.configure(|options| {
        options.send_hwm = 0;
        options.send_hwm_bytes = 30 * 64 * 1024;
    })
    .unwrap();
    fill(30);
    proxy.restore();
    assert_eq!(
        take_run(&subscriber, published).missed,
        host.stats().dropped_at_sender
    );
}

/// Messages that wait in the queue of the node's only link.
fn queued(node: &Node) -> usize {
    let [peer] = &node.peers()[..] else {
        panic!("one peer");
    };
    peer.queued_messages
}
