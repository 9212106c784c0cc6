//! Many of everything.

mod common;

use std::time::Duration;

use common::*;
use serverlink::{Context, Delivery, Overflow};

#[test]
fn a_hundred_thousand_messages_reach_another_instance_of_the_context() {
    const COUNT: u64 = 100_000;
    let context = Context::new().unwrap();
    let (host, client) = (
        context.node().start().unwrap(),
        context.node().start().unwrap(),
    );
    let publisher = host.create_topic("t").unwrap();
    let wide = subscribed_with(&client, &["t"], Overflow::DropNewest, 200_000);
    let narrow = subscribed_with(&client, &["t"], Overflow::DropNewest, 1_000);
    for n in 0..COUNT {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
    assert_eq!(take_run(&wide, COUNT).received, COUNT);
    let run = take_run(&narrow, COUNT);
    assert_eq!(
        (run.received, run.missed, run.last),
        (1_000, 99_000, Some(999))
    );
}

#[test]
fn a_hundred_thousand_messages_over_a_link_are_received_or_reported() {
    const COUNT: u64 = 100_000;
    let (host, client) = hosting(&["t"]);
    let asleep = subscribed(&client, &["t"]);
    let publisher = host.publisher("t").unwrap();
    for n in 0..COUNT {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
    let run = take_run(&asleep, COUNT);
    assert!(run.received >= 1_000, "{run:?}");
    assert_empty(&asleep);
}

#[test]
fn a_burst_of_twenty_thousand_subscriptions_takes_effect() {
    const COUNT: usize = 20_000;
    let (host, client) = hosting(&["end"]);
    let topics: Vec<String> = (0..COUNT).map(|n| format!("topic:{n}")).collect();
    let subscriber = subscribed_with(&client, &["end"], Overflow::Block, 1_000);
    for topic in &topics {
        subscriber.subscribe(topic).unwrap();
    }
    let publishers: Vec<_> = topics
        .iter()
        .map(|topic| host.create_topic(topic).unwrap())
        .collect();
    subscriber.wait_subscribed(WAIT).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for publisher in &publishers {
                publisher.publish_timeout("1", WAIT).unwrap();
            }
            host.publish("end", "").unwrap();
        });
        for topic in &topics {
            assert_eq!(message(&subscriber).0, *topic);
        }
        assert_eq!(message(&subscriber).0, "end");
    });
    assert_eq!(client.stats().subscriptions, COUNT as u64 + 1);
    drop(subscriber);
    eventually("all are cancelled", || {
        publishers
            .iter()
            .all(|publisher| publisher.subscribers() == 0)
    });
}

#[test]
fn a_hundred_nodes_of_one_context_come_and_go() {
    let context = Context::new().unwrap();
    let host = context.node().topic("t").start().unwrap();
    let nodes: Vec<_> = (0..100).map(|_| context.node().start().unwrap()).collect();
    let subscribers: Vec<_> = nodes
        .iter()
        .map(|node| node.subscribe(["t"]).unwrap())
        .collect();
    host.publish("t", "1").unwrap();
    for subscriber in &subscribers {
        assert_eq!(text(subscriber), "1");
    }
    drop(subscribers);
    drop(nodes);
    assert_eq!(host.topic("t").unwrap().subscribers, 0);
}

#[test]
fn a_hundred_subscribers_behind_one_link_cost_one_transmission() {
    let (host, client) = hosting(&["t"]);
    let subscribers: Vec<_> = (0..100).map(|_| client.subscribe(["t"]).unwrap()).collect();
    subscribers[0].wait_subscribed(WAIT).unwrap();
    assert_eq!(host.publisher("t").unwrap().subscribers(), 1);
    for n in 0..100u64 {
        host.publish("t", n.to_le_bytes()).unwrap();
    }
    for subscriber in &subscribers {
        assert_eq!(take_run(subscriber, 100).received, 100);
    }
}

#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let host = bound();
    host.create_topic("t").unwrap();
    for n in 0..20u64 {
        let client = joined(&[&host]);
        let subscriber = subscribed(&client, &["t"]);
        host.publish("t", n.to_le_bytes()).unwrap();
        assert_eq!(number(&subscriber), n);
    }
    eventually("all links are gone", || host.stats().links == 0);
    assert!(host.peers().is_empty());
    assert_eq!(host.publisher("t").unwrap().subscribers(), 0);
}

#[test]
fn a_reader_that_wakes_up_now_and_then_accounts_for_every_message() {
    const COUNT: u64 = 50_000;
    let (host, client) = hosting(&["t"]);
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let subscriber = subscribed_with(&client, &["t"], overflow, 100);
        let publisher = host.publisher("t").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..COUNT {
                    publisher.publish(n.to_le_bytes()).unwrap();
                }
            });
            let mut accounted = 0;
            let mut taken = 0u64;
            while accounted < COUNT {
                match next(&subscriber) {
                    Delivery::Message(message) => {
                        assert_eq!(number_in(message.data()), accounted);
                        accounted += 1;
                    }
                    Delivery::Gap { missed, .. } => accounted += missed.unwrap(),
                    other => panic!("{other:?}"),
                }
                taken += 1;
                if taken.is_multiple_of(50) {
                    std::thread::park_timeout(Duration::from_micros(200));
                }
            }
            assert_eq!(accounted, COUNT);
        });
    }
}
